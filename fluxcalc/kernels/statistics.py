"""Moments and covariances of series with gaps. Divisor N; means and products over the samples valid in both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]


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
    count = 0
    total = 0.0
    low = np.inf
    high = -np.inf
    for value in x:
        if not np.isnan(value):
            count += 1
            total += value
            low = min(low, value)
            high = max(high, value)
    if count == 0:
        return 0, np.nan, np.nan, np.nan, np.nan
    mean = total / count
    squares = 0.0
    for value in x:
        if not np.isnan(value):
            squares += (value - mean) ** 2
    return count, mean, squares / count, low, high


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
    count = 0
    sum_x = 0.0
    sum_y = 0.0
    for i in range(x.size):
        if not (np.isnan(x[i]) or np.isnan(y[i])):
            count += 1
            sum_x += x[i]
            sum_y += y[i]
    if count < 2:
        return np.nan
    mean_x = sum_x / count
    mean_y = sum_y / count
    products = 0.0
    for i in range(x.size):
        if not (np.isnan(x[i]) or np.isnan(y[i])):
            products += (x[i] - mean_x) * (y[i] - mean_y)
    return products / count


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
