"""Closure of the energy balance, fluxes corrected for it, and evaporation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

IntArray = NDArray[np.int64]

BALANCE_HOURS = ((22.0, 26.5), (10.0, 14.5))
"""Local hours whose balance is used: little heat goes into or out of air and canopy then. [h]"""
WINDOW_DAYS, LEAST_FACTORS = 15, 5
"""Half-width of the window of factors, and how many it needs."""
NEAR_DAYS, NEAR_HOURS = 5, 1.0
"""Half-width of the window, and of the time of day, in which factors stand in for missing ones."""
FENCE_RANGES = 1.5
"""Factors are left out that are farther outside the quartiles than this many interquartile ranges."""
FROM_WINDOW, FROM_NEIGHBOURS, FROM_OTHER_YEARS, NO_FACTOR = 1, 2, 3, 0
"""Where a factor comes from."""


@dataclass(frozen=True, slots=True)
class Closure:
    """How far turbulent fluxes balance the available energy.

    Attributes
    ----------
    slope, intercept, r2 : float
        Of the regression of H + LE on net radiation minus ground heat flux. [1], [W m-2], [1]
    ratio : float
        Sum of H + LE over the sum of the available energy. [1]
    count : int
        Records that have all four. Fewer than two, or no spread: the others are NaN.
    """

    slope: float
    intercept: float
    r2: float
    ratio: float
    count: int


def closure(net: FloatArray, ground: FloatArray, sensible: FloatArray, latent: FloatArray) -> Closure:
    """Tell the closure of the energy balance.

    Parameters
    ----------
    net, ground, sensible, latent : ndarray, shape (n,), float64
        Net radiation, down; heat into the ground, storage included; H and LE, up; NaN is missing. [W m-2]

    References
    ----------
    Wilson et al. (2002), doi:10.1016/S0168-1923(02)00109-0
    """
    available, turbulent = net - ground, sensible + latent
    some = np.isfinite(available) & np.isfinite(turbulent)
    x, y = available[some], turbulent[some]
    count = int(some.sum())
    if count < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Closure(np.nan, np.nan, np.nan, np.nan, count)
    slope, intercept = (float(value) for value in np.polyfit(x, y, 1))
    ratio = float(y.sum() / x.sum()) if x.sum() != 0 else np.nan
    return Closure(slope, intercept, float(np.corrcoef(x, y)[0, 1] ** 2), ratio, count)


@dataclass(frozen=True, slots=True)
class Correction:
    """Factors that close the energy balance; the same for H and LE, so their Bowen ratio stays.

    Attributes
    ----------
    low, factor, high : ndarray, shape (n,), float64
        25th, 50th and 75th percentile; ``low`` and ``high`` are NaN where the factor is borrowed. [1]
    method, count : ndarray of int, shape (n,)
        1 from the window, 2 from records near in time, 3 from the same days a year before and after, 0 none; of how
        many.
    """

    low: FloatArray
    factor: FloatArray
    high: FloatArray
    method: IntArray
    count: IntArray

    def apply(self, flux: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return a corrected flux: 25th percentile, median, 75th percentile, ascending whatever its sign. [W m-2]"""
        first, last = flux * self.low, flux * self.high
        return np.minimum(first, last), flux * self.factor, np.maximum(first, last)


def closing_factors(
    net: FloatArray,
    ground: FloatArray,
    sensible: FloatArray,
    latent: FloatArray,
    hour: FloatArray,
    *,
    per_day: int = 48,
) -> Correction:
    """Estimate for every half-hour the factor that closes the energy balance.

    Of the single factors (net - ground)/(H + LE), without outliers, those about noon and midnight within fifteen days
    give the half-hour's percentiles. Without five of them it takes the mean of the factors within five days and an hour
    of the time of day, else that of the same days a year before and after.

    Parameters
    ----------
    net, ground : ndarray, shape (n,), float64
        Measured, on a regular grid; NaN is missing. [W m-2]
    sensible, latent : ndarray, shape (n,), float64
        Measured or filled well. [W m-2]
    hour : ndarray, shape (n,), float64
        Local standard time of the begin of each record. [h]
    per_day : int
        Records a day.

    References
    ----------
    Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3: EBC_CF methods 1 to 3
    """
    n = net.size
    turbulent = sensible + latent
    with np.errstate(divide="ignore", invalid="ignore"):
        single = (net - ground) / turbulent
    used = np.isfinite(single)
    if used.any():
        quarter, three = np.quantile(single[used], (0.25, 0.75))
        fence = FENCE_RANGES * (three - quarter)
        used &= (single >= quarter - fence) & (single <= three + fence)
    night = (hour >= BALANCE_HOURS[0][0]) | (hour < BALANCE_HOURS[0][1] - 24)
    places = np.flatnonzero(used & (night | ((hour >= BALANCE_HOURS[1][0]) & (hour < BALANCE_HOURS[1][1]))))
    reach = WINDOW_DAYS * per_day
    index = np.arange(n)
    first, end = np.searchsorted(places, index - reach, "left"), np.searchsorted(places, index + reach, "right")
    percentiles = np.full((3, n), np.nan)
    enough = end - first >= LEAST_FACTORS
    # neighbours mostly share their window: each is sorted once
    windows, share = np.unique(np.column_stack((first[enough], end[enough])), axis=0, return_inverse=True)
    values = np.array([np.quantile(single[places[a:b]], (0.25, 0.5, 0.75)) for a, b in windows]).reshape(-1, 3)
    percentiles[:, enough] = values[share.ravel()].T
    method, count = np.where(enough, FROM_WINDOW, NO_FACTOR), np.where(enough, end - first, 0)
    factor = percentiles[1].copy()
    for i in np.flatnonzero(~enough):
        for way, turns in ((FROM_NEIGHBOURS, (0,)), (FROM_OTHER_YEARS, (-1, 1))):
            found = percentiles[1, _near(int(i), turns, n, per_day)]
            found = found[np.isfinite(found)]
            if found.size:
                factor[i], method[i], count[i] = found.mean(), way, found.size
                break
    return Correction(percentiles[0], factor, percentiles[2], method, count)


def _near(i: int, turns: tuple[int, ...], n: int, per_day: int) -> IntArray:
    """Return the records near in days and time of day to a record, some years away."""
    about = round(NEAR_HOURS * per_day / 24)
    days = np.arange(-NEAR_DAYS, NEAR_DAYS + 1)[:, np.newaxis] * per_day
    near = (i + days + np.arange(-about, about + 1)).ravel()
    moved: IntArray = np.concatenate([near + round(365.25 * turn) * per_day for turn in turns])
    return moved[(moved >= 0) & (moved < n)]


def evapotranspiration(latent: FloatArray, temperature: FloatArray) -> FloatArray:
    """Return the water that a latent heat flux carries.

    Parameters
    ----------
    latent : ndarray, shape (n,), float64
        [W m-2]
    temperature : ndarray, shape (n,), float64
        Of the air; it takes less heat to evaporate warm water. [deg C]

    Returns
    -------
    ndarray, shape (n,), float64
        [kg m-2 s-1]; times 1800 it is mm in half an hour.

    References
    ----------
    Stull (1988), p. 641, doi:10.1007/978-94-009-3027-8: 2.501 - 0.00237 T [MJ kg-1]
    """
    return latent / ((2.501 - 0.00237 * temperature) * 1e6)
