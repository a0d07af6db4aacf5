"""Thoning's curve: against plain least squares, and its filter against what it must let through."""

from __future__ import annotations

import numpy as np
import pytest

from qc.mole_fraction.thoning import LONG_D, SHORT_D, fit_thoning, low_pass


def made_up(days: np.ndarray, seed: int = 1) -> np.ndarray:
    years = days / 365.0
    season = 3 * np.sin(2 * np.pi * years) - 0.8 * np.cos(4 * np.pi * years)
    return 350 + 1.8 * years + 0.02 * years**2 + season + np.random.default_rng(seed).normal(0, 0.3, len(days))


def test_the_function_is_that_of_plain_least_squares() -> None:
    days = np.sort(np.random.default_rng(2).choice(np.arange(3650.0), 1200, replace=False))
    values = made_up(days)
    curve = fit_thoning(days, values)
    # the normal equations, term by term and in days, solved apart
    t = days - days[0]
    columns = [np.ones_like(t), t / 1000, (t / 1000) ** 2]
    for k in (1, 2, 3, 4):
        columns += [np.sin(2 * np.pi * k * t / 365.0), np.cos(2 * np.pi * k * t / 365.0)]
    design = np.array(columns)
    solution = np.linalg.solve(design @ design.T, design @ values)
    plain = solution @ design
    assert np.abs(np.interp(t, curve.time, curve.function) - plain).max() < 1e-6
    assert curve.residual_sd == pytest.approx(np.std(values - plain, ddof=1), abs=1e-6)


@pytest.mark.parametrize("cutoff", [SHORT_D, LONG_D])
@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_the_filter_lets_through_what_it_must(cutoff: float, ratio: float) -> None:
    # whole waves in a power of two: the filter's share is then exact; a wave of the cut-off's period passes by half
    size = 1 << 15
    waves = round(size / (cutoff * ratio))
    period = size / waves
    wave = np.sin(2 * np.pi * np.arange(size) / period)
    passed = low_pass(wave, 1.0, cutoff)
    share = passed @ wave / (wave @ wave)
    assert share == pytest.approx(0.5 ** ((cutoff / period) ** 6), abs=1e-9)


def test_a_series_of_function_and_slow_change_is_found_again() -> None:
    days = np.arange(0.0, 15 * 365.0)
    slow = 0.5 * np.sin(2 * np.pi * days / (5 * 365.0))
    curve = fit_thoning(days, made_up(days) + slow)
    inside = (curve.time > 700) & (curve.time < 14 * 365)
    years = curve.time / 365.0
    trend = 350 + 1.8 * years + 0.02 * years**2 + 0.5 * np.sin(2 * np.pi * curve.time / (5 * 365.0))
    assert np.abs(curve.trend - trend)[inside].max() < 0.12
    # a year's growth: 1.8 + 0.02 (2 y + 1), and that of the slow wave
    start = 6 * 365.0
    wave = 0.5 * (np.sin(2 * np.pi * 7 / 5) - np.sin(2 * np.pi * 6 / 5))
    assert curve.growth(start) == pytest.approx(1.8 + 0.02 * 13 + wave, abs=0.1)
    phase = np.arange(0, 2 * np.pi, 1e-4)
    assert curve.amplitude(start) == pytest.approx(np.ptp(3 * np.sin(phase) - 0.8 * np.cos(2 * phase)), abs=0.25)
    smooth, _ = curve.at(np.array([3000.0]))
    assert smooth[0] == pytest.approx(float(np.interp(3000.0, curve.time, curve.trend + curve.season)))
    assert curve.smooth_sd == pytest.approx(0.3, rel=0.1)


def test_what_is_not_covered_is_not_told() -> None:
    curve = fit_thoning(np.arange(0.0, 800.0), made_up(np.arange(0.0, 800.0)))
    assert np.isnan(curve.growth(500.0))
    assert np.isnan(curve.amplitude(-1.0))
    with pytest.raises(ValueError, match="at least 24 values, got 3"):
        fit_thoning(np.arange(5.0), np.array([1.0, np.nan, 2.0, np.nan, 3.0]))


def test_gaps_are_left_out() -> None:
    days = np.arange(0.0, 2000.0)
    values = made_up(days)
    holed = values.copy()
    holed[300:340] = np.nan
    present = np.isfinite(holed)
    np.testing.assert_array_equal(fit_thoning(days, holed).trend, fit_thoning(days[present], holed[present]).trend)
