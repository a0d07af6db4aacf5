"""Planes of the mean streamlines: cases whose answer is known from geometry."""

from __future__ import annotations

import json
import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, ProcessingError
from core.records import FluxRecord
from fluxcalc.halfhour.fits import Fits, PlaneSector, read_fits, write_fits
from fluxcalc.halfhour.wind.planar_fit import find_plane, fit_planes, fit_station, is_inside
from fluxcalc.halfhour.wind.rotation import plane_axes
from fluxcalc.halfhour.wind.sonic_axes import sonic_direction
from tests.fluxcalc.halfhour.wind.sonics import WHOLE, run, variant
from tests.fluxcalc.samples import START, turbulence

slopes = st.floats(-0.3, 0.3)


def stream(plane: PlaneSector, n: int = 200, seed: int = 1) -> np.ndarray:
    """Mean winds u, v, w in a plane, from all directions."""
    random = np.random.default_rng(seed)
    angle, speed = random.uniform(0, 2 * math.pi, n), random.uniform(1, 8, n)
    u, v = speed * np.cos(angle), speed * np.sin(angle)
    return np.array([u, v, plane.b0 + plane.b1 * u + plane.b2 * v])


def record_of(u: float, v: float, w: float, number: int = 0) -> FluxRecord:
    start = START + number * timedelta(minutes=30)
    noted = {"sonic_u": u, "sonic_v": v, "sonic_w": w}
    return FluxRecord("synthetic", start, start + timedelta(minutes=30), {}, diagnostics=noted)


@given(slopes, slopes, st.floats(-0.2, 0.2))
def test_a_fit_finds_the_plane_that_was_built_in(b1, b2, b0):
    built = PlaneSector(0.0, 360.0, b0, b1, b2)
    u, v, w = stream(built)
    (found,) = fit_planes(u, v, w, np.zeros(len(u)), starts=(0.0,), minimum=30, with_bias=True)
    assert (found.start, found.end) == (0.0, 360.0)
    assert (found.b0, found.b1, found.b2) == pytest.approx((b0, b1, b2), abs=1e-12)
    (unbiased,) = fit_planes(u, v, w - b0, np.zeros(len(u)), starts=(0.0,), minimum=30, with_bias=False)
    assert (unbiased.b0, unbiased.b1, unbiased.b2) == pytest.approx((0, b1, b2), abs=1e-12)


def test_without_bias_the_fit_is_the_plane_through_the_origin():
    """The normal equations of van Dijk (2004), solved by hand for two slopes."""
    u, v, w = stream(WHOLE)
    (found,) = fit_planes(u, v, w, np.zeros(len(u)), starts=(0.0,), minimum=3, with_bias=False)
    uu, uv, vv, uw, vw = (float(np.sum(a * b)) for a, b in ((u, u), (u, v), (v, v), (u, w), (v, w)))
    down = uu * vv - uv * uv
    assert found.b0 == 0
    assert (found.b1, found.b2) == pytest.approx(((uw * vv - vw * uv) / down, (vw * uu - uw * uv) / down))


def test_each_sector_has_the_plane_of_its_own_winds():
    """Two hills; a CSAT3 counts wind from its north as u > 0, so its direction is that of (u, -v)."""
    chosen = variant(options="planar_fit_sectors = [45.0, 225.0]", methods='rotation = "planar_fit"')
    south, north = PlaneSector(45.0, 225.0, 0.02, 0.1, 0.0), PlaneSector(225.0, 45.0, -0.03, 0.0, -0.07)
    records = []
    for number, (u, v, _w) in enumerate(stream(WHOLE).T):
        own = south if 45 <= sonic_direction(u, v, chosen) < 225 else north
        records.append(record_of(u, v, own.b0 + own.b1 * u + own.b2 * v, number))
    for found, built in zip(fit_station(records, chosen), (south, north), strict=True):
        assert (found.start, found.end) == (built.start, built.end)
        assert (found.b0, found.b1, found.b2) == pytest.approx((built.b0, built.b1, built.b2), abs=1e-12)


def test_too_few_periods_are_an_error_that_counts_them():
    few = [record_of(*wind, number=i) for i, wind in enumerate(stream(WHOLE, 29).T)]
    calm, steep = [record_of(0.1, 0.1, 0.0)] * 40, [record_of(3.0, 0.0, 1.5)] * 40
    without = [FluxRecord("synthetic", START, START, {})] * 5
    with pytest.raises(
        ProcessingError, match=r"synthetic .*29 of 114 half-hours.*has the 30 .*least_periods"
    ) as caught:
        fit_station([*few, *calm, *steep, *without], variant())
    assert caught.value.interval.startswith("2024-06-20T12:00Z to ")
    with pytest.raises(ProcessingError, match=r"0 of 0 half-hours"):
        fit_station([], variant())
    enough = [*few, record_of(2.0, 1.0, WHOLE.b0 + 2 * WHOLE.b1 + WHOLE.b2)]
    (plane,) = fit_station(enough, variant())
    assert (plane.b0, plane.b1, plane.b2) == pytest.approx((WHOLE.b0, WHOLE.b1, WHOLE.b2))


def test_winds_along_one_line_make_no_plane():
    line = [record_of(0.1 * i, 0.2 * i, 0.01 * i, number=i) for i in range(10, 60)]
    with pytest.raises(ProcessingError, match="no sector"):
        fit_station(line, variant())


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        (0.0, 360.0, (0.0, 180.0, 359.9, math.nan), ()),
        (45.0, 405.0, (0.0, 45.0, math.nan), ()),
        (90.0, 180.0, (90.0, 179.9), (180.0, 0.0, 89.9, math.nan)),
        (315.0, 45.0, (315.0, 0.0, 44.9), (45.0, 180.0, math.nan)),
        (270.0, 0.0, (270.0, 359.9), (0.0, 269.9)),
    ],
)
def test_sectors_may_lie_over_north(start, end, inside, outside):
    sector = PlaneSector(start, end, 0, 0, 0)
    assert all(is_inside(sector, direction) for direction in inside)
    assert not any(is_inside(sector, direction) for direction in outside)


@given(st.lists(st.integers(0, 359), min_size=1, max_size=8, unique=True), st.floats(0, 359.99))
def test_sectors_of_the_options_cover_the_circle_once(starts, direction):
    edges = tuple(float(start) for start in sorted(starts))
    u, v, w = np.tile(stream(WHOLE, 20), 8)
    directions = np.repeat([(edges + edges[:1] * 8)[k] for k in range(8)], 20)
    planes = fit_planes(u, v, w, directions, starts=edges, minimum=3, with_bias=True)
    assert len(planes) == len(edges)
    assert sum(is_inside(plane, direction) for plane in planes) == 1
    assert find_plane(planes, direction) is not None


def test_sectors_that_do_not_go_round_are_a_mistake():
    for sectors in ("[90.0, 0.0]", "[0.0, 0.0]", "[0.0, 360.0]", "[-10.0]", "[]"):
        with pytest.raises(ConfigError, match="planar_fit_sectors"):
            variant(options=f"planar_fit_sectors = {sectors}")


# --- the half-hour in a plane


def test_a_tilted_sonic_gives_the_fluxes_of_a_straight_one():
    """The plane is that of the tilt, the bias that of the sonic's w: both go, and mean w stays what it was."""
    level = turbulence(5)
    level["Uz"] = level["Uz"] - level["Uz"].mean() + 0.03
    axes, _pitch, _roll = plane_axes(WHOLE)
    tilted = axes.T @ np.array([level["Ux"], level["Uy"], level["Uz"]])
    channels = level | dict(zip(("Ux", "Uy", "Uz"), tilted, strict=True))
    still = 'despike = "none"\nrotation = "planar_fit"'
    unbiased = PlaneSector(0.0, 360.0, 0.0, WHOLE.b1, WHOLE.b2)
    flat = PlaneSector(0.0, 360.0, 0.0, 0.0, 0.0)
    straight = run(level, variant(methods=still), flat)
    record = run(channels, variant(methods=still), unbiased)
    assert record.diagnostics["plane_w"] == pytest.approx(0.03)
    for name in ("TAU", "USTAR", "H", "LE", "FC", "WS"):
        assert record.values[name] == pytest.approx(straight.values[name], rel=1e-9)
    biased = run(channels, variant(methods=still), PlaneSector(0.0, 360.0, 0.01, WHOLE.b1, WHOLE.b2))
    assert biased.diagnostics["plane_w"] == pytest.approx(0.02)
    assert biased.values["H"] == pytest.approx(record.values["H"], rel=1e-6)


def test_without_a_plane_there_are_no_fluxes_but_a_reason():
    chosen = variant(methods='rotation = "planar_fit"')
    unfitted = run(turbulence(), chosen)
    direction = sonic_direction(unfitted.diagnostics["sonic_u"], unfitted.diagnostics["sonic_v"], chosen)
    elsewhere = run(turbulence(), chosen, PlaneSector((direction + 10) % 360, (direction + 90) % 360, 0, 0, 0))
    for record, reason in ((unfitted, "no plane has been fitted yet"), (elsewhere, f"fitted for {direction:.0f} deg")):
        for name in ("TAU", "H", "LE", "FC"):
            assert math.isnan(record.values[name])
            assert reason in record.reasons[name]
        assert record.values["WS"] > 0
        assert not math.isnan(record.values["WD"])


def test_planes_with_a_bias_are_not_taken_for_planes_without():
    record = run(turbulence(), variant(methods='rotation = "planar_fit_no_bias"'), WHOLE)
    assert "fit them anew" in record.reasons["H"]


def test_planes_are_stored_and_read_back():
    fits = Fits(planes=(WHOLE, PlaneSector(315.0, 45.0, 0.0, -0.1, 0.2)))
    assert read_fits(json.loads(json.dumps(write_fits(fits)))).planes == fits.planes
