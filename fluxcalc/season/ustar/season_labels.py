"""Which season a record belongs to; seasons have thresholds of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

METEOROLOGICAL = (3, 6, 9, 12)
"""Months in which seasons begin: spring, summer, autumn, winter."""
QUARTERS = (1, 4, 7, 10)


def continuous_seasons(starts: pl.Series, months: Sequence[int] = METEOROLOGICAL) -> IntArray:
    """Number the seasons that run on over the end of the year.

    Parameters
    ----------
    starts : pl.Series of datetime
        START of each record, local standard time, ascending.
    months : sequence of int
        Months in which a season begins, ascending.

    Returns
    -------
    ndarray, shape (n,), int64
        Year times 1000 plus month of the season's begin: 1998012 is winter from December 1998, until February 1999.
        What lies before the first year's first season is named after January.
    """
    year, month = _year_and_month(starts)
    index = np.searchsorted(months, month, side="right") - 1
    labels = np.where(index < 0, (year - 1) * 1000 + months[-1], year * 1000 + np.take(months, index))
    if len(year):
        labels[labels // 1000 < year[0]] = year[0] * 1000 + 1
    return labels


def seasons_within_year(starts: pl.Series, months: Sequence[int] = METEOROLOGICAL) -> IntArray:
    """Number the seasons so that none runs over the end of the year: its first months join its last ones."""
    year, month = _year_and_month(starts)
    index = np.searchsorted(months, month, side="right") - 1
    labels: IntArray = year * 1000 + np.take(months, index)  # -1 is the last season
    return labels


def seasons_from(starts: pl.Series, borders: Sequence[datetime]) -> IntArray:
    """Number the seasons that begin at given times, 0 before the first one: harvests, say."""
    return np.searchsorted(
        np.array(borders, "datetime64[us]"), starts.cast(pl.Datetime("us")).to_numpy(), side="right"
    ).astype(np.int64)


def season_years(starts: pl.Series, seasons: IntArray) -> dict[int, int]:
    """Return the year of each season: that of the middle between its first and its last record."""
    times = starts.cast(pl.Datetime("us")).to_numpy()
    years = {}
    for season in np.unique(seasons).tolist():
        own = times[seasons == season]
        middle = own[0] + (own[-1] - own[0]) // 2
        years[season] = int(middle.astype("datetime64[Y]").astype(int)) + 1970
    return years


def split_label(label: int) -> tuple[int, int]:
    """Return the year in which a season begins, and its number there: its first month, or Barr's number."""
    return divmod(label, 1000)


def _year_and_month(starts: pl.Series) -> tuple[IntArray, IntArray]:
    return starts.dt.year().cast(pl.Int64).to_numpy(), starts.dt.month().cast(pl.Int64).to_numpy()
