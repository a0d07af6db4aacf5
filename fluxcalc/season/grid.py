"""The regular grid of a season."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.records import FloatArray

LINES_SHOWN = 5
"""Most lines that are told one by one of a kind of mistake."""
MAX_INTERVALS = 40 * 366 * 48
"""Most intervals of a grid: a stamp in a wrong century must not fill the memory."""
MAX_OFF_GRID = 0.5
"""Larger share of rows off the grid means that there is none."""
LONGER_STEP_SHARE = 0.1
"""Share of rows with the same longer step that makes it a table of two steps."""
CHANGE_HOUR, CHANGE_MONTHS, SUNDAY = 4, (3, 4, 9, 10, 11), 7
"""Clocks are set before the end of this hour, in these months, on Sundays but in a few countries."""


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """Series on a regular grid.

    Attributes
    ----------
    starts : pl.Series of datetime, length n
        Starts of the intervals, local standard time.
    minutes : int
        Length of an interval; divides the day.
    variables : mapping of str to ndarray, shape (n,), float64
        FLUXNET variable -> values in FLUXNET units; NaN is missing.
    problems : tuple of str
        What was wrong with the stamps: line, what, remedy.
    """

    starts: pl.Series
    minutes: int
    variables: Mapping[str, FloatArray]
    problems: tuple[str, ...] = ()


def lay_grid(
    frame: pl.DataFrame, *, first_line: int = 1, lines: pl.Series | None = None, what: str = "row",
    minutes: int | None = None,
) -> TimeGrid:  # fmt: skip
    """Lay rows on the regular grid from the first to the last; say of each stamp that is wrong where it is.

    Rows off the grid are left out; of rows for one interval the last counts; intervals without a row are gaps.

    Parameters
    ----------
    frame : pl.DataFrame
        ``start`` (local standard time); every other numeric column is a variable; -9999, NaN, infinite and null are
        missing.
    first_line : int
        Number of the first row.
    lines : pl.Series of int, optional
        Number of each row, where blank lines are between them.
    what : str
        What the number counts: ``line`` of a file.
    minutes : int, optional
        Length of an interval where it is known; by default the step that is there most often.

    Raises
    ------
    ValueError
        No row, no regular step, more than half of the stamps beside the grid, or more than forty years of half-hours.
    """
    numbers = pl.int_range(first_line, first_line + frame.height, eager=True) if lines is None else lines
    rows = frame.drop("end", strict=False).insert_column(0, numbers.alias("_line"))
    rows = rows.filter(pl.col("start").is_not_null())
    if rows.is_empty():
        raise ValueError("there is no half-hour")
    ordered = rows.sort("start", maintain_order=True)
    step = _step(ordered["start"]) if minutes is None else timedelta(minutes=minutes)
    minutes = round(step / timedelta(minutes=1))
    if minutes < 1 or 1440 % minutes or step != timedelta(minutes=minutes):
        line = ordered.filter(pl.col("start").diff() == step)["_line"][0]
        raise ValueError(
            f"the step, first before {what} {line}, is {step}: expected one that divides the day, as half an hour; "
            "average the table anew onto a regular one"
        )
    problems: list[str] = []
    backward = rows.filter(pl.col("start") < pl.col("start").shift(1))
    _list_rows(problems, backward, what, "is before the one above it: sort the table; it was sorted here")
    offset = (pl.col("start").dt.epoch("us") % round(step / timedelta(microseconds=1))).alias("_offset")
    ordered = ordered.with_columns(offset)
    usual = ordered["_offset"].mode().sort()[0]
    off = ordered.filter(pl.col("_offset") != usual)
    if off.height > MAX_OFF_GRID * ordered.height:
        line, start = off.sort("_line").select("_line", "start").row(0)
        raise ValueError(
            f"{off.height} of {ordered.height} stamps are not on one grid of {minutes} minutes, the first in {what} "
            f"{line}: {start}: average the table anew onto a regular one"
        )
    _list_rows(problems, off, what, f"is not on the grid of {minutes} minutes: correct the stamp; the row is left out")
    ordered = ordered.filter(pl.col("_offset") == usual).drop("_offset")
    twice = ordered.filter(pl.col("start") == pl.col("start").shift(1))
    _list_rows(problems, twice, what, "comes again: remove one of the rows; the last one counts")
    ordered = ordered.unique("start", keep="last", maintain_order=True)
    first, last = ordered["start"][0], ordered["start"][-1]
    n = (last - first) // step + 1
    if n > MAX_INTERVALS:
        raise ValueError(
            f"{first} to {last} is more than forty years: correct the year of the stamps, or split the table"
        )
    between = pl.col("start").diff().dt.total_microseconds() // round(step / timedelta(microseconds=1))
    leaps = ordered.with_columns(_lost=between.fill_null(1) - 1).filter(pl.col("_lost") > 0)
    for line, start, lost in leaps.select("_line", "start", "_lost").head(LINES_SHOWN).iter_rows():
        problems.append(f"{what} {line}: {lost} intervals are missing before {start:%Y-%m-%d %H:%M}: they are gaps")
    if leaps.height > LINES_SHOWN:
        problems.append(f"{leaps.height - LINES_SHOWN} more places where intervals are missing")
    problems = [
        *_changed_step(leaps, ordered.height, minutes, what),
        *_summer_time(leaps, twice, minutes, what),
        *problems,
    ]
    starts = pl.datetime_range(first, last, step, eager=True).alias("start").cast(ordered["start"].dtype)
    whole = starts.to_frame().join(ordered, on="start", how="left", maintain_order="left")
    names = [name for name, kind in ordered.schema.items() if kind.is_numeric() and name != "_line"]
    return TimeGrid(starts, minutes, {name: _values(whole[name]) for name in names}, tuple(problems))


def _list_rows(problems: list[str], rows: pl.DataFrame, what: str, remedy: str) -> None:
    for line, start in rows.select("_line", "start").head(LINES_SHOWN).iter_rows():
        problems.append(f"{what} {line}: {start:%Y-%m-%d %H:%M} {remedy}")
    if rows.height > LINES_SHOWN:
        problems.append(f"{rows.height - LINES_SHOWN} more such {what}s")


def _changed_step(leaps: pl.DataFrame, rows: int, minutes: int, what: str) -> list[str]:
    """Tell where a table goes over to a longer step: a tenth of its rows come with the same one."""
    if leaps.is_empty():
        return []
    lost, count = leaps["_lost"].value_counts(sort=True).row(0)
    if count < LONGER_STEP_SHARE * rows:
        return []
    line, longer = leaps.filter(pl.col("_lost") == lost).row(0, named=True), (lost + 1) * minutes
    return [
        f"{what} {line['_line']}: {line['start']:%Y-%m-%d %H:%M}: {count} rows have a step of {longer} minutes instead "
        f"of {minutes}: split the table where its step changes; the longer ones are laid on the grid of the shorter"
    ]


def _summer_time(leaps: pl.DataFrame, twice: pl.DataFrame, minutes: int, what: str) -> list[str]:
    """Tell the hours that are absent, and come twice, on Sundays and in months as clocks are set."""
    if 60 % minutes:
        return []
    changed = (
        (pl.col("start").dt.hour() <= CHANGE_HOUR)
        & (pl.col("start").dt.weekday() == SUNDAY)
        & pl.col("start").dt.month().is_in(CHANGE_MONTHS)
    )
    absent = leaps.filter(changed, pl.col("_lost") == 60 // minutes)
    alone = pl.col("start").diff().dt.total_minutes().fill_null(0) != minutes
    runs = twice.group_by(alone.cum_sum().alias("_run"), maintain_order=True)
    again = runs.agg(pl.col("start", "_line").first(), pl.len().alias("_n"))
    again = again.filter(changed, pl.col("_n") == 60 // minutes)
    told = [(row["_line"], row["start"], "an hour is absent before") for row in absent.iter_rows(named=True)]
    told += [(row["_line"], row["start"], "an hour comes twice from") for row in again.iter_rows(named=True)]
    return [
        f"{what} {line}: {words} {start:%Y-%m-%d %H:%M}, as by a clock that is set to summer time: give the stamps in "
        "local standard time all the year; nothing was shifted"
        for line, start, words in sorted(told)[:LINES_SHOWN]
    ]


def _step(starts: pl.Series) -> timedelta:
    steps = starts.diff().drop_nulls()
    steps = steps.filter(steps > timedelta(0))
    most: timedelta = timedelta(minutes=30) if steps.is_empty() else steps.mode().sort()[0]
    return most


def _values(column: pl.Series) -> FloatArray:
    values: NDArray[np.float64] = column.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
    values[~np.isfinite(values) | (values == -9999.0)] = np.nan
    return values
