"""Tables of half-hours that other programs made, under FLUXNET names and in FLUXNET units.

FLUXNET, AmeriFlux BASE and our own tables; EddyPro's full output; REddyProc's text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import polars as pl

from core.errors import PayloadError
from ingest.files.fluxnet import choose_columns
from ingest.files.header import decode_text
from ingest.files.opening import opened
from ingest.files.peer_columns import EDDYPRO, REDDYPROC, Column, check_units, to_fluxnet
from ingest.files.stamps import read_stamps

MAX_BYTES = 1 << 30
"""Largest table. [bytes]"""
LOCAL_TIME = pl.Datetime("us")
MISSING_MARKS = ["-9999", "-9999.0", "-9999.00", "-9999.000", "NA", "NaN", "nan", "NAN", ""]
_STAMPS = ("TIMESTAMP_START", "TIMESTAMP_END")


@dataclass(frozen=True, slots=True)
class HalfHours:
    """A table of intervals, one after the other as the file has them.

    Attributes
    ----------
    frame : pl.DataFrame
        ``start``, ``end`` (local standard time, naive); FLUXNET variables in FLUXNET units, missing is null.
    maker : str
        What made it: ``AmeriFlux BASE``, ``EddyPro``, ``REddyProc`` or ``FLUXNET``.
    sources : mapping of str to str
        FLUXNET variable -> the file's column.
    left_out : tuple of str
        Columns that were not understood.
    first_line : int
        Line of the file in which the first interval stands.
    notes : tuple of str
        What was assumed about columns.
    """

    frame: pl.DataFrame
    maker: str
    sources: Mapping[str, str]
    left_out: tuple[str, ...] = field(repr=False, default=())
    first_line: int = 1
    notes: tuple[str, ...] = ()


def read_halfhours(path: Path) -> HalfHours:
    """Read a table of half-hours, plain, gzip or zip; its header tells what it is.

    Raises
    ------
    PayloadError
        It is none of the tables known, a stamp cannot be read, or a number is none: names file, line and remedy.
    """
    return parse_halfhours(_text(path), path.name)


def _text(path: Path) -> str:
    with opened(path) as one:
        content = one.stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise PayloadError(f"{path.name}: more than {MAX_BYTES} bytes: split it by years")
    return decode_text(content)


def parse_halfhours(text: str, file: str) -> HalfHours:
    """Read the text of a table; as ``read_halfhours``."""
    try:
        return _parse(text, file)
    except (pl.exceptions.PolarsError, csv.Error, OverflowError) as error:
        what = str(error).splitlines()[0][:200]
        raise PayloadError(f"{file}: this is no whole table: {what}: fetch it anew") from None


def _parse(text: str, file: str) -> HalfHours:
    lines = text.splitlines()
    comments = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if comments == len(lines):
        raise PayloadError(f"{file}: line 1: the file is empty: fetch it anew")
    separator = "\t" if "\t" in lines[comments] else ","
    names = _fields(lines[comments], separator)
    if set(_STAMPS) & set(names):
        maker = "AmeriFlux BASE" if comments and "Site" in "".join(lines[:comments]) else "FLUXNET"
        return _fluxnet(lines[comments + 1 :], names, comments + 2, file, maker)
    if {"date", "time", "qc_Tau"} <= set(names):
        units = _fields(lines[1], separator) if len(lines) > 1 and "[" in lines[1] else None
        return _eddypro(lines[1 + (units is not None) :], names, units, 2 + (units is not None), file)
    if len(lines) > 2 and "qc_Tau" in lines[1]:
        return _eddypro(lines[3:], _fields(lines[1], separator), _fields(lines[2], separator), 4, file)
    if {"Year", "DoY", "Hour"} <= set(names):
        return _reddyproc(lines[2:], names, _fields(lines[1], separator) if len(lines) > 1 else [], separator, file)
    raise PayloadError(
        f"{file}: line {comments + 1}: no TIMESTAMP_START (FLUXNET, AmeriFlux), no date, time and qc_Tau (EddyPro's "
        f"full output) and no Year, DoY, Hour (REddyProc): it begins with {', '.join(names[:6])!a}"
    )


def _fluxnet(lines: Sequence[str], names: Sequence[str], first: int, file: str, maker: str) -> HalfHours:
    chosen, notes = choose_columns(names)
    sources = {variable: source.column for variable, source in chosen.items()}
    used = {*_STAMPS, *sources.values(), *(source.quality for source in chosen.values())}
    frame = _table(lines, names, used, ",", first, file)
    stamps = [_stamp(frame, name, "%Y%m%d%H%M", first, file) for name in _STAMPS if name in names]
    if len(stamps) < 2:
        step = _step(stamps[0])
        stamps = [stamps[0], stamps[0] + step] if _STAMPS[0] in names else [stamps[0] - step, stamps[0]]
    columns: dict[str, pl.Series] = {}
    for variable, source in chosen.items():
        values = _number(frame, source.column, first, file)
        if source.quality:
            values = values.set(_number(frame, source.quality, first, file).ne_missing(0.0), None)
        columns[variable] = values
    rest = tuple(name for name in names if name not in used)
    return HalfHours(_joined(stamps[0], stamps[1], columns), maker, sources, rest, first, notes)


def _eddypro(
    lines: Sequence[str], names: Sequence[str], units: Sequence[str] | None, first: int, file: str
) -> HalfHours:
    frame = _table(lines, names, {"date", "time", *EDDYPRO}, ",", first, file)
    moments = frame.select(pl.concat_str(["date", "time"], separator=" ").alias("end"))
    ends = _stamp(moments, "end", "%Y-%m-%d %H:%M", first, file)
    if units is not None:
        check_units(names, units, EDDYPRO, first - 1, file)
    return _renamed(frame, names, EDDYPRO, ends - _step(ends), ends, "EddyPro", first, file)


def _reddyproc(
    lines: Sequence[str], names: Sequence[str], units: Sequence[str], separator: str, file: str
) -> HalfHours:
    check_units(names, units, REDDYPROC, 2, file)
    frame = _table(lines, names, {"Year", "DoY", "Hour", *REDDYPROC}, separator, 3, file)
    year, day, hour = (_number(frame, name, 3, file) for name in ("Year", "DoY", "Hour"))
    known = pl.DataFrame({"year": year, "day": day, "hour": hour})
    ends = known.select(
        pl.datetime(pl.col("year").cast(pl.Int32), 1, 1)
        + pl.duration(days=pl.col("day").cast(pl.Int64) - 1)
        + pl.duration(minutes=(pl.col("hour") * 60).round().cast(pl.Int64))
    ).to_series()
    if ends.null_count():
        raise PayloadError(f"{file}: line {3 + (ends.is_null().arg_max() or 0)}: Year, DoY, Hour: a number is missing")
    return _renamed(frame, names, REDDYPROC, ends - _step(ends), ends, "REddyProc", 3, file)


def _renamed(
    frame: pl.DataFrame, names: Sequence[str], known: Mapping[str, Column], starts: pl.Series, ends: pl.Series,
    maker: str, first: int, file: str,
) -> HalfHours:  # fmt: skip
    columns: dict[str, pl.Series] = {}
    sources: dict[str, str] = {}
    for name, named in known.items():
        if name in names:
            factor, shift = to_fluxnet(named)
            columns[named.variable] = _number(frame, name, first, file) * factor + shift
            sources[named.variable] = name
    rest = tuple(name for name in names if name not in known)
    if maker == "EddyPro" and "TAU" in columns:
        # its version 6 gives the size, version 7 the flux: downward is negative with us
        columns["TAU"] = -columns["TAU"].abs()
    return HalfHours(_joined(starts, ends, columns), maker, sources, rest, first)


def _table(
    lines: Sequence[str], names: Sequence[str], used: Collection[str], separator: str, first: int, file: str
) -> pl.DataFrame:
    """Read the columns that are used as text; each line must have all fields."""
    if not any(line.strip() for line in lines):
        raise PayloadError(f"{file}: line {first}: no half-hour after the header")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PayloadError(f"{file}: line {first - 1}: two columns are called {twice!a}: rename one")
    content, whole = io.BytesIO(), (line for line in lines if line.strip())
    for i, line in enumerate(whole):
        fields = line.count(separator) + 1 if '"' not in line else len(_fields(line, separator))
        if fields != len(names):
            raise PayloadError(
                f"{file}: line {first + i}: expected {len(names)} fields as the header has, got {fields}"
            )
        content.write(line.encode() + b"\n")
    places = [place for place, name in enumerate(names) if name in used]
    table = pl.read_csv(
        content.getvalue(),
        separator=separator,
        has_header=False,
        columns=places,
        infer_schema=False,
        null_values=MISSING_MARKS,
    )
    table.columns = [names[place] for place in places]
    return table


def _number(frame: pl.DataFrame, name: str, first: int, file: str) -> pl.Series:
    text = frame[name].str.strip_chars()
    values = text.cast(pl.Float64, strict=False).fill_nan(None)
    # -9999 counts however it is written; an infinite value is none
    values = values.set((values == -9999.0) | values.is_infinite(), None)
    bad = text.is_not_null() & text.cast(pl.Float64, strict=False).is_null() & ~text.is_in(MISSING_MARKS)
    if bad.any():
        line = bad.arg_max() or 0
        raise PayloadError(f"{file}: line {first + line}: {name}: expected a number, got {text[line]!a}")
    return values


def _stamp(frame: pl.DataFrame, name: str, pattern: str, first: int, file: str) -> pl.Series:
    times = read_stamps([frame[name].str.strip_chars()], pattern).cast(LOCAL_TIME)
    if times.null_count():
        line = times.is_null().arg_max() or 0
        raise PayloadError(
            f"{file}: line {first + line}: {name}: expected a time like {pattern}, got {frame[name][line]!a}"
        )
    return times


def _step(times: pl.Series) -> timedelta:
    """Return the most frequent step of a series of times; half an hour for a single one."""
    steps = times.diff().drop_nulls()
    steps = steps.filter(steps > timedelta(0))
    return timedelta(minutes=30) if steps.is_empty() else steps.mode().sort()[0]


def _joined(starts: pl.Series, ends: pl.Series, columns: Mapping[str, pl.Series]) -> pl.DataFrame:
    series = {"start": starts.cast(LOCAL_TIME), "end": ends.cast(LOCAL_TIME), **columns}
    return pl.DataFrame([values.alias(name) for name, values in series.items()])


def _fields(line: str, separator: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
