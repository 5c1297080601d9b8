"""Reads a recorded file, NAME.episodes, message by message.

Thread safety: free functions.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from armature import wire
from armature.errors import ArmatureError
from armature.transport import MESSAGE_BYTES_MAX


def messages(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Its WatchResponses. What is cut off at its end is left out.

    ArmatureError: cannot be read, or is no such file.
    """
    try:
        with gzip.open(path) as file:
            while (message := _next(file, str(path))) is not None:
                yield message
    except (gzip.BadGzipFile, zlib.error):
        raise ArmatureError(f"{path}: is no recorded file, which gzip has packed") from None
    except OSError as error:
        raise ArmatureError(f"{path}: cannot be read: {error.strerror or error}") from None


def _next(file: gzip.GzipFile, path: str) -> Any:
    """None: the end, also within a message."""
    try:
        size, shift = 0, 0
        while True:
            byte = file.read(1)
            if not byte:
                return None
            size |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                break
        if size > MESSAGE_BYTES_MAX:
            raise ArmatureError(
                f"{path}: a message of {size} bytes, at most {MESSAGE_BYTES_MAX} are allowed"
            )
        packed = file.read(size)
    except EOFError:  # gzip's end is missing.
        return None
    if len(packed) < size:
        return None
    try:
        return wire.WatchResponse.FromString(packed)
    except DecodeError:
        raise ArmatureError(f"{path}: is no recorded file: a message in it is none") from None
