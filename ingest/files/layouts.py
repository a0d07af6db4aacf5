"""What a raw file's columns are: its header against the layout and the channels that the station file declares."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from core.clock import to_ns
from core.errors import PayloadError
from core.station import FileLayout, Stream
from ingest.files.format import FileStream, part_of
from ingest.files.header import decode_text, require_single
from ingest.units import fault_of_words

MAX_LINE_BYTES = 1 << 16
"""A line longer than this is no line of a table. [bytes]"""

BLANK = " "
"""Separator of columns that stand apart by blanks, however many."""

_DIGITS = {"%Y": r"\d{4}", "%j": r"\d{3}"} | dict.fromkeys(("%m", "%d", "%H", "%M", "%S", "%y"), r"\d{2}")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records of one file are read.

    Attributes
    ----------
    files : FileLayout
        What the station file says.
    fields : int
        Fields of a record.
    time_fields : tuple of int
        Fields that make the stamp; empty where records have none.
    channel_fields : tuple of int
        A field for each channel of the stream; -1 where the file has none.
    first_line : int
        Line number of the first record.
    first_ns : int
        START of the first sample where records have no stamps. [ns since 1970 UTC]
    dt_ns : int
        Time between samples. [ns]
    shift_ns : int
        What brings a stamp to the START of its sample, UTC. [ns]
    notes : tuple of str
        What the reader of the file should be told.
    names : tuple of str
        The columns' names that are looked for: those of the time and of the channels.
    names_row : int
        Line of the names within the header, from 1; 0 where the file does not have them.
    """

    files: FileLayout
    fields: int
    time_fields: tuple[int, ...]
    channel_fields: tuple[int, ...]
    first_line: int
    first_ns: int
    dt_ns: int
    shift_ns: int
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()
    names_row: int = 0


def make_layout(
    names: Sequence[str], time_columns: Sequence[str], first_line: int, stream: FileStream, file: str, where: str,
    names_row: int = 0,
) -> Layout:  # fmt: skip
    """Find a stream's channels and its time among a file's columns.

    Parameters
    ----------
    names : sequence of str
        The columns' names.
    time_columns : sequence of str
        Those that make the stamp; empty where records have none.
    first_line : int
        Line number of the first record.
    stream : FileStream
        What the file holds.
    file, where : str
        What to call the file, and the place of its names, in errors.
    names_row : int
        Line of the names within the header, from 1; 0 where the file does not have them.

    Raises
    ------
    PayloadError
        A column of the time is not there, or none of the channels.
    """
    fields, notes = channel_fields(names, stream.declared, file, where)
    return Layout(
        stream.layout,
        len(names),
        _time_fields(names, time_columns, file, where),
        fields,
        first_line,
        0 if time_columns else start_of(file, stream.name_pattern) - stream.offset_ns,
        stream.declared.dt_ns,
        stream.shift_ns,
        notes,
        (*time_columns, *stream.declared.channel_index),
        names_row,
    )


def _time_fields(names: Sequence[str], columns: Sequence[str], file: str, where: str) -> tuple[int, ...]:
    for name in columns:
        if name not in names:
            raise PayloadError(f"{file}: {where}: no column {name!a} for the time; it has {_shown(names)}")
    require_single(names, columns, f"{file}: {where}")
    return tuple(names.index(name) for name in columns)


def channel_fields(
    names: Sequence[str], declared: Stream, file: str, where: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Find the channels of a stream among a file's columns.

    Returns
    -------
    fields : tuple of int
        A column for each channel; -1 where the file has none.
    notes : tuple of str
        What to tell about those.

    Raises
    ------
    PayloadError
        None of the channels is there.
    """
    require_single(names, declared.channel_index, f"{file}: {where}")
    fields = tuple(names.index(channel) if channel in names else -1 for channel in declared.channel_index)
    lacking = [name for name, field in zip(declared.channel_index, fields, strict=True) if field < 0]
    if len(lacking) == len(fields):
        raise PayloadError(
            f"{file}: {where}: none of the channels of stream {declared.name!r} ({_shown(lacking)}) is a column; "
            f"it has {_shown(names)}: is it a file of this station, and does {part_of(declared)} describe it?"
        )
    notes = tuple(
        f"{file}: {where}: no column {name!a}, so that channel is missing; it has {_shown(names)}: name the channel in "
        "the station file as the file does, or remove it there"
        for name in lacking
    )
    return fields, notes


def missing_numbers(files: FileLayout) -> list[float]:
    """Marks that are numbers count however they are written: -9999 and -9999.0."""
    numbers = []
    for mark in files.missing:
        try:
            numbers.append(float(mark))
        except ValueError:
            continue
    return numbers


def start_of(file: str, pattern: str) -> int:
    """Return the time in a file's name, as if it were UTC. [ns since 1970]

    Raises
    ------
    PayloadError
        The name does not follow the pattern.
    """
    parts = re.split(r"(%[a-zA-Z])", pattern)
    expression = "".join(_DIGITS.get(part, re.escape(part)) for part in parts)
    found = re.search(expression, file)
    try:
        if found is None:
            raise ValueError
        return to_ns(datetime.strptime(found[0], pattern).replace(tzinfo=UTC))
    except ValueError:
        raise PayloadError(
            f"{file}: its name has no time like {pattern}: rename it, or correct start or end under [files]"
        ) from None


def fault_of_pattern(pattern: str) -> str | None:
    """Return what a pattern of a time in a file's name should be, None if it is good."""
    unknown = [part for part in re.findall(r"%.?", pattern) if part not in _DIGITS]
    if unknown:
        return f"directives of {' '.join(_DIGITS)}: {unknown[0]} means nothing in a file's name"
    return None if re.search("%[Yy]", pattern) else "a date, as %Y%m%d"


def header_lines(source: BinaryIO, rows: int, file: str) -> list[bytes]:
    """Read the lines of a header, as many of them as the file has; the first must be there."""
    lines = []
    for number in range(1, rows + 1):
        line = source.readline(MAX_LINE_BYTES)
        if not line and number == 1:
            raise PayloadError(f"{file}: line 1: the file is empty: remove it or fetch it from the logger anew")
        if not line:
            break
        if len(line) == MAX_LINE_BYTES:
            raise PayloadError(f"{file}: line {number}: no line end in {MAX_LINE_BYTES} bytes: this is no text table")
        lines.append(line.rstrip(b"\r\n"))
    return lines


def fields_of(line: bytes, separator: str, file: str, number: int) -> list[str]:
    """Return the columns' names in a line of a header."""
    text = decode_text(line)
    if separator == BLANK:
        text = " ".join(text.split())
    try:
        names = next(csv.reader([text], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise PayloadError(f"{file}: line {number}: this is no text table: {error}") from None
    return [name.strip() for name in names]


def check_units(
    names: Sequence[str], units: Sequence[str], declared: Stream, file: str, line: int, *, check: bool
) -> tuple[str, ...]:
    """Refuse a file whose header names another unit than the station file; return what to tell of words not known."""
    notes = []
    stated = dict(zip(names, units, strict=True))
    for channel in declared.channels if check else ():
        fault, refused = fault_of_words(stated.get(channel.name, ""), channel)
        if refused:
            raise PayloadError(
                f"{file}: line {line}: {channel.name} {fault}: correct one of them, or say `check_units = false` under "
                f"{part_of(declared)}"
            )
        if fault:
            notes.append(f"{file}: line {line}: {channel.name} {fault}: correct one, or say `check_units = false`")
    return tuple(notes)


def _shown(names: Sequence[str]) -> str:
    text = ", ".join(name.encode("unicode_escape").decode() for name in names)
    return text if len(text) <= 200 else text[:197] + "..."
