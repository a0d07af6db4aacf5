"""Axes, angles and directions: cases whose answer is known from geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from fluxcalc.halfhour.fits import PlaneSector
from fluxcalc.halfhour.wind.rotation import about_x, plane_axes, roll_angle
from fluxcalc.halfhour.wind.sonic_axes import sonic_direction, wind_direction
from fluxcalc.kernels.rotation import transform
from tests import naive
from tests.fluxcalc.halfhour.wind.sonics import run, variant
from tests.fluxcalc.samples import turbulence

unhurried = settings(deadline=None, max_examples=60)
slopes = st.floats(-0.3, 0.3)

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


def test_declination_and_offset_turn_the_direction_and_not_the_sectors():
    turned = variant("north_offset = 200.0\nmagnetic_declination = -12.5")
    assert sonic_direction(1.0, 0.0, turned) == 0
    assert wind_direction(1.0, 0.0, turned) == pytest.approx(187.5)
    assert math.isnan(wind_direction(0.0, 0.0, turned))
