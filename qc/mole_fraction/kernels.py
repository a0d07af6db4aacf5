"""Compiled loops of the chain of mole fractions: arrays in, arrays out. All in one file, as the compiler's cache needs.

Sums run in the order of time, so that a stretch gives the same bits whatever stands before and after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def kernel(function: F) -> F:
    """Compile a function, cached on disk where a folder for that can be written."""
    try:
        return cast(F, njit(cache=True)(function))
    except RuntimeError:
        return cast(F, njit(function))


@kernel
def summarise(
    values: Floats, time: Ints, use: NDArray[np.bool_], starts: Ints, ends: Ints
) -> tuple[Floats, Floats, Ints, Floats, Ints]:
    """Return of each stretch: mean, sd, n, lag-1 autocorrelation, mean time, of the samples in use."""
    count = len(starts)
    means, sds, lags = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count)
    ns, times = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for k in range(count):
        total, n, first = 0.0, 0, np.int64(0)
        offset = 0.0
        for i in range(starts[k], ends[k]):
            if use[i]:
                if n == 0:
                    first = time[i]
                total += values[i]
                offset += time[i] - first
                n += 1
        ns[k] = n
        if n == 0:
            times[k] = time[starts[k]]
            continue
        mean = total / n
        means[k] = mean
        times[k] = first + np.int64(offset / n)
        square, product, last = 0.0, 0.0, np.nan
        for i in range(starts[k], ends[k]):
            if use[i]:
                d = values[i] - mean
                square += d * d
                if last == last:
                    product += d * last
                last = d
        if n > 1:
            sds[k] = np.sqrt(square / (n - 1))
            if square > 0:
                lags[k] = product / square
    return means, sds, ns, lags, times


@kernel
def calibrate(
    time: Ints,
    response: Floats,
    factor: Floats,
    reference_time: Ints,
    reference: Floats,
    bracketed: NDArray[np.bool_],
    reference_tank: Ints,
    subtract: bool,
    node_time: Ints,
    node_tank: Ints,
    centre: Floats,
    coefficients: Floats,
    max_age: int,
) -> tuple[Floats, Floats, Floats, NDArray[np.int8]]:
    """Turn responses into mole fractions.

    Parameters
    ----------
    time, response, factor : ndarray, shape (n,)
        Samples, oldest first: dry response, and moist over dry. The response function was learnt from dry tanks, where
        moist and dry are one; it holds for what the cell sees, the moist response.
    reference_time, reference : ndarray, shape (r,)
        Runs of the reference.
    bracketed : ndarray, shape (r,), bool
        Whether samples between this run and the next are between two runs of the same tank.
    reference_tank, node_tank : ndarray, shape (r,) and (c,)
        Number of the tank of each run, and of that to which each calibration refers: another's does not hold.
    subtract : bool
        Whether the reference is subtracted.
    node_time, centre, coefficients : ndarray, shape (c,), (c,), (c, 3)
        Calibrations; their values are interpolated in time.
    max_age : int
        For how long a calibration holds. [ns]

    Returns
    -------
    value, slope, argument : ndarray, shape (n,)
        Mole fraction, its change with the response, and what the earlier calibration's polynomial was applied to.
    fault : ndarray, shape (n,), int8
        1: not bracketed; 2: no calibration near enough; 3: both.
    """
    n, runs, nodes = len(time), len(reference_time), len(node_time)
    value, slope, argument = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    fault = np.zeros(n, np.int8)
    r, c = -1, -1
    for i in range(n):
        t = time[i]
        while r + 1 < runs and reference_time[r + 1] <= t:
            r += 1
        while c + 1 < nodes and node_time[c + 1] <= t:
            c += 1
        if runs == 0 or nodes == 0:
            fault[i] = 3
            continue
        if r >= 0 and bracketed[r]:
            w = (t - reference_time[r]) / (reference_time[r + 1] - reference_time[r])
            base = (1.0 - w) * reference[r] + w * reference[r + 1]
        else:
            fault[i] |= 1
            base = reference[max(r, 0)]
        moist = response[i] * factor[i]
        x = moist - base if subtract else moist
        tank = reference_tank[max(r, 0)]
        later = c + 1 < nodes and node_time[c + 1] - t <= max_age and node_tank[c + 1] == tank
        earlier = c >= 0 and t - node_time[c] <= max_age and node_tank[c] == tank
        first, second, w = c, c + 1, 0.0
        if earlier and later:
            w = (t - node_time[c]) / (node_time[c + 1] - node_time[c])
        elif later:
            first = second
        elif not earlier:
            fault[i] |= 2
            first = max(c, 0)
        d = x - centre[first]
        argument[i] = d
        one = coefficients[first, 0] + d * (coefficients[first, 1] + d * coefficients[first, 2])
        gain = coefficients[first, 1] + 2.0 * d * coefficients[first, 2]
        if w > 0.0:
            d = x - centre[second]
            other = coefficients[second, 0] + d * (coefficients[second, 1] + d * coefficients[second, 2])
            other_gain = coefficients[second, 1] + 2.0 * d * coefficients[second, 2]
            one = (1.0 - w) * one + w * other
            gain = (1.0 - w) * gain + w * other_gain
        value[i], slope[i] = one / factor[i], gain
    return value, slope, argument, fault


@kernel
def _spread(
    group: Ints,
    state: NDArray[np.int8],
    best: NDArray[np.int8],
    values: Floats,
    means: Floats,
    counts: Ints,
    states: int,
    sds: Floats,
) -> None:
    """Put the standard deviation of each group's samples about its mean; 0 of a single one."""
    squares = np.zeros(len(sds))
    for i in range(len(group)):
        g = group[i]
        if g >= 0 and state[i] == best[g] and best[g] < states - 1:
            d = values[i] - means[g]
            squares[g] += d * d
    for g in range(len(sds)):
        if counts[g] > 1:
            sds[g] = np.sqrt(squares[g] / (counts[g] - 1))
        elif counts[g] == 1:
            sds[g] = 0.0


@kernel
def average(
    time: Ints,
    group: Ints,
    state: NDArray[np.int8],
    marks: NDArray[np.uint32],
    values: Floats,
    rows: int,
    states: int,
) -> tuple[Floats, Floats, Ints, NDArray[np.int8], NDArray[np.uint32], Ints]:
    """Average the samples of each group that are in the best state there; -1 is no group.

    Returns
    -------
    mean, sd : ndarray, shape (rows, columns) and (rows,)
        ``values`` has shape (columns, n); the sd is that of the first column.
    n : ndarray, shape (rows,)
        How many.
    best : ndarray, shape (rows,), int8
        Their state.
    why : ndarray, shape (rows,), uint32
        Marks of the samples in that state, if it is not 0.
    mean_time : ndarray, shape (rows,), int64
        Of those used, else of the first sample.
    """
    columns, n = values.shape
    best = np.full(rows, states - 1, np.int8)
    why = np.zeros(rows, np.uint32)
    for i in range(n):
        g = group[i]
        if g >= 0:
            best[g] = min(best[g], state[i])
    means, sds = np.full((rows, columns), np.nan), np.full(rows, np.nan)
    counts, first, offset = np.zeros(rows, np.int64), np.full(rows, -1, np.int64), np.zeros(rows)
    for i in range(n):
        g = group[i]
        if g < 0:
            continue
        if best[g] > 0 and state[i] == best[g]:
            why[g] |= marks[i]
        if first[g] < 0:
            first[g] = time[i]
        if state[i] != best[g] or best[g] == states - 1:
            continue
        if counts[g] == 0:
            means[g] = 0.0
        counts[g] += 1
        offset[g] += time[i] - first[g]
        for c in range(columns):
            means[g, c] += values[c, i]
    mean_time = np.zeros(rows, np.int64)
    for g in range(rows):
        if counts[g] > 0:
            means[g] /= counts[g]
            mean_time[g] = first[g] + np.int64(offset[g] / counts[g])
        else:
            mean_time[g] = first[g]
    _spread(group, state, best, values[0], means[:, 0], counts, states, sds)
    return means, sds, counts, best, why, mean_time


@kernel
def baseline_variance(
    group_start: Ints,
    group_end: Ints,
    point_time: Ints,
    weight: Floats,
    before: Ints,
    bracketed: NDArray[np.bool_],
    reference_time: Ints,
    reference_variance: Floats,
    diffusion: Floats,
) -> tuple[Floats, Floats]:
    """Return the variance of the interpolated reference, averaged over the points of each group, per unit slope.

    Between two runs the baseline is a Brownian bridge: at s and u, s < u, after the first of two runs a time T apart,
    its covariance is q s (T - u)/T. The noise of the runs' own means enters by the weight of each run in the mean.

    Parameters
    ----------
    group_start, group_end : ndarray, shape (g,)
        Points of each group.
    point_time, weight, before : ndarray, shape (p,)
        Time of each point, samples it stands for (0 leaves it out), run of the reference before it.
    bracketed, reference_time, reference_variance : ndarray, shape (r,)
        As in ``calibrate``; variance of each run's mean.
    diffusion : ndarray, shape (r,)
        q between this run and the next. [unit2 ns-1]

    Returns
    -------
    bridge, noise : ndarray, shape (g,)
        Variance by the drift between runs, and by the runs' noise; NaN where a point is not bracketed.
    """
    groups = len(group_start)
    bridge, noise = np.full(groups, np.nan), np.full(groups, np.nan)
    for g in range(groups):
        a, b = group_start[g], group_end[g]
        total, first, last = 0.0, np.int64(1 << 60), np.int64(-1)
        inside = True
        for i in range(a, b):
            if weight[i] > 0.0:
                total += weight[i]
                if before[i] < 0 or not bracketed[before[i]]:
                    inside = False
                first, last = min(first, before[i]), max(last, before[i])
        if total == 0.0 or not inside:
            continue
        shares = np.zeros(last - first + 2)
        drift = 0.0
        for i in range(a, b):
            if weight[i] == 0.0:
                continue
            r = before[i]
            span = float(reference_time[r + 1] - reference_time[r])
            s = float(point_time[i] - reference_time[r])
            w = weight[i] / total
            shares[r - first] += w * (1.0 - s / span)
            shares[r - first + 1] += w * s / span
            for j in range(a, b):
                if weight[j] > 0.0 and before[j] == r:
                    other = float(point_time[j] - reference_time[r])
                    low, high = min(s, other), max(s, other)
                    drift += w * (weight[j] / total) * diffusion[r] * low * (span - high) / span
        own = 0.0
        for k in range(len(shares)):
            own += shares[k] * shares[k] * reference_variance[first + k]
        bridge[g], noise[g] = drift, own
    return bridge, noise


@kernel
def learn_diffusion(
    time: Ints, value: Floats, variance: Floats, length: Floats, bracketed: NDArray[np.bool_], pool: int, least: int
) -> tuple[Floats, Floats]:
    """Return the diffusion between each run of the reference and the next, and of how many residuals it is made.

    A residual of the jackknife, h1 after a run and h2 before another, has the variance q h1 h2/(h1 + h2) by the walk,
    and q T/12 by each mean over T. NaN and 0 where fewer than ``least`` residuals came in ``pool`` before.
    """
    n = len(time)
    square, reach = np.full(n, np.nan), np.zeros(n)
    for i in range(1, n - 1):
        if bracketed[i - 1] and bracketed[i]:
            before, after = float(time[i] - time[i - 1]), float(time[i + 1] - time[i])
            w = before / (before + after)
            residual = value[i] - (1.0 - w) * value[i - 1] - w * value[i + 1]
            by_noise = variance[i] + (1.0 - w) * (1.0 - w) * variance[i - 1] + w * w * variance[i + 1]
            square[i] = residual * residual - by_noise
            means = length[i] + (1.0 - w) * (1.0 - w) * length[i - 1] + w * w * length[i + 1]
            reach[i] = before * after / (before + after) + means / 12.0
    diffusion, count = np.full(n, np.nan), np.zeros(n)
    first = 0
    for i in range(n):
        while time[first] <= time[i] - pool:
            first += 1
        total, total_reach, found = 0.0, 0.0, 0
        for j in range(first, i + 1):
            if square[j] == square[j]:
                total += square[j]
                total_reach += reach[j]
                found += 1
        if found >= least:
            diffusion[i] = max(total / total_reach, 0.0)
            count[i] = found
    return diffusion, count


@kernel
def weighted_sum(values: Floats, starts: Ints, ends: Ints) -> Floats:
    """Return the sum over each stretch, in the order of the values."""
    result = np.zeros(len(starts))
    for k in range(len(starts)):
        for i in range(starts[k], ends[k]):
            result[k] += values[i]
    return result


@kernel
def spikes_by_sd(time: Ints, value: Floats, alpha: float, hour: int, day: int, least: int) -> NDArray[np.bool_]:
    """Tell spikes of each clock hour by the sd between the quartiles of the day before; it starts an hour early."""
    n = len(time)
    found = np.zeros(n, np.bool_)
    first, back, previous = 0, 0, 0
    while first < n:
        start = time[first] // hour * hour
        last = first
        while last < n and time[last] < start + hour:
            last += 1
        while time[back] < start - day:
            back += 1
        while time[previous] < start - hour:
            previous += 1
        if first - back >= least:
            ordered = np.sort(value[back:first])
            middle = ordered[len(ordered) // 4 : len(ordered) - len(ordered) // 4]
            mean = 0.0
            for one in middle:
                mean += one
            mean /= len(middle)
            square = 0.0
            for one in middle:
                square += (one - mean) * (one - mean)
            sigma = np.sqrt(square / (len(middle) - 1))
            kept = value[previous]
            for i in range(previous, min(previous + 5, last)):
                kept = min(kept, value[i])
            apart = 1
            for i in range(previous, last):
                if value[i] > kept + alpha * sigma + np.sqrt(float(apart)) * sigma:
                    apart += 1
                    if i >= first:
                        found[i] = True
                else:
                    kept, apart = value[i], 1
        first = last
    return found
