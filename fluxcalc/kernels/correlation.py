"""Covariances of series at all lags up to a reach, both ways; Fourier transforms of short blocks do the work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

MIN_BLOCK = 2048
"""Transforms of this many samples stay in a processor's nearest cache."""
SIMD_LANES = 32
"""Sums side by side: a processor adds several numbers at once only where the order of summation says so."""


def cross_covariances(series: Sequence[FloatArray], pairs: Sequence[tuple[int, int]], reach: int) -> FloatArray:
    """Covariances of x[i] with y[i + lag] for all lags from -reach to reach.

    Parameters
    ----------
    series : sequence of ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    pairs : sequence of (int, int)
        Numbers of x and y among ``series``.
    reach : int
        Largest lag, less than n. [samples]

    Returns
    -------
    ndarray, shape (len(pairs), 2 reach + 1)
        From lag -reach to reach: mean product of what is left when each series lost its mean over all its valid
        samples, over the samples valid in both; NaN where there are none. [product of the units]
    """
    n = len(series[0])
    centred = np.empty((len(series), n))
    gaps = [n - subtract_mean(one, row) for one, row in zip(series, centred, strict=True)]
    products = _products(centred, pairs, reach)
    counts = np.tile(n - np.abs(np.arange(-reach, reach + 1)), (len(pairs), 1))
    for row, (x, y) in zip(counts, pairs, strict=True):
        if gaps[x] or gaps[y]:
            row[:] = pair_counts(np.isnan(series[x]), np.isnan(series[y]), reach)
    result = np.full(products.shape, np.nan)
    np.divide(products, counts, out=result, where=counts > 0)
    return result


def _products(series: FloatArray, pairs: Sequence[tuple[int, int]], reach: int) -> FloatArray:
    """Sums of x[i] y[i + lag], for each pair from lag -reach to reach."""
    rows, n = series.shape
    size = MIN_BLOCK
    while size < 4 * reach:
        size *= 2
    step = size - 2 * reach
    numbers = np.array(pairs)
    spectrum = np.zeros((len(pairs), size // 2 + 1), np.complex128)
    blocks = np.zeros((2, rows, size))
    spectra = np.empty((2, rows, size // 2 + 1), np.complex128)
    alone, around = blocks
    for start in range(0, n, step):
        # a block of x against the samples of y from reach before it to reach after it: nothing wraps around
        stop, low, high = min(start + step, n), max(start - reach, 0), min(start + step + reach, n)
        alone[:, : stop - start] = series[:, start:stop]
        alone[:, stop - start :] = 0.0
        around[:, : low - start + reach] = 0.0
        around[:, low - start + reach : high - start + reach] = series[:, low:high]
        around[:, high - start + reach :] = 0.0
        np.fft.rfft(blocks, out=spectra)
        add_cospectra(spectra[0], spectra[1], numbers, spectrum)
    return np.fft.irfft(spectrum)[:, : 2 * reach + 1]


@kernel
def subtract_mean(x: FloatArray, result: FloatArray) -> int:
    """Take its mean off a series; a gap becomes a zero.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    result : ndarray, shape (n,), float64
        Receives what is left. [any]

    Returns
    -------
    int
        Valid samples.
    """
    sums, counts = np.zeros(SIMD_LANES), np.zeros(SIMD_LANES)
    for start in range(0, x.size, SIMD_LANES):
        part = x[start : start + SIMD_LANES]
        for lane in range(part.size):
            gap = np.isnan(part[lane])
            sums[lane] += 0.0 if gap else part[lane]
            counts[lane] += 0.0 if gap else 1.0
    count = counts.sum()
    mean = sums.sum() / max(1.0, count)
    for i in range(x.size):
        result[i] = 0.0 if np.isnan(x[i]) else x[i] - mean
    return int(count)


@kernel
def add_cospectra(
    first: NDArray[np.complex128],
    second: NDArray[np.complex128],
    pairs: NDArray[np.int64],
    spectrum: NDArray[np.complex128],
) -> None:
    """Add conj(first[x]) second[y] to ``spectrum`` for each pair of rows x, y.

    Parameters
    ----------
    first, second : ndarray, shape (k, m), complex128
        Transforms.
    pairs : ndarray, shape (p, 2), int64
        Rows x and y.
    spectrum : ndarray, shape (p, m), complex128
        Changed.
    """
    for pair in range(pairs.shape[0]):
        x, y = pairs[pair]
        for i in range(spectrum.shape[1]):
            spectrum[pair, i] += first[x, i].conjugate() * second[y, i]


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
