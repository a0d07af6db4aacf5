"""Thresholds of u*: REddyProc and ONEFlux, the naive twin, and cases that can be seen."""

from __future__ import annotations

import csv
import itertools
import math
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from fluxcalc.kernels.ustar import season_thresholds
from fluxcalc.season.ustar.estimates import Night, select_night
from fluxcalc.season.ustar.moving_point import ONEFLUX, REDDYPROC, TEMPERATURE_CLASSES, bootstrap, moving_point
from fluxcalc.season.ustar.season_labels import (
    QUARTERS,
    continuous_seasons,
    season_years,
    seasons_from,
    seasons_within_year,
)
from tests import naive_season
from tests.fluxcalc.reference import SEASON, needs_season
from tests.fluxcalc.season.gapfill.test_mds import column

SITES = ["DE-Tha_1998", "DE-Geb_2004_2006"]


def read_site(site: str) -> tuple[pl.DataFrame, pl.Series]:
    inputs = pl.read_parquet(SEASON / site / "input.parquet")
    return inputs, inputs["time"].str.to_datetime().dt.offset_by("-30m")


def night_of(site: str, months: tuple[int, ...] = (3, 6, 9, 12)) -> tuple[Night, pl.Series]:
    inputs, starts = read_site(site)
    seasons = continuous_seasons(starts, months)
    flux, temperature, ustar, radiation = (column(inputs, name) for name in ("NEE", "Tair", "Ustar", "Rg"))
    return select_night(flux, temperature, ustar, radiation, seasons, season_years(starts, seasons)), starts


def read_rows(site: str, name: str) -> list[dict[str, str]]:
    with (SEASON / site / name).open() as table:
        return list(csv.DictReader(table))


def number(text: str) -> float:
    return math.nan if text == "NA" else float(text)


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize("site", SITES)
def test_thresholds_of_reddyproc(site):
    """Of every class (printed with six decimals), season and year."""
    night, starts = night_of(site)
    reference = pl.read_parquet(SEASON / site / "reddyproc_ustar_bins.parquet")["season"].to_numpy()
    np.testing.assert_array_equal(continuous_seasons(starts), reference)
    found = moving_point(night)
    for row in read_rows(site, "reddyproc_ustar_season.csv"):
        season = int(row["season"])
        assert night.years[season] == int(row["seasonYear"])
        assert np.count_nonzero(night.season == season) == int(row["nRec"])
        assert_allclose(found.season[season], number(row["uStarSeasonEst"]), atol=1e-12)
        assert_allclose(found.used[season], number(row["uStarAggr"]), atol=1e-12)
    for i, row in enumerate(read_rows(site, "reddyproc_ustar_tempInSeason_thresholds.csv")):
        for season, classes in found.classes.items():
            assert_allclose(classes[i], number(row[str(season)]), atol=6e-7)
    for row in read_rows(site, "reddyproc_ustar_thold.csv"):
        if row["aggregationMode"] == "single":
            assert_allclose(found.overall, number(row["uStar"]), atol=1e-12)
        elif row["aggregationMode"] == "year":
            assert_allclose(found.year[int(row["seasonYear"])], number(row["uStar"]), atol=1e-12)
    print(f"{site}: {len(found.season)} seasons, {len(found.season) * TEMPERATURE_CLASSES} classes, all equal")


@needs_season
@pytest.mark.parametrize(
    ("site", "year", "seasons"),
    [
        ("DE-Tha_1998", 1998, (0.63, 0.4175, 0.381, 0.4525)),
        ("DE-Geb_2004_2006", 2006, (0.13, 0.06, 0.0881, 0.103692)),
    ],
)
def test_thresholds_of_oneflux(site, year, seasons):
    """Printed with six digits; the second site's report is of its last year."""
    text = (SEASON / site / "oneflux_ustar_mp.txt").read_text().splitlines()
    report = itertools.takewhile(lambda line: not line.startswith("-- boot"), text[2:])
    printed = [tuple(float(word) for word in line.split()) for line in report if line.strip()]
    assert printed[0] == seasons
    night, _ = night_of(site, QUARTERS)
    found = moving_point(night, ONEFLUX)
    own = {key: value for key, value in found.season.items() if key // 1000 == year}
    assert_allclose(list(own.values()), seasons, rtol=5e-6)
    assert_allclose(found.year[year], max(seasons), rtol=5e-6)
    counts = [np.count_nonzero(night.season == key) for key in own]
    assert counts == list(printed[1])
    classes = np.array([found.classes[key] for key in own]).T
    theirs = np.array(printed[3:])
    assert_allclose(classes, np.where((theirs == -9999) | (theirs == 10), np.nan, theirs), rtol=5e-6)


@needs_season
@pytest.mark.parametrize("site", SITES)
def test_resampled_thresholds_lie_where_those_of_reddyproc_do(site):
    """Other random numbers: 5, 50 and 95 % of 200 samples against theirs of 100, year by year."""
    night, _ = night_of(site)
    drawn = bootstrap(night, 200, seed=1)
    assert drawn.samples[0] is drawn.estimate
    spread = []
    for row in read_rows(site, "reddyproc_ustar_scenarios.csv"):
        if row["aggregationMode"] == "year":
            year = int(row["seasonYear"])
            ours = drawn.quantiles(lambda one, year=year: one.year[year])
            theirs = [number(row[name]) for name in ("5%", "50%", "95%")]
            assert_allclose(ours[1], theirs[1], rtol=0.1)
            spread.append((ours[2] - ours[0]) / (theirs[2] - theirs[0]))
    assert 0.75 < np.mean(spread) < 1.25
    assert bootstrap(night, 3, seed=5).samples[2].year == bootstrap(night, 3, seed=5).samples[2].year


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(700, 1600), st.booleans(), st.integers(1, 3))
def test_kernel_is_the_naive_twin(seed, n, growing, decimals):
    """Rounded values, so that there are ties."""
    random = np.random.default_rng(seed)
    temperature = np.round(random.normal(10, 4, n), decimals)
    ustar = np.round(random.gamma(2, 0.1, n), decimals + 1)
    flux = 3 * np.minimum(1, ustar / 0.25) + random.normal(0, 0.5, n)
    factor = 0.95 if growing else 1.0
    ours = season_thresholds(temperature, ustar, flux, TEMPERATURE_CLASSES, growing, factor)
    twin = naive_season.season_thresholds(
        temperature.tolist(), ustar.tolist(), flux.tolist(), TEMPERATURE_CLASSES, growing, factor
    )
    assert_allclose(ours, twin, rtol=1e-12)


def made_night(threshold: float, n: int = 6000, seed: int = 2) -> Night:
    random = np.random.default_rng(seed)
    ustar = random.uniform(0.01, 0.8, n)
    flux = 4 * np.minimum(1, ustar / threshold) + random.normal(0, 0.05, n)
    season = np.repeat([2020003, 2020006], n // 2)
    return Night(random.normal(12, 5, n), ustar, flux, season, {2020003: 2020, 2020006: 2020})


@pytest.mark.parametrize("threshold", [0.15, 0.3, 0.45])
def test_a_threshold_that_was_built_in_is_found(threshold):
    """Within a bin's width; a bin is 0.04 m s-1. ONEFlux' full plateau is reached late where there is noise."""
    found = moving_point(made_night(threshold), REDDYPROC)
    assert found.overall == pytest.approx(threshold, abs=0.045)


def test_without_a_season_the_year_is_one_and_without_a_year_the_others_serve():
    night = made_night(0.3)
    seasons = np.repeat(np.arange(60), 100)
    few = Night(night.temperature, night.ustar, night.flux, seasons, dict.fromkeys(range(60), 2020))
    found = moving_point(few)
    assert all(math.isnan(value) for value in found.season.values())
    assert found.overall == pytest.approx(0.3, abs=0.045)
    assert set(found.used.values()) == {found.overall}
    two = Night(night.temperature, night.ustar, night.flux, np.repeat([0, 1], [5950, 50]), {0: 2020, 1: 2021})
    assert moving_point(two).year[2021] == moving_point(two).year[2020]


def test_nothing_to_see():
    empty = Night(*(np.empty(0),) * 3, np.empty(0, int), {1: 2020})
    assert math.isnan(moving_point(empty).overall)
    assert np.isnan(bootstrap(empty, 5).quantiles(lambda one: one.overall)).all()
    flat = made_night(0.3)
    calm = Night(flat.temperature, flat.ustar, flat.ustar**2, flat.season, flat.years)
    assert math.isnan(moving_point(calm).overall)  # it never ends to rise


def test_seasons():
    starts = pl.Series([datetime(2020, 1, 15), datetime(2020, 3, 1), datetime(2020, 12, 1), datetime(2021, 2, 28)])
    assert continuous_seasons(starts).tolist() == [2020001, 2020003, 2020012, 2020012]
    assert seasons_within_year(starts).tolist() == [2020012, 2020003, 2020012, 2021012]
    assert seasons_from(starts, [datetime(2020, 3, 1), datetime(2021, 1, 1)]).tolist() == [0, 1, 1, 2]
    assert season_years(starts, continuous_seasons(starts)) == {2020001: 2020, 2020003: 2020, 2020012: 2021}
