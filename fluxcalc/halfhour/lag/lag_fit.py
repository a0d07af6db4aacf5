"""Lags of a period: where the lag of each gas of a station lies, learnt from its own strong fluxes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import numpy as np

from core.records import FloatArray, FluxRecord
from fluxcalc.halfhour.fits import LagWindow
from fluxcalc.halfhour.spectral.in_situ import CLEAR

SPREAD = 1.5
"""Half width of a window in median absolute deviations."""

FEWEST = 10
"""Lags that a median needs."""

CLASSES = 10
"""Classes of relative humidity, for water vapour."""

STRONG: Mapping[str, tuple[str, float]] = {"co2": ("raw_co2", 2e-6), "h2o": ("raw_le", 20.0)}
"""Uncorrected flux by which a covariance stands out, and how large it must be. [mol m-2 s-1], [W m-2]"""

_SOUGHT = re.compile(r"lag_([a-z0-9]+)_maximum_s")


def fit_lags(records: Iterable[FluxRecord], *, fewest: int = FEWEST) -> dict[str, tuple[LagWindow, ...]]:
    """Fit windows of lags to half-hours whose method seeks maxima of the covariance.

    Nominal is the median lag, the window reaches 1.5 median absolute deviations to both sides. Only lags count that are
    a true maximum of a strong covariance; of gases beside CO2 and vapour one of three random errors and more. The lag
    of water vapour is fitted in ten classes of relative humidity; a class with too few lags has the window of the
    nearest class that has enough, the moister of two.

    Parameters
    ----------
    records : iterable of FluxRecord
        Half-hours of one station with the same tubes, pumps and positions; some weeks of them.
    fewest : int
        Lags that a window needs. [1]

    Returns
    -------
    dict of str to tuple of LagWindow
        For ``Fits.lags``; a gas with too few lags is not in it, and keeps the window of its geometry.

    References
    ----------
    Fratini et al. (2012), doi:10.1016/j.agrformet.2012.03.010
    """
    kept = list(records)
    fitted: dict[str, tuple[LagWindow, ...]] = {}
    sought = {match[1] for one in kept for name in one.diagnostics if (match := _SOUGHT.fullmatch(name))}
    for gas in sorted(sought):
        lags, humidity = _true_lags(gas, kept)
        if lags.size < fewest:
            continue
        fitted[gas] = _by_humidity(lags, humidity, fewest) if gas == "h2o" else (window_of(lags),)
    return fitted


def window_of(lags: FloatArray, humidity: tuple[float, float] = (0.0, 1.0)) -> LagWindow:
    """Return the window around the median of some lags.

    Parameters
    ----------
    lags : ndarray, shape (n,)
        One or more, none missing. [s]
    humidity : tuple of float
        Relative humidity for which it is meant. [1]
    """
    nominal = float(np.median(lags))
    reach = SPREAD * float(np.median(np.abs(lags - nominal)))
    return LagWindow(nominal, nominal - reach, nominal + reach, humidity)


def _true_lags(gas: str, records: list[FluxRecord]) -> tuple[FloatArray, FloatArray]:
    """Return lags that were found [s] and the relative humidity [1] with each."""
    found = [
        (record.diagnostics[f"lag_{gas}_maximum_s"], record.values["RH"] / 100.0)
        for record in records
        if not math.isnan(record.diagnostics.get(f"lag_{gas}_maximum_s", math.nan)) and _stands_out(gas, record)
    ]
    lags = np.array(found, dtype=np.float64).reshape(-1, 2)
    return lags[:, 0], lags[:, 1]


def _stands_out(gas: str, record: FluxRecord) -> bool:
    noted = record.diagnostics
    if gas in STRONG:
        flux, least = STRONG[gas]
        return abs(noted.get(flux, math.nan)) >= least
    return abs(noted.get(f"raw_{gas}", math.nan)) >= CLEAR * noted.get(f"random_error_f{gas}", math.nan)


def _by_humidity(lags: FloatArray, humidity: FloatArray, fewest: int) -> tuple[LagWindow, ...]:
    bounds = [(k / CLASSES, (k + 1) / CLASSES) for k in range(CLASSES)]
    # air above saturation is as wet as the last class; what has no humidity is in none
    place = np.where(np.isnan(humidity), -1.0, np.clip(np.floor(humidity * CLASSES), 0, CLASSES - 1))
    enough = {k: lags[place == k] for k in range(CLASSES) if np.count_nonzero(place == k) >= fewest}
    if not enough:
        return (window_of(lags),)
    return tuple(window_of(enough[_nearest(k, list(enough))], bounds[k]) for k in range(CLASSES))


def _nearest(wanted: int, classes: list[int]) -> int:
    """Return the class that is nearest, the moister of two."""
    return min(classes, key=lambda one: (abs(one - wanted), -one))
