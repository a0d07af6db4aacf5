"""Random errors: against noise whose sampling error is known, and by what must not change them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from core.station import Options, Station
from fluxcalc.halfhour.quality.random_error import (
    CorrelatedPair,
    count_records,
    finkelstein_sims_deviation,
    integral_scale,
    mann_lenschow_deviation,
)
from fluxcalc.halfhour.steps import process, run_steps
from fluxcalc.kernels.correlation import MIN_BLOCK, cross_covariances
from tests import naive
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence

FLUXES = ("tau", "h", "le", "fc")
unhurried = settings(deadline=None, max_examples=60)


@st.composite
def two_series(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    n = draw(st.integers(2, 60))
    values = st.floats(-50, 50, width=32) | st.just(math.nan)
    return draw(arrays(np.float64, (2, n), elements=values)), draw(st.integers(0, n - 1))


@unhurried
@given(two_series())
def test_cross_covariances_equal_their_twin(case):
    xy, reach = case
    found = cross_covariances(xy, [(0, 1), (0, 0)], reach)
    assert_allclose(found[0], naive.cross_covariances(*xy, reach), atol=1e-9)
    assert_allclose(found[1], naive.cross_covariances(xy[0], xy[0], reach), atol=1e-9)


@pytest.mark.parametrize(("n", "reach"), [(3 * MIN_BLOCK + 7, 30), (MIN_BLOCK, 700), (1500, 1499)])
def test_blocks_leave_no_seam(n, reach):
    random = np.random.default_rng(1)
    xy = random.standard_normal((2, n))
    xy[0, 5:40] = xy[1, 100:103] = np.nan
    found = cross_covariances(xy, [(0, 1)], reach)[0]
    lags = [-reach, -1, 0, 3, reach]
    centred = xy - np.nanmean(xy, axis=1, keepdims=True)
    for lag in lags:
        x, y = centred[0, max(0, -lag) : n - max(0, lag)], centred[1, max(0, lag) : n - max(0, -lag)]
        expected = np.nanmean(x * y) if not np.isnan(x * y).all() else math.nan
        assert found[reach + lag] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_integral_scale_of_an_exponential():
    """exp(-lag/20) sums to 1/(1 - exp(-1/20)); up to 1/e to (1 - 1/e) of that."""
    correlation = -3.0 * np.exp(-np.arange(400) / 20)
    whole = 1 / (1 - math.exp(-1 / 20))
    assert integral_scale(correlation, "integral") == pytest.approx(whole)
    assert integral_scale(correlation, "zero") == pytest.approx(whole)
    # the value at lag 20 may round to either side of 1/e
    assert integral_scale(correlation, "inverse_e") == pytest.approx((1 - 1 / math.e) * whole, rel=0.03)
    falling = np.array([2.0, 1.0, -0.2, 0.4])
    assert [integral_scale(falling, end) for end in ("inverse_e", "zero", "integral")] == [1.5, 1.5, pytest.approx(1.6)]
    assert math.isnan(integral_scale(np.array([0.0, 1.0]), "zero"))


def autoregressive(random: np.random.Generator, noise: np.ndarray, memory: float) -> np.ndarray:
    result = np.empty_like(noise)
    value = random.standard_normal(noise.shape[0])
    for i in range(noise.shape[1]):
        value = memory * value + math.sqrt(1 - memory**2) * noise[:, i]
        result[:, i] = value
    return result


def test_errors_are_the_spread_of_many_half_hours():
    """Gaussian noise with memory, correlated at 0.4: the spread of 400 covariances is what one of them predicts."""
    random = np.random.default_rng(2)
    runs, n, memory, reach = 400, 4000, 0.9, 100
    first, second = random.standard_normal((2, runs, n))
    w = autoregressive(random, first, memory)
    x = autoregressive(random, 0.4 * first + math.sqrt(1 - 0.16) * second, memory)
    spread = np.std(np.mean(w * x, axis=1))
    # variance = (1 + r^2) (1 + memory^2) / (1 - memory^2) / n for a process of this kind
    assert spread == pytest.approx(math.sqrt(1.16 * (1 + 0.81) / (1 - 0.81) / n), rel=0.1)
    predicted: dict[str, list[float]] = {"fs": [], "ml": []}
    for run in range(20):
        w_w, x_x, w_x = cross_covariances(np.array([w[run], x[run]]), [(0, 0), (1, 1), (0, 1)], reach)
        pair = CorrelatedPair(w_w, x_x, w_x, 30.0, n)
        predicted["fs"].append(finkelstein_sims_deviation(pair))
        # its time scale is that of the product, half of that of the members
        predicted["ml"].append(mann_lenschow_deviation(replace_scale(pair, 0.5 * (1 + 0.81) / (1 - 0.81))))
    assert np.mean(predicted["fs"]) == pytest.approx(spread, rel=0.1)
    assert np.mean(predicted["ml"]) == pytest.approx(spread, rel=0.1)


def replace_scale(pair: CorrelatedPair, scale: float) -> CorrelatedPair:
    return pair._replace(scale=scale)


def with_options(name: str, **options: object) -> Station:
    original = station(name)
    assert original.flux is not None
    return original.model_copy(update={"flux": original.flux.model_copy(update={"options": Options(**options)})})


def test_a_record_has_the_errors_of_its_four_fluxes():
    noted = process(samples(turbulence()), station("synthetic"), START).diagnostics
    for flux in FLUXES:
        assert 0 < noted[f"random_error_{flux}"] < abs(noted[f"raw_{'co2' if flux == 'fc' else flux}"])
        assert noted[f"integral_scale_{flux}_s"] > 0
    # white noise has no memory: the error of a covariance is that of independent samples
    n = len(turbulence()["Uz"])
    expected = math.sqrt((1 + 0.25**2 * 0.45**4 / (noted["cov_ww"] * noted["cov_ts_ts"])) / n)
    assert noted["random_error_h"] / noted["raw_h"] * noted["cov_w_ts"] == pytest.approx(
        expected * math.sqrt(noted["cov_ww"] * noted["cov_ts_ts"]), rel=0.8
    )


def test_methods_and_options_choose():
    data = samples(turbulence())
    silent = process(data, station("synthetic", random_error="none"), START).diagnostics
    assert not [name for name in silent if name.startswith(("random_error", "integral_scale"))]
    other = process(data, station("synthetic", random_error="mann_lenschow_1994"), START).diagnostics
    assert other["random_error_h"] > 0
    whole = process(data, with_options("synthetic", random_error_scale="integral", random_error_reach=2.0), START)
    assert whole.diagnostics["integral_scale_h_s"] != other["integral_scale_h_s"]


def test_a_missing_gas_takes_only_its_own_error():
    channels = turbulence()
    channels["co2"] = np.full_like(channels["co2"], np.nan)
    noted = process(samples(channels), station("synthetic"), START).diagnostics
    assert "random_error_fc" not in noted
    assert all(noted[f"random_error_{flux}"] > 0 for flux in ("tau", "h", "le"))


def test_the_error_is_that_of_the_records_that_came():
    """A tenth of the records lost at the end: the error is that of a shorter half-hour, worked out lag by lag."""
    n, left = 36000, 32500
    channels = {name: np.where(np.arange(n) < left, values, np.nan) for name, values in turbulence(n=n).items()}
    half = run_steps(samples(channels), station("synthetic"), START)
    w, ts = (half.series[name][:left] - np.mean(half.series[name][:left]) for name in ("w", "ts"))
    m = round(half.random_errors["h"].time_scale / half.dt)
    total = sum(
        naive.cross_covariances(w, w, m)[m + lag] * naive.cross_covariances(ts, ts, m)[m + lag]
        + naive.cross_covariances(w, ts, m)[m + lag] * naive.cross_covariances(w, ts, m)[m - lag]
        for lag in range(-m, m + 1)
    )
    heat = half.raw_fluxes.h / half.covariance("w_ts")  # J m-3 K-1
    assert count_records(half) == left
    assert half.random_errors["h"].deviation == pytest.approx(abs(heat) * math.sqrt(total / left), rel=1e-4)


def test_a_value_missing_alone_costs_no_record():
    channels = turbulence()
    channels["co2"] = np.where(np.arange(len(channels["co2"])) % 50 == 0, np.nan, channels["co2"])
    assert count_records(run_steps(samples(channels), station("synthetic"), START)) == len(channels["co2"])


def test_five_samples_are_no_error():
    data = samples({name: values[:5] for name, values in turbulence().items()})
    record = process(replace(data), station("synthetic"), START)
    assert "random_error_h" not in record.diagnostics
