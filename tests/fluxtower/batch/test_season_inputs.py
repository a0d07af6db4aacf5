"""`fluxtower season` on bad input: a message with line and remedy, or a result without that part, and said."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from fluxtower.cli import app
from tests.fluxcalc.season.test_steps import by_summer_time, made_up
from tests.fluxtower.batch.test_season import STATION, write

NOTHING = pl.lit(None, pl.Float64)
DARK, FIRST = pl.col("SW_IN") < 10, pl.int_range(pl.len()) == 0


class Outcome:
    """What a run said and wrote."""

    def __init__(self, folder: Path, table: pl.DataFrame | str, *options: str, latitude: float = 51.0) -> None:
        # a season of a table asks for nothing but the place
        place = STATION[: STATION.index("[[stream]]")].replace("latitude = 51.0", f"latitude = {latitude}")
        (folder / "place.toml").write_text(place)
        if isinstance(table, str):
            (folder / "table.csv").write_text(table)
        else:
            write(table, folder / "table.csv")
        station, output = folder / "place.toml", folder / "out"
        given = ("season", str(folder / "table.csv"), "--station", str(station), "--output", str(output), *options)
        result = CliRunner().invoke(app, (*given, "--samples", "5"))
        self.exit_code, self.text, self.error = result.exit_code, result.output, str(result.exception)
        self.folder = output

    @property
    def hours(self) -> pl.DataFrame:
        """The half-hours written; missing is null."""
        return pl.read_csv(self.folder / "made-up_HH.csv", null_values="-9999")

    @property
    def manifest(self) -> dict[str, object]:
        """What the manifest says."""
        found: dict[str, object] = json.loads((self.folder / "manifest.json").read_text())
        return found


@pytest.fixture
def season(tmp_path: Path):
    def run(table: pl.DataFrame | str, *options: str, latitude: float = 51.0) -> Outcome:
        return Outcome(tmp_path, table, *options, latitude=latitude)

    return run


def known(hours: pl.DataFrame, name: str) -> float:
    """Return the share of half-hours that have a value."""
    return hours[name].is_not_null().mean() if name in hours.columns else 0.0  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([30, 31, 30, 28, 30, 31], "132 of 200 stamps are not on one grid of 30 minutes, the first in line 4"),
        ([31], "the step, first before line 3, is 0:31:00: expected one that divides the day"),
    ],
)
def test_a_series_without_a_grid_is_refused_with_its_first_line(season, steps, expected):
    minutes = np.concatenate(([0], np.cumsum(np.resize(steps, 199))))
    frame = made_up(20).head(200)
    outcome = season(
        frame.with_columns(start=pl.Series([frame["start"][0] + timedelta(minutes=int(m)) for m in minutes]))
    )
    assert outcome.exit_code == 1
    assert expected in outcome.error
    assert "average the table anew onto a regular one" in outcome.error
    assert not (outcome.folder / "manifest.json").exists()


def test_a_repeated_hour_and_an_absent_one_are_summer_time(season):
    outcome = season(by_summer_time(2023), "--ustar", "none", "--no-figures", "--uncertainty", "none")
    assert outcome.exit_code == 1
    assert "an hour is absent before 2023-03-26 03:00, as by a clock that is set to summer time" in outcome.text
    assert "an hour comes twice from 2023-10-29 02:00" in outcome.text


def test_stamps_of_the_end_given_as_of_the_start_are_seen_by_the_sun(season):
    frame = made_up(60).with_columns(pl.col("start") + timedelta(minutes=30))
    outcome = season(frame, "--no-figures")
    assert outcome.exit_code == 1
    assert (
        "SW_IN is 30 minutes late against the sun: check utc_offset, summer time, and whether stamps are of the start"
        in (outcome.text)
    )


def test_missing_values_of_every_kind_are_gaps(season):
    text = ["TIMESTAMP_START,FC,SW_IN,TA,VPD,USTAR"]
    words = ["-9999", "NaN", "-9999.0", "", "NA", "inf", "-9999.00000", " -9999 ", "nan", "-9.999e3"]
    for i, (start, fc, *rest) in enumerate(
        made_up(20).select("start", "FC", "SW_IN", "TA", "VPD", "USTAR").iter_rows()
    ):
        value = words[i - 300] if 300 <= i < 300 + len(words) else str(fc)
        text.append(f"{start:%Y%m%d%H%M},{value}," + ",".join(map(str, rest)))
    outcome = season("\n".join(text), "--ustar", "none", "--spikes", "0", "--no-figures", "--uncertainty", "none")
    assert outcome.exit_code == 0, outcome.text
    hours = outcome.hours
    assert hours["NEE"].null_count() == len(words)
    assert hours["NEE"][300 : 300 + len(words)].null_count() == len(words)
    assert hours["NEE_F"].abs().max() < 50


@pytest.mark.parametrize("case", ["night missing", "polar day"])
def test_without_night_there_is_neither_threshold_nor_partition(season, case):
    if case == "polar day":
        outcome = season(made_up(365, 80.0).slice(120 * 48, 100 * 48), "--no-figures", latitude=80.0)
    else:
        outcome = season(made_up(60).with_columns(FC=pl.when(~DARK).then("FC")))
    assert outcome.exit_code == 0, outcome.text
    hours = outcome.hours
    assert known(hours, "NEE_F") == 1
    for name in ("RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT", "USTAR_THRESHOLD"):
        assert known(hours, name) == 0
        assert name.replace("GPP", "RECO") in outcome.manifest["not_done"]
    why = "the sun does not set from 2023-05-01" if case == "polar day" else "in 0 complete records of the night"
    assert why in outcome.text
    assert "NEE is not filtered by u*: --ustar NUMBER gives the threshold of other years; --ustar none" in outcome.text


def test_a_threshold_by_hand_without_radiation(season):
    outcome = season(made_up(60).drop("SW_IN"), "--ustar", "0.2")
    assert outcome.exit_code == 1
    assert "problem: SW_IN: no record: add it" in outcome.text
    for name in ("RECO_NT", "RECO_DT"):
        assert f"not done: {name}: there is no SW_IN_F" in outcome.text
    assert known(outcome.hours, "NEE_F") == 1


def test_a_polar_night_has_no_light_to_respond_to(season):
    outcome = season(made_up(365, 80.0).slice(310 * 48, 50 * 48), "--no-figures", latitude=80.0)
    assert outcome.exit_code == 0, outcome.text
    assert known(outcome.hours, "RECO_NT") == 1
    assert known(outcome.hours, "RECO_DT") == 0
    assert "not done: RECO_DT: no window of 4 days tells how the day's exchange depends on light" in outcome.text


def test_all_gaps(season):
    outcome = season(made_up(20).with_columns(FC=NOTHING, LE=NOTHING))
    assert outcome.exit_code == 1
    assert "NEE: no record: add FC or NEE; it is neither filled nor partitioned" in outcome.text
    assert "not done: LE_F: no record of usable quality" in outcome.text
    assert known(outcome.hours, "TA_F") == 1
    assert known(outcome.hours, "NEE_F") == known(outcome.hours, "RECO_NT") == 0


def test_without_any_driver_gaps_are_filled_by_the_time_of_day(season):
    frame = made_up(60).select("start", FC=pl.when(pl.int_range(pl.len()) % 10 > 0).then("FC"))
    outcome = season(frame, "--no-figures")
    assert outcome.exit_code == 1
    for name in ("SW_IN", "TA", "VPD", "USTAR"):
        assert f"problem: {name}: no record: add it" in outcome.text
    assert known(outcome.hours, "NEE_F") == 1
    assert outcome.hours.filter(pl.col("NEE").is_null())["NEE_F_METHOD"].unique().to_list() == [3]
    assert "not done: RECO_NT: there is no TA_F" in outcome.text


def test_a_year_with_nine_of_ten_missing_here_and_there(season):
    lost = pl.Series(np.random.default_rng(1).random(365 * 48) < 0.9)
    outcome = season(made_up(365).with_columns(FC=pl.when(~lost).then("FC")), "--no-figures")
    assert outcome.exit_code == 0, outcome.text
    assert known(outcome.hours, "NEE_F") > 0.99
    assert outcome.hours["NEE_F_QC"].is_not_null().mean() > 0.99


def test_a_filled_fluxnet_table_gives_its_measured_records(season):
    frame = made_up(60).with_columns(pl.col("start").dt.strftime("%Y%m%d%H%M").alias("TIMESTAMP_START"))
    quality = pl.when(pl.int_range(pl.len()) % 4 == 0).then(1).otherwise(0)
    table = frame.select(
        "TIMESTAMP_START", "USTAR", pl.col("VPD").alias("VPD_F"),
        *(pl.col(name).alias(f"{name}_F") for name in ("SW_IN", "TA")),
        *(quality.alias(f"{name}_F_QC") for name in ("SW_IN", "TA")),
        pl.col("FC").alias("NEE_VUT_REF"), quality.alias("NEE_VUT_REF_QC"),
    )  # fmt: skip
    outcome = season(table.write_csv(), "--ustar", "none", "--spikes", "0", "--no-figures")
    assert outcome.exit_code == 0, outcome.text
    assert "NEE is NEE_VUT_REF where NEE_VUT_REF_QC is 0, as measured; its maker has filtered it" in outcome.text
    assert "VPD is VPD_F: without VPD_F_QC all of it is taken as measured" in outcome.text
    assert any("SW_IN is SW_IN_F where" in note for note in outcome.manifest["notes"])
    hours = outcome.hours
    assert hours["NEE"].null_count() == hours.height // 4
    assert (hours["TA_F_QC"] > 0).sum() == hours.height // 4
    assert (hours["VPD_F_QC"] == 0).all()
