"""What the checks of stretches of time take and give: a channel's readings, and findings about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray
from core.variables import base_name, convert, variable

DAY_NS = 86_400 * NS

ACCURACY: Mapping[str, float] = {
    "TA": 0.2, "T_DEW": 0.5, "RH": 3.0, "VPD": 0.7, "PA": 0.015, "WS": 0.5, "WS_MAX": 0.5, "WD": 5.0, "SW_IN": 10.0,
    "SW_OUT": 10.0, "SW_DIF": 10.0, "PPFD_IN": 20.0, "PPFD_OUT": 20.0, "LW_IN": 10.0, "LW_OUT": 10.0, "NETRAD": 15.0,
    "G": 5.0, "TS": 0.2, "SWC": 3.0, "D_SNOW": 1.0, "CO2": 1.0,
}  # fmt: skip
"""Uncertainty that is achievable in operation (WMO-No. 8, annex 1.A; 5 % of 200 W m-2), in the variable's unit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of a stretch of time of a channel.

    Attributes
    ----------
    check : str
        ``night_offset``, ``clock``, ``buddy``, ``level``, ``drift``, ``noise`` or ``unit``.
    channel : str
        The sender's name.
    start_ns, end_ns : int
        The stretch, [start, end). [ns]
    flag : int
        3 suspect or 4 bad.
    reason : str
        Begins with the check's name.
    data : mapping of str to float or str
        The figures behind it.
    """

    check: str
    channel: str
    start_ns: int
    end_ns: int
    flag: int
    reason: str
    data: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelSeries:
    """The readings of a channel.

    Attributes
    ----------
    channel, variable, unit : str
        The sender's name, what it measures, in which unit.
    interval_ns : int
        Declared time between readings. [ns]
    times_ns : ndarray, shape (n,), int64
        STARTs, ascending. [ns]
    values : ndarray, shape (n,), float64
        In the sender's unit; NaN is missing, or bad and not to be used.
    """

    channel: str
    variable: str
    unit: str
    interval_ns: int
    times_ns: NDArray[np.int64]
    values: FloatArray

    @property
    def base(self) -> str:
        """Name of the variable without its place."""
        return base_name(self.variable)

    @property
    def standard(self) -> FloatArray:
        """The values in the variable's own unit."""
        facts = variable(self.variable)
        return np.asarray(convert(self.values, self.variable, self.unit, facts.unit))  # type: ignore[arg-type]

    @property
    def quarter(self) -> float:
        """Readings of a quarter of a day: fewer do not tell the day."""
        return DAY_NS / self.interval_ns / 4

    @property
    def accuracy(self) -> float:
        """What is achievable, in the variable's own unit; NaN where that is not known."""
        return ACCURACY.get(self.base, float("nan"))


@dataclass(frozen=True, slots=True)
class Days:
    """A series by whole days of local standard time, from its first day to its last.

    Attributes
    ----------
    starts_ns : ndarray, shape (d,), int64
        Beginnings of the days. [ns]
    bounds : ndarray, shape (d + 1,), int64
        Rows of day i are ``bounds[i]`` to ``bounds[i + 1]``; none of a day without readings.
    """

    starts_ns: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, times_ns: NDArray[np.int64], utc_offset: float, shift_hours: float = 0.0) -> Days:
        """Cut times into days that begin at midnight, or so many hours after it."""
        shift = round((utc_offset - shift_hours) * 3600) * NS
        if not times_ns.size:
            return cls(np.empty(0, np.int64), np.zeros(1, np.int64))
        first, last = (int(times_ns[i] + shift) // DAY_NS for i in (0, -1))
        edges = np.arange(first, last + 2, dtype=np.int64) * DAY_NS - shift
        return cls(edges[:-1], np.searchsorted(times_ns, edges).astype(np.int64))

    def medians(self, values: FloatArray, least: float) -> FloatArray:
        """Return the median of each day; NaN of a day with fewer values than ``least``."""
        found = np.full(self.starts_ns.size, np.nan)
        for i, (begin, end) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            there = values[begin:end][np.isfinite(values[begin:end])]
            if there.size >= max(least, 1):
                found[i] = np.median(there)
        return found
