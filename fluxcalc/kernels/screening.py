"""What the raw-data tests of Vickers & Mahrt (1997) measure on one series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

SIMD_LANES = 32
"""Sums side by side: a processor adds several numbers at once only where the order of summation says so."""


@kernel
def block_moments(x: FloatArray, size: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Count, mean, sum of squared deviations and extremes of consecutive blocks.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing; a rest shorter than a block is left out. [any]
    size : int
        Length of a block. [samples]

    Returns
    -------
    counts, means, squares, lows, highs : ndarray, shape (n // size,)
        Means are 0 and extremes infinite where a block is empty. [1], [any], [any squared], [any], [any]
    """
    blocks = x.size // size
    counts = np.empty(blocks)
    means = np.empty(blocks)
    squares = np.empty(blocks)
    lows = np.empty(blocks)
    highs = np.empty(blocks)
    for block in range(blocks):
        base = 0.0
        for i in range(block * size, (block + 1) * size):
            if not np.isnan(x[i]):
                base = x[i]  # sums of deviations from a value nearby keep their digits
                break
        count = 0
        total = 0.0
        square = 0.0
        low = np.inf
        high = -np.inf
        for i in range(block * size, (block + 1) * size):
            value = x[i]
            if not np.isnan(value):
                deviation = value - base
                count += 1
                total += deviation
                square += deviation * deviation
                if value < low:
                    low = value
                if value > high:
                    high = value
        mean = total / count if count else 0.0
        counts[block] = count
        means[block] = base + mean
        squares[block] = max(square - count * mean * mean, 0.0)
        lows[block] = low
        highs[block] = high
    return counts, means, squares, lows, highs


@kernel
def combine_blocks(counts: FloatArray, means: FloatArray, squares: FloatArray) -> tuple[float, float]:
    """Mean and variance (divisor N) of blocks taken together; NaN if all are empty.

    Parameters
    ----------
    counts, means, squares : ndarray, shape (blocks,)
        As ``block_moments`` gives them. [1], [any], [any squared]

    Returns
    -------
    mean, variance : float
        [any], [any squared]
    """
    count = 0.0
    total = 0.0
    for block in range(counts.size):
        count += counts[block]
        total += counts[block] * (means[block] - means[0])
    if count == 0:
        return np.nan, np.nan
    mean = means[0] + total / count
    square = 0.0
    for block in range(counts.size):
        square += squares[block] + counts[block] * (means[block] - mean) ** 2
    return mean, square / count


@kernel
def bin_windows(x: FloatArray, window: int, bins: int, reach: float, tail: float) -> tuple[float, float, float]:
    """Sort half-overlapping windows of a series into bins: how many stay empty, how long a sample sits in one.

    The bins of a window lie between its extremes, or ``reach`` deviations wide around its mean if that is narrower.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing, and ends a stay. A rest at the end shorter than half a window is not looked at. [any]
    window : int
        Length of a window, even and at least 2; a shorter series is one window. [samples]
    bins : int
        At least 2.
    reach : float
        [standard deviations]
    tail : float
        A stay in this share of the samples at either end of the distribution is a stay among the extremes. [1]

    Returns
    -------
    empty : float
        Largest share of empty bins of any window that moves; 0 if there is none. [1]
    central, extreme : float
        Longest stay in one bin between the tails, and in the tails, as share of the window; up to 0.01 is none. [1]
    """
    n = x.size
    half = min(window, n) // 2
    least = 2 * half // 100
    empty = 0.0
    central = 0.0
    extreme = 0.0
    if half == 0:
        return empty, central, extreme

    counts, means, squares, lows, highs = block_moments(x, half)
    occupied = np.zeros(bins, dtype=np.int64)
    longest = np.zeros(bins, dtype=np.int64)
    places = np.empty(2 * half, dtype=np.int64)
    for part in range(counts.size - 1):
        count = counts[part] + counts[part + 1]
        low = min(lows[part], lows[part + 1])
        high = max(highs[part], highs[part + 1])
        if count < 2:
            continue
        if low == high:  # it never moves: one long stay
            central = max(central, count / (2 * half))
            continue
        mean, variance = combine_blocks(counts[part : part + 2], means[part : part + 2], squares[part : part + 2])
        wide = 0.5 * reach * np.sqrt(variance)
        if 2.0 * wide < high - low:
            low = mean - wide
            high = mean + wide
        scale = bins / (high - low)

        occupied[:] = 0
        longest[:] = 0
        # apart from what follows, where each sample waits for the one before it
        for i in range(2 * half):
            value = x[part * half + i]
            inside = low <= value <= high  # neither missing, nor beyond the bins
            places[i] = min(int((value - low) * scale), bins - 1) if inside else -1
        last = -1
        stay = 0
        for i in range(2 * half):
            place = places[i]
            if place >= 0:
                occupied[place] += 1
            stay = stay + 1 if place == last else 1
            last = place
            if stay > least and place >= 0:
                longest[place] = max(longest[place], stay)

        sorted_in = occupied.sum()
        below = 0
        for place in range(bins):
            if occupied[place] == 0:
                continue
            middle = (below + 0.5 * occupied[place]) / sorted_in
            below += occupied[place]
            if tail <= middle <= 1.0 - tail:
                central = max(central, longest[place] / (2 * half))
            else:
                extreme = max(extreme, longest[place] / (2 * half))
        empty = max(empty, (occupied == 0).sum() / bins)
    return empty, central, extreme


@kernel
def largest_steps(x: FloatArray, stride: int, reach: int) -> tuple[float, float, float]:
    """Largest changes from one half of a moving window to the other (the Haar transform).

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Series; NaN is missing. A rest at the end shorter than a stride is left out. [any]
    stride : int
        How far the window moves, at least 1. [samples]
    reach : int
        Half the length of the window. [strides]

    Returns
    -------
    mean, variance : float
        Largest absolute difference between the two halves' means, and between their variances (divisor N); a half
        with less than half of its samples is left out; 0 if there is none. [any], [any squared]
    whole : float
        Variance of the whole series; NaN if there is no sample. [any squared]
    """
    counts, means, squares, _, _ = block_moments(x, stride)
    centre, whole = combine_blocks(counts, means, squares)
    # running sums of deviations from the mean; those of the values themselves would lose digits
    valid = np.zeros(counts.size + 1)
    first = np.zeros(counts.size + 1)
    second = np.zeros(counts.size + 1)
    for k in range(counts.size):
        gap = means[k] - centre if counts[k] else 0.0
        valid[k + 1] = valid[k] + counts[k]
        first[k + 1] = first[k] + counts[k] * gap
        second[k + 1] = second[k] + squares[k] + counts[k] * gap * gap
    largest_mean = 0.0
    largest_variance = 0.0
    for k in range(reach, counts.size - reach + 1):
        before = valid[k] - valid[k - reach]
        after = valid[k + reach] - valid[k]
        if 2.0 * min(before, after) < reach * stride:
            continue
        mean_before = (first[k] - first[k - reach]) / before
        mean_after = (first[k + reach] - first[k]) / after
        variance_before = (second[k] - second[k - reach]) / before - mean_before * mean_before
        variance_after = (second[k + reach] - second[k]) / after - mean_after * mean_after
        largest_mean = max(largest_mean, abs(mean_after - mean_before))
        largest_variance = max(largest_variance, abs(variance_after - variance_before))
    return largest_mean, largest_variance, whole


@kernel
def count_outside(x: FloatArray, low: float, high: float) -> int:
    """Count the samples below ``low`` or above ``high``; NaN is neither. [any]"""
    count = 0
    for i in range(x.size):
        count += (x[i] < low) | (x[i] > high)
    return count


@kernel
def count_faster(u: FloatArray, v: FloatArray, limit: float) -> int:
    """Count the samples whose horizontal wind is faster than ``limit``; NaN is not. [m s-1]"""
    count = 0
    square = limit * limit
    for i in range(u.size):
        if u[i] * u[i] + v[i] * v[i] > square:
            count += 1
    return count


@kernel
def steep_share(u: FloatArray, v: FloatArray, w: FloatArray, low: float, high: float) -> float:
    """Share of samples in which the wind comes in too steeply.

    Parameters
    ----------
    u, v, w : ndarray, shape (n,), float64
        Wind in the sonic's axes; a sample missing in one counts as missing in all. [m s-1]
    low, high : float
        Tangents of the angles of attack outside of which wind is too steep, low < 0 < high. [1]

    Returns
    -------
    float
        NaN if there is no sample. [1]
    """
    count = 0
    steep = 0
    for i in range(u.size):
        level = np.sqrt(u[i] * u[i] + v[i] * v[i])
        if np.isnan(level) or np.isnan(w[i]):
            continue
        count += 1
        steep += 1 if w[i] < low * level or w[i] > high * level else 0
    return steep / count if count else np.nan
