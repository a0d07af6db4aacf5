"""Which stations are near each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from core.station import Identity

BUDDY = "buddy"
NEAR_M = 50_000.0
"""As far as the buddy check looks for neighbours. [m]"""
MAX_ELEVATION_M = 200.0
EARTH_RADIUS_M = 6_371_000.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place on Earth. [degrees, m]"""

    latitude: float
    longitude: float
    altitude: float

    @classmethod
    def of(cls, site: Identity) -> Self:
        """Return where a station is."""
        return cls(site.latitude, site.longitude, site.altitude)


def distance_m(one: Place, other: Place) -> float:
    """Return the distance along a great circle (haversine). [m]"""
    a, b = math.radians(one.latitude), math.radians(other.latitude)
    half = math.sin((a - b) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(one.longitude - other.longitude) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


def is_as_high(one: Place, other: Place) -> bool:
    """Say whether two stations are about as high."""
    return abs(one.altitude - other.altitude) <= MAX_ELEVATION_M
