"""Versions of a series day by day: enough for days, weeks, months and years, and small enough to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.season.aggregates import Periods, factor_of, find_periods, mean_error
from fluxcalc.season.ustar.versions import GOOD_QUALITY, PERCENTILES, Versions, most_alike

SPAN_5_TO_95 = 2 * 1.6449
"""Standard deviations from the 5 to the 95 % version of three."""


@dataclass(frozen=True, slots=True)
class DayErrors:
    """Random errors of a version, day by day.

    Attributes
    ----------
    known : ndarray, shape (d,), float64
        How many records of each day have one.
    squares : ndarray, shape (d,), float64
        Sum of their squares. [as the series, squared]
    """

    known: FloatArray
    squares: FloatArray


@dataclass(frozen=True, slots=True)
class DaySums:
    """Versions of a series, summed over days.

    Attributes
    ----------
    sums : ndarray, shape (k, d), float64
        Of each version over the records that each day has; NaN where one is missing. [as the series]
    good : ndarray, shape (k, d), float64
        How many of these records are measured or filled well.
    first : ndarray of int, shape (d,)
        First record of each day.
    reference : int
        Row of the version that is most like all others, half-hour by half-hour.
    errors : mapping of int to DayErrors
        Row -> random errors, of the versions whose uncertainty is published.
    """

    sums: FloatArray
    good: FloatArray
    first: NDArray[np.int64]
    reference: int
    errors: Mapping[int, DayErrors] = field(default_factory=dict)

    def over(self, periods: Periods) -> Versions:
        """Return the versions' means over periods of whole days; NaN of those not whole, or that miss a record.

        The quality of a mean is the share of its period that is measured or filled well; the reference is that of
        half-hours.
        """
        if periods.first.size == 0:
            return Versions(self.sums[:, :0], self.good[:, :0], self.reference)
        days = np.searchsorted(self.first, periods.first)
        value = np.add.reduceat(self.sums, days, axis=1) / periods.count
        value[:, periods.count != periods.whole] = np.nan
        return Versions(value, np.add.reduceat(self.good, days, axis=1) / periods.whole, self.reference)

    def published(self, stem: str, size: str, starts: pl.Series, per_day: int) -> Versions:
        """Return the versions over days, weeks, months or years (``size``) in the unit that ``stem`` has there.

        The reference is chosen anew from these values, as ONEFlux does.
        """
        periods = find_periods(starts, size, per_day)
        means = self.over(periods)
        value = means.value * factor_of(stem, size, periods, per_day)
        return Versions(value, means.qc, most_alike(value[:-1], self.sums[:-1]))

    def random(self, row: int, stem: str, size: str, starts: pl.Series, per_day: int) -> FloatArray:
        """Return the random uncertainty of a version over the same periods, in the same unit (``random_of_mean``)."""
        periods = find_periods(starts, size, per_day)
        if periods.first.size == 0:
            return np.zeros(0)
        days, errors = np.searchsorted(self.first, periods.first), self.errors[row]
        known, squares = (np.add.reduceat(each, days) for each in (errors.known, errors.squares))
        sd: FloatArray = mean_error(known, squares, periods) * factor_of(stem, size, periods, per_day)
        return sd

    def spread(self) -> float:
        """Return one standard deviation of the sums over all days: what the threshold of u* leaves open."""
        return float(self._spread(self.sums.sum(axis=1, keepdims=True))[0])

    def spread_so_far(self) -> FloatArray:
        """Return the same of the sums to the end of each day; a day that misses a record in a version is left out."""
        whole = np.isfinite(self.sums).all(axis=0)
        return self._spread(np.cumsum(np.where(whole, self.sums, 0.0), axis=1))

    def _spread(self, totals: FloatArray) -> FloatArray:
        if len(totals) <= len(PERCENTILES):
            few: FloatArray = np.ptp(totals, axis=0) / SPAN_5_TO_95
            return few
        return Versions(totals, np.zeros(totals.shape), self.reference).half_spread()


def five_to_95(totals: FloatArray) -> tuple[float, float]:
    """Return the 5 and 95 % percentiles of the versions' sums, shape (k,): the ends of three, or of forty-one."""
    if len(totals) <= len(PERCENTILES):
        return float(totals.min()), float(totals.max())
    (low,), (high,) = Versions(totals[:, np.newaxis], np.zeros((totals.size, 1)), 0).percentiles((5, 95))[0]
    return float(low), float(high)


def sum_days(versions: Versions, starts: pl.Series, per_day: int) -> DaySums:
    """Sum versions of half-hours over days.

    Parameters
    ----------
    versions : Versions
    starts : pl.Series of datetime, length n
        Starts of the intervals, local standard time.
    per_day : int
        Records a day.
    """
    first = find_periods(starts, "DD", per_day).first
    return DaySums(
        _by_day(versions.value, first),
        np.array([_by_day(((row >= 0) & (row <= GOOD_QUALITY)).astype(float), first) for row in versions.qc]),
        first,
        versions.reference,
    )


def day_errors(sd: FloatArray, first: NDArray[np.int64]) -> DayErrors:
    """Sum random errors ``sd`` of half-hours, NaN where there is none, over the days that begin at ``first``."""
    return DayErrors(_by_day(np.isfinite(sd), first), _by_day(np.nan_to_num(sd) ** 2, first))


def _by_day(values: NDArray[Any], first: NDArray[np.int64]) -> FloatArray:
    if first.size == 0:
        return np.zeros((*values.shape[:-1], 0))
    sums: FloatArray = np.add.reduceat(values, first, axis=-1, dtype=np.float64)
    return sums
