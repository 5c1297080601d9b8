"""How the server and its workers talk: frames, each a length and so many bytes.

The first byte of a frame says what it is; see armature.serve.worker.
Thread safety: none needed; an object has one user.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_LENGTH = struct.Struct("<I")


def pack(frame: bytes) -> bytes:
    """With its length before it."""
    return _LENGTH.pack(len(frame)) + frame


class FrameReader:
    """Cuts what arrives into frames."""

    def __init__(self) -> None:
        self._arrived = bytearray()

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """The frames that are complete now."""
        self._arrived += chunk
        while len(self._arrived) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._arrived)[0]
            if len(self._arrived) < end:
                return
            frame = bytes(self._arrived[_LENGTH.size : end])
            del self._arrived[:end]
            yield frame
