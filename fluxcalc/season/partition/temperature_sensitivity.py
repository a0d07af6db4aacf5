"""How the night's respiration depends on temperature, window by window, and smoothed over the year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.ndimage import minimum_filter
from scipy.optimize import minimize

from core.constants import ZERO_CELSIUS
from core.records import FloatArray
from fluxcalc.kernels.daytime import fit_night
from fluxcalc.season.partition.nighttime import T_REF, T_ZERO

MIN_E0, MAX_E0 = 50.0, 400.0
"""Bounds of a sensitivity. [K]"""
FIRST_E0, MOST_STEPS = 100.0, 20
MIN_NIGHT_RECORDS, LEAST_WARM_RECORDS, WARM_NIGHT = 10, 12, -1.0
"""Records that a window needs; if that many are warmer than this, colder ones are left out. [deg C]"""
UNCERTAIN_QUANTILE, UNSEEN_FACTOR = 0.9, 1.5
"""Quantile of the errors that a window without an estimate has; by how much that of a year without any is larger."""
MIN_CURVE_WINDOWS = 3
"""Windows of a year that a smooth curve is put through."""
LENGTHS = np.geomspace(0.5, 4000.0, 43)
"""Lengths of the correlation that the likelihood is looked at for before the search starts: a slow change over a year
is likeliest with one of several years. [d]"""
LOG_SHARES = np.linspace(-12.0, 12.0, 49)
"""The same of the logarithm of the errors' mean square over the variance of the curve."""
MAX_STARTS = 6
"""From so many of the likeliest places the search starts: how far it improves on them is less than they differ."""
SMOOTHED_YEAR, SMOOTHED_YEAR_LAG = 368, 4
"""Days of a smoothed year, 184 windows, and by how many days it begins later: found from the results of the program
compared with. [d]"""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Sensitivities of windows and their uncertainty, shape (w,); NaN where there is none. [K]

    Attributes
    ----------
    own, own_error : ndarray
        Of each window's own fit, and its standard error.
    used, used_sd : ndarray
        What the day's fits take.
    """

    own: FloatArray
    own_error: FloatArray
    used: FloatArray
    used_sd: FloatArray


def temperature_rise(temperature: FloatArray, reference: float = T_REF) -> FloatArray:
    """Return what a sensitivity is multiplied with in the exponent. [K-1]

    Parameters
    ----------
    temperature : ndarray
        [deg C]
    reference : float
        Where the rise is 0. [K]
    """
    rise: FloatArray = 1 / (reference - T_ZERO) - 1 / (temperature + ZERO_CELSIUS - T_ZERO)
    return rise


def warm_enough(places: NDArray[np.int64], temperature: FloatArray) -> NDArray[np.int64]:
    """Return the places of a window's night that are warm, all if that leaves too few."""
    warm = places[temperature[places] > WARM_NIGHT]
    return warm if warm.size >= LEAST_WARM_RECORDS else places


def fit_windows(
    nee: FloatArray, temperature: FloatArray, windows: list[NDArray[np.int64]], *, by_median: bool
) -> tuple[FloatArray, FloatArray]:
    """Fit the sensitivity of each window.

    Parameters
    ----------
    nee, temperature : ndarray, shape (n,), float64
        [umol m-2 s-1], [deg C]
    windows : list of ndarray of int
        Places of the night's records, in the order of time: a fit starts where the last good one ended.
    by_median : bool
        Whether a fit's reference temperature is the window's median rather than 15 degC.

    Returns
    -------
    e0, error : ndarray, shape (w,)
        NaN where there is no estimate between 50 and 400 K. [K]
    """
    e0, error = np.full((2, len(windows)), np.nan)
    last = FIRST_E0
    for i, window in enumerate(windows):
        places = warm_enough(window, temperature)
        if places.size < MIN_NIGHT_RECORDS:
            continue
        reference = float(np.median(temperature[places])) + ZERO_CELSIUS if by_median else T_REF
        rise, flux = temperature_rise(temperature[places], reference), nee[places]
        _, found, its_error = fit_night(rise, flux, float(flux.mean()), last, MOST_STEPS)
        if MIN_E0 <= found <= MAX_E0:
            # equal to the last one: the window had the same records, and tells nothing new
            if found != last:
                e0[i], error[i] = found, its_error
            last = found
    return e0, error


def carry(e0: FloatArray, error: FloatArray) -> Sensitivity:
    """Let windows without an estimate take the one before; those before the first, the median."""
    found = np.isfinite(e0)
    if not found.any():
        return Sensitivity(e0, error, e0, error)
    latest = np.maximum.accumulate(np.where(found, np.arange(e0.size), -1))
    used = np.where(latest >= 0, e0[latest], np.median(e0[found]))
    return Sensitivity(e0, error, used, np.where(found, error, np.quantile(error[found], UNCERTAIN_QUANTILE)))


def smooth(e0: FloatArray, error: FloatArray, day: FloatArray) -> Sensitivity:
    """Put a smooth curve through the sensitivities of each year.

    Parameters
    ----------
    e0, error : ndarray, shape (w,), float64
        NaN is none. [K]
    day : ndarray, shape (w,), float64
        Middle of each window, counted from the first record. [d]
    """
    used, used_sd = np.full((2, e0.size), np.nan)
    found = np.isfinite(e0)
    if not found.any():
        return Sensitivity(e0, error, used, used_sd)
    year = np.maximum(day.astype(np.int64) - SMOOTHED_YEAR_LAG, 0) // SMOOTHED_YEAR
    nugget = np.full(e0.size, np.nan)
    for number in np.unique(year):
        of_year = year == number
        some = of_year & found
        if np.count_nonzero(some) >= MIN_CURVE_WINDOWS:
            curve, spread, scale = smooth_curve(day[some], e0[some], error[some], day[of_year])
            nugget[some] = scale * error[some]
            unseen = np.quantile(nugget[some], UNCERTAIN_QUANTILE)
            used[of_year], used_sd[of_year] = curve, spread + np.where(some, nugget, unseen)[of_year]
    curved = np.isfinite(used)
    # too few windows for a curve: the mean of the years that have one, or of what there is
    used[~curved] = np.mean(used[curved] if curved.any() else e0[found])
    spreads = nugget[np.isfinite(nugget)] if curved.any() else error[found]
    used_sd[~curved] = UNSEEN_FACTOR * np.quantile(spreads, UNCERTAIN_QUANTILE)
    return Sensitivity(e0, error, used, used_sd)


def smooth_curve(
    x: FloatArray, y: FloatArray, error: FloatArray, at: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Put a Gaussian process through points of unequal error.

    The correlation is exp(-((x - x')/length)^2), the mean constant. Length, variance and by what the errors are to be
    multiplied are those of the greatest likelihood. It may have several maxima: it is looked at on a grid, and every
    likely maximum of that is followed to its top.

    Parameters
    ----------
    x, y, error : ndarray, shape (n,), float64
        Points and the standard errors of ``y``.
    at : ndarray, shape (m,), float64
        Where the curve is wanted.

    Returns
    -------
    curve, spread : ndarray, shape (m,), float64
        Mean and standard deviation of the curve without the points' own error.
    scale : float
        What the errors are multiplied with.

    References
    ----------
    Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, sections 2.2, 5.4, ISBN 0-262-18253-X
    """
    squares = (x[:, None] - x) ** 2
    power = float(np.mean(error**2))
    noise = np.maximum(error**2 / power, 1e-6)  # what a factorisation can bear
    ones = np.ones(x.size)

    def solve(p: FloatArray):  # type: ignore[no-untyped-def]
        near = np.exp(-np.exp(p[0]) * squares)
        shares = np.exp(p[1]) * noise
        factor = cho_factor(near + np.diag(shares), lower=True)
        weights = cho_solve(factor, ones)
        mean = float(weights @ y / weights.sum())
        pull = cho_solve(factor, y - mean)
        return near, shares, factor, mean, pull, float(pull @ (y - mean)) / x.size

    def cost(p: FloatArray) -> tuple[float, FloatArray]:
        near, shares, factor, _, pull, variance = solve(p)
        inverse = cho_solve(factor, np.eye(x.size))
        by_length = -np.exp(p[0]) * squares * near
        gradient = [
            float((inverse * by_length).sum() - pull @ by_length @ pull / variance) / 2,
            float((np.diag(inverse) * shares).sum() - (pull**2 * shares).sum() / variance) / 2,
        ]
        value = x.size * np.log(variance) / 2 + float(np.log(np.diag(factor[0])).sum())
        return value, np.array(gradient)

    if np.ptp(y) == 0:
        return np.full(at.size, y[0]), np.zeros(at.size), 1.0
    bounds = ((-2 * np.log(LENGTHS[-1]), -2 * np.log(LENGTHS[0])), (LOG_SHARES[0], LOG_SHARES[-1]))
    starts = _likely_places(squares, y, noise)
    fits = [minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(fits, key=lambda fit: float(fit.fun)).x
    _, shares, factor, mean, pull, variance = solve(best)
    across = np.exp(-np.exp(best[0]) * (at[:, None] - x) ** 2)
    known = (across * cho_solve(factor, across.T).T).sum(axis=1)
    spread = np.sqrt(variance * np.maximum(1 - known, 0))
    return mean + across @ pull, spread, float(np.sqrt(variance * shares[0] / noise[0] / power))


def _likely_places(squares: FloatArray, y: FloatArray, noise: FloatArray) -> list[tuple[float, float]]:
    """Return where a search for the greatest likelihood starts: the likeliest of a grid's maxima.

    Parameters
    ----------
    squares : ndarray, shape (n, n), float64
        Squared distances of the points. [d2]
    y, noise : ndarray, shape (n,), float64
        Values, and the squares of their errors over the mean of these.

    Returns
    -------
    list of tuple of float
        Logarithms of the inverse squared length [d-2] and of the share of the errors.
    """
    shares = np.exp(LOG_SHARES)
    root = 1 / np.sqrt(noise)
    cost = np.empty((LENGTHS.size, shares.size))
    for i, length in enumerate(LENGTHS):
        # one decomposition serves all shares
        power, axes = np.linalg.eigh(root[:, None] * np.exp(-squares / length**2) * root)
        weight = 1 / (np.maximum(power, 0.0) + shares[:, None])
        level, values = axes.T @ root, axes.T @ (root * y)
        off = values - (weight @ (level * values) / (weight @ level**2))[:, None] * level
        variance = (weight * off**2).sum(axis=1) / y.size
        cost[i] = y.size * np.log(variance) / 2 - np.log(weight).sum(axis=1) / 2
    lowest = cost <= minimum_filter(cost, size=3, mode="nearest")
    places = sorted(np.argwhere(lowest).tolist(), key=lambda place: float(cost[*place]))[:MAX_STARTS]
    return [(float(-2 * np.log(LENGTHS[i])), float(LOG_SHARES[j])) for i, j in places]
