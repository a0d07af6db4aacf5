"""A table of intervals that another program made, under FLUXNET names and in FLUXNET units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from core.variables import VARIABLES
from ingest.files.text_columns import TextTable

LOCAL_TIME = pl.Datetime("us")
HALF_HOUR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class HalfHours:
    """A table of intervals, one after the other as the file has them.

    Attributes
    ----------
    frame : pl.DataFrame
        ``start``, ``end`` (local standard time, naive); FLUXNET variables in FLUXNET units, missing is null.
    maker : str
        What made it: ``AmeriFlux BASE``, ``EddyPro``, ``EddyPro FLUXNET output``, ``REddyProc``, ``FLUXNET``...
    sources : mapping of str to str
        FLUXNET variable -> the file's column.
    left_out : mapping of str to str
        Columns that are not taken -> why.
    lines : pl.Series of int
        Line of the file in which each interval stands.
    notes, problems : tuple of str
        What was assumed; what is wrong.
    """

    frame: pl.DataFrame
    maker: str
    sources: Mapping[str, str]
    left_out: Mapping[str, str] = field(repr=False, default_factory=dict)
    lines: pl.Series = field(repr=False, default_factory=lambda: pl.Series("line", [], dtype=pl.Int64))
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        """The most frequent step of the stamps. [min]"""
        return minutes_of(step_of(self.frame["start"]))


def finish_table(
    table: TextTable, starts: pl.Series, ends: pl.Series, columns: Mapping[str, pl.Series], maker: str,
    sources: Mapping[str, str], left_out: Mapping[str, str],
) -> HalfHours:  # fmt: skip
    """Lay columns in FLUXNET units side by side, and tell stamps beside the full step."""
    series = {"start": starts.cast(LOCAL_TIME), "end": ends.cast(LOCAL_TIME), **columns}
    ordered = [name for name in VARIABLES if name in columns]
    frame = pl.DataFrame([series[name].alias(name) for name in ("start", "end", *ordered)])
    problems = (*table.problems, *_off_the_hour(table, starts, step_of(starts)))
    return HalfHours(frame, maker, dict(sources), dict(left_out), table.lines, tuple(table.notes), problems)


def _off_the_hour(table: TextTable, starts: pl.Series, step: timedelta) -> list[str]:
    """Tell stamps that stand beside the full steps of the day: those of the middle, say."""
    minutes = minutes_of(step)
    if minutes < 2 or 1440 % minutes:
        return []
    off = (starts.dt.epoch("s") % (minutes * 60)).cast(pl.Int64)
    usual = int(off.mode().sort()[0])
    if not usual:
        return []
    row = int((off == usual).arg_max() or 0)
    cause = "they are those of the middle" if usual * 2 == minutes * 60 else "the clock is off, or they are UTC"
    return [
        f"{table.file}: line {table.lines[row]}: intervals of {minutes} minutes begin at {starts[row]:%H:%M}, "
        f"{usual / 60:g} minutes beside the full step: are the stamps right? ({cause}); give those of START or END; "
        "nothing was shifted"
    ]


def step_of(times: pl.Series) -> timedelta:
    """Return the most frequent step of a series of times; half an hour for a single one."""
    steps = times.diff().drop_nulls()
    steps = steps.filter(steps > timedelta(0))
    return HALF_HOUR if steps.is_empty() else steps.mode().sort()[0]


def minutes_of(step: timedelta) -> int:
    """Return a length of time. [min]"""
    return round(step / timedelta(minutes=1))
