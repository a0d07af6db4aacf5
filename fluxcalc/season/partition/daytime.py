"""Day-time partitioning: uptake and respiration from the response of the day's exchange to light.

References
----------
Lasslop et al. (2010), doi:10.1111/j.1365-2486.2009.02041.x; Falge et al. (2001), doi:10.1016/S0168-1923(00)00225-2
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.kernels.daytime import HIGHEST, STEEPEST, fit_light, light_curvature, resample_light
from fluxcalc.season.partition.daytime_prediction import OPEN_STOMATA_DEFICIT, judge_windows, predict_fluxes
from fluxcalc.season.partition.daytime_record import (
    NO_WINDOW,
    REDDYPROC,
    DayPartition,
    DayRules,
    DayWindow,
)
from fluxcalc.season.partition.temperature_sensitivity import (
    MAX_E0,
    MIN_E0,
    MIN_NIGHT_RECORDS,
    Sensitivity,
    carry,
    fit_windows,
    smooth,
    temperature_rise,
    warm_enough,
)

IntArray = NDArray[np.int64]

DAY_RADIATION = 4.0
"""It is day above this radiation with the sun above the horizon, night at or below it with the sun below. [W m-2]"""
DAY_WINDOW, WINDOW_STEP = 4, 2
"""Days of a window of light response, and from one to the next."""
NIGHT_WINDOWS = (12, 24, 48)
"""Days of a window of sensitivity, and what it is widened to where nothing can be told."""
MIN_DAY_RECORDS = 10
"""Day records that a window needs."""
PRIOR_K, PRIOR_ALPHA = 0.05, 0.1
PRIOR_WIDTH = np.array([50.0, 600.0, 10.0, 80.0])
"""Standard deviations of the priors of k, beta, alpha and Rref: barely a prior."""
BETA_STARTS = np.array([1.0, 1.3, 0.8])
MIN_SD_QUANTILE = 0.3
"""Quantile of a window's uncertainties that none of them is below: no record decides alone."""
UNCERTAIN_BETA = 100.0
"""A larger saturation than this must be larger than its uncertainty. [umol m-2 s-1]"""
MIN_SHARE_OF_FITS = 0.8
"""Share of the samples whose fits must end."""
FAR_DAYS = 14
"""Parameters of a window further away are worth little."""


@dataclass(frozen=True, slots=True)
class _Series:
    """What windows are cut from, shape (n,)."""

    nee: FloatArray
    sd: FloatArray
    radiation: FloatArray
    dryness: FloatArray
    rise: FloatArray
    day: NDArray[np.bool_]


def partition_by_day(
    nee: FloatArray,
    sd: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    deficit: FloatArray,
    potential: FloatArray,
    *,
    rules: DayRules = REDDYPROC,
    sensitivity: Sensitivity | None = None,
    seed: int = 0,
    per_day: int = 48,
) -> DayPartition:
    """Estimate uptake and respiration from the day's exchange.

    The sensitivity of respiration comes from nights of 12 days; what is left, and the response to light, from days of
    four. Both are computed with the parameters before and after a record, and blended by distance.

    Parameters
    ----------
    nee, sd : ndarray, shape (n,), float64
        As measured, below the threshold of u* removed, and its uncertainty; NaN is missing. Records without
        uncertainty get a fifth of the flux, 0.7 at least. [umol m-2 s-1]
    radiation, temperature, deficit : ndarray, shape (n,), float64
        With gaps filled. Windows with too few deficits are fitted without; where it is missing, stomata count as
        open. [W m-2], [deg C], [hPa]
    potential : ndarray, shape (n,), float64
        ``fluxcalc.sun.potential_radiation``. [W m-2]
    rules : DayRules
    sensitivity : Sensitivity or None
        Of each window of ``window_centres``, from elsewhere; None fits it to the nights.
    seed : int
        The same seed gives the same uncertainties.
    per_day : int
        Records a day.

    Raises
    ------
    ValueError
        ``sensitivity`` has another number of windows.

    References
    ----------
    Lasslop et al. (2010), eqs 1-6, doi:10.1111/j.1365-2486.2009.02041.x
    """
    n = nee.size
    measured = np.isfinite(nee) & np.isfinite(temperature)
    night = np.flatnonzero(measured & (radiation <= DAY_RADIATION) & (potential <= 0))
    centres = window_centres(n, per_day)
    if sensitivity is None:
        sensitivity = _sensitivities(nee, temperature, night, centres, per_day, rules)
    elif sensitivity.used.size != centres.size:
        raise ValueError(f"expected sensitivities of {centres.size} windows, got {sensitivity.used.size}")
    if not np.isfinite(sensitivity.used).any():
        return _nothing(n, "no night tells how respiration depends on temperature")
    nights = _night_references(nee, temperature, night, centres, per_day, sensitivity)
    series = _Series(
        nee,
        np.where(np.isfinite(sd), sd, np.maximum(0.7, 0.2 * np.abs(nee))),
        radiation,
        np.maximum(deficit - OPEN_STOMATA_DEFICIT, 0.0),
        temperature_rise(temperature),
        measured & (radiation > DAY_RADIATION) & (potential > 0),
    )
    generator = np.random.default_rng(seed)
    windows: list[DayWindow] = []
    last_alpha = STEEPEST
    half = DAY_WINDOW * per_day // 2
    for i, centre in enumerate(centres.tolist()):
        start = max(centre - half, 0)
        places = start + np.flatnonzero(series.day[start : centre + half])
        known = (float(sensitivity.used[i]), float(sensitivity.used_sd[i]), float(nights[i]))
        window = _fit_window(series, places, centre, known, last_alpha, rules, generator)
        last_alpha = float(window.theta[2]) if not window.reason else last_alpha
        windows.append(window)
    fitted = [window for window in windows if not window.reason]
    if not fitted:
        reason = "no window of 4 days tells how the day's exchange depends on light: " + (
            windows[0].reason if windows else "the series is too short"
        )
        return _nothing(n, reason, tuple(windows))
    quality = judge_windows(fitted, n, FAR_DAYS * per_day)
    return DayPartition(*predict_fluxes(fitted, radiation, temperature, deficit), quality, tuple(windows))


def window_centres(n: int, per_day: int = 48) -> IntArray:
    """Return the record in the middle of each window of a series of ``n`` records."""
    return np.arange(WINDOW_STEP * per_day, n, WINDOW_STEP * per_day)


def _nothing(n: int, reason: str, windows: tuple[DayWindow, ...] = ()) -> DayPartition:
    reco, gpp, reco_sd, gpp_sd = np.full((4, n), np.nan)
    return DayPartition(reco, gpp, reco_sd, gpp_sd, np.full(n, NO_WINDOW), windows, reason)


def _nights(night: IntArray, centres: IntArray, days: int, per_day: int) -> list[IntArray]:
    """Return the places of the night in the windows of so many days about each centre."""
    firsts, ends = (np.searchsorted(night, centres + sign * days * per_day // 2) for sign in (-1, 1))
    return [night[first:end] for first, end in zip(firsts, ends, strict=True)]


def _sensitivities(
    nee: FloatArray, temperature: FloatArray, night: IntArray, centres: IntArray, per_day: int, rules: DayRules
) -> Sensitivity:
    windows = _nights(night, centres, NIGHT_WINDOWS[0], per_day)
    e0, error = fit_windows(nee, temperature, windows, by_median=rules.smoothed)
    if not rules.smoothed:
        return carry(e0, error)
    for days in NIGHT_WINDOWS[1:]:
        wider = _nights(night, centres, days, per_day)
        its_e0, its_error = fit_windows(nee, temperature, wider, by_median=True)
        missing = np.isnan(e0)
        e0[missing], error[missing] = its_e0[missing], its_error[missing]
    return smooth(e0, error, centres / per_day)


def _night_references(
    nee: FloatArray, temperature: FloatArray, night: IntArray, centres: IntArray, per_day: int, sensitivity: Sensitivity
) -> FloatArray:
    """Return the night's respiration at 15 degC of each window; one without takes the one before, or the first."""
    found = np.full(centres.size, np.nan)
    last = np.nan
    for i, window in enumerate(_nights(night, centres, NIGHT_WINDOWS[0], per_day)):
        places = warm_enough(window, temperature)
        if places.size >= MIN_NIGHT_RECORDS:
            growth = np.exp(sensitivity.used[i] * temperature_rise(temperature[places]))
            last = max(float(growth @ nee[places] / (growth @ growth)), 0.0)
        found[i] = last
    known = np.flatnonzero(np.isfinite(found))
    if known.size:
        found[: known[0]] = found[known[0]]
    return found


def _fit_window(
    series: _Series, places: IntArray, centre: int, known: tuple[float, float, float], last_alpha: float,
    rules: DayRules, generator: np.random.Generator,
) -> DayWindow:  # fmt: skip
    """Fit one window; ``known`` are E0, its uncertainty and the night's respiration."""
    e0, e0_sd, r_night = known
    nan = np.full(4, np.nan)

    def without(reason: str) -> DayWindow:
        return DayWindow(centre, np.nan, e0, e0_sd, r_night, nan, nan, np.zeros((5, 5)), reason)

    with_deficit = places[np.isfinite(series.dryness[places])]
    by_deficit = with_deficit.size >= MIN_DAY_RECORDS
    some = with_deficit if by_deficit else places
    if some.size < MIN_DAY_RECORDS:
        return without(f"{some.size} records of the day, {MIN_DAY_RECORDS} are needed")
    if not np.isfinite(r_night):
        return without(f"no 12 days have the {MIN_NIGHT_RECORDS} records of the night that respiration takes")
    uptake, sd = -series.nee[some], series.sd[some]
    if rules.bounded:
        sd = np.maximum(sd, np.quantile(sd, MIN_SD_QUANTILE))
    dryness = series.dryness[some] if by_deficit else np.zeros(some.size)
    low, high = np.quantile(uptake, (0.03, 0.97))
    prior = np.array([PRIOR_K if by_deficit else 0.0, abs(high - low), PRIOR_ALPHA, r_night])
    rise, weight = series.rise[some], 1 / sd**2
    light = series.radiation[some]
    data = (light, dryness, np.exp(e0 * rise), uptake, weight)
    theta, free, _ = fit_light(prior, bool((dryness > 0).any()), last_alpha, PRIOR_WIDTH, BETA_STARTS, *data)
    if np.isnan(theta[1]):
        return without(f"no fit with 0 <= alpha, 0 <= Rref and 0 <= beta < {HIGHEST:g}")
    covariance = np.zeros((5, 5))
    covariance[4, 4] = e0_sd**2
    if rules.samples:
        draws = np.clip(generator.normal(e0, e0_sd, rules.samples), MIN_E0, MAX_E0)
        picks = generator.integers(0, some.size, (rules.samples, some.size))
        fits = resample_light(theta, free, prior, PRIOR_WIDTH, picks, draws, light, dryness, rise, uptake, weight)
        ended = np.isfinite(fits[:, 1])
        if np.count_nonzero(ended) < MIN_SHARE_OF_FITS * rules.samples:
            return without(f"only {np.count_nonzero(ended)} of {rules.samples} samples could be fitted")
        covariance = np.cov(np.column_stack((fits, draws))[ended].T)
    else:
        curvature = light_curvature(theta, free, prior, PRIOR_WIDTH, *data)
        if not np.isfinite(curvature).all() or np.linalg.cond(curvature) > 1e15:
            return without("the optimum has no curvature")
        covariance[np.ix_(np.flatnonzero(free), np.flatnonzero(free))] = 2 * np.linalg.inv(curvature)
        variances = np.diag(covariance)
        if variances[[0, 2, 3]].min() < 0:
            return without("the optimum is no minimum")
        if variances[1] < 0:  # flat along beta: light did not saturate
            covariance[1, :] = covariance[:, 1] = 0.0
    its_sd = np.where(free, np.sqrt(np.diag(covariance)[:4]), np.nan)
    if theta[1] > UNCERTAIN_BETA and its_sd[1] >= theta[1]:
        return without(f"beta {theta[1]:.0f} is as uncertain as it is large")
    place = float(np.rint(np.mean(some))) if rules.placed_by_mean else float(centre)
    return DayWindow(centre, place, e0, e0_sd, r_night, theta, its_sd, covariance)
