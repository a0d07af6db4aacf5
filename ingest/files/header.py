"""The header of a TOA5 file and its words for a missing value; needs no data frames."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence

from core.errors import PayloadError

HEADER_LINES = 4
TIMESTAMP = "TIMESTAMP"
MISSING_WORDS = ["", "NAN", "NaN", "nan", "INF", "-INF"]
PACKED_BEGINNINGS = (b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd")
"""How gzip, zlib and zstd begin: polars would unpack such text, however much comes out of it."""


def decode_text(content: bytes) -> str:
    """Return text of a file: UTF-8, with a byte order mark or without, otherwise Windows-1252.

    No byte is refused: names and units that are not ASCII matter only where a column is used, and there they must be
    those of the station file.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def require_single(names: Sequence[str], used: Iterable[str], where: str) -> None:
    """Refuse a table in which a column that is used is there twice; others may be called as they like.

    Raises
    ------
    PayloadError
        Names the place and the column.
    """
    for name in used:
        if names.count(name) > 1:
            raise PayloadError(f"{where}: two columns have the same name {name!a}, which is used: rename one")


def parse_header(lines: Sequence[bytes], file: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Read the four header lines.

    Returns
    -------
    origin, names, units, process : list of str
        The fields of each line; names, units and process have a field a column, empty where a line of units or
        processes is short.

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
    require_single(names, [TIMESTAMP], f"{file}: line 2")
    about = [fit_to(len(names), line, f"{file}: line {number}", 2) for number, line in ((3, units), (4, process))]
    return origin, names, about[0], about[1]


def fit_to(fields: int, line: Sequence[str], where: str, names_line: int) -> list[str]:
    """Return a line about the columns with as many fields as there are: programs leave out empty last ones.

    Raises
    ------
    PayloadError
        It says more than there are columns.
    """
    if any(word.strip() for word in line[fields:]):
        raise PayloadError(f"{where}: expected {fields} fields as in line {names_line}, got {len(line)}")
    return [*line[:fields], *[""] * (fields - len(line))]


def _header_line(line: bytes, number: int, file: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([decode_text(line).rstrip("\r\n")], strict=True), [])]
    except csv.Error as error:
        raise PayloadError(f"{file}: line {number}: this is no TOA5 file: {error}") from None
