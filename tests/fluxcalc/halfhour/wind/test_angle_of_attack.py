"""The WindMaster's response to the angle of the wind: its inverse, its symmetry, and Gill's own figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.station import Station, parse_station
from fluxcalc.halfhour.steps import process
from fluxcalc.kernels.angle_of_attack import angle_response, correct_angles
from tests import naive
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import START, samples, turbulence

TEXT = (STATIONS / "synthetic.toml").read_text()


@settings(max_examples=300, deadline=None)
@given(st.floats(0.05, 30), st.floats(-80, 80), st.floats(-180, 180))
def test_what_the_sonic_made_of_the_wind_is_undone(speed, angle, azimuth):
    alpha, phi = math.radians(angle), math.radians(azimuth)
    true = (
        speed * math.cos(alpha) * math.cos(phi),
        speed * math.cos(alpha) * math.sin(phi),
        speed * math.sin(alpha),
    )
    u, v, w = (np.array([value]) for value in naive.see_through_windmaster(*true))
    correct_angles(u, v, w)
    assert (u[0], v[0], w[0]) == pytest.approx(true, abs=1e-8 * speed)


@given(st.floats(-90, 90), st.floats(0, 360))
def test_wind_from_below_is_as_wind_from_above_on_the_opposite_side(angle, direction):
    assert angle_response(angle, direction) == pytest.approx(angle_response(-angle, direction + 180), rel=1e-12)


def test_level_wind_stays_and_missing_wind_spoils_nothing_else():
    u, v, w = np.array([3.0, math.nan, 2.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0]), np.array([0.0, 1.0, math.nan, 0.0])
    correct_angles(u, v, w)
    np.testing.assert_array_equal(u, [3.0, math.nan, 2.0, 0.0])
    np.testing.assert_array_equal(w, [0.0, 1.0, math.nan, 0.0])


@pytest.mark.parametrize("angle", [20.0, 30.0])
def test_it_multiplies_w_about_as_much_as_the_maker_does(angle):
    """Key note KN1509: 1.166 upward, 1.289 downward; the field calibration does not tell them apart in the mean."""
    for sign in (1, -1):
        mean = np.mean([1 / angle_response(sign * angle, float(direction))[0] for direction in range(360)])
        assert mean == pytest.approx((1.166 + 1.289) / 2, rel=0.02)


def with_method(model: str) -> Station:
    text = TEXT.replace('model = "CSAT3"', f'model = "{model}"')
    return parse_station(
        f'{text}\n[flux.methods]\nangle_of_attack = "nakai_shimoyama_2012"\ndespike = "none"\n', "a.toml"
    )


def test_it_is_for_a_windmaster_alone():
    channels = turbulence()
    seen = [
        naive.see_through_windmaster(*wind)
        for wind in zip(*(channels[name] for name in ("Ux", "Uy", "Uz")), strict=True)
    ]
    measured = dict(zip(("Ux", "Uy", "Uz"), np.array(seen).T, strict=True))
    plain = parse_station(
        TEXT.replace('model = "CSAT3"', 'model = "WindMaster"') + '\n[flux.methods]\ndespike = "none"\n', "a.toml"
    )
    expected = process(samples(channels), plain, START).values
    found = process(samples(channels | measured), with_method("WindMaster"), START).values
    for name in ("USTAR", "H", "LE", "FC", "W_SIGMA"):
        assert found[name] == pytest.approx(expected[name], rel=1e-6), name
    other = process(samples(channels), with_method("R3-50"), START)
    assert math.isnan(other.values["H"])
    assert (
        "angle_of_attack = 'nakai_shimoyama_2012' is for a WindMaster, and the sonic is a 'R3-50'" in other.reasons["H"]
    )
