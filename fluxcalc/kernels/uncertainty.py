"""Random uncertainty of half-hours, from what was measured under like conditions at the same time of day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@kernel
def spread_of_like_records(
    y: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    deficit: FloatArray,
    days: int,
    first: int,
    last: int,
    least: int,
    per_day: int,
) -> tuple[FloatArray, IntArray]:
    """Return the standard deviation of what was measured under like conditions at about the same time of day.

    Parameters
    ----------
    y : ndarray, shape (n,), float64
        Measured series; NaN is missing. [any]
    radiation, temperature, deficit : ndarray, shape (n,), float64
        A missing driver is like nothing. [W m-2], [deg C], [hPa]
    days : int
        How many days to either side.
    first, last : int
        From which to which record after the same time of day.
    least : int
        How many there must be.
    per_day : int
        Records a day.

    Returns
    -------
    sd : ndarray, shape (n,), float64
        With n - 1; NaN where nothing was measured, or less than ``least`` was found. [any]
    count : ndarray of int, shape (n,)
        How many were found; 0 where that is too few.
    """
    sd = np.full(y.size, np.nan)
    counts = np.zeros(y.size, np.int64)
    found = np.empty((2 * days + 1) * (last - first + 1) + 1)
    for i in range(y.size):
        if np.isnan(y[i]):
            continue
        tolerance = max(20.0, min(50.0, radiation[i]))
        count = 0
        for day in range(-days, days + 1):
            at = i + day * per_day
            for j in range(max(0, at + first), min(y.size, at + last + 1)):
                found[count] = y[j]
                count += (
                    (y[j] == y[j])
                    & (abs(temperature[j] - temperature[i]) < 2.5)
                    & (abs(radiation[j] - radiation[i]) < tolerance)
                    & (abs(deficit[j] - deficit[i]) < 5.0)
                )
        if count >= least:
            values = found[:count]
            sd[i] = np.sqrt(((values - values.mean()) ** 2).sum() / (count - 1))
            counts[i] = count
    return sd, counts


@kernel
def spread_of_like_fluxes(
    y: FloatArray, sd: FloatArray, share: float, floor: float, before: int, after: int
) -> tuple[FloatArray, IntArray]:
    """Return the median standard deviation of records with about the same flux, for records that have none.

    Parameters
    ----------
    y : ndarray, shape (n,), float64
        Series, filled; NaN is missing. [any]
    sd : ndarray, shape (n,), float64
        Standard deviations; NaN is none. [any]
    share, floor : float
        A flux is alike that lies within this share of the flux, or within this much. [1], [any]
    before, after : int
        How many records before and after are looked at.

    Returns
    -------
    median : ndarray, shape (n,), float64
        NaN where ``sd`` has one, or nothing was found. [any]
    count : ndarray of int, shape (n,)
    """
    median = np.full(y.size, np.nan)
    counts = np.zeros(y.size, np.int64)
    found = np.empty(before + after + 2)
    for i in range(y.size):
        if not np.isnan(sd[i]) or np.isnan(y[i]):
            continue
        within = max(abs(y[i] * share), floor)
        low, high = y[i] - within, y[i] + within
        count = 0
        for j in range(max(0, i - before), min(y.size, i + after + 1)):
            found[count] = sd[j]
            count += (sd[j] == sd[j]) & (y[j] >= low) & (y[j] <= high)
        if count:
            median[i] = np.median(found[:count])
            counts[i] = count
    return median, counts
