"""Marginal distribution sampling: what was measured under like conditions, near in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FULL, RADIATION, COURSE = 1, 2, 3


@kernel
def like_conditions(
    i: int,
    reach: int,
    full: bool,
    measured: IntArray,
    y: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    deficit: FloatArray,
    found: FloatArray,
) -> int:
    """Collect measured values of similar meteorology within a window.

    Parameters
    ----------
    i : int
        Record to be filled.
    reach : int
        Half-width of the window. [records]
    full : bool
        Compare radiation, temperature and vapour pressure deficit; else radiation alone.
    measured : ndarray of int, shape (m,)
        Places of measured values, ascending.
    y, radiation, temperature, deficit : ndarray, shape (n,), float64
        Series and drivers; a missing driver is like nothing. [any], [W m-2], [deg C], [hPa]
    found : ndarray, shape (n,)
        Receives the values.

    Returns
    -------
    int
        Number of values.
    """
    tolerance = max(20.0, min(50.0, radiation[i]))
    count = 0
    for k in range(np.searchsorted(measured, i - reach), measured.size):
        j = measured[k]
        if j > i + reach:
            break
        alike = abs(radiation[j] - radiation[i]) < tolerance
        if full and alike:
            alike = abs(deficit[j] - deficit[i]) < 5.0 and abs(temperature[j] - temperature[i]) < 2.5
        if alike:
            found[count] = y[j]
            count += 1
    return count


@kernel
def same_time_of_day(i: int, days: int, per_day: int, y: FloatArray, found: FloatArray) -> int:
    """Collect measured values within an hour of the same time on neighbouring days.

    Parameters
    ----------
    i : int
        Record to be filled.
    days : int
        How many days to either side.
    per_day : int
        Records a day.
    y : ndarray, shape (n,), float64
        Series; NaN is missing. [any]
    found : ndarray, shape (n,)
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
            if not np.isnan(y[j]):
                found[count] = y[j]
                count += 1
    return count


@kernel
def look_up(
    i: int,
    per_day: int,
    steps: IntArray,
    measured: IntArray,
    y: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    deficit: FloatArray,
    found: FloatArray,
) -> tuple[int, int, int]:
    """Go through the steps until one finds two values.

    Parameters
    ----------
    i, per_day, measured, y, radiation, temperature, deficit, found
        As above.
    steps : ndarray of int, shape (s, 2)
        Method and half-window in days of each step, in order.

    Returns
    -------
    count, method, days : int
        Values found, and by which step; zeros if none found two.
    """
    for k in range(steps.shape[0]):
        method, days = steps[k]
        if method == COURSE:
            count = same_time_of_day(i, days, per_day, y, found)
        else:
            reach = days * per_day
            full = method == FULL
            count = like_conditions(i, reach, full, measured, y, radiation, temperature, deficit, found)
        if count >= 2:
            return count, method, days
    return 0, 0, 0


@kernel
def sample_marginal(
    y: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    deficit: FloatArray,
    wanted: IntArray,
    steps: IntArray,
    per_day: int,
) -> tuple[FloatArray, FloatArray, IntArray, IntArray, IntArray]:
    """Look up the records that are wanted.

    Parameters
    ----------
    y, radiation, temperature, deficit : ndarray, shape (n,), float64
        Series and drivers on a regular grid; NaN is missing. [any], [W m-2], [deg C], [hPa]
    wanted : ndarray of int, shape (m,)
        Places to look up; a measured one stays among its own candidates.
    steps : ndarray of int, shape (s, 2)
        Method and half-window in days of each step, in order.
    per_day : int
        Records a day.

    Returns
    -------
    mean, sd : ndarray, shape (m,), float64
        Of the values found, sd with n - 1; NaN where nothing was. [any]
    count, method, days : ndarray of int, shape (m,)
        Zeros where nothing was found.
    """
    measured = np.flatnonzero(~np.isnan(y))
    found = np.empty(y.size)
    mean = np.full(wanted.size, np.nan)
    sd = np.full(wanted.size, np.nan)
    counts = np.zeros(wanted.size, dtype=np.int64)
    methods = np.zeros(wanted.size, dtype=np.int64)
    days = np.zeros(wanted.size, dtype=np.int64)
    for k in range(wanted.size):
        count, method, half_window = look_up(
            wanted[k], per_day, steps, measured, y, radiation, temperature, deficit, found
        )
        if count:
            values = found[:count]
            average = values.mean()
            mean[k] = average
            sd[k] = np.sqrt(((values - average) ** 2).sum() / (count - 1))
            counts[k] = count
            methods[k] = method
            days[k] = half_window
    return mean, sd, counts, methods, days
