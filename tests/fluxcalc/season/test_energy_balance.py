"""Closure that was built in comes back, and the factors that repair it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fluxcalc.season.energy_balance import closing_factors, closure, evapotranspiration


def balance(days: int, ratio: float, seed: int = 1, noise: float = 0.1):
    """Net radiation, ground heat, H, LE and hour of a site whose turbulent fluxes miss a part."""
    hour = np.arange(days * 48) % 48 / 2
    net = 400 * np.maximum(np.sin((hour - 6.1) / 12 * np.pi), -0.15)
    ground = 0.1 * net
    turbulent = ratio * (net - ground) * (1 + noise * np.random.default_rng(seed).normal(size=net.size))
    return net, ground, 0.4 * turbulent, 0.6 * turbulent, hour


def test_closure_by_regression_and_by_sums():
    net, ground, sensible, latent, _ = balance(30, 0.8, noise=0)
    net[3] = math.nan
    found = closure(net, ground, sensible + 5, latent)
    assert found.count == 30 * 48 - 1
    assert (found.slope, found.intercept, found.r2) == pytest.approx((0.8, 5, 1))
    some = np.isfinite(net)
    available = (net - ground)[some].sum()
    assert found.ratio == pytest.approx(0.8 + 5 * some.sum() / available)


def test_closure_of_nothing():
    nothing = np.full(9, math.nan)
    assert closure(nothing, nothing, nothing, nothing).count == 0
    still = closure(np.ones(9), np.zeros(9), np.ones(9), np.zeros(9))
    assert math.isnan(still.slope)
    assert still.count == 9


def test_corrected_fluxes_close_the_balance_and_keep_their_bowen_ratio():
    net, ground, sensible, latent, hour = balance(60, 0.75)
    found = closing_factors(net, ground, sensible, latent, hour)
    assert_array_equal(found.method, 1)
    assert np.median(found.factor) == pytest.approx(1 / 0.75, rel=0.01)
    h_low, h, h_high = found.apply(sensible)
    le_low, le, le_high = found.apply(latent)
    assert closure(net, ground, h, le).ratio == pytest.approx(1, abs=0.01)
    assert_allclose(h / le, sensible / latent)
    for low, middle, high in ((h_low, h, h_high), (le_low, le, le_high)):
        assert (low <= middle).all()
        assert (middle <= high).all()


def test_percentiles_are_those_of_the_window():
    """Naively, of one record: factors of fifteen days to either side about noon and midnight, without outliers."""
    net, ground, sensible, latent, hour = balance(50, 0.8, noise=0.3)
    found = closing_factors(net, ground, sensible, latent, hour)
    single = (net - ground) / (sensible + latent)
    used = (hour >= 22) | (hour <= 2) | ((hour >= 10) & (hour <= 14))
    low, high = np.quantile(single, (0.25, 0.75))
    used &= (single >= low - 1.5 * (high - low)) & (single <= high + 1.5 * (high - low))
    for i in (0, 700, 1234, 2399):
        near = np.abs(np.arange(hour.size) - i) <= 15 * 48
        expected = np.quantile(single[used & near], (0.25, 0.5, 0.75))
        assert_allclose((found.low[i], found.factor[i], found.high[i]), expected)
        assert found.count[i] == (used & near).sum()


def test_where_nothing_was_measured_factors_are_borrowed():
    net, ground, sensible, latent, hour = balance(800, 0.8)
    days = np.arange(net.size) // 48
    net[(days >= 400) & (days < 460)] = math.nan
    found = closing_factors(net, ground, sensible, latent, hour)
    noon = {day: day * 48 + 24 for day in (380, 416, 430, 700)}
    assert [found.method[noon[day]] for day in noon] == [1, 2, 3, 1]
    assert found.factor[noon[416]] == pytest.approx(1.25, rel=0.05)
    assert found.factor[noon[430]] == pytest.approx(1.25, rel=0.05)
    assert math.isnan(found.low[noon[430]])


def test_no_balance_no_factor():
    nothing = np.full(96, math.nan)
    found = closing_factors(nothing, nothing, nothing, nothing, np.arange(96) % 48 / 2)
    assert_array_equal(found.method, 0)
    assert np.isnan(found.factor).all()


def test_evaporation_takes_less_heat_when_warm():
    water = evapotranspiration(np.array([2.501e6, 100.0, math.nan]), np.array([0.0, 20.0, 20.0]))
    assert water[0] == pytest.approx(1)
    assert water[1] * 86400 == pytest.approx(3.52, abs=0.01)  # 100 W m-2 are three and a half millimetres a day
    assert math.isnan(water[2])
