"""The slow part of a series, as a line, as a running mean or as a fading memory. A gap takes no part in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]


@kernel
def line(x: FloatArray, parts: int) -> FloatArray:
    """Straight lines of least squares through equal parts of a series.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    parts : int
        Number of parts, 1 to n; their lengths differ by one sample at most.

    Returns
    -------
    ndarray, shape (n,)
        The line at every sample, missing ones too; NaN in a part without any valid sample. [any]
    """
    n = x.size
    result = np.empty(n)
    for part in range(parts):
        first = part * n // parts
        last = (part + 1) * n // parts
        count = 0
        sum_t = 0.0
        sum_x = 0.0
        for i in range(first, last):
            if not np.isnan(x[i]):
                count += 1
                sum_t += i - first
                sum_x += x[i]
        if count == 0:
            result[first:last] = np.nan
            continue
        mean_t = sum_t / count
        mean_x = sum_x / count
        squares = 0.0
        products = 0.0
        for i in range(first, last):
            if not np.isnan(x[i]):
                t = i - first - mean_t
                squares += t * t
                products += t * (x[i] - mean_x)
        slope = products / squares if squares > 0 else 0.0
        for i in range(first, last):
            result[i] = mean_x + slope * (i - first - mean_t)
    return result


@kernel
def running_mean(x: FloatArray, window: int) -> FloatArray:
    """Mean of the latest samples, this one among them; at the beginning of as many as there are.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    window : int
        Length of the mean, 1 or more. [samples]

    Returns
    -------
    ndarray, shape (n,)
        NaN where the window holds no valid sample. [any]
    """
    n = x.size
    result = np.full(n, np.nan)
    origin = np.nan
    count = 0
    total = 0.0
    for i in range(n):
        if not np.isnan(x[i]):
            if np.isnan(origin):
                # what the sum of a whole window loses in its last digits then belongs to the fluctuations
                origin = x[i]
            count += 1
            total += x[i] - origin
        if i >= window and not np.isnan(x[i - window]):
            count -= 1
            total -= x[i - window] - origin
        if count > 0:
            result[i] = origin + total / count
    return result


@kernel
def fading_mean(x: FloatArray, window: int) -> FloatArray:
    """Mean in which a sample's weight fades exponentially with its age; at the beginning the mean of what there is.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing and leaves the mean as it is. [any]
    window : int
        Time constant, 1 or more; the plain mean of the first ``window`` samples starts it. [samples]

    Returns
    -------
    ndarray, shape (n,)
        NaN before the first valid sample. [any]
    """
    n = x.size
    result = np.full(n, np.nan)
    decay = np.exp(-1.0 / window)
    count = 0
    mean = np.nan
    for i in range(n):
        if not np.isnan(x[i]):
            if count == 0:
                mean = x[i]
            elif i < window:
                mean += (x[i] - mean) / (count + 1)
            else:
                mean = decay * mean + (1.0 - decay) * x[i]
            count += 1
        result[i] = mean
    return result
