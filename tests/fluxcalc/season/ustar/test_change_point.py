"""Change points: the naive twin, chance, thresholds that were built in, real sites."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from fluxcalc.kernels.change_point import change_point, mean_bins, quantile
from fluxcalc.season.ustar.change_point import BARR, ChangePointRules, change_points, critical_score, seasons_by_count
from fluxcalc.season.ustar.estimates import Night, select_night
from fluxcalc.season.ustar.season_labels import season_years
from tests import naive_season
from tests.fluxcalc.reference import needs_season
from tests.fluxcalc.season.gapfill.test_mds import column
from tests.fluxcalc.season.ustar.test_moving_point import read_site


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(12, 80), st.booleans(), st.floats(0, 5))
def test_kernel_is_the_naive_twin(seed, n, slope_after, rise):
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(0.05, 1, n))
    y = rise * np.minimum(x, 0.4) + random.normal(0, 0.2, n)
    y[random.integers(n)] += 20 * (seed % 2)  # an outlier in every other series
    assert_allclose(
        change_point(x, y, slope_after), naive_season.change_point(x.tolist(), y.tolist(), slope_after), rtol=1e-7
    )


def test_quantiles_are_those_of_hazen():
    ascending = np.sort(np.random.default_rng(1).normal(size=37))
    shares = np.linspace(0, 1, 23)
    assert_allclose([quantile(ascending, share) for share in shares], np.quantile(ascending, shares, method="hazen"))


def test_bins_are_means_between_quantiles():
    x = np.arange(20.0)
    means = mean_bins(x[::-1].copy(), 2 * x[::-1], 5)
    assert_allclose(means, [[2, 7, 12, 17], [4, 14, 24, 34]])


@pytest.mark.parametrize("n", [20, 50, 100])
@pytest.mark.parametrize(("slope_after", "expected", "margin"), [(False, 0.05, 0.015), (True, 0.02, 0.012)])
def test_chance_finds_a_change_point_in_one_series_of_twenty(n, slope_after, expected, margin):
    """Of those that do not peak at an end; the table for a second slope is stricter than it says."""
    random = np.random.default_rng(n)
    x = np.linspace(0, 1, n)
    fits = np.array([change_point(x, random.normal(size=n), slope_after) for _ in range(4000)])
    fits = fits[np.isfinite(fits[:, 1])]
    share = np.mean([fit[1] >= critical_score(int(fit[2]), slope_after) for fit in fits])
    assert share == pytest.approx(expected, abs=margin)


def test_critical_values_at_and_between_rows():
    assert critical_score(50, False) == 6.8758
    assert critical_score(50, True) == 11.068
    assert 6.8758 < critical_score(60, False) < 6.8883
    assert critical_score(5000, False) == critical_score(1000, False)


def night_with(threshold: float, *, n: int = 4800, sign: float = 1.0, years: int = 1, noise: float = 0.5) -> Night:
    """Exchange that rises with u* up to a threshold, in four seasons a year."""
    random = np.random.default_rng(int(threshold * 1000))
    total = n * years
    ustar = random.gamma(3, 0.12, total)
    t = random.normal(10, 5, total)
    flux = 4 + sign * 6 * (np.minimum(ustar, threshold) - threshold) / threshold + random.normal(0, noise, total)
    season = np.arange(total) * 4 * years // total
    return Night(t, ustar, flux, season, {k: 2001 + k // 4 for k in range(4 * years)})


@pytest.mark.parametrize("threshold", [0.2, 0.35])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("slope_after", [False, True])
def test_the_threshold_that_was_built_in_comes_back(threshold, sign, slope_after):
    found = change_points(night_with(threshold, sign=sign), 20, rules=ChangePointRules(slope_after=slope_after))
    assert found.estimate.year[2001] == pytest.approx(threshold, rel=0.1)
    assert found.estimate.overall == found.estimate.year[2001]
    for season in range(4):
        assert found.estimate.season[season] == pytest.approx(threshold, rel=0.15)
        points = found.estimate.classes[season]
        assert found.estimate.season[season] == pytest.approx(np.nanmean(points))
    low, middle, high = found.quantiles(lambda sample: sample.year[2001])
    assert low < middle < high
    assert middle == pytest.approx(threshold, rel=0.1)


def test_the_same_seed_gives_the_same_thresholds():
    night = night_with(0.3)
    first, again, other = (change_points(night, 3, seed=seed).samples[2].year[2001] for seed in (1, 1, 2))
    assert first == again != other


def test_exchange_that_does_not_depend_on_ustar_has_no_threshold():
    night = night_with(0.3)
    noise = Night(night.temperature, night.ustar, np.random.default_rng(1).normal(size=4800), night.season, night.years)
    found = change_points(noise, 20)
    assert math.isnan(found.estimate.overall)
    assert np.isnan(found.quantiles(lambda sample: sample.overall)).all()


def test_a_year_with_too_few_nights_takes_the_others():
    night = night_with(0.3, years=2)
    some = np.arange(9600) < 6000
    short = Night(night.temperature[some], night.ustar[some], night.flux[some], night.season[some], night.years)
    found = change_points(short).estimate
    assert found.year[2002] == found.year[2001] == found.overall
    assert math.isnan(found.season[5])
    assert found.used[5] == found.used[7] == found.overall


@pytest.mark.parametrize("n", [0, 7])
def test_hardly_any_night_has_no_threshold(n):
    empty = Night(*(np.zeros(n) for _ in range(3)), np.zeros(n, np.int64), {0: 2001})
    rules = ChangePointRules(least_year=0)
    assert math.isnan(change_points(empty, 2, rules=rules).estimate.used[0])


def test_flux_that_does_not_vary_has_no_threshold():
    night = night_with(0.3)
    still = Night(night.temperature, night.ustar, np.ones(4800), night.season, night.years)
    assert math.isnan(change_points(still).estimate.overall)


def test_seasons_have_equal_counts_and_begin_in_december():
    starts = pl.datetime_range(datetime(2001, 1, 1), datetime(2001, 12, 31, 23, 30), "30m", eager=True)
    night = starts.dt.hour().to_numpy() < 6
    seasons = seasons_by_count(starts, night)
    counts = np.unique(seasons[night], return_counts=True)
    assert_array_equal(counts[0], [2001001, 2001002, 2001003, 2001004])
    assert np.ptp(counts[1]) <= 1
    months = starts.dt.month().to_numpy()
    assert set(seasons[months == 12].tolist()) == {2001001}
    assert set(seasons[months == 11].tolist()) == {2001004}


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize(("site", "years"), [("DE-Tha_1998", [1998]), ("DE-Geb_2004_2006", [2004, 2005, 2006])])
def test_thresholds_of_sites_lie_in_the_band_of_their_bootstraps(site, years):
    """What REddyProc's option CPT gives is printed for comparison; it is not reproduced."""
    inputs, starts = read_site(site)
    flux, temperature, ustar, radiation = (column(inputs, name) for name in ("NEE", "Tair", "Ustar", "Rg"))
    seasons = seasons_by_count(starts, (radiation < 10) & np.isfinite(flux + temperature + ustar))
    night = select_night(flux, temperature, ustar, radiation, seasons, season_years(starts, seasons))
    found = change_points(night, 100, rules=BARR)
    other = [0.559997] if len(years) == 1 else [0.48895, 0.476525, 0.425999]
    for year, theirs in zip(years, other, strict=True):
        low, middle, high = found.quantiles(lambda sample, year=year: sample.year[year])
        own = found.estimate.year[year]
        assert low < own < high
        print(f"{site} {year}: {own:.3f}, of 100 {low:.3f} {middle:.3f} {high:.3f}; REddyProc {theirs:.3f}")
