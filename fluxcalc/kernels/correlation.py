"""Covariances of series at all lags up to a reach, both ways; Fourier transforms of short blocks do the work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

LEAST_BLOCK = 2048
"""Transforms of this many samples stay in a processor's nearest cache."""


def cross_covariances(series: FloatArray, pairs: Sequence[tuple[int, int]], reach: int) -> FloatArray:
    """Covariances of x[i] with y[i + lag] for all lags from -reach to reach.

    Parameters
    ----------
    series : ndarray, shape (k, n), float64
        Series; NaN is missing. [any]
    pairs : sequence of (int, int)
        Rows x and y of ``series``.
    reach : int
        Largest lag, less than n. [samples]

    Returns
    -------
    ndarray, shape (len(pairs), 2 reach + 1)
        From lag -reach to reach: mean product of what is left when each series lost its mean over all its valid
        samples, over the samples valid in both; NaN where there are none. [product of the units]
    """
    missing = np.isnan(series)
    whole = np.where(missing, 0.0, series)
    valid = np.maximum(1, (~missing).sum(axis=1, keepdims=True))
    whole -= whole.sum(axis=1, keepdims=True) / valid
    whole[missing] = 0.0
    products = _products(whole, pairs, reach)
    counts = np.array([pair_counts(missing[x], missing[y], reach) for x, y in pairs])
    result = np.full(products.shape, np.nan)
    np.divide(products, counts, out=result, where=counts > 0)
    return result


def _products(series: FloatArray, pairs: Sequence[tuple[int, int]], reach: int) -> FloatArray:
    """Sums of x[i] y[i + lag], for each pair from lag -reach to reach."""
    rows, n = series.shape
    size = LEAST_BLOCK
    while size < 4 * reach:
        size *= 2
    step = size - 2 * reach
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    spectrum = np.zeros((len(pairs), size // 2 + 1), np.complex128)
    alone, around = np.zeros((2, rows, size))
    for start in range(0, n, step):
        # a block of x against the samples of y from reach before it to reach after it: nothing wraps around
        stop, low, high = min(start + step, n), max(start - reach, 0), min(start + step + reach, n)
        alone[:, : stop - start] = series[:, start:stop]
        alone[:, stop - start :] = 0.0
        around[:] = 0.0
        around[:, low - start + reach : high - start + reach] = series[:, low:high]
        spectrum += np.fft.rfft(alone).conj()[first] * np.fft.rfft(around)[second]
    return np.fft.irfft(spectrum)[:, : 2 * reach + 1]


@kernel
def pair_counts(missing_x: NDArray[np.bool_], missing_y: NDArray[np.bool_], reach: int) -> NDArray[np.int64]:
    """Count the samples valid both in x[i] and in y[i + lag].

    Parameters
    ----------
    missing_x, missing_y : ndarray, shape (n,), bool
        Where the series have gaps.
    reach : int
        Largest lag, less than n. [samples]

    Returns
    -------
    ndarray, shape (2 reach + 1,), int64
        From lag -reach to reach.
    """
    n = missing_x.size
    before_x = np.zeros(n + 1, np.int64)
    before_y = np.zeros(n + 1, np.int64)
    for i in range(n):
        before_x[i + 1] = before_x[i] + missing_x[i]
        before_y[i + 1] = before_y[i] + missing_y[i]
    gaps = np.flatnonzero(missing_x)
    counts = np.empty(2 * reach + 1, np.int64)
    for lag in range(-reach, reach + 1):
        first = max(0, -lag)
        last = min(n, n - lag)
        lost = before_x[last] - before_x[first] + before_y[last + lag] - before_y[first + lag]
        counts[lag + reach] = last - first - lost
        if before_y[n] > 0:
            for gap in gaps:
                if first <= gap < last and missing_y[gap + lag]:
                    counts[lag + reach] += 1
    return counts
