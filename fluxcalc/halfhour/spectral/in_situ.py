"""Spectral corrections of gases by a cut-off frequency that was found in the station's own spectra."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from core.constants import M_H2O
from core.records import FloatArray
from core.station import Station
from fluxcalc.halfhour.fits import Fits
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.spectral.massman import peak_frequency
from fluxcalc.halfhour.spectral.moncrieff import MIN_TRANSMISSION, correct_analytically, factor_around_analyzer
from fluxcalc.halfhour.spectral.spectra import compute_cospectrum
from fluxcalc.halfhour.state import UNKNOWN_ERROR, flux_name

UNSTABLE_EXPONENT = 7.0 / 8.0
"""Horst's fit to the flatter cospectra of unstable air; in stable air the exponent is 1."""

LARGE_FLUXES: Mapping[str, Mapping[str, float]] = {
    "unstable": {"ustar": 0.2, "h": 20.0, "h2o": 20.0, "co2": 2e-6},
    "stable": {"ustar": 0.05, "h": 5.0, "h2o": 3.0, "co2": 0.5e-6},
}
"""Uncorrected fluxes from which an interval's spectra show the exchange clearly.

[m s-1], [W m-2], latent heat in [W m-2], [mol m-2 s-1]
"""

LARGE_IN_RANDOM_ERRORS = 3.0
"""Other gases are large where their flux is as many random errors: what is much of one is little of another. [1]"""

LowPassFactor = Callable[[HalfHour, Station, str, float], float | None]
"""``(half, station, gas, cut-off frequency [Hz]) -> factor``; None where the method cannot say."""


def correct_in_situ(half: HalfHour, station: Station, *, low_pass: LowPassFactor) -> HalfHour:
    """Correct momentum and heat analytically, and gases by what was fitted for their analysers.

    The factor of a gas is that of its low-pass filter times the analytic one for what the filter does not know: the
    interval, the vertical wind's path, and the distance to the sonic. A gas for which nothing is fitted is corrected as
    by ``moncrieff_1997``. Publishes ``cutoff_<gas>_hz``, NaN where nothing is fitted.

    Parameters
    ----------
    half : HalfHour
        With uncorrected fluxes, and fits.
    station : Station
        Gives heights, models and separations.
    low_pass : callable
        The method's factor of a filter.
    """
    half = correct_analytically(half, station, sensors=True, averaging=True)
    if not half.wind_speed > 0:
        return half
    factors, cutoffs = dict(half.factors), {}
    humidity = half.air.relative_humidity if half.air else math.nan
    for gas in half.gases:
        cutoff = cutoff_of(half.fits, gas, humidity)
        cutoffs[f"cutoff_{gas}_hz"] = cutoff
        factor = None if math.isnan(cutoff) else low_pass(half, station, gas, cutoff)
        if factor is not None:
            whole = factor * factor_around_analyzer(half, station, gas)
            factors[gas] = whole if whole <= 1.0 / MIN_TRANSMISSION else math.nan
    return replace(half, factors=factors, diagnostics=half.diagnostics_with(**cutoffs))


def cutoff_of(fits: Fits, gas: str, humidity: float) -> float:
    """Return the cut-off frequency of a gas by its curve, or in the class of humidity that holds or is nearest. [Hz]

    Parameters
    ----------
    fits : Fits
        Curves and classes by gas.
    gas : str
        ``co2``, ``h2o``...
    humidity : float
        Relative. [1]

    Returns
    -------
    float
        NaN where nothing is fitted, or humidity is not known and there is more than one class.
    """
    if gas in fits.cutoff_curves:
        return math.exp(sum(factor * humidity**power for power, factor in enumerate(fits.cutoff_curves[gas])))
    classes = fits.cutoffs.get(gas, ())
    if len(classes) == 1:
        return classes[0][2]
    if not classes or math.isnan(humidity):
        return math.nan
    return min(classes, key=lambda one: max(one[0] - humidity, humidity - one[1], 0.0))[2]


def pass_low(frequency: FloatArray, cutoff: float) -> FloatArray:
    """Return what a first-order filter leaves of a covariance whose lag is set by its maximum.

    The filter leaves 1/(1 + (f/fc)^2) of a power spectrum, and delays; with the delay taken out a covariance keeps the
    square root of that.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        [Hz]
    cutoff : float
        Where half the power passes. [Hz]

    References
    ----------
    Peltola et al. (2021), doi:10.5194/amt-14-5071-2021
    """
    return 1.0 / np.sqrt(1.0 + (frequency / cutoff) ** 2)


def factor_by_peak(half: HalfHour, station: Station, _: str, cutoff: float) -> float:
    """Return the factor from the frequency at which model cospectra peak.

    References
    ----------
    Horst (1997), doi:10.1023/A:1000229130034
    """
    stability = half.raw_stability
    peak = peak_frequency(stability) * half.wind_speed / station.measurement_height
    return 1.0 + math.pow(peak / cutoff, 1.0 if stability > 0 else UNSTABLE_EXPONENT)


def factor_by_wind(half: HalfHour, _: Station, __: str, cutoff: float) -> float | None:
    """Return the factor that degraded temperature series of the station showed for such wind and cut-off frequency.

    References
    ----------
    Ibrom et al. (2007), doi:10.1016/j.agrformet.2007.07.007
    """
    fitted = half.fits.attenuation.get(stability_class(half))
    if fitted is None:
        return None
    return 1.0 + fitted[0] * half.wind_speed / (fitted[1] + cutoff)


def factor_by_heat(half: HalfHour, station: Station, gas: str, cutoff: float) -> float | None:
    """Return the factor from the interval's own cospectrum of heat; where fluxes are small as ``factor_by_wind``.

    References
    ----------
    Fratini et al. (2012), doi:10.1016/j.agrformet.2012.03.010
    """
    if has_large_fluxes(half, gas):
        heat = compute_cospectrum(half.series["w"], half.series["ts"], half.dt)
        whole, left = float(heat.density.sum()), float((heat.density * pass_low(heat.frequency, cutoff)).sum())
        if whole * left > 0 and 1.0 <= whole / left <= 1.0 / MIN_TRANSMISSION:
            return whole / left
    return factor_by_wind(half, station, gas, cutoff)


def stability_class(half: HalfHour) -> str:
    """Return whether the uncorrected fluxes speak of ``stable`` or ``unstable`` air; not known is unstable."""
    return "stable" if half.raw_stability > 0 else "unstable"


def has_large_fluxes(half: HalfHour, gas: str, *, stability: str | None = None) -> bool:
    """Return whether momentum, heat and a gas are exchanged so much that an interval's spectra can be trusted.

    ``stability`` says whose limits of ``LARGE_FLUXES`` hold, if not those of the interval's own.
    """
    smallest, raw = LARGE_FLUXES[stability or stability_class(half)], half.raw_fluxes
    if half.air is None:
        return False
    flux = raw.h2o * M_H2O * half.air.vaporisation if gas == "h2o" else raw.of(gas)
    error = half.random_errors.get(flux_name(gas), UNKNOWN_ERROR)
    enough = smallest[gas] if gas in smallest else LARGE_IN_RANDOM_ERRORS * error.deviation
    return raw.ustar >= smallest["ustar"] and abs(raw.h) >= smallest["h"] and abs(flux) >= enough
