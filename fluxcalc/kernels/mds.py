"""Marginal distribution sampling: what was measured under like conditions, near in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FULL, RADIATION, COURSE = 1, 2, 3
POOLED, BY_SIDE, BY_SIDE_WITH_TIES = 0, 1, 2
"""How like conditions are averaged: all alike; the means of those with less and with more radiation, averaged; the same
with what has equal radiation on both sides."""
DARK_LIMIT = 10.0
"""Below this radiation ``BY_SIDE`` pools. [W m-2]"""


@kernel
def like_conditions(
    i: int,
    first: int,
    end: int,
    full: bool,
    own: int,
    measured: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    deficit: FloatArray,
    drivers: FloatArray,
    found: FloatArray,
    under: FloatArray,
) -> int:
    """Collect measured values of similar meteorology.

    Parameters
    ----------
    i : int
        Record to be filled.
    first, end : int
        Which of the measured values lie in the window.
    full : bool
        Compare radiation, temperature and vapour pressure deficit; else radiation alone.
    own : int
        Place among the measured values that is left out; -1 leaves out none.
    measured, radiation, temperature, deficit : ndarray, shape (m,), float64
        Measured values and their drivers; a missing driver is like nothing. [any], [W m-2], [deg C], [hPa]
    drivers : ndarray, shape (3, n), float64
        Radiation, temperature and deficit of all records.
    found, under : ndarray, shape (m + 1,)
        Receive the values, and the radiation under which they were measured.

    Returns
    -------
    int
        Number of values.
    """
    light, warmth, dryness = drivers[0, i], drivers[1, i], drivers[2, i]
    tolerance = max(20.0, min(50.0, light))
    count = 0
    # every value is written, and counted if it is alike: no branch that a processor would have to guess
    if full:
        for k in range(first, end):
            alike = (
                (abs(radiation[k] - light) < tolerance)
                & (abs(deficit[k] - dryness) < 5.0)
                & (abs(temperature[k] - warmth) < 2.5)
                & (k != own)
            )
            found[count] = measured[k]
            under[count] = radiation[k]
            count += alike
    else:
        for k in range(first, end):
            alike = (abs(radiation[k] - light) < tolerance) & (k != own)
            found[count] = measured[k]
            under[count] = radiation[k]
            count += alike
    return count


@kernel
def same_time_of_day(i: int, days: int, per_day: int, leave_out: bool, y: FloatArray, found: FloatArray) -> int:
    """Collect measured values within an hour of the same time on neighbouring days.

    Parameters
    ----------
    i : int
        Record to be filled.
    days : int
        How many days to either side.
    per_day : int
        Records a day.
    leave_out : bool
        Whether the record's own value is left out.
    y : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    found : ndarray
        Receives the values.

    Returns
    -------
    int
        Number of values.
    """
    hour = per_day // 24
    count = 0
    for day in range(-days, days + 1):
        for j in range(max(0, i + day * per_day - hour), min(y.size, i + day * per_day + hour + 1)):
            if not np.isnan(y[j]) and not (leave_out and j == i):
                found[count] = y[j]
                count += 1
    return count


@kernel
def by_side(light: float, values: FloatArray, under: FloatArray, ties: bool) -> float:
    """Average the mean of values under less radiation and that of those under more.

    Parameters
    ----------
    light : float
        Radiation of the record to be filled. [W m-2]
    values, under : ndarray, shape (m,), float64
        Values, and the radiation under which they were measured.
    ties : bool
        Whether equal radiation counts on both sides, else on that of less.

    Returns
    -------
    float
        The mean of all, where one side is empty.
    """
    low, high = 0.0, 0.0
    lows, highs = 0, 0
    for value, radiation in zip(values, under):  # noqa: B905 - a compiled zip is strict by its arrays
        if radiation <= light:
            low += value
            lows += 1
        if radiation > light or (ties and radiation == light):
            high += value
            highs += 1
    if lows == 0 or highs == 0:
        return float(values.mean())
    return (low / lows + high / highs) / 2


@kernel
def sample_marginal(
    y: FloatArray,
    drivers: FloatArray,
    wanted: IntArray,
    steps: IntArray,
    per_day: int,
    short: int,
    averaging: int,
    leave_out: bool,
) -> tuple[FloatArray, FloatArray, IntArray, IntArray, IntArray]:
    """Look up the records that are wanted, by the first step that finds two values.

    Parameters
    ----------
    y : ndarray, shape (n,), float64
        Series on a regular grid; NaN is missing. [any]
    drivers : ndarray, shape (3, n), float64
        Radiation, temperature and vapour pressure deficit. [W m-2], [deg C], [hPa]
    wanted : ndarray of int, shape (w,)
        Places to look up.
    steps : ndarray of int, shape (s, 2)
        Method and half-window in days of each step, in order.
    per_day : int
        Records a day.
    short : int
        Records by which windows of like conditions are shorter at either end.
    averaging : int
        ``POOLED``, ``BY_SIDE`` or ``BY_SIDE_WITH_TIES``.
    leave_out : bool
        Whether a measured record is left out of its own candidates.

    Returns
    -------
    mean, sd : ndarray, shape (w,), float64
        Of the values found, sd with n - 1; NaN where nothing was. [any]
    count, method, days : ndarray of int, shape (w,)
        Zeros where nothing was found.
    """
    present = ~np.isnan(y)
    places = np.flatnonzero(present)
    # how many measured values lie before each place: where a window begins among them
    before = np.zeros(y.size + 1, np.int64)
    before[1:] = np.cumsum(present)
    measured, radiation, temperature, deficit = y[places], drivers[0][places], drivers[1][places], drivers[2][places]
    found, under = np.empty(y.size + 1), np.empty(y.size + 1)
    mean, sd = np.full(wanted.size, np.nan), np.full(wanted.size, np.nan)
    counts, methods, days = (
        np.zeros(wanted.size, np.int64), np.zeros(wanted.size, np.int64), np.zeros(wanted.size, np.int64),
    )  # fmt: skip
    for w in range(wanted.size):
        i = wanted[w]
        own = before[i] if leave_out and present[i] else -1
        for s in range(steps.shape[0]):
            method, half = steps[s]
            if method == COURSE:
                count = same_time_of_day(i, half, per_day, leave_out, y, found)
            else:
                reach = half * per_day - short
                first, end = before[max(0, i - reach)], before[min(y.size, i + reach + 1)]
                count = like_conditions(
                    i, first, end, method == FULL, own, measured, radiation, temperature, deficit, drivers, found, under
                )
            if count >= 2:
                values = found[:count]
                average: float = values.mean()
                sd[w] = np.sqrt(((values - average) ** 2).sum() / (count - 1))
                if averaging != POOLED and method != COURSE and (averaging != BY_SIDE or drivers[0, i] >= DARK_LIMIT):
                    average = by_side(drivers[0, i], values, under[:count], averaging == BY_SIDE_WITH_TIES)
                mean[w], counts[w], methods[w], days[w] = average, count, method, half
                break
    return mean, sd, counts, methods, days
