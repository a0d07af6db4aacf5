"""In-situ spectral corrections in EddyPro's dialect: its factors, out of what is fitted for the analysers.

They differ from ``fluxcalc.halfhour.spectral.in_situ`` by what a covariance loses behind a filter (all that a power
spectrum loses, not the root of it), by the distance of the sensors and by Horst's formula. docs/science/spectra.md says
by how much, and why the other dialect is the default.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.fft import rfft

from core.records import FloatArray
from core.station import Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.raw.detrending import pass_detrending
from fluxcalc.halfhour.spectral.in_situ import UNSTABLE_EXPONENT, cutoff_of, factor_by_wind, has_large_fluxes
from fluxcalc.halfhour.spectral.instruments import DEFAULT_SONIC, SONICS, find_sensor
from fluxcalc.halfhour.spectral.massman import peak_frequency
from fluxcalc.halfhour.spectral.model_cospectra import scalar_cospectrum
from fluxcalc.halfhour.spectral.moncrieff import (
    FREQUENCIES,
    FREQUENCY_WIDTHS,
    MIN_TRANSMISSION,
    correct_analytically,
    correction_factor,
)
from fluxcalc.halfhour.spectral.separation import separation_factor
from fluxcalc.halfhour.spectral.transfer import pass_first_order, pass_sonic_path

GasFactor = Callable[[HalfHour, Station, str, float], float | None]
"""``(half, station, gas, cut-off frequency [Hz]) -> factor``, all but the separation of the sensors; None: unknown."""


def correct_as_eddypro(half: HalfHour, station: Station, *, factor: GasFactor) -> HalfHour:
    """Correct momentum and heat analytically, and gases by a method's factor times that of the sensors' separation.

    A gas for which nothing is fitted is corrected as by ``moncrieff_1997``. Publishes ``cutoff_<gas>_hz``.

    Parameters
    ----------
    half : HalfHour
        With uncorrected fluxes, and fits of the same dialect.
    station : Station
        Gives heights, models and separations.
    factor : callable
        The method.
    """
    half = correct_analytically(half, station, sensors=True, averaging=True)
    if not half.wind_speed > 0:
        return half
    factors = dict(half.factors)
    humidity = half.air.relative_humidity if half.air else math.nan
    for gas in half.gases:
        cutoff = cutoff_of(half.fits, gas, humidity)
        half = half.with_diagnostics(**{f"cutoff_{gas}_hz": cutoff})
        found = None if math.isnan(cutoff) else factor(half, station, gas, cutoff)
        if found is not None:
            apart = separation_factor(
                station.analyzer_of(gas.upper()),
                half.sonic_wind.direction,
                station.measurement_height,
                half.raw_stability,
            )
            whole = found * apart
            factors[gas] = whole if whole <= 1.0 / MIN_TRANSMISSION else math.nan
    return replace(half, factors=factors)


def peak_factor(half: HalfHour, station: Station, _: str, cutoff: float) -> float:
    """Return (1 + fx/fc)^a for a peak of the cospectrum at fx, times the factor of the interval's length.

    Horst's own formula is 1 + (fx/fc)^a, which is the same in stable air, where a is 1.

    References
    ----------
    Horst (1997), doi:10.1023/A:1000229130034
    """
    peak = peak_frequency(half.raw_stability) * half.wind_speed / station.measurement_height
    exponent = 1.0 if half.raw_stability > 0 else UNSTABLE_EXPONENT
    return math.pow(1.0 + peak / cutoff, exponent) * averaging_factor(half, station)


def wind_factor(half: HalfHour, station: Station, gas: str, cutoff: float) -> float | None:
    """Return the factor of degraded cospectra by wind and cut-off frequency, times that of the interval's length.

    References
    ----------
    Ibrom et al. (2007), doi:10.1016/j.agrformet.2007.07.007
    """
    found = factor_by_wind(half, station, gas, cutoff)
    return None if found is None else found * averaging_factor(half, station)


def heat_factor(half: HalfHour, station: Station, gas: str, cutoff: float) -> float | None:
    """Return the factor from the interval's own cospectrum of heat; where fluxes are small by wind and cut-off.

    The cospectrum is first given back what the sonic took of it. Fluxes are large by the limits of unstable air at any
    stability. The factor by wind and cut-off stands without that of the interval's length here.

    References
    ----------
    Fratini et al. (2012), doi:10.1016/j.agrformet.2012.03.010
    """
    if has_large_fluxes(half, gas, stability="unstable"):
        frequency, heat = heat_cospectrum(half)
        known = find_sensor(station.sonic.model if station.sonic else "", SONICS) or DEFAULT_SONIC
        path = pass_sonic_path(frequency * (known.path / half.wind_speed))
        true = heat / (path * pass_first_order(frequency, known.tau)) ** 2
        whole, left = float(true.sum()), float((true / (1.0 + (frequency / cutoff) ** 2)).sum())
        if whole * left > 0 and 1.0 <= whole / left <= 1.0 / MIN_TRANSMISSION:
            return whole / left
    return factor_by_wind(half, station, gas, cutoff)


def averaging_factor(half: HalfHour, station: Station) -> float:
    """Return the factor for what taking the mean or a trend of the interval away takes of a scalar's flux."""
    n = FREQUENCIES * (station.measurement_height / half.wind_speed)
    heat = scalar_cospectrum(n, half.raw_stability) * FREQUENCY_WIDTHS
    return correction_factor(heat, pass_detrending(FREQUENCIES, half, station) ** 2)


def heat_cospectrum(half: HalfHour) -> tuple[FloatArray, FloatArray]:
    """Return frequencies [Hz] and the cospectrum of w and sonic temperature, in a unit of its own.

    Of the first samples whose number is a power of two, without a taper.
    """
    w, temperature = (first_power_of_two(half.series[name]) for name in ("w", "ts"))
    transforms = rfft(w)[1:], rfft(temperature)[1:]
    frequency = np.arange(1, len(transforms[0]) + 1) / (len(w) * half.dt)
    return frequency, transforms[0].real * transforms[1].real + transforms[0].imag * transforms[1].imag


def first_power_of_two(series: FloatArray) -> FloatArray:
    """Return the fluctuations about the mean of the whole series, as many of the first as make a power of two.

    Parameters
    ----------
    series : ndarray, shape (n,), float64
        NaN is missing: its fluctuation is 0. [any]
    """
    fluctuations = np.nan_to_num(series - np.nanmean(series))
    return fluctuations[: 2 ** (len(series).bit_length() - 1)]
