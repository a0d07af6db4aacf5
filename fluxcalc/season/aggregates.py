"""Days, weeks, months and years of a season, as FLUXNET has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.records import FloatArray

MOLAR_CARBON = 12.0107e-6
"""Carbon in a micromole of CO2. [g umol-1]"""
DAY_SECONDS = 86_400.0
SIZES = ("DD", "WW", "MM", "YY")
WEEKS_A_YEAR = 52
"""A year has 52 weeks, its last one 8 or 9 days."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Periods of a kind, in order of time.

    Attributes
    ----------
    first : ndarray of int, shape (m,)
        First record of each.
    count, whole : ndarray of int, shape (m,)
        Records that it has here, and that it has in the calendar.
    start, end : pl.Series of datetime
        Start of the first and of the last record that it has here.
    """

    first: NDArray[np.int64]
    count: NDArray[np.int64]
    whole: NDArray[np.int64]
    start: pl.Series
    end: pl.Series


def find_periods(starts: pl.Series, size: str, per_day: int) -> Periods:
    """Find the days (DD), weeks (WW), months (MM) or years (YY) of a regular grid.

    Parameters
    ----------
    starts : pl.Series of datetime
        Starts of the intervals, local standard time; a record belongs to the period in which it starts.
    size : str
        One of ``SIZES``.
    per_day : int
        Records a day.
    """
    year = starts.dt.year().cast(pl.Int64).to_numpy()
    day = starts.dt.ordinal_day().cast(pl.Int64).to_numpy()
    month = starts.dt.month().cast(pl.Int64).to_numpy()
    days = 365 + starts.dt.is_leap_year().cast(pl.Int64).to_numpy()
    week = np.minimum((day - 1) // 7, WEEKS_A_YEAR - 1)
    in_month = starts.dt.month_end().dt.day().cast(pl.Int64).to_numpy()
    key, length = {
        "DD": (year * 1000 + day, np.ones_like(day)),
        "WW": (year * 1000 + week, np.where(week == WEEKS_A_YEAR - 1, days - 7 * (WEEKS_A_YEAR - 1), 7)),
        "MM": (year * 1000 + month, in_month),
        "YY": (year, days),
    }[size]
    first = np.flatnonzero(np.concatenate(([True], np.diff(key) != 0))) if key.size else np.zeros(0, np.int64)
    end = np.append(first[1:], key.size)
    return Periods(first, end - first, length[first] * per_day, starts.gather(first), starts.gather(end - 1))


def mean_of(values: FloatArray, periods: Periods) -> FloatArray:
    """Return the mean of each period that is whole and misses nothing, NaN of others; last axis is time."""
    if periods.first.size == 0:
        return np.zeros((*values.shape[:-1], 0))
    sums = np.add.reduceat(values, periods.first, axis=-1)
    means: FloatArray = np.where(periods.count == periods.whole, sums / periods.count, np.nan)
    return means


def aggregate(
    variables: Mapping[str, FloatArray], starts: pl.Series, size: str, per_day: int, quality: Mapping[str, FloatArray]
) -> pl.DataFrame:
    """Aggregate a season's series under FLUXNET's rules.

    Parameters
    ----------
    variables : mapping of str to ndarray, shape (n,), float64
        FLUXNET name -> values. CO2 (NEE, RECO, GPP [umol m-2 s-1]) becomes gC m-2 d-1, of years gC m-2 y-1; ET and P
        [mm an interval] mm d-1 and mm y-1; the others are means. Random uncertainty (``_RANDUNC``) is that of
        independent records, those without one being as the others; a period in which more than half lack it has none.
    starts : pl.Series of datetime, length n
        Starts of the intervals, local standard time.
    size : str
        One of ``SIZES``.
    per_day : int
        Records a day.
    quality : mapping of str to ndarray, shape (n,), float64
        Name -> flag of each record; it becomes the share of those measured (0) or well filled (1).

    Returns
    -------
    pl.DataFrame
        ``start``, ``end`` of what is here of each period; a period that is not whole, or misses a record, has NaN.
    """
    periods = find_periods(starts, size, per_day)
    columns: dict[str, pl.Series] = {"start": periods.start, "end": periods.end}
    for name, values in variables.items():
        mean = random_of_mean(values, periods) if name.endswith("_RANDUNC") else mean_of(values, periods)
        columns[name] = pl.Series(mean * factor_of(name, size, periods, per_day))
    for name, flags in quality.items():
        good = np.isin(flags, (0, 1)).astype(float)
        sums = np.add.reduceat(good, periods.first) if good.size else good
        columns[name] = pl.Series(sums / periods.whole)
    return pl.DataFrame([series.alias(name) for name, series in columns.items()])


def random_of_mean(sd: FloatArray, periods: Periods) -> FloatArray:
    """Return the standard deviation of the mean of each whole period's independent records."""
    if periods.first.size == 0:
        return np.zeros(0)
    known = np.add.reduceat(np.isfinite(sd).astype(float), periods.first)
    return mean_error(known, np.add.reduceat(np.nan_to_num(sd) ** 2, periods.first), periods)


def mean_error(known: FloatArray, squares: FloatArray, periods: Periods) -> FloatArray:
    """Return the same from how many records of each period have an error, and the sum of its squares."""
    told = (periods.count == periods.whole) & (2 * known >= periods.count)
    mean: FloatArray = np.sqrt(squares / np.where(told, known * periods.count, np.nan))
    return mean


def factor_of(name: str, size: str, periods: Periods, per_day: int) -> FloatArray:
    """Return what makes a mean of half-hours one of the size's unit, shape (m,)."""
    each = periods.whole / per_day if size == "YY" and is_sum(name) else np.ones(periods.whole.size)
    return unit_factor(name, per_day) * each


def is_carbon(name: str) -> bool:
    """Tell whether a series is an exchange of CO2."""
    return name.split("_")[0] in ("NEE", "RECO", "GPP")


def is_sum(name: str) -> bool:
    """Tell whether a series is summed over a year."""
    return is_carbon(name) or name.split("_")[0] in ("ET", "P")


def unit_factor(name: str, per_day: int) -> float:
    """Return what makes a mean of half-hours one of days."""
    if is_carbon(name):
        return DAY_SECONDS * MOLAR_CARBON
    return float(per_day) if is_sum(name) else 1.0


def unit_of(name: str, size: str) -> str:
    """Return the unit of an aggregate; empty where it is the half-hours'."""
    if name.endswith("_QC"):
        return "1"
    each = "y-1" if size == "YY" else "d-1"
    return f"gC m-2 {each}" if is_carbon(name) else f"mm {each}" if is_sum(name) else ""
