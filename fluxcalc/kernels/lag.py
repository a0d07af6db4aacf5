"""Search for the lag at which two series covary most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]


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
    valid = np.empty((2, n))
    for row in range(2):
        series = x if row == 0 else y
        total = 0.0
        count = 0
        for value in series:
            if not np.isnan(value):
                total += value
                count += 1
        mean = total / count if count else 0.0
        for i in range(n):
            missing = np.isnan(series[i])
            # a gap is a zero that weighs nothing: the inner loop then needs no branch
            centred[row, i] = 0.0 if missing else series[i] - mean
            valid[row, i] = 0.0 if missing else 1.0

    result = np.empty(last - first + 1)
    for lag in range(first, last + 1):
        pairs = 0.0
        sum_x = 0.0
        sum_y = 0.0
        products = 0.0
        for i in range(max(0, -lag), min(n, n - lag)):
            valid_x = valid[0, i]
            valid_y = valid[1, i + lag]
            pairs += valid_x * valid_y
            sum_x += centred[0, i] * valid_y
            sum_y += centred[1, i + lag] * valid_x
            products += centred[0, i] * centred[1, i + lag]
        if pairs < 2:
            result[lag - first] = np.nan
        else:
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
    result = np.full(n, np.nan)
    for i in range(max(0, -lag), min(n, n - lag)):
        result[i] = x[i + lag]
    return result
