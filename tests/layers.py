#!/usr/bin/env python3
"""Which folder includes which: refuses an include that leads up, and counts.

    tests/layers.py            fails where a folder includes one that is not below it
    tests/layers.py --arrows   every pair of folders with its number of includes
    tests/layers.py --sizes    files a folder, lines of BUILD files, the longest files and functions
    tests/layers.py --rebuilds how many sources include each header of common/, directly or not

Tests, benchmarks and testing/ folders may include what they like.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import subprocess
import sys

# From the ground up. A folder may include folders of the rows above its own row.
ROWS = """
proto
common/checksum common/files common/random common/sync common/spec
common/tensor common/config common/rpc common/safetensors
common/metrics common/policy common/rpc_client common/scene
common/cli common/env_client common/render
common/run_config common/play
envserver/env envserver/actuators envserver/shield
envserver/bullet envserver/human
envserver/slots envserver/kit envserver/conformance
envserver/wrappers
envserver/service
envserver/tasks/anymal envserver/tasks/drake envserver/tasks/panda envserver/server
envserver/tasks/human
envserver/tasks
envserver
actor/status actor/act
actor/link actor/collect actor/sessions
actor
learner/status learner/replay
learner/nn learner/intake learner/run
learner/algorithms
learner/replicas learner/checkpoint
learner/service learner/export
learner/training
learner
deploy/launcher/process deploy/launcher/report
deploy/launcher
deploy/verbs deploy/verbs/trained deploy/film
deploy
"""
# What a part may include of the others, beside proto/ and common/: the services know
# nothing of each other, and who starts and asks them no more than what a run has left.
OTHER_PARTS = {"deploy": ("learner/run", "learner/checkpoint", "learner/export")}

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def sources() -> dict[str, str]:
    """The text of every C++ file that is ours, by path."""
    listed = subprocess.run(
        ["git", "ls-files", "*.h", "*.cc"], check=True, capture_output=True, text=True
    )
    texts = {}
    for path in listed.stdout.splitlines():
        with open(path, encoding="utf-8") as file:
            texts[path] = file.read()
    return texts


def is_free(path: str) -> bool:
    """Whether it may include what it likes."""
    name = os.path.basename(path)
    free = name.endswith(("_test.cc", "_benchmark.cc")) or "/testing/" in path
    return free or path.startswith(("tests/", "examples/", "deploy/bundle/"))


def arrows(texts: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """By (folder, included folder): the includes, as "path: header"."""
    found = collections.defaultdict(list)
    for path, text in texts.items():
        if is_free(path):
            continue
        for header in INCLUDE.findall(text):
            folder, other = os.path.dirname(path), os.path.dirname(header)
            is_ours = os.path.exists(header) or other == "proto" or header.endswith(".pb.h")
            if is_ours and folder != other:
                found[folder, other].append(f"{path}: {header}")
    return dict(found)


def part(folder: str) -> str:
    return folder.split("/", 1)[0]


def why_not(folder: str, other: str, row: dict[str, int]) -> str:
    """Empty: `folder` may include `other`."""
    for each in (folder, other):
        if each not in row:
            return f"{each} stands in no row of {__file__}"
    if row[other] >= row[folder]:
        return f"{other} is not below {folder}"
    allowed = ("proto", "common", part(folder))
    if part(other) in allowed or other in OTHER_PARTS.get(part(folder), ()):
        return ""
    return f"{part(folder)} may not know {other}"


def check(texts: dict[str, str]) -> int:
    row = {
        folder: i for i, line in enumerate(ROWS.strip().splitlines()) for folder in line.split()
    }
    wrong = []
    for (folder, other), includes in sorted(arrows(texts).items()):
        if reason := why_not(folder, other, row):
            wrong += [f"{include}: {reason}" for include in includes]
    for line in wrong:
        print(f"layers: {line}")
    print(f"layers: {len(arrows(texts))} arrows, {len(wrong)} includes lead up")
    return 1 if wrong else 0


def print_arrows(texts: dict[str, str]) -> None:
    by_folder = collections.defaultdict(list)
    for (folder, other), includes in sorted(arrows(texts).items()):
        by_folder[folder].append(f"{other} {len(includes)}")
    for folder, others in by_folder.items():
        print(f"{folder}: {', '.join(others)}")


def functions(texts: dict[str, str]) -> list[tuple[int, str]]:
    """Lines and place of every function, as far as braces at the line's begin tell."""
    found = []
    for path, text in texts.items():
        lines = text.splitlines()
        for i, line in enumerate(lines):
            if line.startswith((" ", "}", "#", "//", "namespace", "class", "struct", "enum")):
                continue
            if not line.endswith("{"):
                continue
            end = next((k for k in range(i + 1, len(lines)) if lines[k].startswith("}")), i)
            found.append((end - i + 1, f"{path}:{i + 1}"))
    return sorted(found, reverse=True)


def print_sizes(texts: dict[str, str]) -> None:
    folders = collections.Counter(os.path.dirname(path) for path in texts)
    print("files:", ", ".join(f"{folder} {n}" for folder, n in folders.most_common(12)))
    listed = subprocess.run(
        ["git", "ls-files", "BUILD", "*/BUILD"], check=True, capture_output=True, text=True
    )
    lines = {path: len(open(path).readlines()) for path in listed.stdout.splitlines()}
    print("BUILD lines:", sum(lines.values()), "in", len(lines), "files; the longest:")
    for path, n in sorted(lines.items(), key=lambda item: -item[1])[:3]:
        print(f"  {n} {path}")
    print("the longest files:")
    by_size = sorted(((text.count("\n"), path) for path, text in texts.items()), reverse=True)
    for n, path in by_size[:8]:
        print(f"  {n} {path}")
    print("the longest functions:")
    for n, place in functions(texts)[:8]:
        print(f"  {n} {place}")


def print_rebuilds(texts: dict[str, str]) -> None:
    """Of each header, the sources that have it among all that they include."""
    includes = {path: [h for h in INCLUDE.findall(text) if h in texts] for path, text in texts.items()}

    def all_of(path: str, seen: set[str]) -> set[str]:
        for header in includes[path]:
            if header not in seen:
                seen.add(header)
                all_of(header, seen)
        return seen

    users = collections.Counter()
    for path in texts:
        if path.endswith(".cc"):
            users.update(all_of(path, set()))
    headers = [path for path in texts if path.startswith("common/") and path.endswith(".h")]
    for path in sorted(headers, key=lambda path: -users[path])[:15]:
        print(f"  {users[path]} {path}")
    total = sum(users[path] for path in headers)
    print(f"{total / len(headers):.1f} sources a header of common/, of {len(headers)} headers")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arrows", action="store_true")
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--rebuilds", action="store_true")
    flags = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    texts = sources()
    if flags.arrows:
        print_arrows(texts)
    elif flags.sizes:
        print_sizes(texts)
    elif flags.rebuilds:
        print_rebuilds(texts)
    else:
        return check(texts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
