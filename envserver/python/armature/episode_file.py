"""The bytes of a file of recorded episodes: messages in, messages out.

The format is docs/episodes.md: gzip over WatchResponse messages (proto/env_service.proto), each
after its length as a varint.
"""

from __future__ import annotations

import gzip
import pathlib
import zlib
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from armature import wire
from armature.errors import ArmatureError

# As on the wire: no env server sends more.
MESSAGE_BYTES_MAX = 64 << 20
_READ_BYTES = 1 << 16
_VARINT_BYTES_MAX = 10


class Messages(Iterator[Any]):
    """The messages of one file, in order, read as they are asked for.

    `is_cut_off`: known once they are at an end; the file stops within a message or without the
    end of its gzip, as that of a process that was killed. All whole messages have come then.
    Thread safety: one thread at a time.
    """

    def __init__(self, path: str | pathlib.Path) -> None:
        """ArmatureError: the file cannot be read."""
        self.path = pathlib.Path(path)
        self.is_cut_off = False
        self._count = 0  # Messages that have come.
        self._bytes = bytearray()  # Unpacked and not yet taken.
        try:
            self._file = gzip.open(self.path, "rb")  # noqa: SIM115 (closed at its end)
        except OSError as error:
            raise ArmatureError(f"{self.path}: cannot be read: {error.strerror}") from error

    def __next__(self) -> Any:
        """A v1.WatchResponse. ArmatureError: the file is no recording, or is damaged."""
        size = self._take_size()
        if size is not None and not self._holds(size):
            self.is_cut_off = True
            size = None
        if size is None:
            self._file.close()
            raise StopIteration
        content = bytes(self._bytes[:size])
        del self._bytes[:size]
        try:
            message = wire.WatchResponse.FromString(content)
        except DecodeError:
            raise self._refusal("is no WatchResponse") from None
        kind = message.WhichOneof("kind")
        if kind is None:
            raise self._refusal("is of a kind that this version does not know")
        if self._count == 0 and kind != "opened":
            raise self._refusal(f"is a {kind}, expected `opened`")
        self._count += 1
        return message

    def close(self) -> None:
        """For those who do not read to the end."""
        self._file.close()

    def _take_size(self) -> int | None:
        """Length of the next message; None: there is none."""
        size = 0
        for i in range(_VARINT_BYTES_MAX):
            if not self._holds(i + 1):
                self.is_cut_off |= i > 0
                return None
            size |= (self._bytes[i] & 0x7F) << 7 * i
            if self._bytes[i] < 0x80:
                del self._bytes[: i + 1]
                if size > MESSAGE_BYTES_MAX:
                    raise self._refusal(f"has {size} bytes, {MESSAGE_BYTES_MAX} are allowed")
                return size
        raise self._refusal(f"has a length of more than {_VARINT_BYTES_MAX} bytes")

    def _holds(self, count: int) -> bool:
        """Reads on until `count` bytes are unpacked; False: the file ends before."""
        while len(self._bytes) < count and not self._file.closed:
            try:
                more = self._file.read1(_READ_BYTES)
            except EOFError:  # gzip's own end is missing.
                self.is_cut_off = True
                return False
            except gzip.BadGzipFile as error:
                what = "is not a gzip file" if self._count == 0 else f"is damaged: {error}"
                raise self._refusal(what, of_file=True) from None
            except (OSError, zlib.error) as error:
                raise self._refusal(f"is damaged: {error}", of_file=True) from None
            if not more:
                return False
            self._bytes += more
        return len(self._bytes) >= count

    def _refusal(self, what: str, of_file: bool = False) -> ArmatureError:
        self._file.close()
        if of_file and self._count > 0:
            return ArmatureError(f"{self.path}: {what}, after {self._count} messages")
        where = "" if of_file else f"message {self._count} "
        return ArmatureError(f"{self.path}: no recording of episodes: {where}{what}")


class Writer:
    """Writes messages to a file; `close()` ends it, as leaving a `with` block does.

    What the last `flush()` has written can be read even if this process is killed.
    Thread safety: one thread at a time.
    """

    def __init__(self, path: str | pathlib.Path) -> None:
        """ArmatureError: the file cannot be written."""
        try:
            self._raw = open(path, "wb")  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise ArmatureError(f"{path}: cannot be written: {error.strerror}") from error
        # Without name and time: the same episodes give the same bytes.
        self._file = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, message: Any) -> None:
        """`message`: a v1.WatchResponse."""
        content = message.SerializeToString(deterministic=True)
        self._file.write(_varint(len(content)) + content)

    def flush(self) -> None:
        self._file.flush()  # Flushes the file below it, too.

    def close(self) -> None:
        self._file.close()
        self._raw.close()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
