"""Where the sun stands, as far as day and night need it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from core.records import FloatArray
from core.station import Station

if TYPE_CHECKING:
    import polars as pl

SOLAR_CONSTANT = 1366.1
"""Irradiance above the atmosphere, mean over the year. [W m-2]"""
DAYS_OF_YEAR = 365.24


def is_daytime(start: datetime, end: datetime, station: Station) -> bool:
    """Return whether the centre of the sun is above the horizon in the middle of an interval."""
    place = station.station
    return solar_elevation(start + (end - start) / 2, place.latitude, place.longitude) > 0


def solar_elevation(time: datetime, latitude: float, longitude: float) -> float:
    """Return the elevation of the sun's centre without refraction, to about a tenth of a degree.

    Parameters
    ----------
    time : datetime
        With a time zone.
    latitude, longitude : float
        [deg]

    Returns
    -------
    float
        [deg]

    References
    ----------
    Spencer (1971), Fourier series representation of the position of the sun, Search 2(5), 172
    """
    time = time.astimezone(UTC)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    day = (time - datetime(time.year, 1, 1, tzinfo=UTC)) / timedelta(days=1)
    angle = 2.0 * math.pi * day / 365.0
    declination = (
        0.006918
        - 0.399912 * math.cos(angle)
        + 0.070257 * math.sin(angle)
        - 0.006758 * math.cos(2 * angle)
        + 0.000907 * math.sin(2 * angle)
        - 0.002697 * math.cos(3 * angle)
        + 0.00148 * math.sin(3 * angle)
    )
    equation = 0.000075 + 0.001868 * math.cos(angle) - 0.032077 * math.sin(angle)
    equation -= 0.014615 * math.cos(2 * angle) + 0.040849 * math.sin(2 * angle)
    hours = (time - midnight) / timedelta(hours=1)
    hour_angle = math.radians(15.0 * (hours - 12.0) + longitude) + equation
    height = math.radians(latitude)
    sine = math.sin(height) * math.sin(declination)
    sine += math.cos(height) * math.cos(declination) * math.cos(hour_angle)
    return math.degrees(math.asin(min(1.0, max(-1.0, sine))))


def potential_radiation(middles: pl.Series, latitude: float, longitude: float, utc_offset: float) -> FloatArray:
    """Return the radiation on a horizontal plane above the atmosphere; 0 where the sun is below the horizon.

    Day and hour are those of the middle of each interval, so results agree with REddyProc's.

    Parameters
    ----------
    middles : pl.Series of datetime, length n
        Middles of the intervals, local standard time.
    latitude, longitude : float
        [deg]
    utc_offset : float
        Local standard time minus UTC. [h]

    Returns
    -------
    ndarray, shape (n,), float64
        [W m-2]

    References
    ----------
    Lanini (2010), Division of global radiation into direct radiation and diffuse radiation, University of Bern
    """
    day = middles.dt.ordinal_day().to_numpy().astype(np.float64)
    hour = middles.dt.hour().to_numpy() + middles.dt.minute().to_numpy() / 60
    year = 2 * np.pi * (day - 1) / DAYS_OF_YEAR
    irradiance = SOLAR_CONSTANT * _series(year, 1.00011, (0.034221, 0.00128), (0.000719, 0.000077))
    declination = np.radians(_series(year, 0.33281, (-22.984, 3.7872), (-0.3499, 0.03205), (-0.1398, 0.07187)))
    equation = _series(year, 0.0, (0.0072, -0.1229), (-0.0528, -0.1565), (-0.0012, -0.0041))
    angle = (hour + longitude / 15 - utc_offset + equation - 12) * np.pi / 12
    height = np.radians(latitude)
    sine = np.sin(declination) * np.sin(height) + np.cos(declination) * np.cos(height) * np.cos(angle)
    radiation: FloatArray = np.where(sine > 0, irradiance * sine, 0.0)
    return radiation


def _series(angle: FloatArray, constant: float, *terms: tuple[float, float]) -> FloatArray:
    """Return a Fourier series: cosine and sine of each multiple of an angle."""
    value = np.full(angle.shape, constant)
    for k, (cosine, sine) in enumerate(terms, start=1):
        value += cosine * np.cos(k * angle) + sine * np.sin(k * angle)
    return value
