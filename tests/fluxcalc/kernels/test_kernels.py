"""Each kernel against its twin, on series as towers send them: gaps, spikes, frozen stretches."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from core.variables import VARIABLES
from fluxcalc.kernels.compile import kernel
from fluxcalc.kernels.despike import despike_pass
from fluxcalc.kernels.detrend import fading_mean, line, running_mean
from fluxcalc.kernels.lag import lagged_covariances, shift
from fluxcalc.kernels.mds import sample_marginal
from fluxcalc.kernels.rotation import mean_wind, rotate
from fluxcalc.kernels.screening import count_outside, largest_steps
from fluxcalc.kernels.statistics import covariance, mean_block_covariance, moments
from fluxcalc.kernels.trend import shape, trend_line
from tests import naive, naive_season
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
WIND = VARIABLES["U"]

# compiling on a first run takes longer than hypothesis allows an example
unhurried = settings(deadline=None, max_examples=60)


def series(low: float, high: float, least: int = 2, most: int = 60) -> st.SearchStrategy[np.ndarray]:
    values = st.floats(low, high, width=32) | st.just(math.nan)
    return st.integers(least, most).flatmap(lambda n: arrays(np.float64, n, elements=values))


def several(count: int, low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    values = st.floats(low, high, width=32) | st.just(math.nan)
    return st.integers(2, 60).flatmap(lambda n: arrays(np.float64, (count, n), elements=values))


@unhurried
@given(series(WIND.low, WIND.high))
def test_moments_equal_their_twin(x):
    count, mean, variance, low, high = moments(x)
    valid = naive.present(x)
    assert count == len(valid)
    if valid:
        assert_allclose(mean, naive.mean(valid), atol=1e-12)
        assert_allclose(variance, naive.variance(valid), rtol=1e-9, atol=1e-12)
        assert (low, high) == (min(valid), max(valid))
    else:
        assert all(math.isnan(value) for value in (mean, variance, low, high))


@unhurried
@given(several(2, WIND.low, WIND.high))
def test_covariance_equals_its_twin(xy):
    assert_allclose(covariance(*xy), naive.covariance(*xy), rtol=1e-9, atol=1e-10)


@unhurried
@given(several(2, WIND.low, WIND.high), st.floats(-1000, 1000), st.floats(0.01, 100))
def test_covariance_ignores_offsets_and_is_linear_in_gain(xy, offset, gain):
    x, y = xy
    expected = covariance(x, y)
    assume(not math.isnan(expected))
    assert_allclose(covariance(x + offset, y), expected, rtol=1e-7, atol=1e-8)
    assert_allclose(covariance(x * gain, y), gain * expected, rtol=1e-9, atol=1e-8)


@unhurried
@given(several(2, WIND.low, WIND.high), st.integers(1, 6))
def test_block_covariances_equal_their_twin(xy, blocks):
    expected = naive.mean_block_covariance(list(xy[0]), list(xy[1]), blocks)
    assert_allclose(mean_block_covariance(*xy, blocks), expected, rtol=1e-9, atol=1e-10)


@unhurried
@given(several(2, 0, 2500), st.integers(-8, 0), st.integers(0, 8))
def test_lagged_covariances_equal_their_twin(xy, first, last):
    assert_allclose(
        lagged_covariances(*xy, first, last), naive.lagged_covariances(*xy, first, last), rtol=1e-7, atol=1e-6
    )


@unhurried
@given(series(0, 60), st.integers(-70, 70))
def test_shift_equals_its_twin(x, lag):
    assert_allclose(shift(x, lag), naive.shift(x, lag), rtol=0)


@pytest.mark.parametrize("n", [63, 64, 65, 300])
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_sums_side_by_side_equal_their_twins(n, gaps):
    """Series longer than the sums that are taken side by side, with and without a rest."""
    random = np.random.default_rng(n)
    x, y = random.normal(15, 3, (2, n))
    x[random.uniform(size=n) < gaps] = np.nan
    y[random.uniform(size=n) < gaps] = np.nan
    valid = naive.present(x)
    expected = (len(valid), naive.mean(valid), naive.variance(valid), min(valid), max(valid))
    assert_allclose(moments(x), expected, rtol=1e-12)
    assert_allclose(covariance(x, y), naive.covariance(x, y), rtol=1e-10)
    assert_allclose(mean_block_covariance(x, y, 2), naive.mean_block_covariance(x, y, 2), rtol=1e-10)
    assert_allclose(lagged_covariances(x, y, -n, n), naive.lagged_covariances(x, y, -n, n), rtol=1e-9, atol=1e-12)
    count, mean, slope, middle = trend_line(x)
    assert_allclose((count, mean, slope, middle), naive.trend_line(x), rtol=1e-9)
    assert_allclose(shape(x, mean, slope, middle), naive.shape(x), rtol=1e-9)
    assert count_outside(x, 14.0, 17.0) == sum(value < 14.0 or value > 17.0 for value in x)
    assert_allclose(largest_steps(x, 33, 1), naive.largest_steps(x, 33, 1), rtol=1e-9)
    size = min(n, 200)
    expected, *counts, _norms = naive.despike_pass(list(x), set(), size, 50, 1.5, 3)
    clean = x.copy()
    assert despike_pass(clean, nothing_replaced(clean), size, 50, 1.5, 3) == tuple(counts)
    assert_allclose(clean, expected, rtol=1e-9)


def test_a_signal_that_comes_later_has_a_positive_lag():
    wind = np.random.default_rng(1).normal(size=500)
    late = np.concatenate([np.full(7, np.nan), wind[:-7]])
    assert np.nanargmax(lagged_covariances(wind, late, -10, 10)) - 10 == 7


@unhurried
@given(series(WIND.low, WIND.high), st.integers(1, 9))
def test_lines_equal_their_twin(x, parts):
    parts = min(parts, len(x))
    assert_allclose(line(x, parts), naive.line(x, parts), rtol=1e-9, atol=1e-9)


@unhurried
@given(series(0, 2500), st.integers(1, 70))
def test_running_means_equal_their_twin(x, window):
    assert_allclose(running_mean(x, window), naive.running_mean(x, window), rtol=1e-9, atol=1e-8)


@unhurried
@given(series(0, 2500), st.integers(1, 70))
def test_fading_means_equal_their_twin(x, window):
    assert_allclose(fading_mean(x, window), naive.fading_mean(list(x), window), rtol=1e-9, atol=1e-8)


@unhurried
@given(several(3, WIND.low, WIND.high), st.floats(-math.pi, math.pi), st.floats(-1.5, 1.5))
def test_rotation_equals_its_twin_and_keeps_wind_speed(uvw, yaw, pitch):
    rotated = np.array(rotate(*uvw, yaw, pitch))
    assert_allclose(rotated.T, naive.rotate(*uvw, yaw, pitch), atol=1e-10)
    complete = ~np.isnan(uvw).any(axis=0)
    assert_allclose(np.linalg.norm(rotated, axis=0)[complete], np.linalg.norm(uvw, axis=0)[complete], atol=1e-10)
    assert np.isnan(rotated[:, ~complete]).all()


@unhurried
@given(several(3, WIND.low, WIND.high))
def test_mean_wind_takes_complete_triplets_only(uvw):
    count, *means, largest = mean_wind(*uvw)
    complete = [tuple(sample) for sample in uvw.T if not np.isnan(sample).any()]
    assert count == len(complete)
    if complete:
        assert_allclose(means, [naive.mean(component) for component in zip(*complete, strict=True)], atol=1e-10)
        assert_allclose(largest, max(math.hypot(*sample) for sample in complete))


def nothing_replaced(x):
    return np.zeros(len(x), dtype=np.bool_)


@unhurried
@given(
    st.integers(0, 2**32 - 1),
    st.integers(20, 150),
    st.sampled_from([(20, 10), (30, 10), (16, 4), (12, 6)]),
    st.sampled_from([2.0, 2.5, 3.5]),
    st.lists(st.tuples(st.integers(0, 149), st.integers(1, 5), st.floats(-30, 30)), max_size=6),
    st.lists(st.integers(0, 149), max_size=10),
    st.sets(st.integers(0, 149), max_size=75),
)
def test_despiking_equals_its_twin(seed, n, window, limit, spikes, gaps, before):
    size, step = min(window[0], n), window[1]
    x = np.random.default_rng(seed).normal(15, 1, n)
    for place, length, height in spikes:
        x[place : place + length] += height
    x[[place for place in gaps if place < n]] = np.nan
    replaced = np.isin(np.arange(n), list(before))
    expected, *counts, norms = naive.despike_pass(list(x), before, size, step, limit, 3)
    # a sample on the very edge may fall to either side in floating point
    assume(
        not any(
            math.isclose(abs(value - mean), limit * sd, rel_tol=1e-6)
            for value, (mean, sd) in zip(x, norms, strict=True)
        )
    )
    clean = x.copy()
    assert despike_pass(clean, replaced, size, step, limit, 3) == tuple(counts)
    assert set(np.flatnonzero(replaced)) == {place for place in before if place < n}
    assert_allclose(clean, expected, rtol=1e-7, atol=1e-6)


@unhurried
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-100, 1000))
def test_despiking_leaves_a_clean_signal_untouched(seed, amplitude, offset):
    x = offset + amplitude * np.random.default_rng(seed).uniform(-1, 1, 1000)  # no sample beyond 1.8 sd
    clean = x.copy()
    assert despike_pass(clean, nothing_replaced(clean), 300, 100, 3.5, 3) == (0, 0, 0)
    assert (clean == x).all()


def test_despiking_finds_nothing_in_a_frozen_stretch():
    x = np.random.default_rng(3).normal(20, 1, 2000)
    x[700:] = 20.1  # not exact in binary: the mean of many differs from each in the last digit
    clean = x.copy()
    despike_pass(clean, nothing_replaced(clean), 300, 100, 3.5, 3)
    assert (clean[700:] == x[700:]).all()
    still = np.full(2000, 20.1)
    assert despike_pass(still, nothing_replaced(still), 300, 100, 3.5, 3) == (0, 0, 0)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([24, 48, 96]),
    st.floats(0.05, 0.95),
    st.floats(0, 0.5),
    st.integers(0, 1),
    st.integers(0, 2),
    st.booleans(),
)
def test_marginal_sampling_equals_its_twin(seed, per_day, gaps, without_driver, short, averaging, leave_out):
    random = np.random.default_rng(seed)
    n = 12 * per_day
    hours = np.arange(n) * 24 / per_day
    radiation = np.maximum(0, 600 * np.sin((hours - 6) / 12 * np.pi)) * random.uniform(0.3, 1, n)
    temperature = 15 + 8 * np.sin((hours - 9) / 12 * np.pi) + random.normal(0, 2, n)
    deficit = np.maximum(0, temperature - 8 + random.normal(0, 3, n))
    y = -radiation / 50 + random.normal(2, 1, n)
    y[random.uniform(size=n) < gaps] = np.nan
    for driver in (radiation, temperature, deficit):
        driver[random.uniform(size=n) < without_driver / 3] = np.nan
    wanted = random.choice(n, 20, replace=False)
    radiation = np.round(radiation, -1)  # so that some are equal
    drivers = np.array([radiation, temperature, deficit])
    steps = np.array(naive_season.STEPS)
    results = sample_marginal(y, drivers, wanted, steps, per_day, short, averaging, leave_out)
    for i, *result in zip(wanted, *results, strict=True):
        expected = naive_season.marginal_sample(i, y, drivers, per_day, short, averaging, leave_out)
        assert_allclose(result[:2], expected[:2], rtol=1e-9, atol=1e-12)
        assert tuple(result[2:]) == expected[2:]


def test_a_kernel_without_a_place_for_its_cache_still_works():
    """Code that comes from no file can be cached nowhere, as on a read-only machine."""
    place: dict = {}
    exec("def double(x):\n    return 2.0 * x", place)
    assert kernel(place["double"])(21.0) == 42.0


@pytest.mark.skipif("NUMBA_DISABLE_JIT" in os.environ, reason="runs already without compilation")
def test_kernels_give_the_same_without_compilation():
    """The same tests on the same functions as plain Python: what compiled code does is what the source says."""
    quick = "equal or complete or frozen or positive_lag"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", quick, str(Path(__file__))],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
