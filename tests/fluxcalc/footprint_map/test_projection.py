"""Metres around a tower as degrees, against the ellipsoid in three dimensions and against PROJ."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.station import Identity
from fluxcalc.footprint_map.projection import geographic_position
from tests.fluxcalc.reference import station

FINSE = station("finse").station


def in_space(longitude: float, latitude: float) -> np.ndarray:
    """Metres from the earth's centre: to Greenwich, to 90 degrees east, to the pole (WGS 84, a and 1/f)."""
    axis, flattening = 6378137.0, 1 / 298.257223563
    lam, phi = math.radians(longitude), math.radians(latitude)
    square = flattening * (2 - flattening)
    radius = axis / math.sqrt(1 - square * math.sin(phi) ** 2)
    beside = math.cos(phi) * radius
    return np.array([beside * math.cos(lam), beside * math.sin(lam), radius * (1 - square) * math.sin(phi)])


@given(st.floats(-70, 70), st.floats(-180, 180), st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_places_lie_where_they_should(latitude, longitude, east, north):
    tower = Identity(id="x", name="x", latitude=latitude, longitude=longitude, altitude=0.0, utc_offset=0.0)
    away = in_space(*geographic_position(tower, east, north)) - in_space(longitude, latitude)
    lam, phi = math.radians(longitude), math.radians(latitude)
    to_east = np.array([-math.sin(lam), math.cos(lam), 0])
    to_north = np.array([-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi)])
    # the tangent plane itself is off by d^3/(2 R^2), 2 mm here
    assert away @ to_east == pytest.approx(east, abs=0.05)
    assert away @ to_north == pytest.approx(north, abs=0.05)


@pytest.mark.parametrize(
    ("east", "north", "expected"),
    [
        (2995.0, 1995.0, (7.5823863421083875, 60.61159364998609)),
        (-2995.0, -1995.0, (7.473074168018273, 60.575783964005836)),
        (0.0, 1995.0, (7.5277, 60.61160482695446)),
    ],
)
def test_places_are_those_of_proj(east, north, expected):
    """PROJ 9 (in rasterio 1.4.4) for +proj=tmerc +lat_0=60.5937 +lon_0=7.5277 +datum=WGS84."""
    longitude, latitude = geographic_position(FINSE, east, north)
    assert (longitude, latitude) == pytest.approx(expected, abs=1e-7)  # a centimetre
