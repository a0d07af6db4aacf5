"""Spikes: runs of samples far from their neighbourhood (Vickers & Mahrt 1997) or from the median (Mauder 2013)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

SIMD_LANES = 32
"""Sums side by side: a processor adds several numbers at once only where the order of summation says so."""


@kernel
def sum_powers(x: FloatArray, centre: float, lanes: FloatArray) -> tuple[float, float, float]:
    """Sum of deviations from a centre, sum of their squares, and number of valid samples; ``lanes`` is room to work."""
    lanes[:] = 0.0
    sums, squares, counts = lanes[0], lanes[1], lanes[2]
    for start in range(0, x.size, SIMD_LANES):
        part = x[start : start + SIMD_LANES]
        for lane in range(part.size):
            deviation = part[lane] - centre
            sums[lane] += 0.0 if np.isnan(deviation) else deviation
            squares[lane] += 0.0 if np.isnan(deviation) else deviation * deviation
            counts[lane] += 0.0 if np.isnan(deviation) else 1.0
    total = 0.0
    square = 0.0
    count = 0.0
    for lane in range(SIMD_LANES):
        total += sums[lane]
        square += squares[lane]
        count += counts[lane]
    return total, square, count


@kernel
def window_bounds(x: FloatArray, window: int, step: int, limit: float) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest value that is no outlier, for each position of a moving window.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    window, step : int
        Length of the window and how far it moves, ``window <= n``. [samples]
    limit : float
        Allowed distance from the window's mean. [standard deviations, divisor N - 1]

    Returns
    -------
    low, high : ndarray, shape ((n - window) // step + 1,)
        NaN where a window holds fewer than two samples. [any]
    """
    n = x.size
    positions = (n - window) // step + 1
    low = np.empty(positions)
    high = np.empty(positions)

    lanes = np.empty((3, SIMD_LANES))
    total, _, count = sum_powers(x, 0.0, lanes)
    centre = total / count if count else 0.0  # running sums of deviations keep their digits, those of values do not

    # running sums are kept only where a window begins or ends: rows are sum, sum of squares, count
    begun = np.empty((3, positions))
    ended = np.empty((3, positions))
    deviations = 0.0
    squares = 0.0
    valid = 0.0
    done = 0
    begins = 0
    ends = 0
    while done < n or ends < positions:
        place = ends * step + window if ends < positions else n
        if begins < positions:
            place = min(place, begins * step)
        part = sum_powers(x[done:place], centre, lanes)
        deviations += part[0]
        squares += part[1]
        valid += part[2]
        done = place
        if begins < positions and begins * step == place:
            begun[0, begins], begun[1, begins], begun[2, begins] = deviations, squares, valid
            begins += 1
        if ends < positions and ends * step + window == place:
            ended[0, ends], ended[1, ends], ended[2, ends] = deviations, squares, valid
            ends += 1

    # a window in which nothing moves has sd 0: rounding of its mean must not make outliers
    slack = 1e-9 * np.sqrt(squares / count) if count else 0.0
    for k in range(positions):
        valid = ended[2, k] - begun[2, k]
        if valid < 2:
            low[k] = np.nan
            high[k] = np.nan
            continue
        mean = (ended[0, k] - begun[0, k]) / valid
        variance = (ended[1, k] - begun[1, k] - valid * mean * mean) / (valid - 1)
        reach = limit * np.sqrt(max(variance, 0.0)) + slack
        low[k] = centre + mean - reach
        high[k] = centre + mean + reach
    return low, high


@kernel
def despike_pass(
    x: FloatArray, replaced: NDArray[np.bool_], window: int, step: int, limit: float, longest: int
) -> tuple[int, int, int]:
    """Replace short outlier runs by straight lines, once, in place.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series, changed; NaN is missing and, inside a run, counts to its length. [any]
    replaced : ndarray, shape (n,), bool
        Samples that earlier passes replaced; this one adds its own.
    window, step : int
        Moving window; its mean and deviation hold for the ``step`` samples in its middle. [samples]
    limit : float
        Outlier: further from the window's mean than this. [standard deviations]
    longest : int
        Longest run that is a spike; longer ones are taken for nature and kept. [samples]

    Returns
    -------
    spikes : int
        Spikes (runs, not samples) replaced for the first time.
    repeated : int
        Spikes replaced whose last sample an earlier pass had replaced: what is left of a spike that is counted.
    kept : int
        Outlier samples in longer runs, which a later pass with a wider limit may cut short enough.

    References
    ----------
    Vickers & Mahrt (1997), doi:10.1175/1520-0426(1997)014<0512:QCAFSP>2.0.CO;2
    """
    n = x.size
    low, high = window_bounds(x, window, step, limit)
    last_position = low.size - 1
    # counting samples from one, the first step of the second window starts at its middle less half a step
    margin = (window - step) // 2 - 1
    spikes = 0
    repeated = 0
    kept = 0
    run = 0
    for k in range(low.size):
        start = margin + k * step if k else 0
        stop = min(margin + (k + 1) * step, n) if k < last_position else n
        lowest, highest = low[k], high[k]
        if run == 0:
            outliers = 0
            for i in range(start, stop):
                outliers += (x[i] < lowest) | (x[i] > highest)
            if outliers == 0:
                continue
        for i in range(start, stop):
            if (run > 0 and np.isnan(x[i])) or x[i] < lowest or x[i] > highest:
                run += 1
                continue
            if 0 < run <= longest:
                first = i - run
                if replaced[i - 1]:
                    repeated += 1
                else:
                    spikes += 1
                replaced[first:i] = True
                if first == 0:
                    # nothing stands before the first sample: it is brought to the edge of what is no outlier
                    for j in range(run):
                        if not np.isnan(x[j]):
                            x[j] = min(max(x[j], low[0]), high[0])
                else:
                    before = x[first - 1]
                    for j in range(run):
                        x[first + j] = before + (x[i] - before) * (j + 1) / (run + 1)
            elif run > longest:
                kept += run
            run = 0
    return spikes, repeated, kept + run


@kernel
def bridge_outliers(x: FloatArray, low: float, high: float) -> int:
    """Replace all outliers by straight lines between the values around them, once, in place.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series, changed; NaN is missing and stays so. [any]
    low, high : float
        A sample outside is an outlier. [any]

    Returns
    -------
    int
        Runs of outliers replaced. A run without a valid sample on one side takes the value of the other side.
    """
    n = x.size
    runs = 0
    before = -1  # the last sample that is valid and no outlier
    first = -1  # the first outlier since
    for i in range(n):
        if np.isnan(x[i]):
            continue
        if x[i] < low or x[i] > high:
            if first < 0:
                first = i
                runs += 1
            continue
        if first >= 0:
            for j in range(first, i):
                if not np.isnan(x[j]):
                    x[j] = x[i] if before < 0 else x[before] + (x[i] - x[before]) * (j - before) / (i - before)
            first = -1
        before = i
    if first >= 0 and before >= 0:
        for j in range(first, n):
            if not np.isnan(x[j]):
                x[j] = x[before]
    return runs
