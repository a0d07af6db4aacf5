"""Sensitivity of respiration to temperature: what windows tell, the smooth curve, and the peer's curve."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import least_squares

from core.records import FloatArray
from fluxcalc.season.partition import daytime
from fluxcalc.season.partition.daytime import window_centres
from fluxcalc.season.partition.nighttime import respiration
from fluxcalc.season.partition.temperature_sensitivity import carry, fit_windows, smooth, smooth_curve
from tests import naive_season
from tests.fluxcalc.reference import needs_season
from tests.fluxcalc.season.gapfill.test_mds import column
from tests.fluxcalc.season.partition.test_daytime import RUNS, read_run


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize(("site", "run", "threshold", "rules"), RUNS[2:])
def test_curve_of_reddyproc_is_less_likely_than_ours(site, run, threshold, rules, monkeypatch):
    """Its E0 is a curve of the same kind, whose length and noise its search left a little beside the optimum."""
    years = []

    def caught(x, y, error, at):
        years.append((x, y, error))
        return smooth_curve(x, y, error, at)

    monkeypatch.setattr("fluxcalc.season.partition.temperature_sensitivity.smooth_curve", caught)
    table, inputs, year = read_run(site, run, threshold)
    daytime.partition_by_day(*inputs, rules=rules)
    centres = window_centres(year.size)
    for x, y, error in years:
        theirs = column(table, "FP_E0")[centres[np.isin(centres / 48, x)]]
        # about the turn to 2006 its values are those of windows before
        keep = (x < 735) | (x > 756)

        def off(p, target, some, points):
            return (naive_season.curve_through(*points, *np.exp(p))[0] - target)[some]

        points = (x, y, error)
        ours = least_squares(off, [1.8, 0.0], args=(smooth_curve(*points, x)[0], slice(None), points))
        its = least_squares(off, ours.x, xtol=1e-14, ftol=1e-14, args=(theirs, keep, points))
        assert np.abs(ours.fun).max() < 0.001
        assert np.abs(its.fun).max() < 0.02
        likely, its_likely = (naive_season.curve_through(*points, *np.exp(fit.x))[2] for fit in (ours, its))
        assert -1e-7 < likely - its_likely < 1e-3
        print(
            f"{site} {run}: E0 apart {np.abs(off(ours.x, theirs, keep, points)).max():.4f} K at most, with another "
            f"length and noise {np.abs(its.fun).max():.4f} K; its log-likelihood is less by {likely - its_likely:.1e} "
            f"of {-its_likely:.0f}"
        )


def test_windows_without_sensitivity_take_the_one_before():
    nan = np.nan
    found = carry(np.array([nan, 100.0, nan, 300.0, 200.0, nan]), np.array([nan, 10.0, nan, 30.0, 20.0, nan]))
    assert_array_equal(found.used, [200, 100, 100, 300, 200, 200])
    assert_allclose(found.used_sd, [28, 10, 28, 30, 20, 28])


def test_equal_windows_tell_once():
    random = np.random.default_rng(1)
    temperature = random.uniform(0, 15, 60)
    flux = respiration(2.0, 200.0, temperature)
    every, cold = np.arange(60), np.flatnonzero(temperature < 0.5)
    e0, error = fit_windows(flux, temperature, [every, cold, every], by_median=True)
    assert e0[0] == pytest.approx(200, rel=1e-6)
    assert error[0] < 1e-3
    assert np.isnan(e0[1])


def test_years_without_sensitivities_take_the_others():
    day = np.arange(2.0, 1000, 2)
    e0 = np.where(day < 700, 200 + 50 * np.sin(day / 60), np.nan)
    error = np.where(day < 700, 20.0, np.nan)
    found = smooth(e0, error, day)
    assert np.ptp(found.used[day > 745]) == 0
    assert_allclose(found.used[-1], np.mean(found.used[day < 740]), rtol=1e-12)
    assert found.used_sd[-1] == np.max(found.used_sd[day > 745]) > 0
    assert np.isnan(smooth(np.full(9, np.nan), np.full(9, np.nan), day[:9]).used).all()
    few = smooth(np.array([100.0, np.nan, 140.0]), np.array([10.0, np.nan, 20.0]), day[:3])
    assert_array_equal(few.used, 120.0)


def test_curve_is_of_the_greatest_likelihood():
    """No length and no share of noise on a grid is likelier, by the naive twin's likelihood."""
    random = np.random.default_rng(3)
    x = np.sort(random.uniform(0, 100, 25))
    error = random.uniform(5, 20, 25)
    y = 200 + 40 * np.sin(x / 8) + error * random.normal(0, 1, 25)
    curve, spread, scale = smooth_curve(x, y, error, x)
    found, its_scale = naive_season.likeliest_curve(x, y, error)
    assert_allclose(curve, found, atol=1.0)
    assert scale == pytest.approx(its_scale, rel=0.1)
    assert np.sqrt(np.mean((curve - 200 - 40 * np.sin(x / 8)) ** 2)) < np.sqrt(np.mean(error**2))
    assert (spread > 0).all()
    flat, none, _ = smooth_curve(x, np.full(25, 180.0), error, x)
    assert_array_equal(flat, 180)
    assert_array_equal(none, 0)


@pytest.mark.parametrize(("seed", "within"), [(24, 2.5), (118, 4.0), (231, 0.5)])
def test_of_several_maxima_of_the_likelihood_the_greatest_is_found(seed, within):
    """A search from a few lengths ends in a lesser one here, 17 to 44 K away; the naive twin looks everywhere."""
    random = np.random.default_rng(seed)
    n = int(random.integers(8, 60))
    x = np.sort(random.choice(np.arange(2, 366, 2), n, replace=False)).astype(float)
    error = np.exp(random.normal(3, 0.8, n))
    wave = random.uniform(20, 80) * np.sin(x / random.uniform(3, 60))
    y = 150 + wave + error * random.normal(0, 1, n) * random.uniform(0.3, 1.5)
    curve, _, scale = smooth_curve(x, y, error, x)
    found, its_scale = everywhere(x, y, error)
    assert_allclose(curve, found, atol=within)
    assert scale == pytest.approx(its_scale, rel=0.03)


def test_a_slow_change_may_be_smoother_than_a_year_is_long():
    random = np.random.default_rng(30)
    x = np.sort(random.choice(np.arange(2, 366, 2), 60, replace=False)).astype(float)
    error = random.uniform(5, 15, 60)
    y = 150 + 0.3 * x + 5e-4 * (x - 180) ** 2 + error * random.normal(0, 1, 60)
    curve, _, scale = smooth_curve(x, y, error, x)
    found, its_scale = everywhere(x, y, error)
    assert_allclose(curve, found, atol=0.5)
    assert scale == pytest.approx(its_scale, rel=0.03)


def everywhere(x: FloatArray, y: FloatArray, error: FloatArray) -> tuple[FloatArray, float]:
    """The likeliest curve of all lengths to ten years, and of all shares of noise that say anything."""
    shares = (1e-6 * error[0] ** 2 / np.mean(error**2), 1e3 * error[0] ** 2 / np.mean(error**2))
    return naive_season.likeliest_curve(x, y, error, (0.6, 3900.0), shares)
