"""The lines of a TOA5 file as records, one at a time; needs no data frames."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from core.clock import NS, to_ns
from core.errors import PayloadError
from ingest.agent.config import FileSourceConfig
from ingest.agent.file_position import MAX_LINE_BYTES, FilePosition, checksum_of
from ingest.files.header import HEADER_LINES, MISSING_WORDS, TIMESTAMP, parse_header, require_single

HEADER_BEGINNINGS = (b'"TOA5"', b"TOA5,")
SEARCHED_BYTES = 1 << 20
"""Bytes that are searched for a header at once."""
_MISSING_WORDS = frozenset(MISSING_WORDS)


class LineReader:
    """Reads the records of one file.

    Parameters
    ----------
    source : FileSourceConfig
        Columns, time zone and which end a stamp is.
    header : sequence of bytes
        The four header lines.
    file : str
        What to call it in errors.

    Raises
    ------
    PayloadError
        It is no TOA5 file, or it lacks a column; names file and line.
    """

    def __init__(self, source: FileSourceConfig, header: Sequence[bytes], file: str) -> None:
        _, names, _, _ = parse_header(header, file)
        missing = [name for name in source.channels if name not in names]
        if missing:
            raise PayloadError(
                f"{file}: line 2: no column {missing[0]!a}; it has {', '.join(names[1:])}: "
                "correct `columns` or `pattern`"
            )
        require_single(names, source.channels, f"{file}: line 2")
        self._fields = len(names)
        self._stamp = names.index(TIMESTAMP)
        self._wanted = tuple(names.index(name) for name in source.channels)
        self._shift_ns = -round(source.utc_offset * 3600) * NS - (source.dt_ns if source.stamps_end else 0)
        self._minute = ""
        self._minute_ns = 0

    def read(self, line: bytes) -> tuple[int, list[float]] | None:
        """Return (START of the record [ns since 1970 UTC], a value a column), None if the line is no record."""
        try:
            # one character a byte: what columns hold that nobody uses may be anything
            text = line.decode("latin-1").rstrip("\r\n")
            fields = text.replace('"', "").split(",")
            if len(fields) != self._fields:
                fields = next(csv.reader([text], strict=True), [])
            if len(fields) != self._fields:
                return None
            values = [_number(fields[i].strip()) for i in self._wanted]
            return self._time_ns(fields[self._stamp].strip()) + self._shift_ns, values
        except (ValueError, csv.Error):
            return None

    def _time_ns(self, stamp: str) -> int:
        minute, seconds, fraction = stamp[:17], stamp[17:19], stamp[19:]
        if minute != self._minute:
            # a minute at a time: reading a whole stamp costs more than the rest of the line
            self._minute_ns = to_ns(datetime.strptime(minute, "%Y-%m-%d %H:%M:").replace(tzinfo=UTC))
            self._minute = minute
        if len(seconds) != 2 or not seconds.isdigit() or (fraction and (fraction[0] != "." or len(fraction) > 10)):
            raise ValueError(stamp)
        if fraction and not (fraction[1:].isdigit() or fraction == "."):
            raise ValueError(stamp)
        return self._minute_ns + int(seconds) * NS + int(fraction[1:].ljust(9, "0") or 0)


def _number(text: str) -> float:
    if not text.isascii():
        raise ValueError(text)
    return math.nan if text in _MISSING_WORDS else float(text)


def begins_header(line: bytes) -> bool:
    """Tell whether a line is the first of a TOA5 header: a logger whose program was changed may write another one."""
    return line.startswith(HEADER_BEGINNINGS)


def find_last_header(opened: BinaryIO, position: FilePosition) -> tuple[FilePosition, list[bytes]] | None:
    """Return the last header before a position, but for that at the file's beginning.

    Returns
    -------
    position : FilePosition
        Where to read on: that given, or the header's beginning if it reaches further than that.
    lines : list of bytes
        The header; none if it is still to be read.
    """
    found = -1
    opened.seek(0)
    begin, text = 0, b""
    while begin < position.offset and (piece := opened.read(min(SEARCHED_BYTES, position.offset - begin))):
        text += piece
        last = max(text.rfind(b"\n" + mark) for mark in HEADER_BEGINNINGS)
        if last >= 0:
            found = begin - (len(text) - len(piece)) + last + 1
        begin += len(piece)
        text = text[-len(HEADER_BEGINNINGS[0]) :]
    if found < 0:
        return None
    opened.seek(found)
    lines = [opened.readline(MAX_LINE_BYTES) for _ in range(HEADER_LINES)]
    if opened.tell() <= position.offset:
        return position, lines
    opened.seek(max(0, found - MAX_LINE_BYTES))
    before = opened.read(found - opened.tell())
    return FilePosition(position.file, found, checksum_of(before[before.rfind(b"\n", 0, -1) + 1 :])), []
