#!/usr/bin/env python3
"""Makes what the processes of several hosts need to trust each other, and nobody else.

    certificates learner=10.0.0.5 sim=sim.example.org,10.0.0.6 [--folder certificates]

A private authority, and for each HOST a folder with certificate.pem, key.pem and
authority.pem, to be copied to that host and given to its processes as --tls_folder. A host
is written as NAME=ADDRESS,ADDRESS: names and numbers by which the others reach it; of
its own processes also localhost. The authority's key stays in FOLDER/authority; run it again
with other hosts to add them. Needs the program openssl.

Exit status: 0 made; 1 openssl failed; 2 wrong use.
Thread safety: one thread.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys

import runs

AUTHORITY = "authority"
OWN_ADDRESSES = ("localhost", "127.0.0.1", "::1")
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
# Ours alone: what the system's has would be added to it.
CONFIG = """
[req]
distinguished_name = subject
prompt = no
[subject]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[host]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = {addresses}
"""


class OpensslFailed(Exception):
    """The message is what it said last."""


def alternative_name(address: str) -> str:
    """As OpenSSL writes it. WrongUse: neither a number nor a name."""
    try:
        return f"IP:{ipaddress.ip_address(address)}"
    except ValueError:
        pass
    if not re.fullmatch(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", address):
        raise runs.WrongUse(f"'{address}' is neither a host's name nor an IP address")
    return f"DNS:{address}"


def parse_host(word: str) -> tuple[str, list[str]]:
    """Its name and its addresses. WrongUse: it cannot be one."""
    name, equals, addresses = word.partition("=")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise runs.WrongUse(f"'{word}': expected NAME=ADDRESS,ADDRESS, e.g. learner=10.0.0.5")
    if name == AUTHORITY:
        raise runs.WrongUse(f"'{word}': {AUTHORITY} is the folder of the authority")
    listed = addresses.split(",") if equals else [name]
    return name, [alternative_name(address) for address in (*listed, *OWN_ADDRESSES)]


def openssl(*arguments: str, config: str) -> None:
    """OpensslFailed: with what it said. `config` is given to it as a file."""
    environment = {**os.environ, "OPENSSL_CONF": "/dev/null"}
    read, write = os.pipe()
    with open(write, "w") as pipe:  # Far less than a pipe holds.
        pipe.write(config)
    try:
        completed = subprocess.run(
            ["openssl", *(a.replace("CONFIG", f"/dev/fd/{read}") for a in arguments)],
            env=environment,
            pass_fds=[read],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(read)
    if completed.returncode != 0:
        raise OpensslFailed((completed.stderr.strip().splitlines() or ["no word"])[-1])


def make_authority(folder: pathlib.Path, days: int) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = CONFIG.format(name="Armature authority", addresses="DNS:none")
    files = ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/authority.pem"]
    validity = ["-days", str(days), "-set_serial", str(secrets.randbits(120))]
    shape = ["-config", "CONFIG", "-extensions", "authority"]
    openssl("req", "-x509", *NEW_KEY, *shape, *validity, *files, config=config)


def make_host(
    folder: pathlib.Path, authority: pathlib.Path, addresses: list[str], days: int
) -> None:
    folder.mkdir(mode=0o700)
    config = CONFIG.format(name=folder.name, addresses=", ".join(addresses))
    request = folder / "request.pem"
    files = ["-keyout", f"{folder}/key.pem", "-out", str(request)]
    openssl("req", "-new", *NEW_KEY, "-config", "CONFIG", *files, config=config)
    signer = ["-CA", f"{authority}/authority.pem", "-CAkey", f"{authority}/key.pem"]
    validity = ["-days", str(days), "-set_serial", str(secrets.randbits(120))]
    files = ["-in", str(request), "-out", f"{folder}/certificate.pem"]
    shape = ["-extfile", "CONFIG", "-extensions", "host"]
    openssl("x509", "-req", *signer, *validity, *files, *shape, config=config)
    request.unlink()
    shutil.copyfile(authority / "authority.pem", folder / "authority.pem")


def parse() -> argparse.Namespace:
    parser = runs.Parser(
        prog="certificates",
        description="Makes a private authority and certificates for hosts: mutual TLS.",
        epilog="Example: certificates learner=10.0.0.5 sim=10.0.0.6",
    )
    parser.add_argument(
        "hosts",
        nargs="+",
        metavar="NAME=ADDRESS,ADDRESS",
        help="a host, and the names and numbers by which the others reach it (default: NAME)",
    )
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("certificates"))
    parser.add_argument("--days", type=int, default=365, help="how long they are valid (365)")
    return parser.parse()


def main() -> int:
    arguments = parse()
    runs.enter_users_folder()
    if shutil.which("openssl") is None:
        raise runs.WrongUse("the program openssl is not installed (apt-get install openssl)")
    if arguments.days < 1:
        raise runs.WrongUse(f"--days {arguments.days}: expected at least 1")
    hosts = dict(parse_host(word) for word in arguments.hosts)
    for name in hosts:
        if (arguments.folder / name).exists():
            raise runs.WrongUse(f"{arguments.folder / name} is there; remove it to make another")
    os.umask(0o077)
    authority = arguments.folder / AUTHORITY
    if not (authority / "authority.pem").exists():
        make_authority(authority, arguments.days)
    for name, addresses in hosts.items():
        make_host(arguments.folder / name, authority, addresses, arguments.days)
        print(f"{arguments.folder / name}: copy it to {name}; --tls_folder of its processes")
    print(f"{authority / 'key.pem'}: keep it to yourself; who has it can sign hosts")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except runs.WrongUse as error:
        print(f"certificates: {error}", file=sys.stderr)
        sys.exit(2)
    except OpensslFailed as error:
        print(f"certificates: openssl: {error}", file=sys.stderr)
        sys.exit(1)
