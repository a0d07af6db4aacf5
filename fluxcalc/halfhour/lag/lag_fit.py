"""Lags of a period: where the lag of each gas of a station lies, learnt from its own strong fluxes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.records import FloatArray, FluxRecord
from fluxcalc.halfhour.fits import LagWindow
from fluxcalc.halfhour.flux.raw_fluxes import read_raw_flux
from fluxcalc.halfhour.lag.gas_lag import read_true_lags
from fluxcalc.halfhour.raw.despiking import NORMAL_MEDIAN_DEVIATION
from fluxcalc.halfhour.spectral.in_situ import LARGE_IN_RANDOM_ERRORS
from fluxcalc.halfhour.state import RandomError, flux_name

WINDOW_HALF_WIDTH = 1.5
"""Half width of a window. [standard deviations, as the median absolute deviation / 0.6745 estimates them]"""

MIN_LAGS = 10
"""Lags that a median needs."""

HUMIDITY_CLASSES = 10
"""Classes of relative humidity, for water vapour."""

ROUNDING = 1e-6
"""What an end may lie beyond a sample and still be taken for it. [samples]"""

STRONG_FLUXES: Mapping[str, tuple[str, float]] = {"co2": ("co2", 2e-6), "h2o": ("le", 20.0)}
"""Uncorrected flux by which a covariance stands out, and how large it must be. [mol m-2 s-1], [W m-2]"""


@dataclass(frozen=True, slots=True)
class LagObservation:
    """What a half-hour says of the lags of its gases.

    Attributes
    ----------
    humidity : float
        Relative. [1]
    lags : mapping of str to float
        Gas -> lag of a true maximum of a strong covariance, NaN if there was none, of all whose lag was looked for. [s]
    """

    humidity: float
    lags: Mapping[str, float]


def observe_lags(record: FluxRecord) -> LagObservation:
    """Keep of a half-hour what the fit of lags needs: a year of whole records would fill the memory."""
    lags = {gas: lag if _is_strong(gas, record) else math.nan for gas, lag in read_true_lags(record).items()}
    # as the lag is chosen: by the air of the samples, not by the hygrometer
    humidity = record.diagnostics.get("relative_humidity", record.values.get("RH", math.nan) / 100.0)
    return LagObservation(humidity, lags)


def fit_lags(
    records: Iterable[FluxRecord], step: float, *, minimum: int = MIN_LAGS
) -> dict[str, tuple[LagWindow, ...]]:
    """Fit windows of lags to half-hours whose method seeks maxima of the covariance.

    Nominal is the median lag, the window reaches 1.5 standard deviations to both sides (``window_of``). Only lags count
    that are a true maximum of a strong covariance; of gases beside CO2 and vapour one of three random errors and more.
    The lag of water vapour is fitted in ten classes of relative humidity; a class with too few lags has the window of
    the nearest class that has enough, the moister of two.

    Parameters
    ----------
    records : iterable of FluxRecord
        Half-hours of one station with the same tubes, pumps and positions; some weeks of them.
    step : float
        Time between samples, which lags are multiples of. [s]
    minimum : int
        Lags that a window needs. [1]

    Returns
    -------
    dict of str to tuple of LagWindow
        For ``Fits.lags``; a gas with too few lags is not in it, and keeps the window of its geometry.

    References
    ----------
    Fratini et al. (2012), doi:10.1016/j.agrformet.2012.03.010
    """
    return fit_lag_windows([observe_lags(record) for record in records], step, minimum=minimum)


def fit_lag_windows(
    observed: Sequence[LagObservation], step: float, *, minimum: int = MIN_LAGS
) -> dict[str, tuple[LagWindow, ...]]:
    """Fit as ``fit_lags`` to what ``observe_lags`` kept of the half-hours."""
    fitted: dict[str, tuple[LagWindow, ...]] = {}
    for gas in sorted({gas for one in observed for gas in one.lags}):
        found = [(one.lags[gas], one.humidity) for one in observed if not math.isnan(one.lags.get(gas, math.nan))]
        if len(found) < minimum:
            continue
        lags, humidity = np.array(found, dtype=np.float64).reshape(-1, 2).T
        fitted[gas] = _by_humidity(lags, humidity, step, minimum) if gas == "h2o" else (window_of(lags, step),)
    return fitted


def window_of(lags: FloatArray, step: float, humidity: tuple[float, float] = (0.0, 1.0)) -> LagWindow:
    """Return the window around the median of some lags.

    Lags come in whole samples: a median deviation below one sample is not resolved and counts as one, and both ends are
    rounded away from the median, for a maximum at an end is none.

    Parameters
    ----------
    lags : ndarray, shape (n,)
        One or more, none missing. [s]
    step : float
        Time between samples. [s]
    humidity : tuple of float
        Relative humidity for which it is meant. [1]
    """
    nominal = float(np.median(lags))
    deviation = max(float(np.median(np.abs(lags - nominal))), step) / NORMAL_MEDIAN_DEVIATION
    reach = WINDOW_HALF_WIDTH * deviation
    earliest = step * math.floor((nominal - reach) / step + ROUNDING)
    latest = step * math.ceil((nominal + reach) / step - ROUNDING)
    return LagWindow(nominal, earliest, latest, humidity)


def _is_strong(gas: str, record: FluxRecord) -> bool:
    if gas in STRONG_FLUXES:
        flux, smallest = STRONG_FLUXES[gas]
        return abs(read_raw_flux(record, flux)) >= smallest
    return (
        abs(read_raw_flux(record, gas)) >= LARGE_IN_RANDOM_ERRORS * RandomError.read(record, flux_name(gas)).deviation
    )


def _by_humidity(lags: FloatArray, humidity: FloatArray, step: float, minimum: int) -> tuple[LagWindow, ...]:
    bounds = [(k / HUMIDITY_CLASSES, (k + 1) / HUMIDITY_CLASSES) for k in range(HUMIDITY_CLASSES)]
    # air above saturation is as wet as the last class; what has no humidity is in none
    place = np.where(np.isnan(humidity), -1.0, np.clip(np.floor(humidity * HUMIDITY_CLASSES), 0, HUMIDITY_CLASSES - 1))
    enough = {k: lags[place == k] for k in range(HUMIDITY_CLASSES) if np.count_nonzero(place == k) >= minimum}
    if not enough:
        return (window_of(lags, step),)
    return tuple(window_of(enough[_nearest(k, list(enough))], step, bounds[k]) for k in range(HUMIDITY_CLASSES))


def _nearest(wanted: int, classes: list[int]) -> int:
    """Return the class that is nearest, the moister of two."""
    return min(classes, key=lambda one: (abs(one - wanted), -one))
