"""What the user's word means: an env server, a run or a recorded file.

Thread safety: free functions.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import re
import struct
from typing import Union

from armature.address import parse_address
from armature.errors import ArmatureError
from armature.run_finder import NoRunError, find_run
from armature.view.player import read_setting

RECORDED = ".episodes"
# As learner/run/run_lock.h: whoever runs a run's processes holds this file.
_LAUNCHER_LOCK = "launcher.lock"
_FLOCK = "hhqqi"  # struct flock: type, whence, start, length, process.
_HOST_AND_PORT = re.compile(r".+:[0-9]+")


class WrongWordError(ArmatureError):
    """The word means nothing that can be shown."""


@dataclasses.dataclass(frozen=True)
class EnvServers:
    """They run already; the first is watched first."""

    addresses: tuple[str, ...]
    run: pathlib.Path | None = None  # That trains with them.


@dataclasses.dataclass(frozen=True)
class IdleRun:
    """A run whose processes do not run."""

    folder: pathlib.Path


@dataclasses.dataclass(frozen=True)
class RecordedFile:
    path: pathlib.Path


Subject = Union[EnvServers, IdleRun, RecordedFile]


def find_subject(word: str) -> Subject:
    """WrongWordError: it is none of them; says why not, in a line."""
    if word.startswith("unix:") or (_HOST_AND_PORT.fullmatch(word) and not os.path.exists(word)):
        try:
            parse_address(word)
        except ArmatureError as error:
            raise WrongWordError(str(error)) from None
        return EnvServers((word,))
    path = pathlib.Path(word)
    if path.is_file():
        return RecordedFile(path)
    if path.suffix == RECORDED:
        raise WrongWordError(f"{word}: there is no such file")
    try:
        folder = find_run(word)
    except NoRunError as error:
        raise WrongWordError(
            f"{error}; an env server is host:port or unix:/path, a recording NAME{RECORDED}"
        ) from None
    addresses = running_env_servers(folder) if is_running(folder) else ()
    return EnvServers(addresses, folder) if addresses else IdleRun(folder)


def is_running(run: pathlib.Path) -> bool:
    """Whether a launcher has the run. On a file system without locks: no."""
    free = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with (run / _LAUNCHER_LOCK).open("rb") as file:
            found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, free)
    except OSError:
        return False
    return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)


def running_env_servers(run: pathlib.Path) -> tuple[str, ...]:
    """Addresses of the env servers that the run's launcher has started, or was told of."""
    found = []
    for path in sorted((run / "ports").glob("envserver-*"), key=_number):
        with contextlib.suppress(OSError, ArmatureError):  # One that begins, or is gone.
            address = path.read_text().split("\n", 1)[0]
            parse_address(address)
            found.append(address)
    external = str(read_setting(run, "cluster", "external_env_servers") or "")
    for address in filter(None, external.split(",")):
        with contextlib.suppress(ArmatureError):  # A name or a file that gives addresses.
            parse_address(address.strip())
            found.append(address.strip())
    return tuple(found)


def _number(path: pathlib.Path) -> int:
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0
