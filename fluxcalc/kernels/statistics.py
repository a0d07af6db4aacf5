"""Moments and covariances of series with gaps. Divisor N; means and products over the samples valid in both.

Sums are taken in SIMD_LANES parts side by side: a processor adds several numbers at once only where the order of
summation says so, and each part keeps more digits than one long sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

SIMD_LANES = 64
"""Sums side by side; a multiple of what any processor adds at once."""


@kernel
def moments(x: FloatArray) -> tuple[int, float, float, float, float]:
    """Count, average and spread of a series with gaps.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing. [any]

    Returns
    -------
    count : int
        Valid samples.
    mean, variance : float
        Divisor ``count``; NaN if nothing is valid. [any], [any squared]
    low, high : float
        Extremes; NaN if nothing is valid. [any]
    """
    counts, totals, squares = np.zeros(SIMD_LANES), np.zeros(SIMD_LANES), np.zeros(SIMD_LANES)
    lows, highs = np.full(SIMD_LANES, np.inf), np.full(SIMD_LANES, -np.inf)
    for start in range(0, x.size, SIMD_LANES):
        part = x[start : start + SIMD_LANES]
        for lane in range(part.size):
            value = part[lane]
            counts[lane] += 0.0 if np.isnan(value) else 1.0
            totals[lane] += 0.0 if np.isnan(value) else value
        for lane in range(part.size):
            # a gap is neither lower nor higher
            lows[lane] = part[lane] if part[lane] < lows[lane] else lows[lane]
            highs[lane] = part[lane] if part[lane] > highs[lane] else highs[lane]
    count = int(counts.sum())
    if count == 0:
        return 0, np.nan, np.nan, np.nan, np.nan
    mean = totals.sum() / count
    for start in range(0, x.size, SIMD_LANES):
        part = x[start : start + SIMD_LANES]
        for lane in range(part.size):
            square = (part[lane] - mean) * (part[lane] - mean)
            squares[lane] += 0.0 if np.isnan(square) else square
    return count, mean, squares.sum() / count, lows.min(), highs.max()


@kernel
def covariance(x: FloatArray, y: FloatArray) -> float:
    """Covariance over the samples valid in both series, in two passes.

    Parameters
    ----------
    x, y : ndarray, shape (n,), float64
        Series; NaN is missing. [any]

    Returns
    -------
    float
        mean(x'y'), divisor N; NaN with fewer than two pairs. [product of the units]
    """
    counts, sums_x, sums_y, products = (
        np.zeros(SIMD_LANES),
        np.zeros(SIMD_LANES),
        np.zeros(SIMD_LANES),
        np.zeros(SIMD_LANES),
    )
    for start in range(0, x.size, SIMD_LANES):
        part_x, part_y = x[start : start + SIMD_LANES], y[start : start + SIMD_LANES]
        for lane in range(part_x.size):
            gap = np.isnan(part_x[lane] + part_y[lane])
            counts[lane] += 0.0 if gap else 1.0
            sums_x[lane] += 0.0 if gap else part_x[lane]
            sums_y[lane] += 0.0 if gap else part_y[lane]
    count = counts.sum()
    if count < 2:
        return np.nan
    mean_x = sums_x.sum() / count
    mean_y = sums_y.sum() / count
    for start in range(0, x.size, SIMD_LANES):
        part_x, part_y = x[start : start + SIMD_LANES], y[start : start + SIMD_LANES]
        for lane in range(part_x.size):
            product = (part_x[lane] - mean_x) * (part_y[lane] - mean_y)
            products[lane] += 0.0 if np.isnan(product) else product
    return float(products.sum() / count)


@kernel
def mean_block_covariance(x: FloatArray, y: FloatArray, blocks: int) -> float:
    """Mean of the covariances of equal parts of an interval (Foken & Wichura's short intervals).

    Parameters
    ----------
    x, y : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    blocks : int
        Number of parts of floor(n / blocks) samples; the rest at the end is not used.

    Returns
    -------
    float
        Mean over the parts that have one; NaN if none has. [product of the units]
    """
    size = x.size // blocks
    total = 0.0
    count = 0
    for block in range(blocks):
        part = covariance(x[block * size : (block + 1) * size], y[block * size : (block + 1) * size])
        if not np.isnan(part):
            total += part
            count += 1
    return total / count if count else np.nan
