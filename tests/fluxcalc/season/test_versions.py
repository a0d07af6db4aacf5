"""A season's versions by thresholds of u*: pooled thresholds, refilled by hand, partitioned, summed."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from core.progress import no_progress
from core.records import FloatArray
from fluxcalc.season.aggregates import find_periods
from fluxcalc.season.gapfill.mds import fill_mds
from fluxcalc.season.partition.daytime import partition_by_day
from fluxcalc.season.partition.nighttime import partition_by_night
from fluxcalc.season.products import coarser
from fluxcalc.season.record import Season, SeasonMethods, VersionThresholds
from fluxcalc.season.sums import sum_season
from fluxcalc.season.uncertainty.day_sums import sum_days
from fluxcalc.season.uncertainty.random import random_uncertainty
from fluxcalc.season.ustar.change_point import change_points, seasons_by_count
from fluxcalc.season.ustar.estimates import select_night
from fluxcalc.season.ustar.moving_point import ONEFLUX, bootstrap
from fluxcalc.season.ustar.season_labels import QUARTERS, continuous_seasons, season_years
from fluxcalc.season.ustar.versions import Versions
from fluxcalc.season.versions import partition_versions_by_night
from tests.fluxcalc.reference import needs_season
from tests.fluxcalc.season.test_steps import K, made_up, run
from tests.fluxcalc.season.ustar.test_moving_point import read_site

PERCENTS = (5, 16, 25, 50, 75, 84, 95)


@pytest.fixture(scope="module")
def many() -> Season:
    return run(made_up(100), percentiles=41, samples=20)


def filtered(season: Season, row: int) -> FloatArray:
    """NEE that a version keeps, by hand."""
    threshold = season.version_thresholds["VUT"].table[row, 0]  # one year
    nee = np.where(np.isin(season.flags["NEE"], (0, 4)), season.variables["NEE"], np.nan)
    night = ~(season.variables["SW_IN"] >= 10)
    return np.where(night & ~(season.variables["USTAR"] >= threshold), np.nan, nee)


def refilled(season: Season, nee: FloatArray) -> FloatArray:
    return fill_mds(nee, *(season.variables[name] for name in ("SW_IN", "TA", "VPD"))).value


def most_efficient(rows: FloatArray) -> int:
    """The truth against which all others have the largest sum of model efficiencies."""
    sums = [sum(1 - ((b - a) ** 2).sum() / ((a - a.mean()) ** 2).sum() for b in rows) for a in rows]
    return int(np.argmax(sums))


def test_versions_are_those_made_by_hand(many):
    filled = np.array([refilled(many, filtered(many, row)) for row in range(41)])
    assert_allclose(many.results["NEE_VUT_USTAR50"], filled[40], rtol=1e-6)
    ascending = np.sort(filled[:40], axis=0)
    for percent, rank in zip(PERCENTS, (2, 6, 10, 20, 30, 34, 38), strict=True):
        assert_allclose(many.results[f"NEE_VUT_{percent:02d}"], ascending[rank - 1], rtol=1e-6)
    assert_allclose(many.results["NEE_VUT_REF"], filled[most_efficient(filled[:40])], rtol=1e-6)
    assert_allclose(many.results["NEE_VUT_MEAN"], filled[:40].mean(axis=0), rtol=1e-5, atol=1e-6)
    measured = np.isfinite(many.measured("NEE")) & (many.variables["SW_IN"] >= 10)
    assert (many.results["NEE_VUT_05_QC"][measured] == 0).all()
    spread = (ascending[33] - ascending[5]) / 2
    assert_allclose(
        many.results["NEE_VUT_REF_JOINTUNC"], np.hypot(many.results["NEE_VUT_REF_RANDUNC"], spread), rtol=1e-5
    )
    # sums of January: percentiles of the versions' sums
    january = many.versions["NEE_VUT"].over(find_periods(many.starts, "MM", 48))
    sums = np.sort(filled[:40, : 31 * 48].sum(axis=1))
    assert january.percentile(16)[0][0] * 31 * 48 == pytest.approx(sums[5])
    totals = np.sort(filled[:40].sum(axis=1))
    assert sum_season(many)["NEE_F"].ustar == pytest.approx((totals[33] - totals[5]) / 2 * K)


@pytest.mark.parametrize(("size", "days"), [("DD", [1] * 100), ("WW", [7] * 14), ("MM", [31, 28, 31])])
def test_days_weeks_and_months_have_a_reference_of_their_own(many, size, days):
    """By hand: means of every version, the most alike of these, and the random error of that version's half-hours."""
    filled = np.array([refilled(many, filtered(many, row)) for row in range(41)]).astype(np.float32).astype(float)
    ends = np.cumsum(days) * 48
    means = np.array([filled[:, end - 48 * d : end].mean(axis=1) for end, d in zip(ends, days, strict=True)]).T
    row = most_efficient(means[:40])
    table, last = coarser(many, size), len(days)
    assert_allclose(table["NEE_VUT_REF"][:last], means[row] * 86400 * 12.0107e-6, rtol=1e-5)
    drivers = (many.variables[name] for name in ("SW_IN", "TA", "VPD"))
    sd = random_uncertainty(filtered(many, row), filled[row], *drivers, neighbours="intended", alike=2.0).sd
    expected = [np.sqrt(np.nanmean(sd[end - 48 * d : end] ** 2) / (48 * d)) for end, d in zip(ends, days, strict=True)]
    assert_allclose(table["NEE_VUT_REF_RANDUNC"][:last], np.array(expected) * 86400 * 12.0107e-6, rtol=1e-3)
    spread = np.sort(means[:40], axis=0)[[33, 5]].T @ [0.5, -0.5] * 86400 * 12.0107e-6
    joint = np.hypot(table["NEE_VUT_REF_RANDUNC"].to_numpy()[:last], spread)
    assert_allclose(table["NEE_VUT_REF_JOINTUNC"][:last], joint, rtol=1e-4)


def test_versions_are_partitioned_by_both_methods(many):
    nee = filtered(many, 40)
    above = many.results["SW_IN_POT"]
    light, warmth = many.variables["SW_IN"], many.variables["TA"]
    night = partition_by_night(
        nee, warmth, (light <= 10) & (above <= 0), nee_filled=refilled(many, nee), temperature_filled=warmth
    )
    assert_allclose(many.results["RECO_NT_VUT_USTAR50"], night.reco, rtol=1e-6)
    assert_allclose(many.results["GPP_NT_VUT_USTAR50"], night.gpp, rtol=1e-6, atol=1e-6)
    day = partition_by_day(nee, many.results["NEE_F_SD"], light, warmth, many.variables["VPD"], above)
    assert_allclose(many.results["RECO_DT_VUT_USTAR50"], day.reco, rtol=1e-6)
    assert_allclose(many.results["GPP_DT_VUT_USTAR50"], day.gpp, rtol=1e-6)
    for name in ("RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT"):
        shown = np.array([many.results[f"{name}_VUT_{percent:02d}"] for percent in PERCENTS])
        assert (np.diff(shown, axis=0) >= 0).all()
        assert np.isfinite(shown).all()
        ours = np.array([sums.sum() for sums in many.versions[f"{name}_VUT"].sums])
        assert sum_season(many)[name].ustar == pytest.approx((np.sort(ours[:40])[[33, 5]] @ [0.5, -0.5]) * K)


def test_a_single_year_has_no_cut(many):
    assert set(many.version_thresholds) == {"VUT"}
    assert "CUT is left out: with less than 3 years it is VUT" in many.notes
    assert not any("CUT" in name for name in many.results)


def test_three_versions_are_named_as_in_reddyproc():
    season = run(made_up(120), partition=("nt",))
    sums = [season.results[f"NEE_U{percent:02d}"].astype(float).sum() for percent in (5, 50, 95)]
    total = sum_season(season)
    assert total["NEE_F"].ustar == pytest.approx((max(sums) - min(sums)) / 3.2898 * K, rel=1e-4)
    sums = [season.results[f"RECO_NT_U{percent:02d}"].astype(float).sum() for percent in (5, 50, 95)]
    assert total["RECO_NT"].ustar == pytest.approx((max(sums) - min(sums)) / 3.2898 * K, rel=1e-4)
    assert math.isnan(total["RECO_NT"].random)


@pytest.mark.parametrize("ustar", ["seasonal", "annual"])
def test_versions_have_thresholds_of_the_kind_of_the_headline(ustar):
    """Bootstraps by hand: their quantiles by season for NEE_F by season, by year for NEE_F by year."""
    season = run(made_up(365), ustar=ustar, partition=(), samples=12)
    labels = continuous_seasons(season.starts)
    of_season = season_years(season.starts, labels)
    nee = np.where(np.isin(season.flags["NEE"], (0, 4)), season.variables["NEE"], np.nan)
    night = select_night(nee, *(season.measured(name) for name in ("TA", "USTAR", "SW_IN")), labels, of_season)
    samples = bootstrap(night, 12).samples
    thresholds = season.version_thresholds["U"]
    for label in np.unique(labels).tolist():
        values = [s.used[label] if ustar == "seasonal" else s.year[of_season[label]] for s in samples]
        record = int(np.flatnonzero(labels == label)[0])
        expected = np.quantile(values, (0.05, 0.5, 0.95))
        assert_allclose([thresholds.of_records(row)[record] for row in range(3)], expected)
        # the threshold of NEE_F is the first sample's
        assert season.results["USTAR_THRESHOLD"][record] == values[0]
    (kind,) = {one.kind for one in season.thresholds if one.percentile is not None}
    assert kind == {"seasonal": "season", "annual": "year"}[ustar]
    total = sum_season(season)["NEE_F"].value
    sums = [season.results[f"NEE_U{percent:02d}"].astype(float).sum() * K for percent in (5, 50, 95)]
    outside = [note for note in season.notes if "not among its versions U" in note]
    assert len(outside) == (not min(sums) <= total <= max(sums))


def test_a_headline_with_other_thresholds_than_its_versions_is_told(many):
    totals = np.sort([sums.sum() * K for sums in many.versions["NEE_VUT"].sums[:40]])
    total = sum_season(many)["NEE_F"].value
    where = "among" if totals[1] <= total <= totals[37] else "not among"
    expected = (
        f"NEE_F, of the sum {total:.1f} gC m-2, is {where} its versions VUT, of {totals[1]:.1f} to {totals[37]:.1f}"
    )
    (note,) = (note for note in many.notes if note.startswith(expected))
    assert "--ustar annual" in note


def test_the_summary_says_why_a_sum_is_less_certain_than_its_year(many):
    (note,) = (note for note in many.notes if "the uncertainty of a sum" in note)
    assert "_RANDUNC" in note
    measured = np.isfinite(many.measured("NEE"))
    sd = many.results["NEE_RANDUNC"]
    assert sum_season(many)["NEE_F"].random == pytest.approx(np.sqrt((sd[measured] ** 2).sum()) * K)


def years(count: int) -> pl.DataFrame:
    moved = (made_up(365, seed=k).with_columns(pl.col("start") + timedelta(days=365 * k)) for k in range(count))
    return pl.concat(moved)


def pooled_by_hand(season: Season, *, moving: bool) -> dict[int, FloatArray]:
    """Thresholds of the bootstraps of each year."""
    nee, warmth, ustar, light = (
        np.where(season.flags[name] == 0, season.variables[name], np.nan) if name != "NEE"
        else np.where(np.isin(season.flags[name], (0, 4)), season.variables[name], np.nan)
        for name in ("NEE", "TA", "USTAR", "SW_IN")
    )  # fmt: skip
    dark = (light < 10) & np.isfinite(nee) & np.isfinite(warmth) & np.isfinite(ustar)
    found = []
    if moving:
        labels = continuous_seasons(season.starts, QUARTERS)
        night = select_night(nee, warmth, ustar, light, labels, season_years(season.starts, labels))
        found.append(bootstrap(night, 8, rules=ONEFLUX))
    labels = seasons_by_count(season.starts, dark)
    night = select_night(nee, warmth, ustar, light, labels, {key: key // 1000 for key in np.unique(labels).tolist()})
    found.append(change_points(night, 8))
    return {year: np.array([s.year[year] for one in found for s in one.samples]) for year in (2023, 2024, 2025)}


@pytest.mark.parametrize("ustar", ["change_point", "pooled"])
def test_thresholds_of_years_are_pooled(ustar):
    season = run(years(3), ustar=ustar, percentiles=41, samples=8, partition=())
    samples = pooled_by_hand(season, moving=ustar == "pooled")
    assert {values.size for values in samples.values()} == {16 if ustar == "pooled" else 8}
    pools = [[2023, 2024], [2023, 2024, 2025], [2024, 2025]]
    for column, pool in enumerate(pools):
        ascending = np.sort(np.concatenate([samples[year] for year in pool]))
        assert season.version_thresholds["VUT"].table[-1, column] == ascending[math.floor(ascending.size / 2 + 0.5) - 1]
        assert (
            season.version_thresholds["VUT"].table[39, column]
            == ascending[math.floor(0.9875 * ascending.size + 0.5) - 1]
        )
    table = season.version_thresholds["CUT"].table
    assert table.shape == (41, 3)
    for column in range(3):
        assert_array_equal(table[:, column], season.version_thresholds["VUT"].table[:, 1])
    assert 0.1 < season.results["USTAR_THRESHOLD"].min() <= season.results["USTAR_THRESHOLD"].max() < 0.35
    cut = [one for one in season.thresholds if one.kind == "CUT"]  # once for all years, the median last
    assert {one.year for one in cut} == {None}
    assert [one.value for one in cut] == table[:, 0].tolist()
    assert cut[-1].percentile == 50.0
    assert [one.year for one in season.thresholds if one.kind == "VUT"] == [2023] * 41 + [2024] * 41 + [2025] * 41
    if ustar == "pooled":
        assert set(season.results["USTAR_THRESHOLD"]) == set(season.version_thresholds["VUT"].table[-1])
    assert "NEE_CUT_REF_JOINTUNC" in season.results
    assert season.starts[0] == datetime(2023, 1, 1)


@pytest.mark.figures
@needs_season
def test_change_points_of_gebesee_as_an_option():
    """Thresholds of the command are those of the function; each of three years has its own."""
    inputs, starts = read_site("DE-Geb_2004_2006")
    names = {"NEE": "NEE", "Rg": "SW_IN", "Tair": "TA", "VPD": "VPD", "Ustar": "USTAR"}
    frame = inputs.select(starts.alias("start"), *(pl.col(old).alias(new) for old, new in names.items()))
    season = run(frame, ustar="change_point", uncertainty="none", partition=(), spikes=None)
    found = {one.year: one.value for one in season.thresholds if one.kind == "year"}
    assert list(found) == [2004, 2005, 2006]
    print("thresholds of Gebesee by change points: " + ", ".join(f"{value:.3f}" for value in found.values()))
    assert all(0.1 < value < 0.4 for value in found.values())
    used = np.unique(season.results["USTAR_THRESHOLD"])
    assert_array_equal(used, np.unique(list(found.values())))


def test_a_version_that_cannot_be_partitioned_is_told_and_the_rest_done():
    season = run(made_up(120), partition=("nt",), ustar=0.2)
    table = np.full((41, 1), 0.2)
    table[7] = 9.0
    thresholds = VersionThresholds(table, np.zeros(len(season.starts), dtype=np.int64))
    after = partition_versions_by_night(
        replace(season, version_thresholds={"VUT": thresholds}), SeasonMethods(), no_progress
    )
    assert after.reasons["RECO_NT_VUT"].startswith("1 of 41 versions cannot be partitioned: only 0 windows")
    assert after.results.keys() == season.results.keys()


def test_versions_summed_by_day():
    """A series that begins at six has a day that is not whole; one with a gap has no sum."""
    n = 36 + 3 * 48
    starts = pl.Series([datetime(2024, 1, 30, 6) + i * timedelta(minutes=30) for i in range(n)])
    value = np.arange(41 * n, dtype=float).reshape(41, n)
    value[1, 100] = np.nan
    qc = np.zeros((41, n), dtype=np.int8)
    qc[0, 36:60] = 2
    days = sum_days(Versions(value, qc, 3), starts, 48)
    assert days.sums.shape == (41, 4)
    assert days.sums[0, 0] == np.arange(36).sum()
    over = days.over(find_periods(starts, "DD", 48))
    assert np.isnan(over.value[:, 0]).all()
    assert over.value[0, 1] == pytest.approx(np.arange(36, 84).mean())
    assert np.isnan(over.value[1, 2])
    assert over.qc[0, 1] == 0.5
    month = days.over(find_periods(starts, "MM", 48))
    assert np.isnan(month.value).all()
    assert month.reference == 3
