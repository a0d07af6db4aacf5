"""Kinds of climate for simulated weather stations, and the laws that weather keeps to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray

DAY_S = 86_400
J2000_NS = 946_728_000 * NS
SOLAR_CONSTANT = 1361.0
"""Kopp & Lean (2011), doi:10.1029/2010GL045777. [W m-2]"""


@dataclass(frozen=True, slots=True)
class Climate:
    """A kind of climate, at a place that has it.

    Attributes
    ----------
    latitude, longitude : float
        [deg]
    altitude : float
        [m]
    mean, annual, daily, synoptic : float
        Mean air temperature, half of its range over the year and over a clear day, and how far weather takes it. [K]
    dryness : float
        Mean distance of the dew point. [K]
    wind : float
        Mean wind. [m s-1]
    wet : float
        Share of the time in which it rains or snows.
    fronts, storms : float
        Fronts and, on warm afternoons, thunderstorms per day.
    tide : float
        Half of the range of the half-daily wave of air pressure. [hPa]
    """

    latitude: float
    longitude: float
    altitude: float
    mean: float
    annual: float
    daily: float
    synoptic: float
    dryness: float
    wind: float
    wet: float
    fronts: float
    storms: float
    tide: float


CLIMATES: dict[str, Climate] = {
    "temperate": Climate(47, 8, 500, 10, 9, 5, 3.5, 5, 2.5, 0.1, 0.25, 0.1, 0.5),
    "continental": Climate(45, 125, 200, 5, 18, 6, 5, 6, 3.5, 0.05, 0.3, 0.1, 0.5),
    "subtropical": Climate(26, 117, 300, 19, 9, 4.5, 3, 4, 2.0, 0.12, 0.15, 0.25, 0.9),
    "tropical": Climate(2, 103, 20, 27, 0.8, 3.5, 0.7, 3.5, 1.8, 0.1, 0.0, 0.5, 1.2),
    "arid": Climate(38, 80, 1100, 13, 15, 8, 3, 18, 3.0, 0.01, 0.2, 0.03, 0.7),
    "polar": Climate(74, -20, 40, -12, 12, 1.5, 5, 3, 4.5, 0.1, 0.3, 0.0, 0.1),
    "maritime": Climate(-41, 174, 60, 12, 4, 2.5, 2, 3, 6.0, 0.12, 0.3, 0.02, 0.6),
    "plateau": Climate(31, 91, 4500, 1, 9, 7, 2.5, 9, 3.0, 0.06, 0.1, 0.2, 0.9),
}


def sine_of_sun(times_ns: NDArray[np.int64], latitude: float, longitude: float) -> tuple[FloatArray, FloatArray]:
    """Return the sine of the sun's elevation, and the radiation of a plane turned to it above the atmosphere. [W m-2]

    References
    ----------
    The Astronomical Almanac, low-precision formulas of the sun (0.01 deg)
    """
    days = (times_ns - J2000_NS) / (DAY_S * NS)
    anomaly = np.radians(357.528 + 0.9856003 * days)
    ecliptic = np.radians(280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439 - 4e-7 * days)
    ascension = np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    angle = np.radians((18.697374558 + 24.06570982441908 * days) % 24 * 15 + longitude) - ascension
    height = np.radians(latitude)
    sine = np.sin(height) * np.sin(declination) + np.cos(height) * np.cos(declination) * np.cos(angle)
    distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly)
    return sine, SOLAR_CONSTANT / distance**2


def saturation(celsius: FloatArray) -> FloatArray:
    """Return the saturation vapour pressure over water, Bolton (1980), doi:10.1175/1520-0493(1980)108. [hPa]"""
    pressure: FloatArray = 6.112 * np.exp(17.67 * celsius / (celsius + 243.5))
    return pressure


def dew_point(vapour: FloatArray) -> FloatArray:
    """Return the temperature at which a vapour pressure [hPa] is saturated. [deg C]"""
    ratio = np.log(np.maximum(vapour, 1e-4) / 6.112)
    return np.asarray(243.5 * ratio / (17.67 - ratio), dtype=np.float64)
