"""Cross-wind, and the WindMaster's vertical wind: cases whose answer is known from geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcalc.halfhour.wind.crosswind import PATH_ELEVATIONS, path_factor
from tests.fluxcalc.halfhour.wind.sonics import run, variant
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import turbulence


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
