"""The footprint as a map, against the formulas of Kljun et al. (2015) worked out independently."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from fluxcalc.footprint_map.climatology import (
    CONTOUR_SHARES,
    FOOTPRINT_INTEGRAL,
    Turbulence,
    boundary_layer_height,
    contour,
    distance_of,
    is_in_roughness_sublayer,
    map_footprint,
    scales_of,
    to_geojson,
    to_npz,
    turbulence_of,
    why_unusable,
)
from fluxcalc.halfhour.steps import process
from fluxcalc.kernels.footprint import footprint_on_grid
from tests import naive
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence
from tests.naive import is_inside

SITE = station("synthetic")
ZM = 4.0 - 0.67 * 0.6
DAY = Turbulence(
    ustar=0.3, wind_speed=2.7, v_sigma=0.7, obukhov_length=-36.0, wind_direction=0.0, boundary_layer=1500.0
)
NIGHT = DAY._replace(ustar=0.2, obukhov_length=30.0, boundary_layer=math.nan)

intervals = st.builds(
    Turbulence,
    ustar=st.floats(0.1, 1.5),
    wind_speed=st.floats(0.5, 15.0),
    v_sigma=st.floats(0.1, 3.0),
    obukhov_length=st.one_of(st.floats(-5000, -1), st.floats(5, 5000)),
    wind_direction=st.floats(0, 360),
)


def scaled(x: float) -> float:
    """F*(X*) with the paper's coefficients (eqs 14, 17)."""
    return 1.4524 * (x - 0.1359) ** -1.9914 * math.exp(-1.4622 / (x - 0.1359)) if x > 0.1359 else 0.0


def upwind_scale(one: Turbulence, layer: float) -> float:
    """Metres per X*, from eq. 6."""
    return ZM / (1 - ZM / layer) * one.wind_speed / one.ustar * 0.4


def test_the_published_function_has_its_maximum_and_its_integral():
    """Eq. 20: the maximum lies at X* = 0.87; the integral is 1 but for the rounded coefficients."""
    places = np.linspace(0.2, 3, 20000)
    assert places[np.argmax([scaled(x) for x in places])] == pytest.approx(0.87, abs=0.005)
    whole = quad(scaled, 0.1359, 1, limit=200)[0] + quad(scaled, 1, np.inf, limit=200)[0]
    assert pytest.approx(whole, rel=1e-6) == FOOTPRINT_INTEGRAL
    assert pytest.approx(1.0, abs=2e-3) == FOOTPRINT_INTEGRAL
    for share in (0.5, 0.9):
        assert quad(scaled, 0.1359, distance_of(share), limit=200)[0] / whole == pytest.approx(share, abs=1e-6)
        # eq. 25, an approximation
        assert distance_of(share) == pytest.approx(-1.4622 / math.log(share) + 0.1359, rel=0.05)


def test_the_kernel_equals_its_twin():
    axis = np.linspace(-40, 40, 9) + 0.1
    density = np.empty((9, 9))
    total = footprint_on_grid(density, axis, axis, 0.7, 13.0, 9.0)
    twin = [[naive.kljun_2015(e, n, 0.7, 13.0, 9.0) for e in axis] for n in axis]
    np.testing.assert_allclose(density, twin, rtol=1e-12)
    assert total == pytest.approx(np.sum(twin))


@pytest.mark.parametrize("one", [DAY, NIGHT], ids=["day", "night"])
def test_the_map_integrated_across_the_wind_is_the_function_along_it(one):
    """Wind from the north: the sum of each row is the share of its strip; its peak lies where eq. 21 says."""
    layer = boundary_layer_height(one, SITE.station.latitude)
    scale = upwind_scale(one, layer)
    found = map_footprint([one], SITE, reach=12 * scale, cell=0.05 * scale)
    rows = found.weights.sum(axis=1)
    expected = np.array([scaled(n / scale) / scale * 0.05 * scale / FOOTPRINT_INTEGRAL for n in found.north])
    np.testing.assert_allclose(rows, expected, atol=2e-5)
    assert rows[found.north < 0].sum() == 0
    assert found.north[np.argmax(rows)] == pytest.approx(0.87 * scale, abs=0.05 * scale)
    assert found.weights.sum() == pytest.approx(quad(scaled, 0.1359, 12, limit=200)[0] / FOOTPRINT_INTEGRAL, abs=1e-3)


@pytest.mark.parametrize(("one", "factor"), [(DAY, 1e-5 * 36 / ZM + 0.8), (NIGHT, 1e-5 * 30 / ZM + 0.55)])
def test_the_width_is_the_papers(one, factor):
    """Eqs 12, 13, 18: the standard deviation across the wind at X* = 2."""
    scale = upwind_scale(one, boundary_layer_height(one, SITE.station.latitude))
    found = map_footprint([one], SITE, reach=10 * scale, cell=0.04 * scale)
    row = np.argmin(abs(found.north - 2.0 * scale))
    x = found.north[row] / scale
    across = found.weights[row] / found.weights[row].sum()
    sigma = 2.17 * math.sqrt(1.66 * x**2 / (1 + 20 * x)) * ZM * one.v_sigma / one.ustar / factor
    assert math.sqrt(np.sum(across * found.east**2)) == pytest.approx(sigma, rel=2e-3)


def test_lengths_scale_with_the_ratio_of_wind_to_friction_and_widths_with_the_wind_across():
    length, width = scales_of(DAY, SITE)
    assert scales_of(DAY._replace(wind_speed=5.4), SITE) == pytest.approx((2 * length, width))
    assert scales_of(DAY._replace(v_sigma=1.4), SITE) == pytest.approx((length, 2 * width))
    assert scales_of(DAY._replace(ustar=0.6, wind_speed=5.4, v_sigma=1.4), SITE) == pytest.approx((length, width))
    assert scales_of(DAY._replace(boundary_layer=2 * ZM), SITE)[0] == pytest.approx(
        2 * length * (1 - ZM / 1500), rel=1e-9
    )


@pytest.mark.parametrize(("direction", "turns"), [(90.0, 1), (180.0, 2), (270.0, 3)])
def test_the_map_turns_with_the_wind(direction, turns):
    north = map_footprint([DAY], SITE, reach=100, cell=2).weights
    turned = map_footprint([DAY._replace(wind_direction=direction)], SITE, reach=100, cell=2).weights
    # rows run north, so turning clockwise from above is anticlockwise in the array
    np.testing.assert_allclose(turned, np.rot90(north, turns), rtol=1e-6, atol=1e-12)


def test_an_oblique_wind_comes_from_where_it_says():
    found = map_footprint([DAY._replace(wind_direction=240.0)], SITE)
    east, north = (float(np.sum(found.weights * part)) for part in np.meshgrid(found.east, found.north))
    assert math.degrees(math.atan2(east, north)) % 360 == pytest.approx(240, abs=0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(intervals, min_size=1, max_size=3), st.floats(1, 60))
def test_weights_are_shares(several, cell):
    found = map_footprint(several, SITE, reach=400, cell=cell)
    assert found.weights.min() >= 0
    assert found.weights.sum() <= 1 + 1e-12
    assert found.used + sum(found.left_out.values()) == len(several)


def test_an_average_is_the_mean_of_its_parts():
    turned = NIGHT._replace(wind_direction=130.0)
    both = map_footprint([DAY, turned, DAY._replace(ustar=0.05), DAY._replace(ustar=0.02)], SITE, reach=200, cell=4)
    parts = [map_footprint([one], SITE, reach=200, cell=4).weights for one in (DAY, turned)]
    np.testing.assert_allclose(both.weights, (parts[0] + parts[1]) / 2)
    assert (both.used, both.left_out) == (2, {"friction velocity below 0.1 m s-1": 2})


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (DAY._replace(ustar=math.nan), "wind or turbulence is not known"),
        (DAY._replace(obukhov_length=math.nan), "wind or turbulence is not known"),
        (DAY._replace(wind_direction=math.nan), "direction"),
        (DAY._replace(ustar=0.09), "friction"),
        (DAY._replace(v_sigma=0.0), "zero"),
        (DAY._replace(obukhov_length=-ZM / 15.6), "stability"),
        (DAY._replace(boundary_layer=ZM / 0.81), "boundary layer"),
    ],
)
def test_what_cannot_be_mapped_is_counted_with_its_reason(one, why):
    assert why in (why_unusable(one, SITE) or "")
    found = map_footprint([one], SITE)
    assert found.used == 0
    assert not found.weights.any()
    assert to_geojson(found, SITE)["features"] == []


def test_the_height_of_the_boundary_layer():
    """Eq. B1: in neutral air 0.3 u*/f, lower the stabler; as given where it is."""
    coriolis = 2 * 7.2921e-5 * math.sin(math.radians(48))
    stable = [boundary_layer_height(NIGHT._replace(obukhov_length=length), 48.0) for length in (20, 200, 1e9, math.inf)]
    assert stable == sorted(stable)
    assert stable[-1] == pytest.approx(0.3 * 0.2 / coriolis)
    assert stable[-2] == pytest.approx(stable[-1], rel=1e-5)
    assert boundary_layer_height(DAY, 48.0) == 1500.0
    assert boundary_layer_height(DAY._replace(boundary_layer=math.nan), 48.0) == 1000.0
    assert boundary_layer_height(NIGHT, 0.0) == 1000.0


def test_a_contour_is_the_smallest_area_with_its_share():
    found = map_footprint([DAY._replace(wind_direction=200.0)], SITE, reach=120, cell=2.0)
    areas = []
    for share in (0.3, 0.5, 0.7):
        (polygon,) = contour(found, share)
        inside = [
            found.weights[row, column]
            for row, column in np.ndindex(found.weights.shape)
            if is_inside((found.east[column] + 1e-7, found.north[row] + 1e-7), polygon[0])
        ]
        assert sum(inside) == pytest.approx(share, abs=0.02)
        assert sum(inside) >= np.sort(found.weights, axis=None)[::-1][: len(inside)].sum() - 0.02
        areas.append(len(inside))
    assert areas == sorted(areas)
    assert contour(map_footprint([DAY], SITE, reach=40), 0.9) == []


def test_geojson_has_closed_rings_around_the_station():
    found = map_footprint([DAY._replace(wind_direction=270.0)], SITE)
    collection = json.loads(json.dumps(to_geojson(found, SITE)))
    assert [feature["properties"]["share"] for feature in collection["features"]] == sorted(
        CONTOUR_SHARES, reverse=True
    )
    areas = [feature["properties"]["area_m2"] for feature in collection["features"]]
    assert areas == sorted(areas, reverse=True)
    assert collection["features"][0]["properties"]["intervals"] == 1
    ring = collection["features"][0]["geometry"]["coordinates"][0][0]
    assert ring[0] == ring[-1]
    # metres per degree at 48 N, by the usual series; the wind blows from the west
    phi = math.radians(48.0)
    east = [(longitude - 10.0) * (111412.84 * math.cos(phi) - 93.5 * math.cos(3 * phi)) for longitude, _ in ring]
    north = [(latitude - 48.0) * (111132.954 - 559.822 * math.cos(2 * phi)) for _, latitude in ring]
    ((outer, *_),) = contour(found, 0.9)
    assert min(east) == pytest.approx(min(x for x, _ in outer), rel=1e-3)
    assert max(north) == pytest.approx(max(y for _, y in outer), rel=1e-3)
    assert max(east) < 0


def test_the_grid_comes_back_from_its_file():
    found = map_footprint([DAY], SITE, reach=50, cell=5)
    with np.load(io.BytesIO(to_npz(found, SITE))) as file:
        np.testing.assert_array_equal(file["weights"], found.weights)
        assert (float(file["latitude"]), float(file["longitude"]), int(file["used"])) == (48.0, 10.0, 1)


def test_a_record_says_all_that_the_map_needs():
    record = process(samples(turbulence()), SITE, START)
    one = turbulence_of(record.values)
    assert why_unusable(one, SITE) is None
    assert one.wind_direction == record.values["WD"]
    assert map_footprint([one], SITE).weights.sum() > 0.9
    assert why_unusable(turbulence_of({**record.values, "USTAR": None}), SITE) == "wind or turbulence is not known"


@pytest.mark.parametrize("wrong", [{"reach": 0.0}, {"cell": -1.0}])
def test_lengths_are_positive(wrong):
    with pytest.raises(ValueError, match="above 0 m"):
        map_footprint([DAY], SITE, **wrong)


def test_low_sensors_are_marked():
    assert is_in_roughness_sublayer(station("forest"))
    assert not is_in_roughness_sublayer(SITE)
