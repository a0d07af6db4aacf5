"""Frames, planes and cross-wind: cases whose answer is known from geometry."""

from __future__ import annotations

import json
import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from core.errors import ConfigError, ProcessingError
from core.records import FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.fits import Fits, PlaneSector, read_fits, write_fits
from fluxcalc.halfhour.steps import process
from fluxcalc.halfhour.wind.crosswind import PATH_ELEVATIONS, path_factor
from fluxcalc.halfhour.wind.planar_fit import find_plane, fit_planes, fit_station, is_inside
from fluxcalc.halfhour.wind.rotation import about_x, plane_axes, roll_angle
from fluxcalc.halfhour.wind.sonic_axes import sonic_direction, wind_direction
from fluxcalc.kernels.rotation import transform
from tests import naive
from tests.fluxcalc.reference import STATIONS, station
from tests.fluxcalc.samples import START, samples, turbulence

unhurried = settings(deadline=None, max_examples=60)
slopes = st.floats(-0.3, 0.3)
WHOLE = PlaneSector(0.0, 360.0, 0.05, 0.08, -0.04)


def variant(sonic: str = "", model: str = "CSAT3", methods: str = "", options: str = "") -> Station:
    text = (STATIONS / "synthetic.toml").read_text().replace('"CSAT3"', f'"{model}"\n{sonic}')
    return parse_station(f"{text}\n[flux.methods]\n{methods}\n[flux.options]\n{options}\n", "synthetic.toml")


def run(channels: dict, chosen: Station, *planes: PlaneSector) -> FluxRecord:
    return process(samples(channels), chosen, START, fits=Fits(planes=planes))


# --- axes


@unhurried
@given(arrays(np.float64, (3, 20), elements=st.floats(-30, 30) | st.just(math.nan)), slopes, slopes, slopes)
def test_transform_equals_its_twin(wind, b1, b2, bias):
    axes, _pitch, _roll = plane_axes(PlaneSector(0, 360, 0, b1, b2))
    assert_allclose(np.transpose(transform(*wind, axes, bias)), naive.transform(*wind, axes, bias), atol=1e-12)


@given(slopes, slopes)
def test_the_axes_of_a_plane_stand_upright_on_it(b1, b2):
    """Right-handed, of length one, z normal to the plane, y without a part along the sonic's x."""
    axes, pitch, roll = plane_axes(PlaneSector(0, 360, 0.3, b1, b2))
    assert_allclose(axes @ axes.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(axes) == pytest.approx(1)
    for u, v in ((1.0, 0.0), (0.0, 1.0), (-2.0, 0.7)):
        assert axes[2] @ (u, v, b1 * u + b2 * v) == pytest.approx(0, abs=1e-14)
    assert axes[1, 0] == 0
    level = plane_axes(PlaneSector(0, 360, 0.3, b1, 0.0))
    assert math.tan(level[1]) == pytest.approx(b1)  # positive where the wind along x goes up
    assert math.sin(pitch) == pytest.approx(-axes[2, 0])
    assert math.tan(roll) == pytest.approx(b2)


def test_a_known_rotation_matrix():
    """Planes of 64 alpine half-hours and the matrix that EddyPro 6.2.1 printed for them."""
    axes, _pitch, _roll = plane_axes(PlaneSector(0, 360, 0.0087761, -0.0376073, 0.0139083))
    printed = [[0.999294, 0.000523, -0.037573], [0, 0.999903, 0.013907], [0.037577, -0.013897, 0.999197]]
    assert_allclose(axes, printed, atol=1e-6)


@given(arrays(np.float64, (2, 40), elements=st.floats(-3, 3, width=32)))
def test_roll_takes_the_covariance_of_v_and_w_away(vw):
    v, w = vw - vw.mean(axis=1, keepdims=True)
    roll = roll_angle(float(np.mean(v * w)), float(np.mean(v * v)), float(np.mean(w * w)))
    assert abs(roll) <= math.pi / 4
    _u, v, w = transform(np.zeros(40), v, w, about_x(roll), 0.0)
    assert np.mean(v * w) == pytest.approx(0, abs=1e-12)


def test_a_rolled_sonic_is_set_upright_by_the_third_angle_only_if_it_is_small():
    channels = turbulence(3)
    for degrees, applied in ((6.0, True), (14.0, False)):
        tilt = about_x(math.radians(degrees))
        yaw = math.atan2(channels["Uy"].mean(), channels["Ux"].mean())
        c, s = math.cos(yaw), math.sin(yaw)
        along, across = channels["Ux"] * c + channels["Uy"] * s, channels["Uy"] * c - channels["Ux"] * s
        wind = tilt @ np.array([along, across, channels["Uz"]])
        record = run(
            channels | dict(zip(("Ux", "Uy", "Uz"), wind, strict=True)), variant(methods='rotation = "triple"')
        )
        assert record.diagnostics["roll_deg"] == pytest.approx(-degrees, abs=1.5)
        assert (abs(record.diagnostics["cov_vw"]) < 1e-9) == applied


# --- planes


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


# --- directions


@pytest.mark.parametrize(
    ("model", "u", "v", "direction"),
    [
        ("Young 81000", 1.0, 0.0, 90.0),  # counts wind from its east as u > 0
        ("81000V", 0.0, 1.0, 0.0),  # and from its north as v > 0
        ("WindMaster", 1.0, 0.0, 180.0),
        ("CSAT3B", 1.0, 1.0, 315.0),
        ("IRGASON", 0.0, -1.0, 90.0),
    ],
)
def test_the_sonic_knows_where_the_wind_comes_from(model, u, v, direction):
    assert sonic_direction(u, v, variant(model=model)) == pytest.approx(direction)


def test_a_left_handed_sonic_gives_what_a_right_handed_one_gives():
    channels = turbulence(11)
    mirrored = channels | {"Uy": -channels["Uy"]}
    truth = run(channels, variant(model="Other"))
    record = run(mirrored, variant("left_handed = true", model="Other"))
    for name in ("TAU", "H", "LE", "FC", "WD", "WS"):
        assert record.values[name] == pytest.approx(truth.values[name], rel=1e-12)
    assert record.values["WD"] != pytest.approx(run(mirrored, variant(model="Other")).values["WD"], abs=1)
    # v of a Gill R2, once turned round, points 60 degrees clockwise of its north arrow (NCAR/EOL, wind direction
    # quick reference)
    towards_v = run(channels | {"Ux": channels["Uz"], "Uy": -3 + 0.1 * channels["Uz"]}, variant(model="R2"))
    assert towards_v.values["WD"] == pytest.approx(240, abs=1)  # blows to 60 degrees


def test_planes_are_stored_and_read_back():
    fits = Fits(planes=(WHOLE, PlaneSector(315.0, 45.0, 0.0, -0.1, 0.2)))
    assert read_fits(json.loads(json.dumps(write_fits(fits)))).planes == fits.planes


def test_declination_and_offset_turn_the_direction_and_not_the_sectors():
    turned = variant("north_offset = 200.0\nmagnetic_declination = -12.5")
    assert sonic_direction(1.0, 0.0, turned) == 0
    assert wind_direction(1.0, 0.0, turned) == pytest.approx(187.5)
    assert math.isnan(wind_direction(0.0, 0.0, turned))


# --- cross-wind and angle of attack


@pytest.mark.parametrize("model", PATH_ELEVATIONS)
@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(0, 2 * math.pi))
def test_the_path_factor_is_what_blows_across_three_paths(model, u, v, turn):
    """Liu (2001): the mean over the paths of the squared wind normal to them, for horizontal wind."""
    elevation = math.radians(PATH_ELEVATIONS[model])
    across = 0.0
    for azimuth in (turn, turn + 2 * math.pi / 3, turn + 4 * math.pi / 3):
        path = (math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation))
        across += float(np.sum(np.cross((u, v, 0.0), path) ** 2)) / 3
    assert path_factor(PATH_ELEVATIONS[model]) * (u * u + v * v) == pytest.approx(across, abs=1e-9)


@pytest.mark.parametrize(("model", "factor"), [("csat3", 7 / 8), ("usa-1", 3 / 4), ("r3", 3 / 4)])
def test_the_factors_of_the_paper(model, factor):
    """Liu (2001), Table I."""
    assert path_factor(PATH_ELEVATIONS[model]) == pytest.approx(factor)


def test_cross_wind_comes_back_to_the_temperature_and_its_flux():
    channels = turbulence(7)
    across = 7 / 8 * (channels["Ux"] ** 2 + channels["Uy"] ** 2) / 403
    still = 'despike = "none"\n'
    truth = run(channels, variant(methods=still))
    measured = channels | {"Ts": channels["Ts"] - across}
    corrected = run(measured, variant(methods=still + 'cross_wind = "liu_2001"'))
    for name in ("H", "T_SONIC", "T_SONIC_SIGMA", "FC", "LE"):
        assert corrected.values[name] == pytest.approx(truth.values[name], rel=1e-9)
    assert corrected.diagnostics["cross_wind_k"] == pytest.approx(across.mean())
    assert abs(run(measured, variant(methods=still)).values["H"] / truth.values["H"] - 1) > 0.01


def test_cross_wind_of_a_sonic_that_is_not_known():
    record = run(turbulence(), variant(model="Homemade", methods='cross_wind = "liu_2001"'))
    assert "sonic_path_elevation" in record.reasons["H"]
    assert math.isfinite(record.values["TAU"])
    known = variant(model="Homemade", methods='cross_wind = "liu_2001"', options="sonic_path_elevation = 45.0")
    assert math.isfinite(run(turbulence(), known).values["H"])


def test_the_windmaster_gets_its_vertical_wind_back():
    channels = turbulence(8)
    seen = np.where(channels["Uz"] > 0, channels["Uz"] / 1.166, channels["Uz"] / 1.289)
    still = 'despike = "none"\n'
    truth = run(channels, variant(model="WindMaster Pro", methods=still))
    attack = still + 'angle_of_attack = "gill_windmaster_2016"'
    record = run(channels | {"Uz": seen}, variant(model="WindMaster Pro", methods=attack))
    for name in ("TAU", "H", "LE", "FC"):
        assert record.values[name] == pytest.approx(truth.values[name], rel=1e-9)
    other = run(channels, station("synthetic", angle_of_attack="gill_windmaster_2016"))
    assert "WindMaster" in other.reasons["H"]
