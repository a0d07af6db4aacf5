"""The header of a TOA5 file and its words for a missing value; needs no data frames."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from core.errors import PayloadError

HEADER_LINES = 4
TIMESTAMP = "TIMESTAMP"
MISSING_WORDS = ["", "NAN", "NaN", "nan", "INF", "-INF"]
PACKED_BEGINNINGS = (b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd")
"""How gzip, zlib and zstd begin: polars would unpack such text, however much comes out of it."""


def parse_header(lines: Sequence[bytes], file: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Read the four header lines.

    Returns
    -------
    origin, names, units, process : list of str
        The fields of each line; names, units and process have a field a column.

    Raises
    ------
    PayloadError
        It is no TOA5; names file and line.
    """
    first = _header_line(lines[0], 1, file) if lines else []
    if first[:1] != ["TOA5"] or len(first) < 8:
        raise PayloadError(f'{file}: line 1: expected "TOA5" and seven more fields: this is no TOA5 file')
    header = [first, *(_header_line(line, number, file) for number, line in enumerate(lines[1:], start=2))]
    if len(header) < HEADER_LINES:
        raise PayloadError(f"{file}: line {len(header)}: the header ends before its fourth line")
    origin, names, units, process = header
    if names[:1] != [TIMESTAMP]:
        raise PayloadError(f"{file}: line 2: the first column must be {TIMESTAMP}, not {''.join(names[:1])!a}")
    if len(set(names)) < len(names):
        raise PayloadError(f"{file}: line 2: two columns have the same name")
    for number, line in ((3, units), (4, process)):
        if len(line) != len(names):
            raise PayloadError(f"{file}: line {number}: expected {len(names)} fields as in line 2, got {len(line)}")
    return origin, names, units, process


def _header_line(line: bytes, number: int, file: str) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8").rstrip("\r")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise PayloadError(f"{file}: line {number}: this is no TOA5 file: {error}") from None
