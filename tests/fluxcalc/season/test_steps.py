"""The season's steps: bad stamps, bad clocks, spikes, missing data, REddyProc's results through the whole chain."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from core.progress import no_progress
from fluxcalc.season.aggregates import aggregate, find_periods
from fluxcalc.season.clock import find_clock_shift
from fluxcalc.season.grid import lay_grid
from fluxcalc.season.record import LOW_TURBULENCE, SPIKE, Season, SeasonMethods, VersionThresholds
from fluxcalc.season.spikes import find_spikes
from fluxcalc.season.steps import SEASON_STEPS, process_season
from fluxcalc.season.sums import sum_season
from fluxcalc.season.ustar.published import UstarThreshold
from fluxcalc.season.versions import partition_versions_by_day, partition_versions_by_night
from fluxcalc.sun import potential_radiation
from tests.fluxcalc.reference import SEASON, needs_season
from tests.fluxcalc.season.gapfill.test_mds import column
from tests.fluxcalc.season.ustar.test_moving_point import read_site

BEGIN = datetime(2023, 1, 1)
K = 1800 * 12.0107e-6


def made_up(days: int = 365, latitude: float = 51.0, seed: int = 0) -> pl.DataFrame:
    """A year whose exchange follows light, temperature and, by night, turbulence."""
    random = np.random.default_rng(seed)
    n = days * 48
    starts = pl.Series("start", [BEGIN + i * timedelta(minutes=30) for i in range(n)], dtype=pl.Datetime("us"))
    above = potential_radiation(starts.dt.offset_by("15m"), latitude, 15.0, 1.0)
    light = above * np.repeat(random.uniform(0.3, 0.75, days), 48)
    season = np.arange(n) / 48 / 365 * 2 * np.pi
    temperature = 9 - 9 * np.cos(season) + light / 150 + random.normal(0, 1, n)
    ustar = random.gamma(3, 0.12, n)
    respiration = 2.5 * np.exp(0.06 * (temperature - 10))
    nee = respiration * np.where(light < 10, np.minimum(1, ustar / 0.2), 1) - 22 * light / (light + 350)
    return pl.DataFrame(
        {
            "start": starts, "SW_IN": light, "TA": temperature, "VPD": np.maximum(0, temperature / 2 + light / 100),
            "USTAR": ustar, "FC": nee + random.normal(0, 0.6, n), "LE": light / 4 + random.normal(0, 5, n),
        }
    )  # fmt: skip


def run(frame: pl.DataFrame, latitude: float = 51.0, **methods: object) -> Season:
    return process_season(lay_grid(frame), latitude, 15.0, 1.0, SeasonMethods(**{"samples": 10, **methods}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole() -> Season:
    return run(made_up())


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize(("site", "place"), [("DE-Tha_1998", (51.0, 13.6)), ("DE-Geb_2004_2006", (51.1, 10.9))])
def test_the_chain_gives_what_reddyproc_gives(site, place):
    """Seasonal thresholds, filter, filling and both partitionings in one go; no clock is found wrong."""
    inputs, starts = read_site(site)
    names = {"NEE": "NEE", "Rg": "SW_IN", "Tair": "TA", "VPD": "VPD", "Ustar": "USTAR", "LE": "LE", "H": "H"}
    frame = inputs.select(starts.alias("start"), *(pl.col(old).alias(new) for old, new in names.items()))
    grid = lay_grid(frame)
    assert grid.problems == ()
    season = process_season(grid, *place, 1.0, SeasonMethods(spikes=None, uncertainty="none"))
    table = pl.read_parquet(SEASON / site / "reddyproc_seasonal_ustar_mr_gl.parquet")
    assert season.problems == ()
    assert_allclose(season.results["NEE_F"], column(table, "NEE_uStar_f"), atol=6e-9)
    assert_array_equal(season.results["NEE_F_QC"], column(table, "NEE_uStar_fqc"))
    assert_allclose(season.results["RECO_NT"], column(table, "Reco_uStar"), atol=1e-8)
    for ours, theirs in (("RECO_DT", "Reco_DT_uStar"), ("GPP_DT", "GPP_DT_uStar")):
        given = column(table, theirs)
        assert season.results[ours].sum() == pytest.approx(given.sum(), rel=0.02)
        apart = np.median(np.abs(season.results[ours] - given))
        assert apart < 0.001 * np.median(given[given > 0.01])
    total = sum_season(season)["NEE_F"].value
    assert total == pytest.approx(np.nansum(column(table, "NEE_uStar_f")) * K, rel=1e-9)
    print(f"{site}: NEE, quality and respiration of {len(starts)} half-hours equal REddyProc's; {total:.1f} gC m-2")


def test_a_good_year_has_everything(whole):
    assert whole.problems == ()
    assert whole.reasons == {}
    parts = ("RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT")
    for name in ("NEE_F", "LE_F", "TA_F", *parts, "NEE_RANDUNC", "NEE_U05", "NEE_U95", "ET"):
        assert np.isfinite(whole.results[name]).all(), name
    # the made-up night lacks exchange below 0.2 m s-1
    assert 0.1 < whole.results["USTAR_THRESHOLD"].mean() < 0.35
    night = whole.flags["NEE"] == LOW_TURBULENCE
    assert (whole.variables["USTAR"][night] < whole.results["USTAR_THRESHOLD"][night]).all()
    measured = np.isfinite(whole.measured("NEE"))
    assert_array_equal(whole.results["NEE_F"][measured], whole.variables["FC"][measured])
    total = sum_season(whole)["NEE_F"]
    assert total.joint == pytest.approx(math.hypot(total.random, total.filling, total.ustar))
    assert "NEE is FC: no storage" in " ".join(whole.notes)


def test_storage_is_added_and_said():
    frame = made_up(20).with_columns(SC=pl.when(pl.int_range(pl.len()) < 100).then(0.5))
    season = run(frame, spikes=None, ustar="none")
    fc = frame["FC"].to_numpy()
    assert_allclose(season.variables["NEE"], fc + np.where(np.arange(fc.size) < 100, 0.5, 0))
    assert any(f"{fc.size - 100} records without SC" in note for note in season.notes)


def test_flags_reject_and_say_how_many():
    frame = made_up(20).with_columns(FC_SSITC_TEST=pl.when(pl.int_range(pl.len()) < 7).then(2.0).otherwise(1.0))
    frame = frame.with_columns(TA=pl.when(pl.int_range(pl.len()) == 9).then(288.0).otherwise("TA"))
    season = run(frame, spikes=None, ustar=0.0)
    assert np.isnan(season.measured("NEE")[:7]).all()
    assert "NEE: 7 records rejected: quality flag 2" in season.notes
    assert "TA: 1 records rejected: outside -80 to 60 deg C" in season.notes


def rows(*minutes: int) -> pl.DataFrame:
    starts = [BEGIN + timedelta(minutes=m) for m in minutes]
    return pl.DataFrame({"start": starts, "FC": [float(m) for m in minutes]})


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ((0, 30, 30, 60), "line 5: 2023-01-01 00:30 comes again: remove one of the rows; the last one counts"),
        ((0, 30, 60, 150), "line 6: 2 intervals are missing before 2023-01-01 02:30: they are gaps"),
        ((0, 30, 67, 90, 120), "line 5: 2023-01-01 01:07 is not on the grid of 30 minutes: correct the stamp"),
        ((0, 60, 30, 90), "line 5: 2023-01-01 00:30 is before the one above it: sort the table; it was sorted here"),
    ],
)
def test_bad_stamps_are_told_with_line_and_remedy(minutes, expected):
    grid = lay_grid(rows(*minutes), first_line=3, what="line")
    assert any(problem.startswith(expected) for problem in grid.problems), grid.problems
    assert grid.minutes == 30
    assert (grid.starts.diff().drop_nulls() == timedelta(minutes=30)).all()
    kept = np.isfinite(grid.variables["FC"])
    assert_array_equal(grid.variables["FC"][kept], (np.arange(kept.size) * 30.0)[kept])


def by_summer_time(year: int) -> pl.DataFrame:
    """Half-hours of a year as a clock in Berlin shows them, in the order in which they were."""
    moments = pl.datetime_range(
        datetime(year, 1, 1), datetime(year, 12, 31, 22, 30), "30m", time_unit="us", time_zone="UTC", eager=True
    )
    starts = moments.dt.convert_time_zone("Europe/Berlin").dt.replace_time_zone(None).alias("start")
    return pl.DataFrame({"start": starts, "FC": [float(i) for i in range(starts.len())]})


def test_summer_time_is_told():
    frame = by_summer_time(2023)
    grid = lay_grid(frame, first_line=2, what="line")
    spring, autumn = grid.problems[:2]
    line = 2 + frame["start"].to_list().index(datetime(2023, 3, 26, 3))
    assert spring.startswith(
        f"line {line}: an hour is absent before 2023-03-26 03:00, as by a clock that is set to summer"
    )
    line = 2 + frame.height - 1 - frame["start"].reverse().to_list().index(datetime(2023, 10, 29, 2))
    assert autumn.startswith(f"line {line}: an hour comes twice from 2023-10-29 02:00, as by a clock")
    assert "give the stamps in local standard time" in autumn
    # on another day it is nothing but a gap
    other = frame.with_columns(pl.col("start") + timedelta(days=1))
    assert not any("summer" in problem for problem in lay_grid(other).problems)


def test_a_step_that_changes_is_told():
    grid = lay_grid(pl.concat([rows(*range(0, 3000, 30)), rows(*range(3000, 6000, 60))]), first_line=2, what="line")
    assert grid.minutes == 30
    expected = "line 103: 2023-01-03 03:00: 49 rows have a step of 60 minutes instead of 30: split the table"
    assert grid.problems[0].startswith(expected), grid.problems


def test_what_cannot_be_laid_on_a_grid_is_refused():
    with pytest.raises(ValueError, match="there is no half-hour"):
        lay_grid(rows())
    with pytest.raises(ValueError, match="first before line 4, is 0:07:00: expected one that divides the day"):
        lay_grid(rows(0, 7, 14, 21), first_line=3, what="line")
    with pytest.raises(
        ValueError, match=r"5 of 8 stamps .* 30 minutes, the first in line 4: 2023-01-01 00:31:00: average"
    ):
        lay_grid(rows(0, 31, 61, 92, 122, 150, 180, 213), first_line=3, what="line")
    with pytest.raises(ValueError, match="more than forty years"):
        lay_grid(pl.concat([rows(0, 30), pl.DataFrame({"start": [datetime(2223, 1, 1)], "FC": [0.0]})]))


def test_missing_values_of_every_kind():
    frame = rows(0, 30, 60, 90, 120).with_columns(FC=pl.Series([-9999.0, math.nan, math.inf, None, 1.0]))
    assert_array_equal(lay_grid(frame).variables["FC"], [math.nan] * 4 + [1.0])


@pytest.mark.parametrize("late", [-4, -1, 2, 5])
def test_a_shifted_clock_is_told_not_mended(late):
    frame = made_up(120)
    light = frame["SW_IN"].to_numpy()
    shifted = frame.with_columns(SW_IN=np.where(np.arange(light.size) >= 60 * 48, np.roll(light, late), light))
    season = run(shifted, uncertainty="none", ustar="none")
    (problem,) = season.problems
    word = "late" if late > 0 else "early"
    assert problem.startswith(f"2023-03-02 to 2023-04-30: SW_IN is {abs(late) * 30} minutes {word}")
    assert_array_equal(season.variables["SW_IN"], shifted["SW_IN"].to_numpy())
    assert find_clock_shift(light, season.results["SW_IN_POT"], 48) == ()


def test_spikes_are_those_of_the_naive_test():
    random = np.random.default_rng(3)
    x = random.normal(0, 1, 1000)
    x[random.integers(0, 1000, 60)] = np.nan
    x[[99, 101, 499, 501]] = 0
    x[[100, 500, 999]] = 25
    night = (np.arange(1000) % 48) < 20
    found = find_spikes(x, night, z=4)
    expected = np.zeros(1000, dtype=bool)
    for first in range(0, 1000, 13 * 48):
        for dark in (True, False):
            bends = {
                i: 2 * x[i] - x[i - 1] - x[i + 1]
                for i in range(max(1, first), min(999, first + 13 * 48))
                if night[i] == dark and not math.isnan(2 * x[i] - x[i - 1] - x[i + 1])
            }
            middle = statistics.median(bends.values())
            spread = statistics.median(abs(d - middle) for d in bends.values())
            for i, d in bends.items():
                expected[i] = d < middle - 4 * spread / 0.6745 or d > middle + 4 * spread / 0.6745
    assert_array_equal(found, expected)
    assert found[100]
    assert found[500]


def test_spikes_of_a_season_are_gaps():
    frame = made_up(40)
    frame = frame.with_columns(FC=pl.when(pl.int_range(pl.len()) == 700).then(80.0).otherwise("FC"))
    season = run(frame, ustar="none")
    assert season.flags["NEE"][700] == SPIKE
    assert abs(season.results["NEE_F"][700]) < 30


@pytest.mark.parametrize("missing", ["SW_IN", "TA", "VPD", "USTAR", "FC"])
def test_a_missing_variable_is_told_and_the_rest_done(missing):
    name = "NEE" if missing == "FC" else missing
    season = run(made_up(60).drop(missing))
    assert any(problem.startswith(f"{name}: no record: add") for problem in season.problems)
    assert np.isfinite(season.results["LE_F"]).all()
    assert ("NEE_F" in season.results) == (missing != "FC")
    if missing in ("SW_IN", "TA"):
        assert "RECO_NT" in season.reasons


def test_all_gaps():
    season = run(made_up(60).with_columns(FC=pl.lit(None, pl.Float64), LE=pl.lit(-9999.0)))
    assert "NEE_F" in season.reasons
    assert "LE_F" in season.reasons
    assert np.isfinite(season.results["TA_F"]).all()


@pytest.mark.parametrize("latitude", [51.0, 80.0])
def test_without_night(latitude):
    """Night records missing, and a polar summer that has none."""
    frame = made_up(365, latitude).slice(120 * 48, 100 * 48)
    season = run(frame.with_columns(FC=pl.when(pl.col("SW_IN") >= 10).then("FC")), latitude)
    why = season.reasons["USTAR_THRESHOLD"]
    none = "the sun does not set from 2023-05-01 to 2023-08-08"
    assert (none if latitude > 67 else "in 0 complete records of the night (NEE, TA and u* with SW_IN below") in why
    assert "NEE is not filtered by u*: --ustar NUMBER gives the threshold of other years; --ustar none says" in why
    assert "RECO_NT" in season.reasons
    assert not (season.flags["NEE"] == LOW_TURBULENCE).any()
    day = season.variables["SW_IN"] >= 10
    assert np.isfinite(season.results["NEE_F"][day]).all()


def test_a_year_with_nine_of_ten_missing():
    frame = made_up()
    lost = np.random.default_rng(1).random(frame.height) < 0.9
    season = run(frame.with_columns(FC=pl.when(~pl.Series(lost)).then("FC")))
    assert np.isfinite(season.results["NEE_F"]).mean() > 0.99
    whole_total = K * frame["FC"].sum()
    assert sum_season(season)["NEE_F"].value == pytest.approx(whole_total, abs=60)


def test_seasons_without_a_threshold_are_told_in_words():
    """Two days of November are no season: they have its year's threshold, and no number of their own."""
    frame = made_up(93)
    shifted = frame.with_columns(pl.col("start") + timedelta(days=332))  # from 29 November
    season = run(shifted)
    (note,) = (note for note in season.notes if "threshold of their own" in note)
    dark = (shifted["SW_IN"] < 10) & (shifted["start"] < datetime(2023, 12, 1))
    assert f"2023009 ({dark.sum()})" in note
    assert note.endswith("; the year's holds there")
    assert all(math.isfinite(one.value) for one in season.thresholds)
    of_seasons = [(one.year, one.season, one.percentile) for one in season.thresholds if one.kind == "season"]
    assert of_seasons == [(2023, 12, None), *((2023, 12, percent) for percent in (5.0, 50.0, 95.0))]
    assert np.isfinite(season.results["USTAR_THRESHOLD"]).all()


@pytest.mark.parametrize("method", ["nt", "dt"])
def test_nothing_is_partitioned_where_a_gap_of_nee_stays(method):
    """A gap of 215 days is longer than what REddyProc fills; respiration is not told there, either."""
    kept = pl.int_range(pl.len()).is_between(150 * 48, 200 * 48 - 1) | (pl.int_range(pl.len()) < 100 * 48)
    frame = made_up().with_columns(FC=pl.when(kept).then("FC"))
    season = run(frame, ustar=0.2, spikes=None, partition=(method,), uncertainty="none")
    gaps = np.isnan(season.results["NEE_F"])
    assert gaps.sum() == 165 * 48
    parts = [f"{part}_{method.upper()}" for part in ("RECO", "GPP")]
    for name in parts if method == "nt" else [*parts, *(f"{part}_SD" for part in parts)]:
        assert_array_equal(np.isnan(season.results[name]), gaps)
    assert season.reasons[f"{parts[0]} of {165 * 48} records"] == "a gap of NEE_F stays there"
    assert all(math.isnan(sum_season(season)[name].value) for name in parts)
    thresholds = VersionThresholds(np.array([[0.1], [0.2], [0.3]]), np.zeros(gaps.size, dtype=np.int64))
    step = partition_versions_by_night if method == "nt" else partition_versions_by_day
    after = step(replace(season, version_thresholds={"U": thresholds}), SeasonMethods(ustar=0.2), no_progress)
    assert_array_equal(np.isnan(after.results[f"{parts[0]}_U05"]), gaps)
    assert_array_equal(after.results[f"{parts[0]}_U50"], season.results[parts[0]].astype(np.float32))
    everywhere = run(frame, ustar=0.2, spikes=None, partition=(method,), uncertainty="none", fill="mds_oneflux")
    assert np.isfinite(everywhere.results[parts[0]]).all()


def test_a_threshold_by_hand_without_radiation_or_wind():
    season = run(made_up(60).drop("SW_IN"), ustar=0.2)
    unknown = dict.fromkeys(("NEE_RANDUNC", "LE_RANDUNC"), "without SW_IN, TA and VPD no records are known to be alike")
    assert season.reasons == dict.fromkeys(("RECO_NT", "RECO_DT"), "there is no SW_IN_F") | unknown
    assert np.isfinite(season.results["NEE_F"]).all()
    season = run(made_up(60).drop("USTAR"), ustar=0.2)
    assert season.reasons["USTAR_THRESHOLD"] == "there is no USTAR; NEE is not filtered by u*"
    assert not (season.flags["NEE"] == LOW_TURBULENCE).any()
    assert np.isfinite(season.results["RECO_NT"]).all()


def test_a_step_that_fails_stops_no_other(monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no luck")

    monkeypatch.setattr("fluxcalc.season.partitioning.partition_by_night", broken)
    season = run(made_up(60))
    assert season.reasons["RECO_NT"] == "partition_night failed: no luck"
    assert "NEE_RANDUNC" in season.results


def test_progress_goes_through_every_step_and_within_long_ones():
    seen: list[tuple[str, float, float]] = []

    def report(what: str, done: float, total: float, /) -> None:
        seen.append((what, done, total))

    methods = SeasonMethods(samples=10, partition=("nt",))
    process_season(lay_grid(made_up(60)), 51.0, 15.0, 1.0, methods, report)
    done = [one[1] for one in seen]
    assert done == sorted(done)
    assert {total for _, _, total in seen} == {len(SEASON_STEPS)}
    assert seen[-1] == ("done", len(SEASON_STEPS), len(SEASON_STEPS))
    assert set(done) >= set(range(len(SEASON_STEPS)))
    number = [step.__name__ for _, step in SEASON_STEPS].index("make_versions")
    within = [(what, share) for what, share, _ in seen if number < share < number + 1]
    assert within == [("fill versions", pytest.approx(number + k / 3)) for k in (1, 2)]


def test_thresholds_by_hand_by_season_and_of_versions_are_published():
    (fixed,) = run(made_up(30), ustar=0.2, uncertainty="none", partition=()).thresholds
    assert fixed == UstarThreshold(kind="fixed", value=0.2)
    season = run(made_up(60), partition=("nt",))
    shown = [(one.kind, one.year, one.season, one.percentile) for one in season.thresholds]
    of_seasons = [("season", 2023, 1, None)]
    few = (5.0, 50.0, 95.0)
    of_versions = [*(("season", 2023, 1, p) for p in few), *(("year", 2023, None, p) for p in few)]
    assert shown == [*of_seasons, ("year", 2023, None, None), *of_versions]
    # the first of March has no threshold of its own: the year's holds there
    own, of_year = season.thresholds[:2]
    assert_array_equal(season.results["USTAR_THRESHOLD"], [own.value] * (59 * 48) + [of_year.value] * 48)
    winter, march = (season.version_thresholds["U"].table[:, place] for place in (0, 1))
    assert_array_equal(np.concatenate((winter, march)), [one.value for one in season.thresholds[2:]])
    assert 50 < season.e0 < 400


@pytest.mark.parametrize(
    "wrong",
    [{"ustar": "best"}, {"fill": "magic"}, {"partition": ("noon",)}, {"percentiles": 7}, {"uncertainty": "some"}],
    ids=str,
)
def test_unknown_methods_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        run(made_up(2), **wrong)


def test_aggregates_are_means_and_sums():
    n = 366 * 48
    starts = pl.Series([datetime(2024, 1, 1) + i * timedelta(minutes=30) for i in range(n)])
    nee, et, ta = np.arange(n) / n, np.full(n, 0.1), np.arange(n, dtype=float)
    gap = nee.copy()
    gap[100] = np.nan
    series = {"NEE_F": nee, "ET": et, "TA_F": ta, "GPP_NT": gap}
    quality = {"NEE_F_QC": (np.arange(n) % 4).astype(float)}
    year = aggregate(series, starts, "YY", 48, quality).row(0, named=True)
    assert year["NEE_F"] == pytest.approx(nee.sum() * K)
    assert year["ET"] == pytest.approx(n * 0.1)
    assert year["TA_F"] == pytest.approx(ta.mean())
    assert math.isnan(year["GPP_NT"])
    assert year["NEE_F_QC"] == 0.5
    february = aggregate(series, starts, "MM", 48, quality).row(1, named=True)
    here = slice(31 * 48, 60 * 48)
    assert february["NEE_F"] == pytest.approx(nee[here].sum() * K / 29)
    weeks = aggregate(series, starts, "WW", 48, quality)
    assert weeks.height == 52
    assert find_periods(starts, "WW", 48).count[-1] == 9 * 48
    part = aggregate({name: values[48:] for name, values in series.items()}, starts[48:], "YY", 48, {})
    assert math.isnan(part["NEE_F"][0])  # a year that lacks a day has no sum
