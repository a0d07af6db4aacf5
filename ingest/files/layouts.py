"""What a raw file's columns are: its header against the layout and the channels that the station file declares."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from core.clock import NS, to_ns
from core.errors import PayloadError
from core.station import FileLayout, Station, Stream
from core.variables import UNITS
from ingest.files.header import HEADER_LINES, TIMESTAMP, parse_header

LONGEST_LINE = 1 << 16
"""A line longer than this is no line of a table. [bytes]"""

GHG_HEADER_LINES = 100
"""The line of names in a LI-COR ``.data`` is the eighth or so."""
EPOCH = "epoch"
"""Time format of seconds and nanoseconds since 1970, a column each."""

LOGGER_UNITS = {
    "c": "deg C",
    "degc": "deg C",
    "deg_c": "deg C",
    "celsius": "deg C",
    "deg c": "deg C",
    "kelvin": "K",
    "mb": "hPa",
    "mbar": "hPa",
    "ppm": "umol mol-1",
    "degrees": "deg",
}
"""Words of logger programs -> our unit."""

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


def read_layout(stream: BinaryIO, file: str, station: Station, declared: Stream) -> Layout:
    """Read a file's header; the stream then stands at its first record.

    Raises
    ------
    PayloadError
        It is not what the station file says; names file, line and remedy.
    """
    files, part = station.layout_of(declared), part_of(declared)
    if files.format == "ghg":
        return _ghg_layout(stream, file, declared, files)
    rows = HEADER_LINES if files.format == "toa5" else files.header_rows
    lines = _header_lines(stream, rows, file)
    if files.format == "toa5":
        _origin, names, units, _process = parse_header(lines, file)
        time_columns: tuple[str, ...] = (TIMESTAMP,)
        names_row = 2
        check_units(names, units, declared, file, 3, check=files.check_units)
    else:
        if len(lines) < rows:
            raise PayloadError(
                f"{file}: line {len(lines)}: the header ends before its line {rows}: fetch the file anew, or correct "
                f"{part} header_rows in the station file"
            )
        names_row = 0 if files.columns else files.names_row
        names = list(files.columns) or _fields(lines[files.names_row - 1], files.separator, file, names_row)
        time_columns = files.time_columns
    where = f"line {names_row}" if names_row else f"{part} columns"
    fields, notes = channel_fields(names, declared, file, where)
    offset = station.station.utc_offset if files.utc_offset is None else files.utc_offset
    zone_ns = to_ns(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=offset))
    return Layout(
        files,
        len(names),
        _time_fields(names, time_columns, file, where),
        fields,
        rows + 1,
        0 if time_columns else start_of(file, files.start_pattern) - zone_ns,
        declared.dt_ns,
        -zone_ns - (declared.dt_ns if files.stamps_end else 0),
        notes,
    )


def part_of(declared: Stream) -> str:
    """Return the part of the station file that describes a stream's files."""
    return "[files]" if declared.kind == "block" else "[files.meteorology]"


def _ghg_layout(stream: BinaryIO, file: str, declared: Stream, files: FileLayout) -> Layout:
    """Read the header of LI-COR's ``.data``: some lines about the instrument, then the names; its clock is UTC."""
    line, number = b"", 0
    while number < GHG_HEADER_LINES and not line.startswith(b"DATAH\t") and (number == 0 or line):
        line, number = stream.readline(LONGEST_LINE), number + 1
    if not line.startswith(b"DATAH\t"):
        raise PayloadError(
            f"{file}: line {number}: no line of names that begins with DATAH: this is no .data file of LI-COR"
        )
    names = _fields(line, "\t", file, number)
    units = [match[1] if (match := re.search(r"\(([^()]+)\)$", name)) else "" for name in names]
    where = f"line {number}"
    check_units(names, units, declared, file, number, check=files.check_units)
    fields, notes = channel_fields(names, declared, file, where)
    shift_ns = -round((files.utc_offset or 0.0) * 3600 * NS) - (declared.dt_ns if files.stamps_end else 0)
    tabbed = files.model_copy(update={"separator": "\t", "time_format": EPOCH})
    times = _time_fields(names, ("Seconds", "Nanoseconds"), file, where)
    return Layout(tabbed, len(names), times, fields, number + 1, 0, declared.dt_ns, shift_ns, notes)


def _time_fields(names: Sequence[str], columns: Sequence[str], file: str, where: str) -> tuple[int, ...]:
    for name in columns:
        if name not in names:
            raise PayloadError(f"{file}: {where}: no column {name!a} for the time; it has {_shown(names)}")
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
            f"{file}: its name has no time like {pattern}: rename it, or correct [files] start in the station file"
        ) from None


def _header_lines(stream: BinaryIO, rows: int, file: str) -> list[bytes]:
    lines = []
    for number in range(1, rows + 1):
        line = stream.readline(LONGEST_LINE)
        if not line and number == 1:
            raise PayloadError(f"{file}: line 1: the file is empty: remove it or fetch it from the logger anew")
        if not line:
            break
        if len(line) == LONGEST_LINE:
            raise PayloadError(f"{file}: line {number}: no line end in {LONGEST_LINE} bytes: this is no text table")
        lines.append(line.rstrip(b"\r\n"))
    return lines


def _fields(line: bytes, separator: str, file: str, number: int) -> list[str]:
    try:
        names = next(csv.reader([line.decode("utf-8-sig")], delimiter=separator, strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise PayloadError(f"{file}: line {number}: this is no text table: {error}") from None
    stripped = [name.strip() for name in names]
    if len(set(stripped)) < len(stripped):
        raise PayloadError(f"{file}: line {number}: two columns have the same name")
    return stripped


def check_units(
    names: Sequence[str], units: Sequence[str], declared: Stream, file: str, line: int, *, check: bool
) -> None:
    """Refuse a file whose header names another unit than the station file; words that we do not know pass."""
    if not check:
        return
    stated = dict(zip(names, units, strict=True))
    for channel in declared.channels:
        unit = unit_of(stated.get(channel.name, ""))
        # a word of flags has no unit, whatever the header says
        if unit not in (None, channel.unit) and channel.unit != "1":
            raise PayloadError(
                f"{file}: line {line}: {channel.name} is in {stated[channel.name]!a} ({unit}), the station file "
                f"declares {channel.unit}: correct one of them, or say `check_units = false` under [files]"
            )


def unit_of(words: str) -> str | None:
    """Return our unit for a logger's words (``m/s``, ``mg/m^3``, ``C``), None where they are not known.

    ``unitless`` and what is not in the table say nothing.
    """
    text = words.strip()
    if text in UNITS:
        return text
    if text.lower() in LOGGER_UNITS:
        return LOGGER_UNITS[text.lower()]
    head, *below = text.replace("^", "").split("/")
    powers = [re.fullmatch(r"([A-Za-z]+)(\d?)", part) for part in below]
    if not powers or None in powers:
        return None
    joined = " ".join([head, *(f"{power[1]}-{power[2] or 1}" for power in powers if power is not None)])
    return joined if joined in UNITS else None


def _shown(names: Sequence[str]) -> str:
    text = ", ".join(name.encode("unicode_escape").decode() for name in names)
    return text if len(text) <= 200 else text[:197] + "..."
