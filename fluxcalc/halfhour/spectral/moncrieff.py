"""The spectral correction of Moncrieff et al.: model cospectra, and a transfer function for every loss."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from core.records import FloatArray
from core.station import Analyzer, Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.raw.detrending import pass_detrending
from fluxcalc.halfhour.spectral.instruments import DEFAULT_SONIC, SONICS, Sensor, analyzer_sensor, find_sensor
from fluxcalc.halfhour.spectral.model_cospectra import momentum_cospectrum, scalar_cospectrum
from fluxcalc.halfhour.spectral.transfer import (
    pass_first_order,
    pass_line,
    pass_separation,
    pass_sonic_path,
    pass_tube,
)

_FREQUENCY_EDGES = np.geomspace(1 / 7200, 10.0, 501)
_WITHIN_RANGE = _FREQUENCY_EDGES[:-1] > 1 / 5000
FREQUENCIES: FloatArray = _FREQUENCY_EDGES[:-1][_WITHIN_RANGE]  # [Hz]
FREQUENCY_WIDTHS: FloatArray = np.diff(_FREQUENCY_EDGES)[_WITHIN_RANGE]
"""Of the rectangles to the right of the frequencies. [Hz]"""

MIN_TRANSMISSION = 0.1
"""A factor that has to make up for more than the other nine tenths is no correction of a measurement."""


def correct_analytically(half: HalfHour, station: Station, *, sensors: bool, averaging: bool) -> HalfHour:
    """Work out the factors from model cospectra and transfer functions, with the stability of uncorrected fluxes.

    Air of unknown stability counts as neutral. Where less than a tenth of a covariance gets through, as in a breath of
    very stable air, there is no factor: it is NaN, as it is without wind. A sensor that is not in the tables of
    ``fluxcalc.halfhour.spectral.instruments`` is taken for an ordinary one; ``spectral_default_sonic`` and
    ``spectral_default_<gas>`` are then 1.

    Parameters
    ----------
    half : HalfHour
        With uncorrected fluxes.
    station : Station
        Gives heights, models, separations and tubes.
    sensors, averaging : bool
        Whether to give back what sensors lose (fast part), and what taking the mean or a trend away loses (slow part).

    References
    ----------
    Moncrieff et al. (1997), doi:10.1016/S0022-1694(96)03194-0; Moncrieff et al. (2004), doi:10.1007/1-4020-2265-4_2
    """
    wind = half.wind_speed
    if not wind > 0:
        return replace(half, factors=dict.fromkeys(("tau", "h", *half.gases), math.nan))
    stability = half.raw_stability
    n = FREQUENCIES * (station.measurement_height / wind)
    heat = scalar_cospectrum(n, stability) * FREQUENCY_WIDTHS
    momentum = momentum_cospectrum(n, stability) * FREQUENCY_WIDTHS
    # each of the two members loses its mean, or its trend
    kept = pass_detrending(FREQUENCIES, half, station) ** 2 if averaging else np.ones_like(FREQUENCIES)
    if not sensors:
        scalar = correction_factor(heat, kept)
        factors = {"tau": correction_factor(momentum, kept), **dict.fromkeys(("h", *half.gases), scalar)}
        return replace(half, factors=factors)
    known = find_sensor(station.sonic.model if station.sonic else "", SONICS)
    defaults = {"spectral_default_sonic": float(known is None)}
    sonic = sonic_response(known or DEFAULT_SONIC, wind)
    factors = {"tau": correction_factor(momentum, kept * sonic**2), "h": correction_factor(heat, kept * sonic**2)}
    for gas in half.gases:
        analyzer = station.analyzer_of(gas.upper())
        sensor, unknown = analyzer_sensor(analyzer)
        defaults[f"spectral_default_{gas}"] = float(unknown)
        response = gas_response(gas, sensor, analyzer, half)
        factors[gas] = correction_factor(heat, kept * sonic * response)
    return replace(half, factors=factors, diagnostics=half.diagnostics_with(**defaults))


def sonic_response(sonic: Sensor, wind: float) -> FloatArray:
    """Return what a sonic keeps of vertical wind, and to the same extent of the other winds and of temperature.

    Parameters
    ----------
    sonic : Sensor
        Length of its path and time constant.
    wind : float
        Mean wind speed, positive. [m s-1]

    Returns
    -------
    ndarray, shape of ``FREQUENCIES``
    """
    return pass_first_order(FREQUENCIES, sonic.tau) * pass_sonic_path(FREQUENCIES * (sonic.path / wind))


def gas_response(gas: str, sensor: Sensor, analyzer: Analyzer | None, half: HalfHour) -> FloatArray:
    """Return what an analyser keeps of a gas, its distance from the sonic and its tube counted in.

    Parameters
    ----------
    gas : str
        ``co2``, ``h2o``...
    sensor : Sensor
        Length of its path and time constant.
    analyzer : Analyzer or None
        Where it stands, and its tube; none is an open path in the sonic's centre. The horizontal distance counts whole,
        from wherever the wind comes.
    half : HalfHour
        Mean wind, temperature and pressure.

    Returns
    -------
    ndarray, shape of ``FREQUENCIES``
    """
    wind = half.wind_speed
    kept = pass_first_order(FREQUENCIES, sensor.tau) * pass_line(FREQUENCIES * (sensor.path / wind))
    kept = kept * separation_response(analyzer, wind)
    if analyzer is None:
        return kept
    if analyzer.tube_length is None or analyzer.tube_diameter is None or analyzer.flow_rate is None:
        return kept
    flow = analyzer.flow_rate * 1e-3 / 60
    return kept * pass_tube(
        FREQUENCIES, gas, analyzer.tube_length, analyzer.tube_diameter, flow, half.temperature, half.pressure
    )


def separation_response(analyzer: Analyzer | None, wind: float) -> FloatArray:
    """Return what a sonic and an analyser see together; the horizontal distance counts whole.

    Parameters
    ----------
    analyzer : Analyzer or None
        None stands in the sonic's centre.
    wind : float
        Mean wind speed, positive. [m s-1]

    Returns
    -------
    ndarray, shape of ``FREQUENCIES``
    """
    kept = np.ones_like(FREQUENCIES)
    if analyzer is None:
        return kept
    across = math.hypot(analyzer.northward_separation, analyzer.eastward_separation)
    for distance in (across, abs(analyzer.vertical_separation)):
        if distance > 0:
            kept = kept * pass_separation(FREQUENCIES * (distance / wind))
    return kept


def factor_around_analyzer(half: HalfHour, station: Station, gas: str) -> float:
    """Return the factor for what a gas loses outside of its analyser and tube.

    That is what the mean of the interval takes, the averaging and response of vertical wind, and the distance between
    the sensors; ``half`` and ``station`` as for ``correct_analytically``.
    """
    wind = half.wind_speed
    n = FREQUENCIES * (station.measurement_height / wind)
    heat = scalar_cospectrum(n, half.raw_stability) * FREQUENCY_WIDTHS
    averaging = pass_detrending(FREQUENCIES, half, station) ** 2
    known = find_sensor(station.sonic.model if station.sonic else "", SONICS)
    kept = averaging * sonic_response(known or DEFAULT_SONIC, wind)
    return correction_factor(heat, kept * separation_response(station.analyzer_of(gas.upper()), wind))


def correction_factor(cospectrum: FloatArray, response: FloatArray) -> float:
    """Return all of a cospectrum over what is left of it; NaN where too little is left."""
    whole, left = float(cospectrum.sum()), float(cospectrum @ response)
    return whole / left if left >= MIN_TRANSMISSION * whole else math.nan
