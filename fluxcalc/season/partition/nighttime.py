"""Night-time partitioning: respiration from the temperature response of the night's exchange.

References
----------
Reichstein et al. (2005), doi:10.1111/j.1365-2486.2005.001002.x; Lloyd & Taylor (1994), doi:10.2307/2389824
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.constants import ZERO_CELSIUS
from core.records import FloatArray

T_REF = 288.15
"""Temperature at which ``r_ref`` is the respiration. [K]"""
T_ZERO = 227.13
"""Where respiration stops. [K]"""
FIRST_GUESS = (2.0, 200.0)
"""Where fits begin: respiration [umol m-2 s-1] and sensitivity [K]."""
TOLERANCE, MOST_STEPS, LEAST_FACTOR = 1e-5, 50, 1 / 1024
SENSITIVITY_DAYS, SENSITIVITY_STEP = 7, 5
"""Half-width of the windows of sensitivity, and days from one to the next."""
REFERENCE_DAYS, REFERENCE_STEP = 3, 4
"""The same for the reference respiration."""
MIN_WINDOW_RECORDS = 6
"""A window needs more records than these."""
MIN_TEMPERATURE_RANGE = 5.0
"""Range of temperature that a window needs. [K]"""
TRIM_QUANTILES = (0.05, 0.95)
"""Residuals outside these quantiles are left out of the second fit."""
MIN_E0, MAX_E0 = 30.0, 450.0
"""Bounds of a sensitivity with its standard error. [K]"""
BEST_WINDOWS = 3
"""How many windows make the sensitivity."""


@dataclass(frozen=True, slots=True)
class NightWindow:
    """The fit of one window: middle day, sensitivity and its standard error, after trimming. [d], [K], [K]"""

    day: int
    e0: float
    error: float


@dataclass(frozen=True, slots=True)
class NightPartition:
    """Respiration and uptake.

    Attributes
    ----------
    reco, gpp : ndarray, shape (n,), float64
        Respiration, positive upward, and uptake, positive downward; NaN without temperature, or exchange.
        [umol m-2 s-1]
    e0 : float
        Sensitivity to temperature; NaN if it could not be estimated, and then all is NaN. [K]
    r_ref : ndarray, shape (n,), float64
        Respiration at 15 degC. [umol m-2 s-1]
    windows : tuple of NightWindow
        Valid fits of sensitivity, in order of time.
    reason : str
        Why there is no result; empty if there is.
    """

    reco: FloatArray
    gpp: FloatArray
    e0: float
    r_ref: FloatArray
    windows: tuple[NightWindow, ...] = field(repr=False, default=())
    reason: str = ""


def partition_by_night(
    nee: FloatArray,
    temperature: FloatArray,
    night: NDArray[np.bool_],
    *,
    nee_filled: FloatArray,
    temperature_filled: FloatArray,
    per_day: int = 48,
    e0: float | None = None,
    least_range: float = MIN_TEMPERATURE_RANGE,
) -> NightPartition:
    """Estimate respiration from the night's exchange, and uptake as what is left.

    Sensitivity: windows of 15 days, each fitted twice, the second time without the largest residuals; the mean of the
    three with the smallest standard errors holds for the whole series. Reference respiration: windows of 7 days,
    interpolated.

    Parameters
    ----------
    nee, temperature : ndarray, shape (n,), float64
        As measured, below the threshold of u* removed; NaN is missing. [umol m-2 s-1], [deg C]
    night : ndarray of bool, shape (n,)
        Where it is dark by measured and by potential radiation.
    nee_filled, temperature_filled : ndarray, shape (n,), float64
        With gaps filled. [umol m-2 s-1], [deg C]
    per_day : int
        Records a day; the first day has one less, as records are numbered by their END.
    e0 : float, optional
        Sensitivity that is given; by default it is estimated. [K]
    least_range : float
        Range of temperature that a window needs. [K]

    References
    ----------
    Reichstein et al. (2005), section 2.3 and appendix, doi:10.1111/j.1365-2486.2005.001002.x
    """
    n = nee.size
    usable = night & np.isfinite(nee) & np.isfinite(temperature)
    places = np.flatnonzero(usable)
    day = (places + 1) // per_day
    last = n // per_day
    rise, flux = _rise(temperature[places]), nee[places]
    windows: tuple[NightWindow, ...] = ()
    if e0 is None:
        windows = tuple(_sensitivities(day, rise, flux, temperature[places], last, least_range))
        if len(windows) < BEST_WINDOWS:
            reason = _why_no_sensitivity(day, temperature[places], last, len(windows), least_range)
            return NightPartition(*(np.full(n, np.nan),) * 2, np.nan, np.full(n, np.nan), windows, reason)
        best = sorted(windows, key=lambda window: window.error)[:BEST_WINDOWS]
        e0 = float(np.round(np.mean([window.e0 for window in best]), 2))
    r_ref = _interpolate(_references(day, np.exp(e0 * rise), flux, places, last), n)
    if r_ref is None:
        return NightPartition(
            *(np.full(n, np.nan),) * 2, e0, np.full(n, np.nan), windows, "no week has three records of respiration"
        )
    reco = r_ref * np.exp(e0 * _rise(temperature_filled))
    return NightPartition(reco, reco - nee_filled, e0, r_ref, windows)


def respiration(r_ref: FloatArray | float, e0: FloatArray | float, temperature: FloatArray) -> FloatArray:
    """Return respiration at a temperature. [umol m-2 s-1]

    Parameters
    ----------
    r_ref : float or ndarray
        At 15 degC. [umol m-2 s-1]
    e0 : float or ndarray
        Sensitivity. [K]
    temperature : ndarray
        [deg C]

    References
    ----------
    Lloyd & Taylor (1994), eq. 11, doi:10.2307/2389824
    """
    value: FloatArray = r_ref * np.exp(e0 * _rise(temperature))
    return value


def _rise(temperature: FloatArray) -> FloatArray:
    """Return what the sensitivity is multiplied with in the exponent. [K-1]"""
    rise: FloatArray = 1 / (T_REF - T_ZERO) - 1 / (temperature + ZERO_CELSIUS - T_ZERO)
    return rise


def _windows_of(day: NDArray[np.int64], last: int) -> Iterator[tuple[int, slice]]:
    """Yield the windows of sensitivity that have records enough, with their middle days."""
    for middle in range(SENSITIVITY_DAYS + 1, last + 1, SENSITIVITY_STEP):
        some = _window(day, middle, SENSITIVITY_DAYS)
        if some.stop - some.start > MIN_WINDOW_RECORDS:
            yield middle, some


def _sensitivities(
    day: NDArray[np.int64], rise: FloatArray, flux: FloatArray, temperature: FloatArray, last: int, least_range: float
) -> Iterator[NightWindow]:
    for middle, some in _windows_of(day, last):
        if np.ptp(temperature[some]) < least_range:
            continue
        first = fit_response(rise[some], flux[some])
        if first is None:
            continue
        residual = flux[some] - first.r_ref * np.exp(first.e0 * rise[some])
        low, high = np.quantile(residual, TRIM_QUANTILES)
        kept = (residual >= low) & (residual <= high)
        second = fit_response(rise[some][kept], flux[some][kept])
        if second is not None and second.e0 - second.error > MIN_E0 and second.e0 + second.error < MAX_E0:
            yield NightWindow(middle, second.e0, second.error)


def _why_no_sensitivity(
    day: NDArray[np.int64], temperature: FloatArray, last: int, count: int, least_range: float
) -> str:
    """Say why too few windows tell the sensitivity, and what to do."""
    reason = f"only {count} windows of 15 days tell how respiration depends on temperature, {BEST_WINDOWS} are needed"
    ranges = np.array([np.ptp(temperature[some]) for _, some in _windows_of(day, last)])
    if not ranges.size:
        return f"{reason}: none has more than {MIN_WINDOW_RECORDS} records of the night"
    if ranges.size < BEST_WINDOWS:
        return f"{reason}: the records are too few for more than {ranges.size}"
    wide = int((ranges >= least_range).sum())
    if wide < BEST_WINDOWS:
        reason += (
            f": the temperature of the night ranges over {least_range:g} K in {wide} of {ranges.size} windows, over "
            f"{np.median(ranges):.1f} K in the median one"
        )
    return f"{reason}; --e0 NUMBER gives the sensitivity (K), --temperature-range NUMBER asks for less"


@dataclass(frozen=True, slots=True)
class Response:
    """A fitted response: respiration at 15 degC, sensitivity, its standard error. [umol m-2 s-1], [K], [K]"""

    r_ref: float
    e0: float
    error: float


def fit_response(rise: FloatArray, flux: FloatArray) -> Response | None:
    """Fit respiration and sensitivity by Gauss-Newton with halved steps; None if that does not end.

    The end is where what the tangent plane explains of the residuals is 1e-5 of the rest, so results agree with other
    programs that stop there, and not only with the optimum.

    Parameters
    ----------
    rise : ndarray, shape (n,), float64
        1/(Tref - T0) - 1/(T - T0). [K-1]
    flux : ndarray, shape (n,), float64
        [umol m-2 s-1]

    References
    ----------
    Bates & Watts (1981), doi:10.1080/00401706.1981.10486278: the relative offset
    """
    parameters = np.array(FIRST_GUESS)
    residual, gradient = _linearise(parameters, rise, flux)
    deviance = float(residual @ residual)
    factor = 1.0
    for _ in range(MOST_STEPS):
        basis, triangle = np.linalg.qr(gradient)
        if not np.isfinite(triangle).all() or abs(triangle[1, 1]) <= 1e-10 * abs(triangle[0, 0]):
            return None
        tangent = basis.T @ residual
        explained = float(tangent @ tangent)
        if np.sqrt(explained / max(deviance - explained, 1e-300)) <= TOLERANCE:
            inverse = np.linalg.inv(triangle)
            error = float(np.hypot(*inverse[1])) * np.sqrt(deviance / (flux.size - 2))
            return Response(float(parameters[0]), float(parameters[1]), float(error))
        step = np.linalg.solve(triangle, tangent)
        while True:
            if factor < LEAST_FACTOR:
                return None
            tried = parameters + factor * step
            with np.errstate(over="ignore", invalid="ignore"):
                residual_there, gradient_there = _linearise(tried, rise, flux)
                deviance_there = float(residual_there @ residual_there)
            if deviance_there <= deviance:
                break
            factor /= 2
        parameters, residual, gradient, deviance = tried, residual_there, gradient_there, deviance_there
        factor = min(2 * factor, 1.0)
    return None


def _linearise(parameters: FloatArray, rise: FloatArray, flux: FloatArray) -> tuple[FloatArray, FloatArray]:
    growth = np.exp(parameters[1] * rise)
    model = parameters[0] * growth
    return flux - model, np.column_stack((growth, model * rise))


def _references(
    day: NDArray[np.int64], growth: FloatArray, flux: FloatArray, places: NDArray[np.int64], last: int
) -> dict[int, float]:
    """Return reference respiration by place: the mean of its window's records."""
    found = {}
    for middle in range(REFERENCE_DAYS + 1, last + 1, REFERENCE_STEP):
        some = _window(day, middle, REFERENCE_DAYS)
        if some.stop - some.start <= 2:
            continue
        r_ref = float(growth[some] @ flux[some] / (growth[some] @ growth[some]))
        if r_ref >= 0:
            # numbered from 1, half to even, as the program does that this agrees with
            found[int(np.rint(np.mean(places[some] + 1))) - 1] = r_ref
    return found


def _interpolate(found: dict[int, float], n: int) -> FloatArray | None:
    if not found:
        return None
    values: FloatArray = np.interp(np.arange(n), list(found), list(found.values()))
    return values


def _window(day: NDArray[np.int64], middle: int, half: int) -> slice:
    first, end = np.searchsorted(day, (middle - half, middle + half + 1))
    return slice(int(first), int(end))
