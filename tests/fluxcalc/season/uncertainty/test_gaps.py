"""Gaps made on purpose: their pattern, noise that was built in, and errors of gaps that others made."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from fluxcalc.season.gapfill.gaps import run_lengths
from fluxcalc.season.gapfill.mds import fill_mds
from fluxcalc.season.uncertainty.gaps import gap_uncertainty, make_gaps, uncertainty_of_sum
from tests.fluxcalc.reference import SEASON, needs_season
from tests.fluxcalc.season.gapfill.test_mds import column, weather


def test_runs():
    begins, lengths = run_lengths(np.array([True, True, False, True, False, False, True]))
    assert_array_equal(begins, [0, 3, 6])
    assert_array_equal(lengths, [2, 1, 1])


def test_made_gaps_keep_length_and_time_of_day():
    measured = np.ones(48 * 100, dtype=bool)
    measured[480 + 4 : 480 + 10] = False  # one gap, from two to five in the morning
    made = make_gaps(measured, np.random.default_rng(1), share=0.05)
    assert 0.05 <= made.sum() / measured.sum() < 0.06
    begins, lengths = run_lengths(made)
    assert set(lengths.tolist()) == {6}
    assert set((begins % 48).tolist()) == {4}
    assert not (made & ~measured).any()


def test_a_series_without_gaps_or_values():
    made = make_gaps(np.ones(480, dtype=bool), np.random.default_rng(1))
    assert 48 <= made.sum() < 80
    assert not make_gaps(np.zeros(480, dtype=bool), np.random.default_rng(1)).any()


def test_gaps_at_an_hour_that_is_never_measured_withhold_nothing():
    assert not make_gaps(np.arange(480) % 48 > 4, np.random.default_rng(1)).any()


def test_noise_that_was_built_in_comes_back():
    """Measured zeros with noise, filled by zero: the error is the noise, twice as large by night."""
    n = 48 * 200
    night = (np.arange(n) % 48 < 24).astype(np.int64)
    random = np.random.default_rng(2)
    y = random.normal(0, 1, n) * (1 + night)
    y[random.uniform(size=n) < 0.2] = np.nan
    found = gap_uncertainty(y, lambda gappy: np.where(np.isnan(gappy), 0.5, gappy), groups=night)
    gaps = np.isnan(y)
    assert (found.sd[~gaps] == 0).all()
    assert np.median(found.sd[gaps & (night == 0)]) == pytest.approx(math.hypot(1, 0.5), rel=0.05)
    assert np.median(found.sd[gaps & (night == 1)]) == pytest.approx(math.hypot(2, 0.5), rel=0.05)
    assert found.bias == pytest.approx(0.5, abs=0.05)
    assert found.withheld == pytest.approx(5 * 0.1 * (~gaps).sum(), rel=0.1)
    assert_array_equal(found.sd, gap_uncertainty(y, lambda g: np.where(np.isnan(g), 0.5, g), groups=night).sd)


def test_a_filler_that_fills_nothing():
    found = gap_uncertainty(np.where(np.arange(960) % 5 == 0, np.nan, 1.0), lambda gappy: gappy)
    assert found.withheld == 0
    assert math.isnan(found.bias)
    assert np.isnan(found.sd[::5]).all()


def test_parts_of_a_sum():
    random_sd, gap_sd = np.full(8, 1.0), np.array([0, 0, 0, 0, 3.0, 3.0, 3.0, 3.0])
    white = np.tile([1.0, -1.0], 4)
    found = uncertainty_of_sum(random_sd, gap_sd, white, threshold=3.0)
    assert (found.random, found.filling, found.threshold, found.effective) == (2.0, 6.0, 3.0, 4.0)
    assert found.joint == 7.0
    same = np.repeat([1.0, -1.0], 50)
    assert uncertainty_of_sum(random_sd, gap_sd, same).filling > 6
    assert uncertainty_of_sum(np.zeros(0), np.zeros(0), np.zeros(0)).joint == 0


@pytest.mark.figures
@needs_season
def test_error_told_is_the_error_made():
    """Gaps of mixed lengths that a benchmark made at Tharandt; their errors are told from what is left."""
    inputs = pl.read_parquet(SEASON / "DE-Tha_1998" / "input.parquet")
    sets = pl.read_parquet(SEASON / "DE-Tha_1998" / "gaps_DE-Tha_1998.parquet")
    nee, *drivers = (column(inputs, name) for name in ("NEE", "Rg", "Tair", "VPD"))

    def fill(gappy):
        return fill_mds(gappy, *drivers, every_record=False).value

    day = (drivers[0] > 10).astype(np.int64)
    ratios = []
    for name in [name for name in sets.columns if name.startswith("x")]:
        made = sets[name].to_numpy() == 1
        gappy = np.where(made, np.nan, nee)
        scored = made & np.isfinite(nee)
        told = gap_uncertainty(gappy, fill, groups=day).sd[scored]
        error = (fill(gappy) - nee)[scored]
        ratios.append(math.sqrt(np.nanmean(error**2) / np.nanmean(told**2)))
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)
    print(f"error made over error told, {len(ratios)} sets of mixed gaps: {np.round(ratios, 3)}")


def test_mds_itself():
    y, *drivers = weather(5, 60)
    y[np.random.default_rng(5).uniform(size=y.size) < 0.3] = np.nan
    found = gap_uncertainty(y, lambda gappy: fill_mds(gappy, *drivers, every_record=False).value, repeats=2)
    assert np.isfinite(found.sd[np.isnan(y)]).all()
