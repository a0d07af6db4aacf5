"""Where the sun stands, as far as day and night need it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from core.station import Station


def is_daytime(start: datetime, end: datetime, station: Station) -> bool:
    """Tell whether the centre of the sun is above the horizon in the middle of an interval."""
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
