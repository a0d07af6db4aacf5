"""Checks of stretches of time, each in whole windows of the calendar: which look at a reading, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from core.clock import EPOCH, to_ns
from core.records import FloatArray
from core.station import Identity
from qc.slow.clock import WATTS as LIGHT
from qc.slow.clock import find_clock_errors
from qc.slow.drift import find_drifts
from qc.slow.finding import ACCURACY, ChannelSeries, Finding
from qc.slow.level import find_leaps
from qc.slow.night_offset import WATTS as DARK
from qc.slow.night_offset import find_night_offsets
from qc.slow.noise import find_noise
from qc.slow.unit import find_units

DAY = timedelta(days=1)
GRACE = timedelta(hours=1)
"""A window is looked at so long after its last reading is due."""
MIN_OTHERS = 3
"""Other sensors of a variable, at the station or near it, that make a reference."""


@dataclass(frozen=True, slots=True)
class Examination:
    """A check of stretches of time.

    Attributes
    ----------
    check : str
        Its name.
    days : int
        Length of its windows, which are counted from 1970, UTC.
    before, after : int
        Days around a window whose readings it looks at, too.
    find : callable
        (series, reference, site) -> findings; the reference is NaN where there is none.
    compares : bool
        Whether it needs the reference.
    """

    check: str
    days: int
    before: int
    after: int
    find: Callable[[ChannelSeries, FloatArray, Identity], list[Finding]]
    compares: bool = False

    def windows_of(self, day: int) -> Iterator[int]:
        """Give the numbers of the windows that look at a day (counted from 1970)."""
        first = (day - self.after) // self.days
        yield from range(first, (day + self.before) // self.days + 1)

    def start(self, number: int) -> datetime:
        """Return where a window begins."""
        return EPOCH + number * self.days * DAY

    def period(self, start: datetime) -> tuple[datetime, datetime]:
        """Return [begin, end) of the readings that a window looks at."""
        return start - self.before * DAY, start + (self.days + self.after) * DAY


EXAMINATIONS = (
    Examination("clock", 15, 0, 0, lambda series, _, site: find_clock_errors(series, site)),
    Examination("night_offset", 5, 1, 1, lambda series, _, site: find_night_offsets(series, site)),
    Examination("noise", 5, 11, 1, lambda series, _, site: find_noise(series, site.utc_offset)),
    Examination("unit", 5, 15, 1, lambda series, _, site: find_units(series, site.utc_offset)),
    Examination("level", 15, 11, 11, lambda one, others, site: find_leaps(one, others, site.utc_offset), compares=True),
    Examination("drift", 60, 1, 1, lambda one, others, site: find_drifts(one, others, site.utc_offset), compares=True),
)
BY_NAME = {one.check: one for one in EXAMINATIONS}


def examine(
    examination: Examination, start: datetime, series: ChannelSeries, others: Sequence[FloatArray], site: Identity
) -> list[Finding]:
    """Look at a channel in a window.

    Parameters
    ----------
    examination : Examination
    start : datetime
        Of the window.
    series : ChannelSeries
        Readings of its period; what is bad by itself is NaN.
    others : sequence of ndarray, shape (n,)
        What other sensors give at the same times, in the variable's own unit; NaN where one gives nothing.
    site : Identity

    Returns
    -------
    list of Finding
        Those that begin in the window: the others are found in their own.
    """
    reference = np.full(series.values.shape, np.nan)
    if examination.compares:
        if len(others) < MIN_OTHERS:
            return []
        reference = _median(others)
    begin, end = to_ns(start), to_ns(start + examination.days * DAY)
    return [one for one in examination.find(series, reference, site) if begin <= one.start_ns < end]


def concerns(examination: Examination, base: str) -> bool:
    """Say whether a check looks at a variable (its name without its place)."""
    if examination.check == "clock":
        return base in LIGHT
    if examination.check == "night_offset":
        return base in DARK
    return base in ACCURACY


def _median(others: Sequence[FloatArray]) -> FloatArray:
    """Return the median of sensors, each less its own median: one that falls out must not move the rest."""
    usual = [np.nanmedian(one) if np.isfinite(one).any() else np.nan for one in others]
    stacked = np.stack([one - middle for one, middle in zip(others, usual, strict=True)])
    found = np.full(stacked.shape[1], np.nan)
    enough = np.isfinite(stacked).sum(axis=0) >= MIN_OTHERS
    found[enough] = np.nanmedian(stacked[:, enough], axis=0)
    return found
