"""The climate of a simulated subtropical forest: smooth functions of time and place, and the fluxes that go with them.

Everything depends on the seed and on the time asked for only, so that any half-hour can be made alone, again, and
compared with what a computation recovers from its samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.clock import NS, to_ns
from core.constants import KARMAN, M_DRY, M_H2O, R_DRY, R_UNIVERSAL, R_VAPOUR, SONIC_HUMIDITY, ZERO_CELSIUS
from core.records import FloatArray
from core.station import Station

HALF_HOUR_NS = 1800 * NS
DAY_NS = 86_400 * NS
EPSILON = M_H2O / M_DRY
SIGMA_OVER_USTAR = {"u": 2.4, "v": 1.9, "w": 1.25}
"""Standard deviations of near-neutral surface-layer wind over u*: Panofsky & Dutton (1984), ISBN 0-471-02714-2."""


@dataclass(frozen=True, slots=True)
class Weather:
    """State of the air at the top of the tower; arrays of the shape of the times asked for, SI.

    Attributes
    ----------
    ta, pa, e : ndarray
        Air temperature [K], pressure [Pa], vapour pressure [Pa].
    sw_in, rain : ndarray
        Incoming shortwave radiation [W m-2], rain rate [m s-1].
    co2 : ndarray
        CO2 mole fraction in moist air. [mol mol-1]
    stable : ndarray
        0 in full sun to 1 at night: how much CO2 gathers below the canopy.
    """

    ta: FloatArray
    pa: FloatArray
    e: FloatArray
    sw_in: FloatArray
    rain: FloatArray
    co2: FloatArray
    stable: FloatArray

    @property
    def rh(self) -> FloatArray:
        """Relative humidity. [1]"""
        return self.e / saturation_pressure(self.ta)


@dataclass(frozen=True, slots=True)
class Truth:
    """What is built into one half-hour; SI, positive upward.

    Attributes
    ----------
    start : datetime
        Start of the half-hour, UTC.
    ustar, wind : float
        Friction velocity and mean wind. [m s-1]
    h, le : float
        Sensible and latent heat flux. [W m-2]
    fc : float
        CO2 flux, negative = uptake. [mol m-2 s-1]
    ta, pa, e : float
        Means of air temperature [K], pressure [Pa], vapour pressure [Pa].
    co2_density, h2o_density, t_sonic : float
        Means of CO2 and water vapour density [mol m-3] and of sonic temperature [K].
    w_ta, w_t_sonic : float
        Covariances of vertical wind with air and sonic temperature. [K m s-1]
    w_co2, w_h2o : float
        Covariances of vertical wind with CO2 and water vapour density, before any density correction. [mol m-2 s-1]
    yaw, pitch : float
        Angles of the mean wind in the sonic's frame. [rad]
    """

    start: datetime
    ustar: float
    wind: float
    h: float
    le: float
    fc: float
    ta: float
    pa: float
    e: float
    co2_density: float
    h2o_density: float
    t_sonic: float
    w_ta: float
    w_t_sonic: float
    w_co2: float
    w_h2o: float
    yaw: float
    pitch: float


def saturation_pressure(ta: FloatArray) -> FloatArray:
    """Return the saturation vapour pressure over water [Pa] at a temperature [K]; Bolton (1980), eq. 10.

    References
    ----------
    doi:10.1175/1520-0493(1980)108<1046:TCOEPT>2.0.CO;2
    """
    celsius = ta - ZERO_CELSIUS
    return 611.2 * np.exp(17.67 * celsius / (celsius + 243.5))


def weather(station: Station, seed: int, times_ns: NDArray[np.int64]) -> Weather:
    """Return the weather over the station at given times.

    Parameters
    ----------
    station : Station
        Gives latitude, longitude, altitude.
    seed : int
        Which weather.
    times_ns : ndarray of int64
        [ns since 1970 UTC]
    """
    site = station.station
    days = times_ns / DAY_NS
    season = 2 * np.pi * (days % 365.25 - 200) / 365.25
    solar_hours = (days + site.longitude / 360) % 1 * 24
    # the Sun is highest four weeks before the warmest day
    declination = np.radians(23.45) * np.cos(season + np.radians(28))
    latitude = np.radians(site.latitude)
    elevation = np.sin(latitude) * np.sin(declination) - np.cos(latitude) * np.cos(declination) * np.cos(
        2 * np.pi * solar_hours / 24
    )
    clear = 0.35 + 0.65 * _between_days(seed, 1, days)
    flicker = 0.88 + 0.12 * _noise(seed, 2, times_ns // HALF_HOUR_NS)
    sw_in = 1361 * 0.74 * np.clip(elevation, 0, None) * clear * flicker
    swing = np.cos(2 * np.pi * (solar_hours - 14.5) / 24) * (2 + 4 * clear)
    ta = ZERO_CELSIUS + 19 + 8.5 * np.cos(season) + swing + 3 * (_between_days(seed, 3, days) - 0.5)
    rh = np.clip(0.76 - 0.035 * swing + 0.12 * (0.7 - clear), 0.3, 0.97)
    pa = 101_325 * np.exp(-site.altitude / 8434) + 600 * (_between_days(seed, 4, days) - 0.5)
    wet = (clear < 0.6) & (_noise(seed, 5, times_ns // HALF_HOUR_NS) < 0.15)
    rain = np.where(wet, 4e-3 / 3600 * _noise(seed, 6, times_ns // HALF_HOUR_NS), 0.0)
    stable = np.exp(-sw_in / 120)
    co2 = 1e-6 * (417 + 14 * stable + 4 * (_between_days(seed, 7, days) - 0.5))
    return Weather(ta, pa, rh * saturation_pressure(ta), sw_in, rain, co2, stable)


def truth(station: Station, seed: int, start: datetime) -> Truth:
    """Return what is built into the half-hour from ``start``.

    The covariances of densities follow from the fluxes by inverting Webb, Pearman & Leuning (1980), eqs 24 and 25,
    doi:10.1002/qj.49710644707; respiration and assimilation follow temperature and light.
    """
    if station.sonic is None or station.site is None:
        raise ValueError(f"{station.id} has no [sonic] or no [site]")
    middle = np.array([to_ns(start) + HALF_HOUR_NS // 2])
    air = weather(station, seed, middle)
    ta, pa, e, sw_in = (float(values[0]) for values in (air.ta, air.pa, air.e, air.sw_in))
    number = middle // HALF_HOUR_NS

    h = 0.24 * sw_in - 14
    le = 0.42 * sw_in + 4
    light = 2.0e-6 * sw_in  # photon flux [mol m-2 s-1]
    assimilation = 0.05 * light * 26e-6 / (0.05 * light + 26e-6)
    respiration = 3.4e-6 * 1.9 ** ((ta - ZERO_CELSIUS - 20) / 10)
    fc = (respiration - assimilation) * float(0.95 + 0.1 * _noise(seed, 8, number)[0])
    ustar = (0.16 + 0.42 * (sw_in / 900) ** 0.6) * float(0.85 + 0.3 * _noise(seed, 9, number)[0])
    wind = ustar / KARMAN * float(np.log(station.measurement_height / station.site.roughness))

    density = (pa - e) / (R_DRY * ta) + e / (R_VAPOUR * ta)
    q = e / (R_VAPOUR * ta) / density
    moles = pa / (R_UNIVERSAL * ta)
    h2o = e / (R_UNIVERSAL * ta)
    co2 = float(air.co2[0]) * moles
    dry = moles - h2o
    w_ta = h / (density * 1004.67 * (1 + 0.84 * q))
    evaporation = le / ((3147.5 - 2.37 * ta) * 1e3 * M_H2O)
    w_h2o = evaporation / (1 + h2o / dry) - h2o / ta * w_ta
    w_co2 = fc - co2 / dry * w_h2o - co2 * (1 + h2o / dry) / ta * w_ta
    per_ta, per_h2o = sonic_slopes(ta, pa, e)
    return Truth(
        start=start,
        ustar=ustar,
        wind=wind,
        h=h,
        le=le,
        fc=fc,
        ta=ta,
        pa=pa,
        e=e,
        co2_density=co2,
        h2o_density=h2o,
        t_sonic=ta * (1 + SONIC_HUMIDITY * q),
        w_ta=w_ta,
        w_t_sonic=per_ta * w_ta + per_h2o * w_h2o,
        w_co2=w_co2,
        w_h2o=w_h2o,
        yaw=0.9 * float(_between_days(seed, 10, middle / DAY_NS)[0]) - 0.2,
        pitch=0.03,
    )


def sonic_slopes(ta: float, pa: float, e: float) -> tuple[float, float]:
    """Return how sonic temperature changes with air temperature [K K-1] and with vapour density [K m3 mol-1]."""
    q = EPSILON * e / (pa - (1 - EPSILON) * e)
    per_e = EPSILON * pa / (pa - (1 - EPSILON) * e) ** 2
    per_ta = 1 + SONIC_HUMIDITY * q + SONIC_HUMIDITY * ta * per_e * e / ta
    return per_ta, SONIC_HUMIDITY * ta * per_e * R_UNIVERSAL * ta


def co2_profile(air: Weather, height: float) -> FloatArray:
    """Return the CO2 mole fraction [mol mol-1] at a height [m] above ground: respired CO2 gathers near the ground."""
    gathered: FloatArray = 45e-6 * air.stable * np.exp(-height / 8)
    return air.co2 + gathered


def _between_days(seed: int, salt: int, days: FloatArray) -> FloatArray:
    whole = np.floor(days).astype(np.int64)
    part = days - whole
    smooth = part * part * (3 - 2 * part)
    return (1 - smooth) * _noise(seed, salt, whole) + smooth * _noise(seed, salt, whole + 1)


def _noise(seed: int, salt: int, numbers: NDArray[np.int64]) -> FloatArray:
    """Return a fixed uniform number in [0, 1) for each number, by SplitMix64."""
    with np.errstate(over="ignore"):
        salted = np.uint64((seed * 1_000_003 + salt) & (2**64 - 1))
        z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + salted
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / 2**53
