"""What the u* threshold does to the exchange: forty-one versions of it, and the one that stands for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.progress import Progress, no_progress
from core.records import FloatArray
from fluxcalc.season.gapfill.gaps import UNFILLED
from fluxcalc.season.gapfill.mds import ONEFLUX, Dialect, fill_mds

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PERCENTILES = tuple(1.25 + 2.5 * k for k in range(40))
"""Of the thresholds; the median comes after them."""
GOOD_QUALITY = 1
"""Worst quality that a mean counts as good."""
BLOCK_RECORDS = 17_520
"""Records whose versions are sorted at a time: a copy of all of many years would be large."""


def nearest_rank(count: int, percent: float) -> int:
    """Return the place of a percentile among ``count`` ascending values: one of them, never in between."""
    return min(max(int(np.floor(percent / 100 * count + 0.5)) - 1, 0), count - 1)


def pool_percentiles(samples: Mapping[int, FloatArray], *, constant: bool = False) -> dict[int, FloatArray]:
    """Return the thresholds of every year's versions from bootstraps of several years, and methods.

    Parameters
    ----------
    samples : mapping of int to ndarray, shape (m,), float64
        Year -> thresholds of its bootstraps (of all methods, one after the other); NaN is none. [m s-1]
    constant : bool
        One set of thresholds for all years (CUT), from all; else (VUT) each year's from itself and its neighbours,
        as a canopy changes slowly.

    Returns
    -------
    dict of int to ndarray, shape (41,), float64
        Year -> the forty percentiles, then the median; NaN where no year of the pool has a threshold. [m s-1]

    References
    ----------
    Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3
    """
    chosen = {}
    for year in samples:
        pool = [values for other, values in samples.items() if constant or abs(other - year) <= 1]
        ordered = np.sort(np.concatenate(pool))
        ordered = ordered[np.isfinite(ordered)]
        chosen[year] = (
            ordered[[nearest_rank(ordered.size, percent) for percent in (*PERCENTILES, 50.0)]]
            if ordered.size
            else np.full(len(PERCENTILES) + 1, np.nan)
        )
    return chosen


@dataclass(frozen=True, slots=True)
class Versions:
    """A series, once for each threshold.

    Attributes
    ----------
    value : ndarray, shape (41, n), float32 or float64
        By ascending threshold's percentile, then that of the median threshold; NaN is not filled. [any]
    qc : ndarray, shape (41, n)
        Quality of half-hours (``fluxcalc.season.gapfill.mds.Filled``), or of means the share of their records that is
        measured or filled well.
    reference : int
        Row of the version that is most like all others (``most_alike``).
    """

    value: NDArray[Any]
    qc: NDArray[Any]
    reference: int

    def percentile(self, percent: float) -> tuple[FloatArray, NDArray[Any]]:
        """Return a percentile over the forty versions, record by record, with its quality: always one of the values."""
        value, qc = self.percentiles((percent,))
        return value[0], qc[0]

    def percentiles(self, percents: Sequence[float]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return several percentiles and their quality, shape (number of percentiles, n) each."""
        count, n = len(PERCENTILES), self.value.shape[1]
        ranks = [nearest_rank(count, percent) for percent in percents]
        value = np.empty((len(ranks), n), self.value.dtype)
        qc = np.empty((len(ranks), n), self.qc.dtype)
        for first in range(0, n, BLOCK_RECORDS):
            here = slice(first, first + BLOCK_RECORDS)
            some = np.ascontiguousarray(self.value[:count, here].T)
            order = np.argsort(some, axis=1, kind="stable")[:, ranks]
            value[:, here] = np.take_along_axis(some, order, 1).T
            qc[:, here] = np.take_along_axis(self.qc[:count, here].T, order, 1).T
        return value, qc

    def mean(self) -> tuple[FloatArray, FloatArray]:
        """Return the mean of the forty versions and its standard error."""
        count, n = len(PERCENTILES), self.value.shape[1]
        mean, error = np.empty(n), np.empty(n)
        for first in range(0, n, BLOCK_RECORDS):
            here = slice(first, first + BLOCK_RECORDS)
            some = self.value[:count, here].astype(np.float64)
            mean[here], error[here] = some.mean(axis=0), some.std(axis=0, ddof=1) / np.sqrt(count)
        return mean, error

    def half_spread(self) -> FloatArray:
        """Return half the distance of the 16th and 84th percentiles: one standard deviation of what u* leaves open."""
        return (self.percentile(84)[0] - self.percentile(16)[0]) / 2

    def period_means(self, periods: IntArray) -> Versions:
        """Return the mean of each version over each period, in the order of the periods' numbers.

        Percentiles of means are not means of percentiles: take means first.

        Parameters
        ----------
        periods : ndarray, shape (n,), int64
            Number of each record's period: of its day, week, month, year.

        Returns
        -------
        Versions
            A period with a record that is not filled has no mean; ``reference`` stays.
        """
        _, place, count = np.unique(periods, return_inverse=True, return_counts=True)
        good = (self.qc >= 0) & (self.qc <= GOOD_QUALITY)
        value = np.array([np.bincount(place, row) for row in self.value]) / count
        share = np.array([np.bincount(place, row) for row in good]) / count
        return Versions(value, share, self.reference)


def fill_versions(
    flux: FloatArray,
    drivers: Sequence[FloatArray],
    low: Callable[[int], BoolArray],
    count: int = len(PERCENTILES) + 1,
    *,
    per_day: int = 48,
    dialect: Dialect = ONEFLUX,
    progress: Progress = no_progress,
) -> Versions:
    """Filter and fill a flux with each of the thresholds.

    Parameters
    ----------
    flux : ndarray, shape (n,), float64
        Measured; NaN is missing. [umol m-2 s-1]
    drivers : three ndarray, shape (n,), float64
        Incoming radiation, air temperature, vapour pressure deficit. [W m-2], [deg C], [hPa]
    low : callable
        Number of a version -> the records that its threshold takes out, shape (n,), as of ``in_low_turbulence``.
    count : int
        Versions; the last one, of the median threshold, cannot be the reference.
    per_day : int
        Records a day.
    dialect : Dialect
        Of the gap filling.
    progress : Progress
        Is told how many versions are filled.

    References
    ----------
    Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3
    """
    values = np.empty((count, flux.size))
    qc = np.full(values.shape, UNFILLED, dtype=np.int8)
    for k in range(count):
        kept = np.where(low(k), np.nan, flux)
        filled = fill_mds(kept, *drivers, per_day=per_day, dialect=dialect, every_record=False)
        values[k], qc[k] = filled.value, filled.qc
        progress("fill versions", k + 1, count)
    return Versions(values, qc, most_alike(values[:-1]))


def most_alike(values: NDArray[Any], finer: NDArray[Any] | None = None) -> int:
    """Return the row against which all rows have the largest sum of model efficiencies.

    The efficiency of row b where row a is the truth is 1 - sum (b - a)^2 / sum (a - mean a)^2, over the records that
    all rows have; it is summed over b. Rows that do not vary are no truth. Where none varies, as in a single year, the
    row is taken that most rows equal; of several such, the one that ``finer`` tells, or the first.

    Parameters
    ----------
    values : ndarray, shape (k, n)
        NaN is missing. [any]
    finer : ndarray, shape (k, m), or None
        The same rows over shorter periods. [any]

    References
    ----------
    Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3: the version REF
    """
    efficiency, equal = _efficiency(values)
    if np.isneginf(efficiency).all():
        tied = equal == equal.max()
        return int(np.argmax(np.where(tied, 0.0 if finer is None else _efficiency(finer)[0], -np.inf)))
    return int(np.argmax(efficiency))


def _efficiency(values: NDArray[Any]) -> tuple[FloatArray, IntArray]:
    """Return the sum of efficiencies against each row, -inf of those that do not vary, and how many rows equal it."""
    rows, n = values.shape
    count = 0
    sums, squares, apart = np.zeros(rows), np.zeros(rows), np.zeros((rows, rows))
    for first in range(0, n, BLOCK_RECORDS):
        some = values[:, first : first + BLOCK_RECORDS].astype(np.float64)
        some = some[:, np.isfinite(some).all(axis=0)]
        count += some.shape[1]
        sums += some.sum(axis=1)
        squares += (some**2).sum(axis=1)
        for row in range(rows):
            apart[row] += ((some - some[row]) ** 2).sum(axis=1)
    power = squares - sums**2 / max(count, 1)
    truth = power > 1e-12 * squares
    efficiency = np.where(truth, rows - apart.sum(axis=1) / np.where(truth, power, 1.0), -np.inf)
    return efficiency, (apart == 0).sum(axis=1)
