"""Stamps of text tables: how a station file says that they are written, and what they are as numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import polars as pl

from core.clock import to_ns

ISO = "%Y-%m-%d %H:%M:%S"
_ISO_LENGTH = 19
EPOCH = "epoch"
"""Time format of seconds and nanoseconds since 1970 UTC, a column each."""
EPOCH_STEPS = {"epoch_s": 10**9, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}
"""Time formats of one number since 1970 UTC -> nanoseconds of its unit."""
SAMPLE = datetime(2026, 7, 9, 13, 45, 6, 700_000)
"""The time by which a format is tried: no part of it can be taken for another."""

_DAY, _LATEST = 86_400 * 10**6, 7_258_118_400 * 10**6  # [us]; 2200-01-01
_WIDTHS = {"%Y": 4, "%j": 3} | dict.fromkeys(("%m", "%d", "%H", "%M", "%S", "%y", "%I"), 2)
_DIRECTIVE = re.compile(r"%(?:\.[369]?f|[369]f|[-_]?[YymdjHIMSbBaAeklpTFDR]|:?z|%)")
_PERCENT = re.compile(r"%\S{0,3}")
_RUN = re.compile(r"(?:%[YjmdHMSyI]){2,}")
_LAST_HOUR = re.compile("%H%M(?:%S)?$")
_ZONE = re.compile(r"%:?z|Z$")
_MIDNIGHT = r"(^|[ T])24:00((?::00(?:\.0*)?)?(?:$|[Z+ -]))"


def has_zone(time_format: str) -> bool:
    """Return whether stamps say themselves what UTC is: they have a zone (``%z``, ``%:z``, a Z), or count from 1970."""
    return is_epoch(time_format) or _ZONE.search(time_format) is not None


def is_epoch(time_format: str) -> bool:
    """Return whether a stamp is a time since 1970 UTC in numbers."""
    return time_format == EPOCH or time_format in EPOCH_STEPS


def fault_of_format(time_format: str, columns: int) -> str | None:
    """Return what a time format should be, None if it is good: it reads back what it has written.

    Parameters
    ----------
    time_format : str
        As the station file has it.
    columns : int
        Columns that make a stamp.
    """
    if is_epoch(time_format):
        wanted = 2 if time_format == EPOCH else 1
        what = "seconds and nanoseconds" if wanted == 2 else "the number"
        return None if columns == wanted else f"{wanted} time_columns with {time_format!r}: {what}"
    rest = _DIRECTIVE.sub("", time_format)
    unknown = _PERCENT.search(rest)
    if unknown:
        hint = "; a fraction with its point is %.f" if unknown[0].startswith("%f") else ""
        return f"directives like %Y %m %d %j %H %M %S %.f %:z: {unknown[0]} means nothing here{hint}"
    found = {re.sub("[-_]", "", one) for one in _DIRECTIVE.findall(time_format)}
    day = found & {"%F", "%D"} or (found & {"%Y", "%y"} and ("%j" in found or _has_day(found)))
    clock = found & {"%H", "%k"} or ("%p" in found and found & {"%I", "%l"})
    hour = found & {"%T", "%R"} or ("%M" in found and clock)
    if not day or not hour:
        return f"a date and a time of day, as %Y-%m-%d %H:%M:%S%.f: this has no {'time of day' if day else 'date'}"
    written, back = try_format(time_format)
    if back != _sample_us(found):
        return f"a format that reads back what it writes: {SAMPLE} becomes {written!a}, and that cannot be read so"
    return None


def try_format(time_format: str) -> tuple[str, int | None]:
    """Return how ``SAMPLE`` is written, and what that is read as, None if it cannot be read. [us since 1970]"""
    if time_format == EPOCH:
        words = [f"{to_ns(SAMPLE.replace(tzinfo=UTC)) // 10**9}", f"{SAMPLE.microsecond * 1000}"]
    elif time_format in EPOCH_STEPS:
        words = [str(to_ns(SAMPLE.replace(tzinfo=UTC)) // EPOCH_STEPS[time_format])]
    else:
        sample = pl.Series([SAMPLE])
        zoned = sample.dt.replace_time_zone("UTC") if re.search("%:?z", time_format) else sample
        words = [str(zoned.dt.strftime(time_format)[0])]
    return " ".join(words), read_stamps([pl.Series([word]) for word in words], time_format)[0]


def read_stamps(columns: Sequence[pl.Series], time_format: str) -> pl.Series:
    """Read stamps.

    Parameters
    ----------
    columns : sequence of pl.Series
        Text of the columns that make a stamp, in their order.
    time_format : str
        How it is written; several columns are joined by a blank.

    Returns
    -------
    pl.Series, int64
        Since 1970, by the stamps' own clock or, if they have a zone, UTC; null where one cannot be read or lies before
        1970 or after 2200. A day's 24:00 is the next day's 00:00. [us]
    """
    if time_format == EPOCH:
        seconds, nanoseconds = (column.cast(pl.Int64, strict=False) for column in columns)
        return _in_range(seconds * 1_000_000 + nanoseconds // 1000)
    if time_format == "epoch_ns":
        return _in_range(columns[0].cast(pl.Int64, strict=False) // 1000)
    if time_format in EPOCH_STEPS:
        number = columns[0].cast(pl.Float64, strict=False) * (EPOCH_STEPS[time_format] / 1000)
        number = number.set(~number.is_between(0, _LATEST), None)
        return number.round().cast(pl.Int64, strict=False)
    text = columns[0] if len(columns) == 1 else pl.select(pl.concat_str(columns, separator=" ")).to_series()
    whole, dot, _ = time_format.rpartition("%.f")
    if whole == ISO and dot and not time_format.endswith("Z"):
        return _in_range(_with_midnight(text, _read_iso))
    text, late = _of_full_width(text, time_format)
    if re.search("%:?z", time_format):
        text = text.str.replace("[Zz]$", "+00:00")
    stamps = _with_midnight(text, lambda given: _read_any(given, time_format))
    return _in_range(stamps + late.cast(pl.Int64) * _DAY)


def _read_iso(text: pl.Series) -> pl.Series:
    # the fraction apart: four times as fast as reading the whole
    seconds = text.str.head(_ISO_LENGTH).str.to_datetime(ISO, time_unit="us", strict=False).cast(pl.Int64)
    fraction = text.str.slice(_ISO_LENGTH)
    number = ("0" + fraction).cast(pl.Float64, strict=False)
    proper = (fraction.str.starts_with(".") & (number < 1)) | (fraction == "")
    micros = (number * 1e6).round().cast(pl.Int64, strict=False)
    return (seconds + micros).set(~proper.fill_null(False), None)


def _read_any(text: pl.Series, time_format: str) -> pl.Series:
    return text.str.to_datetime(time_format, time_unit="us", strict=False).cast(pl.Int64)


def _with_midnight(text: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Read times of which 24:00:00 may be one: the start of the day after."""
    stamps = read(text)
    if not stamps.null_count():
        return stamps
    late = (stamps.is_null() & text.str.contains(_MIDNIGHT)).fill_null(False)
    if not late.any():
        return stamps
    next_day = read(text.str.replace(_MIDNIGHT, "${1}00:00${2}")) + _DAY
    return next_day.zip_with(late, stamps)


def _of_full_width(text: pl.Series, time_format: str) -> tuple[pl.Series, pl.Series]:
    """Make parts whose directives touch as wide as they must be, for 100 is 01:00 and no 10:0.

    Hours and minutes may lack their leading zeros, as array loggers write them, where they are a part of their own;
    anything else that is too short, or too long, cannot be read. Also says where such a part was 2400.
    """
    parts = time_format.split(" ")
    late = pl.repeat(False, len(text), eager=True)
    if not _RUN.search(time_format):
        return text, late
    given = text.str.splitn(" ", len(parts)).struct.unnest()
    columns = []
    for part, name in zip(parts, given.columns, strict=True):
        column = given[name]
        run = _RUN.fullmatch(part)
        if run and part.startswith("%H"):
            width = _width_of(part)
            column = column.set(~column.str.contains(rf"^\d{{1,{width}}}$"), None).str.zfill(width)
            midnight = (column == "24".ljust(width, "0")).fill_null(False)
            column = column.set(midnight, "0" * width)
            late = late | midnight
        elif _RUN.search(part):
            column = column.set(~column.str.contains(_expression(part)), None)
            hour = _LAST_HOUR.search(part)
            if hour:
                end = "0" * _width_of(hour[0])
                midnight = column.str.ends_with("24" + end[2:]).fill_null(False)
                column = (column.str.head(-len(end)) + end).zip_with(midnight, column)
                late = late | midnight
        columns.append(column)
    return pl.select(pl.concat_str(columns, separator=" ")).to_series(), late


def _width_of(run: str) -> int:
    return sum(_WIDTHS[one] for one in re.findall("%.", run))


def _expression(part: str) -> str:
    """Return what a part must look like whose directives touch."""
    pieces = re.split(f"({_RUN.pattern}|{_DIRECTIVE.pattern})", part)
    texts = [
        rf"\d{{{_width_of(p)}}}" if _RUN.fullmatch(p) else ".*" if p.startswith("%") else re.escape(p) for p in pieces
    ]
    return f"^{''.join(texts)}$"


def _in_range(stamps: pl.Series) -> pl.Series:
    return stamps.set(~stamps.is_between(0, _LATEST), None)


def _has_day(found: set[str]) -> bool:
    return bool(found & {"%m", "%b", "%B"}) and bool(found & {"%d", "%e"})


def _sample_us(found: set[str]) -> int:
    """Return the sample as a format can say it that has these directives. [us since 1970]"""
    seconds = SAMPLE.second if found & {"%S", "%T"} else 0
    micros = SAMPLE.microsecond if any(one.endswith("f") for one in found) else 0
    return to_ns(SAMPLE.replace(second=seconds, microsecond=micros, tzinfo=UTC)) // 1000
