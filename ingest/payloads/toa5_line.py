"""TOA5 lines, as a logger's program or a serial line gives them: quoted CSV, with or without the header of the file."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence

from core.errors import PayloadError
from core.records import Reading, SampleBlock
from ingest.files.header import HEADER_LINES, TIMESTAMP, parse_header
from ingest.payloads.checks import MAX_NUMBER, MISSING_WORDS, check_size, integer, local_ns, shown
from ingest.payloads.format import MessageFormat, MessageSource
from ingest.payloads.rows import Row, columns_of, declared, to_records

RECORD = "RECORD"
NO_FINITE_NUMBER = frozenset(sign + word for sign in ("", "-", "+") for word in ("inf", "infinity"))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[SampleBlock | Reading]:
    """Decode one line or several; the fields are named by a header in the message, or by the station file.

    A reading's ``seq`` is the record number, where there is a column ``RECORD``.

    Raises
    ------
    PayloadError
        Anything else, whatever the bytes are; one bad line refuses the whole message.
    """
    check_size(payload)
    # strings of other languages come with the NUL that ends them
    payload = payload.removeprefix(codecs.BOM_UTF8).rstrip(b"\0")
    lines = payload.splitlines()
    names: Sequence[str] = declared(source).columns
    units: dict[str, str] = {}
    first = 0
    if payload.startswith((b'"TOA5"', b"TOA5")):
        _, names, stated, _ = parse_header(lines[:HEADER_LINES], "header")
        units = dict(zip(names, stated, strict=True))
        first = HEADER_LINES
    if not names:
        raise PayloadError("a line without the TOA5 header: name its fields by `columns` in the station file")
    columns = columns_of(source, names, units)
    rows = _rows(source, lines[first:], list(names), columns, first + 1)
    return to_records(source, columns, rows)


def _rows(
    source: MessageSource, lines: Sequence[bytes], names: list[str], columns: Sequence[int], first: int
) -> Iterator[Row]:
    stamp = names.index(TIMESTAMP)
    record = names.index(RECORD) if RECORD in names else None
    wanted = {column for column in columns if column >= 0}
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        fields = _fields(line, number)
        if len(fields) != len(names):
            raise PayloadError(
                f"line {number}: expected {len(names)} fields, got {len(fields)}; they are {shown(', '.join(names))}: "
                "correct `columns` in the station file, or the header that is sent, or send the whole line"
            )
        values = [_number(field, names[i], number) if i in wanted else None for i, field in enumerate(fields)]
        seq = None if record is None else _record_number(fields[record], number)
        yield Row(local_ns(fields[stamp], f"line {number}: {TIMESTAMP}", source.ahead_ns), values, seq)


def _fields(line: bytes, number: int) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line.decode("utf-8")], strict=True), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PayloadError(f"line {number}: no line of quoted CSV: {shown(str(error))}") from None


def _number(text: str, name: str, line: int) -> float | None:
    if text in MISSING_WORDS:
        return None
    # not float() alone: it takes 1_000 and digits of other scripts
    if not _NUMBER.fullmatch(text) and text.lower() not in NO_FINITE_NUMBER:
        raise PayloadError(
            f"line {line}: {shown(name)}: expected a number, got {shown(text)}: "
            'write a point for decimals, and "NAN" where it is missing'
        )
    return float(text)


def _record_number(text: str, line: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise PayloadError(f"line {line}: {RECORD}: expected a whole number, got {shown(text)}")
    return integer(int(text), f"line {line}: {RECORD}", 0, MAX_NUMBER)


FORMAT = MessageFormat(
    decode,
    kinds=("block", "reading"),
    stamps="end",
    local_times=True,
    needs_columns=True,
    states_units=True,
)
