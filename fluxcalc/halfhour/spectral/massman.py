"""The spectral correction of Massman: one time constant a flux, and the frequency at which its cospectrum peaks."""

from __future__ import annotations

import math
from dataclasses import replace

from core.station import Analyzer, Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.spectral.instruments import DEFAULT_SONIC, SONICS, Sensor, analyzer_sensor, find_sensor
from fluxcalc.halfhour.spectral.moncrieff import MIN_TRANSMISSION
from fluxcalc.halfhour.spectral.transfer import tube_loss

UNSTABLE_EXPONENT = 0.925
"""Makes the formula, exact for the cospectra of stable air, fit the flatter ones of unstable air."""


def correct_by_peaks(half: HalfHour, station: Station) -> HalfHour:
    """Work out the factors from time constants and peak frequencies, with the stability of uncorrected fluxes.

    Without wind, and where less than a tenth of a covariance gets through, factors are NaN. Air of unknown stability
    counts as neutral. Heat has the time constant of momentum.

    References
    ----------
    Massman (2000), doi:10.1016/S0168-1923(00)00164-7; Massman (2001), Agric. For. Meteorol. 107, 247-251
    """
    wind = half.wind_speed
    if not wind > 0:
        return replace(half, factors=dict.fromkeys(("tau", "h", *half.gases), math.nan))
    stability = half.raw_stability
    frequency = peak_frequency(stability) * wind / station.measurement_height
    averaging = (half.end - half.start).total_seconds()
    known = find_sensor(station.sonic.model if station.sonic else "", SONICS)
    published = {"spectral_default_sonic": float(known is None), "cospectral_peak_hz": frequency}
    sonic = known or DEFAULT_SONIC
    taus = {"tau": momentum_time_constant(sonic, wind)}
    taus["h"] = taus["tau"]
    for gas in half.gases:
        analyzer = station.analyzer_of(gas.upper())
        sensor, unknown = analyzer_sensor(analyzer)
        published[f"spectral_default_{gas}"] = float(unknown)
        taus[gas] = gas_time_constant(gas, sonic, sensor, analyzer, half)
    factors = {}
    for name, tau in taus.items():
        kept = part_kept(frequency, tau, averaging, stability)
        factors[name] = 1.0 / kept if kept >= MIN_TRANSMISSION else math.nan
    return replace(half, factors=factors, diagnostics=half.diagnostics_with(**published))


def peak_frequency(stability: float) -> float:
    """Return n = f (z - d)/U at the peak of the frequency-weighted cospectrum.

    Parameters
    ----------
    stability : float
        (z - d)/L; NaN counts as neutral. [1]

    References
    ----------
    Horst (1997), doi:10.1023/A:1000229130034, after Kaimal et al. (1972)
    """
    return 2.0 - 1.915 / (1.0 + 0.5 * stability) if stability > 0 else 0.085


def part_kept(frequency: float, tau: float, averaging: float, stability: float) -> float:
    """Return the part of a covariance that a first-order sensor and a block average keep.

    Parameters
    ----------
    frequency : float
        Peak of the frequency-weighted cospectrum. [Hz]
    tau : float
        Time constant of all that slows the flux down. [s]
    averaging : float
        Length of the interval. [s]
    stability : float
        (z - d)/L. [1]

    References
    ----------
    Massman (2000), doi:10.1016/S0168-1923(00)00164-7, without the terms of a recursive filter
    """
    exponent = 1.0 if stability > 0 else UNSTABLE_EXPONENT
    slow = math.pow(2.0 * math.pi * frequency * averaging / 2.8, exponent)
    fast = math.pow(2.0 * math.pi * frequency * tau, exponent)
    return slow / (slow + 1.0) * slow / (slow + fast) / (1.0 + fast)


def momentum_time_constant(sonic: Sensor, wind: float) -> float:
    """Return what averaging along the paths of a sonic amounts to, as the time constant of a first-order sensor. [s]

    References
    ----------
    Massman (2000), table 1
    """
    return math.hypot(sonic.path / 5.7, sonic.width / 2.8) / wind


def gas_time_constant(gas: str, sonic: Sensor, sensor: Sensor, analyzer: Analyzer | None, half: HalfHour) -> float:
    """Return the time constant of a gas flux: squares of what each cause amounts to, added.

    Causes are the vertical wind's path, the beam (its length, and its volume), the horizontal distance (taken as across
    the wind, from wherever it comes), the signal's own response, and the tube.

    Parameters
    ----------
    gas : str
        ``co2``, ``h2o``...
    sonic, sensor : Sensor
        Of the wind and of the gas.
    analyzer : Analyzer or None
        Where it stands, and its tube; none is an open path in the sonic's centre.
    half : HalfHour
        Mean wind, temperature and pressure.

    Returns
    -------
    float
        [s]

    References
    ----------
    Massman (2000), table 1; Andreas (1981), doi:10.1175/1520-0450(1981)020<0467:TEOVAO>2.0.CO;2, for the volume
    """
    wind = half.wind_speed
    distance = math.hypot(analyzer.northward_separation, analyzer.eastward_separation) if analyzer else 0.0
    volume = 0.2 * sensor.path + 0.4 * sensor.width
    by_size = math.hypot(sonic.path / 8.4, sensor.path / 4.0, volume, distance / 1.1) / wind
    signal = sensor.tau if sensor.signal_tau is None else sensor.signal_tau
    return math.hypot(by_size, signal, _tube_time_constant(gas, analyzer, half))


def _tube_time_constant(gas: str, analyzer: Analyzer | None, half: HalfHour) -> float:
    """Return the time constant with which a first-order sensor would keep half where the tube does. [s]"""
    if analyzer is None or not (analyzer.tube_length and analyzer.tube_diameter and analyzer.flow_rate):
        return 0.0
    flow = analyzer.flow_rate * 1e-3 / 60
    loss = tube_loss(gas, analyzer.tube_length, analyzer.tube_diameter, flow, half.temperature, half.pressure)
    return math.sqrt(loss / math.log(2.0)) / (2.0 * math.pi)
