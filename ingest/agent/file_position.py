"""How far a file is read, and whether it is still the same up to there."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ingest.agent.file_account import FollowedAccount

MAX_LINE_BYTES = 1 << 16
MAX_CHECKED_BYTES = 4096
"""Bytes at the end of a line by which it is known again, at most."""


@dataclass(frozen=True, slots=True)
class FilePosition:
    """How far a file is read.

    Attributes
    ----------
    file : str
        Fingerprint of the file's beginning: the same after a rename, a copy, another mount.
    offset : int
        Bytes that are done with; the next line begins here.
    check : int
        CRC-32 of the last line before it: shows another content.
    account : FollowedAccount or None
        What became of all before it, where that is known.
    """

    file: str
    offset: int
    check: int
    account: FollowedAccount | None = None


def checksum_of(text: bytes) -> int:
    """Return the sum by which the end of a line is known again."""
    return zlib.crc32(text[-MAX_CHECKED_BYTES:])


def is_unchanged(file: BinaryIO, position: FilePosition) -> bool:
    """Return whether a file still has the line before a position."""
    file.seek(max(0, position.offset - MAX_CHECKED_BYTES))
    before = file.read(min(MAX_CHECKED_BYTES, position.offset))
    if len(before) < min(MAX_CHECKED_BYTES, position.offset):
        return False
    return checksum_of(before[before.rfind(b"\n", 0, -1) + 1 :]) == position.check


def whole_lines(text: bytes, position: FilePosition) -> Iterator[tuple[bytes, FilePosition]]:
    """Yield each line that has its end, and where the next begins; what can be no line is given as an empty one."""
    begin = 0
    while end := text.find(b"\n", begin) + 1:
        line = text[begin:end]
        yield line, FilePosition(position.file, position.offset + end, checksum_of(line))
        begin = end
    if not begin and len(text) >= MAX_LINE_BYTES:
        yield b"", FilePosition(position.file, position.offset + len(text), checksum_of(text))
