"""The raw-data tests: each kernel against its twin, and each test on a signal that has just the fault it looks for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from core.records import FloatArray
from core.station import parse_station
from fluxcalc.halfhour.interval import HalfHour, Meteorology
from fluxcalc.halfhour.raw.despiking import despike_mauder, median_bounds
from fluxcalc.halfhour.steps import process
from fluxcalc.kernels.despike import bridge_outliers
from fluxcalc.kernels.screening import bin_windows, count_outside, largest_steps, steep_share
from fluxcalc.kernels.trend import shape, trend_line
from tests import naive
from tests.fluxcalc.reference import STATIONS, station
from tests.fluxcalc.samples import START, samples, turbulence

unhurried = settings(deadline=None, max_examples=60)


@st.composite
def signals(draw: st.DrawFn, least: int = 4, most: int = 150) -> FloatArray:
    """Noise around an offset, with gaps, steps and frozen stretches."""
    n = draw(st.integers(least, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = draw(st.floats(-300, 1000)) + draw(st.floats(0.01, 30)) * random.normal(size=n)
    for place, length, height in draw(
        st.lists(st.tuples(st.integers(0, 149), st.integers(1, 60), st.floats(-50, 50)), max_size=3)
    ):
        x[place : place + length] = x[min(place, n - 1)] + height if draw(st.booleans()) else np.nan
    return x


@unhurried
@given(signals(), st.sampled_from([4, 10, 40, 200]), st.sampled_from([2, 10, 100]), st.sampled_from([0.1, 0.25]))
def test_binning_equals_its_twin(x, window, bins, tail):
    assert_allclose(bin_windows(x, window, bins, 3.0, tail), naive.bin_windows(list(x), window, bins, 3.0, tail))


@unhurried
@given(signals())
def test_line_equals_its_twin(x):
    assert_allclose(trend_line(x), naive.trend_line(list(x)), rtol=1e-6, atol=1e-9)


@unhurried
@given(st.integers(0, 2**32 - 1), st.integers(5, 200), st.lists(st.integers(0, 199), max_size=20))
def test_shape_equals_its_twin(seed, n, gaps):
    x = 280 + np.random.default_rng(seed).gamma(2, size=n) + 0.01 * np.arange(n)
    x[[gap for gap in gaps if gap < n - 4]] = np.nan
    assert_allclose(shape(x, *trend_line(x)[1:]), naive.shape(list(x)), rtol=1e-6, atol=1e-8)


@unhurried
@given(signals(), st.integers(1, 7), st.integers(1, 9))
def test_steps_equal_their_twin(x, stride, reach):
    assert_allclose(largest_steps(x, stride, reach), naive.largest_steps(list(x), stride, reach), rtol=1e-6, atol=1e-6)


@unhurried
@given(arrays(np.float64, (3, 40), elements=st.floats(-30, 30, width=16) | st.just(math.nan)))
def test_steep_share_equals_its_twin(uvw):
    low, high = -0.577, 0.577  # no quotient of these values
    assert_allclose(steep_share(*uvw, low, high), naive.steep_share(*uvw, low, high))


@unhurried
@given(arrays(np.float64, 40, elements=st.floats(-30, 30, width=16) | st.just(math.nan)), st.floats(1, 20))
def test_bridging_equals_its_twin(x, limit):
    expected, runs = naive.bridge_outliers(list(x), -limit, limit)
    assert count_outside(x, -limit, limit) == sum(abs(value) > limit for value in x)
    clean = x.copy()
    assert bridge_outliers(clean, -limit, limit) == runs
    assert_allclose(clean, expected, atol=1e-12)


def test_median_bounds_of_a_normal_distribution_are_seven_deviations():
    low, high = median_bounds(np.random.default_rng(4).normal(5, 2, 200_000))
    assert (low, high) == (pytest.approx(5 - 14, abs=0.1), pytest.approx(5 + 14, abs=0.1))


def test_mauder_bridges_runs_of_any_length():
    x = np.random.default_rng(5).normal(0, 1, 36000)
    x[1000:1040] = 60.0
    x[2000:2002] = -40.0
    half = HalfHour(START, START, samples({}), Meteorology(), series={"w": x, "u": np.full(36000, 3.0)})
    clean = despike_mauder(half, station("synthetic"))
    assert clean.diagnostics == {"spikes_w": 2.0, "spikes_u": 0.0}
    w = clean.series["w"]
    assert_allclose(w[999:1041], np.linspace(x[999], x[1040], 42))
    assert np.abs(w).max() < 10
    assert x[1000] == 60.0  # what came in is not touched


def screened(**channels: FloatArray) -> dict[str, float]:
    noted = process(samples(turbulence() | channels), station("synthetic"), START).diagnostics
    return {name: value for name, value in noted.items() if name.startswith("vm97")}


@pytest.fixture(scope="module")
def clean() -> dict[str, float]:
    return screened()


def test_turbulence_passes_every_test(clean):
    assert len(clean) == 6 * 6 + 2 + 2
    assert set(clean.values()) == {0.0}


def changed(clean: dict[str, float], **channels: FloatArray) -> dict[str, float]:
    return {name.removeprefix("vm97_"): v for name, v in screened(**channels).items() if v != clean[name]}


def test_many_spikes(clean):
    x = turbulence()["h2o"]
    x[::80] += 20
    assert "spikes_h2o" in changed(clean, h2o=x)


def test_too_few_digits(clean):
    assert changed(clean, Ts=np.round(turbulence()["Ts"] / 0.3) * 0.3) == {"amplitude_resolution_ts": 2.0}


def test_a_signal_that_sticks(clean):
    x = turbulence()["co2"]
    x[9000:9150] = 700.02
    assert changed(clean, co2=x) == {"dropouts_co2": 2.0}
    x = turbulence()["co2"]
    x[9000:9070] = 704.03
    assert changed(clean, co2=x) == {"dropouts_co2": 2.0}
    x[9070:9140] = x[9000:9070] = 700.02 + np.repeat([0, 1], 35)
    assert changed(clean, co2=x) == {}


def test_values_outside_absolute_limits(clean):
    x = turbulence()["Uz"]
    x[9000:9010] = -5.1  # too long for a spike
    assert changed(clean, Uz=x)["absolute_limits_w"] == 2.0
    assert changed(clean, co2=turbulence()["co2"] - 500)["absolute_limits_co2"] == 2.0


def test_the_limit_of_wind_does_not_depend_on_how_the_sonic_stands(clean):
    channels = turbulence()
    channels["Ux"][9000:9010] = channels["Uy"][9000:9010] = 22.0  # 31.1 m s-1
    found = changed(clean, Ux=channels["Ux"], Uy=channels["Uy"])
    assert (found["absolute_limits_u"], found["absolute_limits_v"]) == (2.0, 2.0)


@pytest.mark.parametrize(("degrees", "flag"), [(12.0, 0.0), (5.0, 1.0), (1.0, 2.0)])
def test_a_skewed_distribution(clean, degrees, flag):
    """Chi squared: skewness sqrt(8/k), kurtosis 3 + 12/k; despiking takes little of so dense a tail."""
    x = np.random.default_rng(6).chisquare(degrees, 36000)
    quiet = station("synthetic", despike="none")
    noted = process(samples(turbulence() | {"h2o": 9 + 0.1 * x}), quiet, START).diagnostics
    assert noted["skewness_h2o"] == pytest.approx(math.sqrt(8 / degrees), rel=0.05)
    assert noted["kurtosis_h2o"] == pytest.approx(3 + 12 / degrees, rel=0.15)
    assert noted["vm97_skewness_kurtosis_h2o"] == flag


@pytest.mark.parametrize(("height", "flag"), [(2.0, None), (3.0, 1.0), (4.5, 2.0)])
def test_a_jump_of_temperature(clean, height, flag):
    x = turbulence()["Ts"] + height * (np.arange(36000) > 20_000)
    assert changed(clean, Ts=x).get("discontinuities_ts") == flag


def test_a_change_of_variance(clean):
    x = turbulence()["Uy"]
    x[18_000:21_000] = x.mean() + 4 * (x[18_000:21_000] - x.mean())
    assert changed(clean, Uy=x)["discontinuities_v"] == 2.0


def test_steep_and_unsteady_wind(clean):
    steep = changed(clean, Uz=turbulence()["Uz"] + 2.0)
    assert steep["attack_angle"] == 2.0
    growing = np.linspace(0.7, 1.3, 36000)
    found = changed(clean, Ux=turbulence()["Ux"] * growing, Uy=turbulence()["Uy"] * growing)
    assert found["steadiness"] == 2.0


def test_a_lag_that_matters(clean):
    original = turbulence()
    late = {gas: np.roll(original[gas], 4) for gas in ("co2", "h2o")}
    assert changed(clean, **late) == {"time_lag_co2": 2.0, "time_lag_h2o": 2.0}


def test_screening_can_be_left_out_and_its_limits_set():
    noted = process(samples(turbulence()), station("synthetic", screening="none"), START).diagnostics
    assert not any(name.startswith("vm97") for name in noted)
    text = (STATIONS / "synthetic.toml").read_text() + "[flux.options.screening]\nlimits_ts = [-10.0, 19.0]\n"
    record = process(samples(turbulence()), parse_station(text, "synthetic.toml"), START)
    assert record.diagnostics["vm97_absolute_limits_ts"] == 2.0
    assert "missing" in record.reasons["H"]


def test_a_series_that_is_not_there_is_not_tested():
    channels = turbulence() | {"co2": np.full(36000, np.nan)}
    noted = process(samples(channels), station("synthetic"), START).diagnostics
    assert math.isnan(noted["vm97_skewness_kurtosis_co2"])
    del channels["co2"]
    noted = process(samples(channels), station("synthetic"), START).diagnostics
    assert not any(name.startswith("vm97") and name.endswith("co2") for name in noted)
