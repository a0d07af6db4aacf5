"""The footprint's route on a real TimescaleDB: contours of the stored half-hours, as GeoJSON."""

from __future__ import annotations

import math
from datetime import timedelta

import httpx
import pytest

from core.store import Store
from tests.api import tower
from tests.api.tower import HALF_HOUR, ID, START

pytestmark = pytest.mark.integration

PATH = f"/api/v1/stations/{ID}/footprint"
TURBULENT = {"USTAR": 0.45, "WS": 3.2, "V_SIGMA": 0.9, "MO_LENGTH": -80.0}


@pytest.fixture
def filled(registered: Store) -> Store:
    """Wind from the west, then, without a good FC, from the north; then calm."""
    west, north, calm = ({**TURBULENT, "WD": 270.0}, {**TURBULENT, "WD": 0.0}, {**TURBULENT, "WD": 0.0, "USTAR": 0.02})
    values = [west | {"FC": -5.0, "FC_SSITC_TEST": 0.0}, north | {"FC": -4.0, "FC_SSITC_TEST": 2.0}, north, calm]
    for i, one in enumerate(values):
        tower.put_flux(registered, tower.flux(START + i * HALF_HOUR, **one))
    return registered


def middle(feature: dict) -> tuple[float, float]:
    """Metres east and north of the tower at 26.1 N, 117.4 E, roughly."""
    ring = feature["geometry"]["coordinates"][0][0]
    longitude, latitude = (sum(point[i] for point in ring) / len(ring) for i in (0, 1))
    return (longitude - 117.4) * 111e3 * math.cos(math.radians(26.1)), (latitude - 26.1) * 111e3


def test_contours_lie_upwind_and_say_what_is_behind_them(client: httpx.Client, filled: Store) -> None:
    answer = client.get(PATH, params={"flux": "FC"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    collection = answer.json()
    assert collection["type"] == "FeatureCollection"
    shares = [one["properties"]["share"] for one in collection["features"]]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == (0.9, 0.1)
    facts = collection["features"][-1]["properties"]
    assert (facts["station"], facts["model"], facts["intervals"]) == (ID, "kljun_2015", 1)
    east, north = middle(collection["features"][-1])
    assert east < -20
    assert abs(north) < 5
    again = client.get(PATH, params={"flux": "FC"}, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


def test_all_intervals_of_a_period_count_unless_a_flux_is_asked_for(client: httpx.Client, filled: Store) -> None:
    whole = client.get(PATH).json()["features"][0]["properties"]
    assert (whole["intervals"], whole["left_out"]) == (3, {"friction velocity below 0.1 m s-1": 1})
    times = {"from": (START + HALF_HOUR).isoformat(), "to": (START + 3 * HALF_HOUR).isoformat()}
    part = client.get(PATH, params=times).json()
    assert part["features"][0]["properties"]["intervals"] == 2
    east, north = middle(part["features"][-1])
    assert north > 20
    assert abs(east) < 5


def test_a_period_without_a_footprint_has_no_contour(client: httpx.Client, registered: Store) -> None:
    assert client.get(PATH).json() == {"type": "FeatureCollection", "features": []}


def test_long_periods_and_other_fluxes_are_refused(client: httpx.Client, filled: Store) -> None:
    long = client.get(PATH, params={"from": START.isoformat(), "to": (START + timedelta(days=32)).isoformat()})
    assert long.status_code == 422
    assert "at most 31 days" in long.json()["detail"]
    assert client.get(PATH, params={"flux": "NEE"}).status_code == 422
    assert client.get("/api/v1/stations/nowhere/footprint").status_code == 404
