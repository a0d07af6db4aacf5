"""Random uncertainty: ONEFlux to print precision, naive twins, and sums of correlated noise."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from fluxcalc.kernels.uncertainty import spread_of_like_fluxes, spread_of_like_records
from fluxcalc.season.uncertainty.random import (
    autocorrelation,
    joint_uncertainty,
    paired_day_uncertainty,
    random_uncertainty,
    sum_uncertainty,
)
from tests import naive_season
from tests.fluxcalc.reference import SEASON, needs_season
from tests.fluxcalc.season.gapfill.test_mds import column, weather


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize("version", ["ref", "ust50"])
def test_random_uncertainty_of_oneflux(version):
    """Its filled fluxes are printed with six digits, so a flux at the very edge of "alike" may fall to either side."""
    inputs = pl.read_parquet(SEASON / "DE-Tha_1998" / "input.parquet")
    theirs = pl.read_parquet(SEASON / "DE-Tha_1998" / "oneflux_nee_proc_hh.parquet")
    filled = column(theirs, f"NEE_{version}_y")
    measured = np.where(column(theirs, f"NEE_{version}_qc_y") == 0, filled, np.nan)
    drivers = [column(inputs, name) for name in ("Rg", "Tair", "VPD")]
    found = random_uncertainty(measured, filled, *drivers, neighbours="oneflux")
    method = column(theirs, f"NEE_{version}_randUnc_method_y")
    count, sd = column(theirs, f"NEE_{version}_randUnc_n_y"), column(theirs, f"NEE_{version}_randUnc_y")
    assert_array_equal(found.method, np.where(method == -9999, 0, method))
    first = found.method == 1
    assert_array_equal(found.count[first], count[first])
    assert_allclose(found.sd[first], sd[first], rtol=6e-6)
    same = (found.method == 2) & (found.count == count)
    assert_allclose(found.sd[same], sd[same], rtol=6e-6)
    edge = np.count_nonzero((found.method == 2) & ~same)
    assert edge < 0.004 * np.count_nonzero(found.method == 2)
    print(f"{version}: {first.sum()} and {same.sum()} half-hours equal, {edge} with a flux at the edge")


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9), st.sampled_from([(-2, 2), (-1, 3)]))
def test_kernels_are_the_naive_twins(seed, gaps, neighbours):
    y, radiation, temperature, deficit = weather(seed, 9)
    random = np.random.default_rng(seed)
    filled = np.round(y, 1)
    y = np.where(random.uniform(size=y.size) < gaps, np.nan, filled)
    temperature[random.uniform(size=y.size) < 0.1] = np.nan
    sd, count = spread_of_like_records(y, radiation, temperature, deficit, 3, *neighbours, 6, 48)
    median, alike = spread_of_like_fluxes(filled, sd, 0.2, 2.0, 100, 99)
    for i in random.choice(y.size, 30, replace=False):
        expected = naive_season.spread_of_like_records(i, y, radiation, temperature, deficit, 3, neighbours, 6, 48)
        assert_allclose((sd[i], count[i]), expected, rtol=1e-12)
        expected = naive_season.spread_of_like_fluxes(i, filled, sd, 0.2, 2.0, 100, 99)
        assert_allclose((median[i], alike[i]), expected, rtol=1e-12)


def test_noise_that_was_built_in_comes_back():
    """The weather repeats every day: what varies is the noise."""
    _, radiation, temperature, deficit = weather(1, 1)
    drivers = [np.tile(driver, 60) for driver in (radiation, temperature, deficit)]
    y = np.tile(5 - radiation / 40, 60) + np.random.default_rng(2).normal(0, 1.5, 48 * 60)
    found = random_uncertainty(y, y, *drivers)
    dark = drivers[0] == 0
    assert np.nanmean(found.sd[dark]) == pytest.approx(1.5, rel=0.05)


def test_independent_records_add_in_squares():
    sd, effective = sum_uncertainty(np.array([3.0, 4.0, np.nan]))
    assert (sd, effective) == (5.0, 2.0)
    assert math.isnan(sum_uncertainty(np.full(3, np.nan))[0])


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_correlated_records_count_less(memory):
    """An autoregressive series: (1 - r)/(1 + r) of its records are independent."""
    random = np.random.default_rng(3)
    n = 100_000
    x = np.empty(n)
    x[0] = random.normal()
    for i in range(1, n):
        x[i] = memory * x[i - 1] + math.sqrt(1 - memory**2) * random.normal()
    x[random.uniform(size=n) < 0.3] = np.nan
    sd, effective = sum_uncertainty(np.ones(n), x)
    assert effective / n == pytest.approx((1 - memory) / (1 + memory), rel=0.12)
    assert sd == pytest.approx(math.sqrt(n * n / effective))


def test_autocorrelation_of_nothing():
    assert autocorrelation(np.full(20, np.nan)).size == 0
    assert autocorrelation(np.ones(20)).size == 0


def test_parts_add_in_squares():
    joint = joint_uncertainty(np.array([3.0, 1.0]), np.array([4.0, math.nan]))
    assert_array_equal(joint, [5.0, math.nan])
    assert_array_equal(joint_uncertainty(np.full(1, 2.0), np.full(1, 3.0), np.full(1, 6.0)), [7.0])


def days_with_noise(seed: int, days: int = 400):
    """The weather repeats every day; noise is double exponential and grows with the flux, by day more slowly."""
    _, radiation, temperature, _ = weather(seed, 1)
    radiation, temperature = np.tile(radiation, days), np.tile(temperature, days)
    flux = np.where(radiation > 0, -1 - radiation / 30, 3 + np.arange(radiation.size) % 48 / 4)
    sd = 0.3 + np.where(flux < 0, 0.05, 0.1) * np.abs(flux)
    noise = np.random.default_rng(seed).laplace(0, sd / math.sqrt(2))
    return flux, flux + noise, sd, radiation, temperature


def test_paired_days_give_back_noise_that_grows_with_the_flux():
    flux, measured, sd, radiation, temperature = days_with_noise(4)
    wind = np.full(flux.size, 2.0)
    found = paired_day_uncertainty(measured, flux, radiation, temperature, wind)
    assert found.pairs == flux.size - 48
    assert np.median(found.sd / sd) == pytest.approx(1, abs=0.05)
    assert np.abs(found.sd / sd - 1).max() < 0.2
    assert found.offset == pytest.approx(0.3, abs=0.06)
    assert (found.uptake, found.release) == (pytest.approx(0.05, abs=0.01), pytest.approx(0.1, abs=0.015))


def test_days_that_are_not_alike_are_no_pairs():
    flux, measured, _, radiation, temperature = days_with_noise(5, 20)
    wind = np.arange(flux.size) // 48 * 1.5
    found = paired_day_uncertainty(measured, flux, radiation, temperature, wind)
    assert found.pairs == 0
    assert np.isnan(found.sd).all()
    measured[:] = math.nan
    assert paired_day_uncertainty(measured, flux, radiation, temperature).pairs == 0


def test_paired_days_leave_missing_fluxes_alone():
    flux, measured, _, radiation, temperature = days_with_noise(6, 60)
    flux[7] = math.nan
    found = paired_day_uncertainty(measured, flux, radiation, temperature)
    assert math.isnan(found.sd[7])
    assert np.isfinite(np.delete(found.sd, 7)).all()
