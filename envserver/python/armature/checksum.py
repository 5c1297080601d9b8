"""The checksum that Armature's safetensors files carry in their metadata."""

from __future__ import annotations

_CRC32C_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected.


def _make_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_CRC32C_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _make_table()


def crc32c(content: bytes) -> int:
    """CRC-32C (Castagnoli) of all that follows a file's header."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
