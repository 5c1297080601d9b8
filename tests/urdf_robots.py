#!/usr/bin/env python3
"""Loads every robot of two PyPI wheels and writes docs/urdf_robots.md.

    tests/urdf_robots.py [WHEEL_DIR]

Downloads the wheels with pip (230 MB) into WHEEL_DIR, or a temporary folder, checks their hashes,
and runs bazel-bin/envserver/bullet/urdf_report over all URDF files: each must load, or be refused
with a reason, and must move with finite numbers. Status 1 if one does not.
"""

from __future__ import annotations

import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

# Name, version, sha256.
WHEELS = (
    ("pybullet==3.2.7", "5d858abf7c12a21ef3ed351cf81dac1b5e486ec25c9ab59bfc84beb89034edff"),
    ("example-robot-data==6.0.0", "424092a8093411ac2cd4ccc0572382bfc6b5eb4833aa984ef5e671dd67cd0a6e"),
)
PLATFORM = (
    "--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--platform=any",
    "--platform=manylinux2014_x86_64", "--platform=manylinux_2_17_x86_64",
)  # fmt: skip
REPORT = "bazel-bin/envserver/bullet/urdf_report"
PAGE = "docs/urdf_robots.md"
REASON_MAX = 160
TOYS = "pybullet_data/random_urdfs"  # A thousand objects of one mesh each.


def download(folder: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        for name, digest in WHEELS:
            requirements.write(f"{name} --hash=sha256:{digest}\n")
        requirements.flush()
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder,
             *PLATFORM, "--require-hashes", "--requirement", requirements.name],
            check=True,
        )  # fmt: skip


def unpack(folder: str) -> None:
    for wheel in pathlib.Path(folder).glob("*.whl"):
        out = os.path.join(folder, wheel.name.split("-")[0])
        if not os.path.exists(out):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(out)


def short(reason: str, folder: str) -> str:
    text = reason.replace(folder + "/", "").replace("|", "/")
    text = re.sub(r"; tried .*", "", text)
    text = re.sub(r"^\S+\.urdf: ", "", text)
    return text if len(text) <= REASON_MAX else text[: REASON_MAX - 3] + "..."


def page(rows: list[list[str]], folder: str) -> str:
    counts = collections.Counter(row[1] for row in rows)
    lines = [
        "# Robots of two wheels",
        "",
        f"Written by `tests/urdf_robots.py` from {' and '.join(name for name, _ in WHEELS)}: "
        f"{counts['loaded']} of {len(rows)} URDF files load, {counts['refused']} are refused, "
        f"{counts['NOT FINITE']} give numbers that are not finite in 240 steps "
        "([what is honoured](urdf.md)).",
        "",
        "| file | | links | DoFs | meshes | what is not honoured, or why it is refused |",
        "|---|---|---|---|---|---|",
    ]
    toys = [row for row in rows if TOYS in row[0]]
    for path, outcome, links, dofs, meshes, _, reason in rows:
        if TOYS in path and outcome == "loaded":
            continue
        name = os.path.relpath(path, folder)
        name = re.sub(r"^.*?(pybullet_data|robots)/", r"\1/", name)
        lines.append(
            f"| {name} | {outcome} | {links} | {dofs} | {meshes} | {short(reason, folder)} |"
        )
    loaded = sum(row[1] == "loaded" for row in toys)
    lines += ["", f"And {loaded} of the {len(toys)} toys in `{TOYS}`: loaded."]
    return "\n".join(lines) + "\n"


def report(files: list[str]) -> tuple[list[list[str]], int]:
    """A row a file. Files that come after one that crashes are tried again."""
    rows: list[list[str]] = []
    status = 0
    while len(rows) < len(files):
        done = subprocess.run([REPORT, *files[len(rows) :]], capture_output=True, text=True)
        status = status or done.returncode
        rows += [(line.split("\t") + [""] * 7)[:7] for line in done.stdout.splitlines()]
        if len(rows) < len(files):
            rows.append([files[len(rows)], "CRASHED", "", "", "", "", done.stderr[-REASON_MAX:]])
    return rows, status


def main() -> int:
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    subprocess.run(["bazel", "build", "//envserver/bullet:urdf_report"], check=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else temporary
        download(folder)
        unpack(folder)
        files = sorted(str(path) for path in pathlib.Path(folder).rglob("*.urdf"))
        rows, status = report(files)
        with open(PAGE, "w", encoding="utf-8") as out:
            out.write(page(rows, folder))
    print(f"urdf_robots: {len(rows)} files, see {PAGE}")
    return status


if __name__ == "__main__":
    sys.exit(main())
