"""Search for the lag at which two series covary most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

SIMD_LANES = 64
"""Sums side by side: a processor adds several numbers at once only where the order of summation says so."""


@kernel
def sum_products(x: FloatArray, y: FloatArray) -> float:
    """Sum of x[i] y[i] over two series of one length without gaps."""
    lanes = np.zeros(SIMD_LANES)
    for start in range(0, x.size, SIMD_LANES):
        part_x, part_y = x[start : start + SIMD_LANES], y[start : start + SIMD_LANES]
        for lane in range(part_x.size):
            lanes[lane] += part_x[lane] * part_y[lane]
    return float(lanes.sum())


@kernel
def lagged_covariances(x: FloatArray, y: FloatArray, first: int, last: int) -> FloatArray:
    """Covariance of x[i] with y[i + lag] for a range of lags, means taken anew on each overlap.

    Parameters
    ----------
    x, y : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    first, last : int
        Range of lags, both included; positive: y comes later. [samples]

    Returns
    -------
    ndarray, shape (last - first + 1,)
        NaN where fewer than two pairs overlap. [product of the units]
    """
    n = x.size
    centred = np.empty((2, n))
    gaps = np.empty((2, n), np.int64)
    gap_counts = np.zeros(2, np.int64)
    for row in range(2):
        series = x if row == 0 else y
        total = 0.0
        for i in range(n):
            if np.isnan(series[i]):
                gaps[row, gap_counts[row]] = i
                gap_counts[row] += 1
            else:
                total += series[i]
        mean = total / (n - gap_counts[row]) if gap_counts[row] < n else 0.0
        for i in range(n):
            # a gap is a zero that adds nothing to any sum
            centred[row, i] = 0.0 if np.isnan(series[i]) else series[i] - mean
    gaps_x, gaps_y = gaps[0, : gap_counts[0]], gaps[1, : gap_counts[1]]
    whole_x, whole_y = centred[0].sum(), centred[1].sum()

    result = np.empty(last - first + 1)
    for lag in range(first, last + 1):
        begin, end = max(0, -lag), min(n, n - lag)
        if end - begin < 2:
            result[lag - first] = np.nan
            continue
        # what lies outside the overlap, or beside a gap of the other series, is taken off the whole
        pairs = end - begin
        sum_x, sum_y = whole_x, whole_y
        for i in range(begin):
            sum_x -= centred[0, i]
        for i in range(end, n):
            sum_x -= centred[0, i]
        for i in range(begin + lag):
            sum_y -= centred[1, i]
        for i in range(end + lag, n):
            sum_y -= centred[1, i]
        for i in gaps_x:
            if begin <= i < end:
                pairs -= 1
                sum_y -= centred[1, i + lag]
        for i in gaps_y:
            if begin <= i - lag < end:
                sum_x -= centred[0, i - lag]
                pairs -= 0 if np.isnan(x[i - lag]) else 1
        if pairs < 2:
            result[lag - first] = np.nan
        else:
            products = sum_products(centred[0, begin:end], centred[1, begin + lag : end + lag])
            result[lag - first] = products / pairs - sum_x / pairs * (sum_y / pairs)
    return result


@kernel
def shift(x: FloatArray, lag: int) -> FloatArray:
    """Move a series earlier by a lag; what is shifted in is missing.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series. [any]
    lag : int
        result[i] = x[i + lag]. [samples]
    """
    n = x.size
    begin, end = min(max(0, -lag), n), max(min(n, n - lag), 0)
    result = np.empty(n)
    for i in range(begin):
        result[i] = np.nan
    source, target = x[begin + lag : end + lag], result[begin:end]
    for i in range(source.size):
        target[i] = source[i]
    for i in range(end, n):
        result[i] = np.nan
    return result
