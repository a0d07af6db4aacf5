"""The straight line of a series, and the shape of the distribution around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

SIMD_LANES = 32
"""Sums side by side: a processor adds several numbers at once only where the order of summation says so."""


@kernel
def trend_line(x: FloatArray) -> tuple[int, float, float, float]:
    """Fit a straight line by least squares.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing. [any]

    Returns
    -------
    count : int
        Valid samples.
    mean : float
        NaN if nothing is valid. [any]
    slope : float
        0 with fewer than two samples. [any per sample]
    middle : float
        Place at which the line has the mean. [samples]
    """
    counts, totals, places = np.zeros(SIMD_LANES), np.zeros(SIMD_LANES), np.zeros(SIMD_LANES)
    for start in range(0, x.size, SIMD_LANES):
        part = x[start : start + SIMD_LANES]
        for lane in range(part.size):
            gap = np.isnan(part[lane])
            counts[lane] += 0.0 if gap else 1.0
            totals[lane] += 0.0 if gap else part[lane]
            places[lane] += 0.0 if gap else float(start + lane)
    count = int(counts.sum())
    if count == 0:
        return 0, np.nan, 0.0, 0.0
    mean = totals.sum() / count
    middle = places.sum() / count
    products, squares = np.zeros(SIMD_LANES), np.zeros(SIMD_LANES)
    for start in range(0, x.size, SIMD_LANES):
        part = x[start : start + SIMD_LANES]
        for lane in range(part.size):
            gap = np.isnan(part[lane])
            away = float(start + lane) - middle
            products[lane] += 0.0 if gap else away * (part[lane] - mean)
            squares[lane] += 0.0 if gap else away * away
    square = squares.sum()
    return count, mean, products.sum() / square if square > 0 else 0.0, middle


@kernel
def shape(x: FloatArray, mean: float, slope: float, middle: float) -> tuple[float, float]:
    """Skewness and kurtosis of a series around its straight line.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    mean, slope, middle : float
        Its line, as ``trend_line`` gives it. [any], [any per sample], [samples]

    Returns
    -------
    skewness, kurtosis : float
        0 and 3 for a normal distribution; NaN for a series that does not leave its line. [1]
    """
    sums = np.zeros((5, SIMD_LANES))
    counts, seconds, thirds, fourths, sizes = sums[0], sums[1], sums[2], sums[3], sums[4]
    for start in range(0, x.size, SIMD_LANES):
        part = x[start : start + SIMD_LANES]
        for lane in range(part.size):
            gap = np.isnan(part[lane])
            deviation = 0.0 if gap else part[lane] - mean - slope * (float(start + lane) - middle)
            square = deviation * deviation
            counts[lane] += 0.0 if gap else 1.0
            seconds[lane] += square
            thirds[lane] += square * deviation
            fourths[lane] += square * square
            sizes[lane] += 0.0 if gap else part[lane] * part[lane]
    second = seconds.sum()
    if second <= 1e-24 * sizes.sum():  # rounding is no movement
        return np.nan, np.nan
    count = counts.sum()
    second /= count
    return thirds.sum() / count / second**1.5, fourths.sum() / count / second**2
