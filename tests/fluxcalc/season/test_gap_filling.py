"""Fluxes of a season filled by learning: where the truth is built in, what is told of it, what is left."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from core.records import FloatArray
from fluxcalc.season.gapfill.machine_learning import METHOD_LEARNED, MIN_MEASURED
from fluxcalc.season.partition.daytime import partition_by_day
from fluxcalc.season.record import FLUXES, LEARNED_FILL, Season, SeasonMethods
from fluxcalc.season.report import report_season
from fluxcalc.season.sums import sum_season
from tests.fluxcalc.reference import needs_season
from tests.fluxcalc.season.test_steps import made_up, run
from tests.fluxcalc.season.ustar.test_moving_point import read_site

DAYS = 100
NOISE = {"NEE": 0.6, "LE": 5.0, "H": 2.5, "FCH4": 0.6 / 16}
LONG = slice(30 * 48, 92 * 48)
"""A hole in LE of more than sixty days."""


def complete() -> pl.DataFrame:
    return made_up(DAYS).with_columns(H=pl.col("LE") * 0.5 + 20, FCH4=pl.col("FC") / 16)


def with_gaps() -> pl.DataFrame:
    n = DAYS * 48
    random = np.random.default_rng(8)
    lost = random.random(n) < 0.2
    for first in random.integers(n, size=6):
        lost[first : first + 96] = True
    hole = np.zeros(n, dtype=bool)
    hole[LONG] = True
    fluxes = [pl.when(~pl.Series(lost)).then(name).alias(name) for name in ("FC", "H", "FCH4")]
    return complete().with_columns(*fluxes, LE=pl.when(~pl.Series(lost | hole)).then("LE"))


@pytest.fixture(scope="module")
def learned() -> Season:
    return run(with_gaps(), fill=LEARNED_FILL, ustar="annual", spikes=None, partition=("nt",))


@pytest.fixture(scope="module")
def looked_up() -> Season:
    return run(with_gaps(), ustar="annual", spikes=None, partition=())


def truth(name: str) -> FloatArray:
    return complete()["FC" if name == "NEE" else name].to_numpy()


@pytest.mark.parametrize("name", FLUXES)
def test_every_filled_value_has_quality_error_and_interval(learned, name):
    measured, value = learned.measured(name), learned.results[f"{name}_F"]
    known, filled = np.isfinite(measured), np.isnan(measured) & np.isfinite(value)
    assert_array_equal(value[known], measured[known])
    assert (learned.results[f"{name}_F_QC"][known] == 0).all()
    assert set(learned.results[f"{name}_F_QC"][filled]) <= {1, 2, 3}
    for part in ("SD", "LOWER", "UPPER"):
        assert_array_equal(np.isfinite(learned.results[f"{name}_F_{part}"]), filled)
    assert (learned.results[f"{name}_F_LOWER"] < value)[filled].all()
    assert (learned.results[f"{name}_F_UPPER"] > value)[filled].all()
    assert_array_equal(learned.results[f"{name}_GAPUNC"], learned.results[f"{name}_F_SD"])


@pytest.mark.parametrize("name", ["H", "FCH4"])
def test_withheld_values_are_met_as_well_as_is_told(learned, name):
    """NEE is left out: the filter of u* removes what would be below the rest."""
    gap = np.isnan(learned.measured(name))
    off = (learned.results[f"{name}_F"] - truth(name))[gap]
    told = np.sqrt((learned.results[f"{name}_F_SD"][gap] ** 2).mean())
    assert np.sqrt((off**2).mean()) == pytest.approx(told, rel=0.2)
    assert told < 2 * NOISE[name]
    upper, lower = learned.results[f"{name}_F_UPPER"][gap], learned.results[f"{name}_F_LOWER"][gap]
    assert 0.86 < ((lower <= truth(name)[gap]) & (truth(name)[gap] <= upper)).mean() < 0.94


def test_how_well_left_out_values_were_predicted_is_published(learned):
    measured = learned.measured("NEE")
    off = (learned.results["NEE_F_ALL"] - measured)[np.isfinite(measured)]
    told = report_season(learned, SeasonMethods(fill=LEARNED_FILL)).described()["cross_validated"]
    assert isinstance(told, dict)
    assert set(told) == {f"{name} {part}" for name in FLUXES for part in ("all", "day", "night")}
    assert told["NEE all"]["n"] == off.size == told["NEE day"]["n"] + told["NEE night"]["n"]
    assert told["NEE all"]["rmse"] == pytest.approx(np.sqrt((off**2).mean()))
    assert told["NEE all"]["bias"] == pytest.approx(off.mean())
    (note,) = (note for note in learned.notes if note.startswith(f"NEE: filled by {LEARNED_FILL}"))
    assert f"{off.size} left-out values" in note
    assert f"{told['NEE all']['rmse']:.4g}" in note


def test_the_method_is_said(learned):
    filled = np.isnan(learned.measured("NEE"))
    assert_array_equal(learned.results["NEE_F_METHOD"], np.where(filled, METHOD_LEARNED, 0))
    assert "NEE_F_WINDOW" not in learned.results


def test_long_gaps_stay_and_are_counted(learned):
    value = learned.results["LE_F"]
    assert np.isnan(value[LONG]).all()
    left = int(np.isnan(value).sum())
    assert left >= LONG.stop - LONG.start
    assert learned.reasons[f"LE_F of {left} records"] == "too long a gap"
    assert np.isnan(learned.results["LE_F_QC"][LONG]).all()


def test_the_sum_has_the_error_of_filled_values(learned):
    total = sum_season(learned)["NEE_F"]
    assert total.joint == pytest.approx(np.hypot(np.hypot(total.random, total.filling), total.ustar))
    # as the truth is known: what was lost has been put back within a few of its errors
    off = (learned.results["FCH4_F"] - truth("FCH4")).sum() * 1800 * 12.0107e-9
    assert abs(off) < 3 * sum_season(learned)["FCH4_F"].filling


def test_versions_by_thresholds_are_looked_up_and_a_note_says_so(learned, looked_up):
    for name in ("NEE_U05", "NEE_U50", "NEE_U95"):
        assert_array_equal(learned.results[name], looked_up.results[name])
    assert "NEE: versions by thresholds of u* are filled by mds_reddyproc" in learned.notes
    assert not np.array_equal(learned.results["NEE_F"], looked_up.results["NEE_F"])
    assert report_season(looked_up, SeasonMethods()).described()["cross_validated"] == {}


def test_too_little_to_learn_from_is_a_reason_and_the_rest_is_done():
    frame = made_up(20).with_columns(FC=pl.when(pl.int_range(pl.len()) < MIN_MEASURED - 1).then("FC"))
    season = run(frame, fill=LEARNED_FILL, ustar="none", spikes=None)
    assert season.reasons["NEE_F"] == f"only {MIN_MEASURED - 1} measured values, learning needs {MIN_MEASURED}"
    assert np.isfinite(season.results["LE_F"]).all()


def test_soil_water_teaches_where_it_is_measured():
    """What follows nothing else is learned from it."""
    frame = complete().head(40 * 48)
    water = np.repeat(np.random.default_rng(3).uniform(10, 40, 40), 48)
    frame = frame.select("start", "SW_IN", "TA", "VPD", FC=pl.col("FC") + pl.Series(0.4 * water))
    options = {"fill": LEARNED_FILL, "ustar": "none", "spikes": None, "partition": (), "uncertainty": "none"}
    without, told = (run(each, **options) for each in (frame, frame.with_columns(SWC=water)))
    assert told.skill["NEE all"]["rmse"] < 0.5 * without.skill["NEE all"]["rmse"]
    assert_allclose(told.results["NEE_F"], frame["FC"].to_numpy())


@pytest.fixture(scope="module")
def with_noise() -> pl.DataFrame:
    """Noise that grows with light: what the day's fits find hangs on how records are weighed."""
    frame = made_up(40)
    random = np.random.default_rng(5)
    noise = random.standard_t(3, frame.height) * (0.2 + 0.01 * frame["SW_IN"].to_numpy())
    lost = random.random(frame.height) < 0.2
    return frame.with_columns(FC=pl.when(~pl.Series(lost)).then(pl.col("FC") + pl.Series(noise)))


def test_day_time_partitioning_weighs_measured_records_as_after_mds(with_noise):
    """The day's fits see measured records alone: how gaps are filled must not change them."""
    options = {"ustar": "none", "spikes": None, "partition": ("dt",), "uncertainty": "none"}
    learned, looked_up = (run(with_noise, fill=fill, **options) for fill in (LEARNED_FILL, "mds_reddyproc"))
    same = np.isfinite(learned.results["NEE_F"]) & np.isfinite(looked_up.results["NEE_F"])
    for name in ("RECO_DT", "GPP_DT"):
        assert_array_equal(learned.results[name][same], looked_up.results[name][same])
    (note,) = (note for note in learned.notes if note.startswith("RECO_DT, GPP_DT"))
    assert "standard deviation of mds_reddyproc" in note
    assert not any(note.startswith("RECO_DT, GPP_DT") for note in looked_up.notes)
    # without weights it is another result, so that the test above says something
    fallback = partition_by_day(
        learned.measured("NEE"), np.full(with_noise.height, np.nan),
        *(learned.results[name] for name in ("SW_IN_F", "TA_F", "VPD_F", "SW_IN_POT")),
    )  # fmt: skip
    assert abs(fallback.gpp[same].sum() / learned.results["GPP_DT"][same].sum() - 1) > 0.01


def test_measured_records_without_a_weight_are_counted(with_noise):
    """A record more than 210 days from all others has nothing like it."""
    alone = pl.int_range(pl.len()) == 300 * 48 + 24
    frame = made_up(301).select("start", "SW_IN", "TA", "VPD", FC=pl.when(alone).then("FC"))
    frame = frame.join(with_noise.select("start", near="FC"), on="start", how="left")
    frame = frame.select("start", "SW_IN", "TA", "VPD", FC=pl.coalesce("near", "FC"))
    season = run(frame, ustar="none", spikes=None, partition=("dt",), uncertainty="none")
    (note,) = (note for note in season.notes if "no standard deviation" in note)
    assert note.startswith("RECO_DT, GPP_DT: 1 measured records of the day")


@pytest.mark.figures
@needs_season
def test_day_time_partitioning_of_tharandt_after_learning():
    """GPP_DT after learning is that after MDS."""
    inputs, starts = read_site("DE-Tha_1998")
    names = {"NEE": "NEE", "Rg": "SW_IN", "Tair": "TA", "VPD": "VPD", "Ustar": "USTAR"}
    frame = inputs.select(starts.alias("start"), *(pl.col(old).alias(new) for old, new in names.items()))
    options = {"ustar": 0.4, "partition": ("dt",), "uncertainty": "none"}
    learned, looked_up = (run(frame, fill=fill, **options) for fill in (LEARNED_FILL, "mds_reddyproc"))
    sums = [season.results["GPP_DT"].sum() * 1800 * 12.0107e-6 for season in (learned, looked_up)]
    print(f"GPP_DT of Tharandt: {sums[0]:.1f} gC m-2 after learning, {sums[1]:.1f} after MDS")
    assert sums[0] == pytest.approx(sums[1], rel=1e-9)
