"""`fluxtower season`: a table to tables, figures and a manifest; what is wrong with a table."""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.io import netcdf_file
from typer.testing import CliRunner, Result

from core.records import FluxRecord
from core.settings import Settings
from core.store import Store
from core.variables import FLUX_COLUMNS
from fluxcalc.season import report
from fluxcalc.season.ustar.published import UstarThreshold
from fluxtower.cli import app
from tests.fluxcalc.season.test_steps import made_up

CHANNELS = """
    { name = "Uy", variable = "V", unit = "m s-1" }, { name = "Uz", variable = "W", unit = "m s-1" },
    { name = "Ts", variable = "T_SONIC", unit = "deg C" },
"""
STATION = """
[station]
id = "made-up"
name = "Made-up forest"
latitude = 51.0
longitude = 15.0
altitude = 300.0
utc_offset = 1.0

[[stream]]
name = "ec"
kind = "block"
rate = 20.0
channels = [{ name = "Ux", variable = "U", unit = "m s-1" }]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("season")
    (path / "station.toml").write_text(STATION)
    write(made_up(60), path / "fluxes.csv")
    return path


def write(frame: pl.DataFrame, path: Path) -> None:
    stamp = pl.col("start").dt.strftime("%Y%m%d%H%M").alias("TIMESTAMP_START")
    frame.select(stamp, pl.exclude("start")).write_csv(path, null_value="-9999")


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema_length=None)


def season(folder: Path, table: str, *options: str) -> Result:
    given = ("season", str(folder / table), "--station", str(folder / "station.toml"), "--samples", "5", *options)
    return CliRunner().invoke(app, given)


@pytest.fixture(scope="module")
def output(folder: Path) -> Path:
    result = season(folder, "fluxes.csv", "--output", str(folder / "out"))
    assert result.exit_code == 0, result.output
    return folder / "out"


def test_every_table_is_there(output):
    hours = read(output / "made-up_HH.csv")
    assert hours.columns[:2] == ["TIMESTAMP_START", "TIMESTAMP_END"]
    assert hours.height == 60 * 48
    assert hours.row(0)[:2] == (202301010000, 202301010030)
    days = read(output / "made-up_DD.csv")
    k = 1800 * 12.0107e-6
    assert days["TIMESTAMP"][0] == 20230101
    assert days["NEE_F"][0] == pytest.approx(k * hours["NEE_F"][:48].sum(), rel=1e-5)
    weeks = read(output / "made-up_WW.csv")
    assert weeks.row(1)[:2] == (20230108, 20230114)
    months = read(output / "made-up_MM.csv")
    assert months["TIMESTAMP"].to_list() == [202301, 202302, 202303]
    assert months["NEE_F"][2] == -9999  # a day of March
    assert read(output / "made-up_YY.csv")["NEE_F"].to_list() == [-9999]


def test_parquet_and_netcdf_say_the_same(output):
    hours = pl.read_parquet(output / "made-up_HH.parquet")
    assert "fluxtower season" in pl.read_parquet_metadata(output / "made-up_HH.parquet")["history"]
    with netcdf_file(output / "made-up_HH.nc", mmap=False) as file:
        assert file.Conventions == b"CF-1.11"
        time = file.variables["time"]
        assert time.units == b"seconds since 1970-01-01 00:00:00"
        first = np.datetime64("2022-12-31T23:00", "s").astype(float)  # UTC
        assert time.data[0] == first
        np.testing.assert_array_equal(file.variables["time_bounds"].data[0], [first, first + 1800])
        nee = file.variables["NEE_F"]
        assert nee.units == b"umol m-2 s-1"
        np.testing.assert_allclose(nee.data, hours["NEE_F"].fill_null(-9999).to_numpy(), rtol=1e-6)
        for variable in file.variables.values():
            assert hasattr(variable, "units") or variable is file.variables["time_bounds"]


def test_manifest_names_inputs_methods_and_files(output, folder):
    manifest = json.loads((output / "manifest.json").read_text())
    sha = hashlib.sha256((folder / "fluxes.csv").read_bytes()).hexdigest()
    assert manifest["inputs"][0]["sha256"] == sha
    assert manifest["methods"]["fill"] == "mds_reddyproc"
    named = {file["file"]: file["sha256"] for file in manifest["files"]}
    there = {file.name for file in output.iterdir()} - {"manifest.json"}
    assert set(named) == there
    for name in ("fingerprint", "cumulative", "diurnal", "ustar", "light"):
        assert f"made-up_{name}.png" in there
        assert (output / f"made-up_{name}.svg").read_text().count("<path") > 3
    for name, value in named.items():
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == value


def test_thresholds_are_objects_and_the_summary_says_those_in_use(folder):
    result = season(folder, "fluxes.csv", "--output", str(folder / "objects"), "--no-figures", "--partition", "nt")
    manifest = json.loads((folder / "objects" / "manifest.json").read_text())
    thresholds = [UstarThreshold(**said) for said in manifest["thresholds"]]
    assert [one.label for one in thresholds[:2]] == ["season 2023001", "year 2023"]
    # of the winter; and of the year, which holds in spring
    assert [(one.kind, one.percentile) for one in thresholds[2:]] == [
        (kind, percent) for kind in ("season", "year") for percent in (5, 50, 95)
    ]
    assert all(0.05 < one.value < 0.5 for one in thresholds)
    said = ", ".join(f"{one.label}: {one.value:.3f}" for one in thresholds[:2])
    assert f"thresholds of u* (m s-1): {said}\n" in result.output
    assert f"E0 (K): {manifest['E0']:.2f}" in result.output


def test_what_is_told_of_a_season_is_worked_out_once(folder, monkeypatch):
    calls = []
    for name in ("sum_season", "cumulate"):
        own = getattr(report, name)
        monkeypatch.setattr(report, name, lambda given, own=own, name=name: calls.append(name) or own(given))
    options = ("--output", str(folder / "once"), "--ustar", "none", "--partition", "")
    assert season(folder, "fluxes.csv", *options).exit_code == 0
    assert calls == ["sum_season", "cumulate"]


def test_a_bad_stamp_is_told_and_the_rest_done(folder):
    frame = made_up(30)
    write(pl.concat([frame[:500], frame[499:700], frame[705:]]), folder / "bad.csv")
    result = season(folder, "bad.csv", "--output", str(folder / "bad"), "--no-figures", "--ustar", "0.2")
    assert result.exit_code == 1
    assert "line 502: 2023-01-11 09:30 comes again: remove one of the rows" in result.output
    assert "line 703: 5 intervals are missing before 2023-01-15 16:30: they are gaps" in result.output
    assert read(folder / "bad" / "made-up_HH.csv")["NEE_F"].min() > -9999


def test_a_period_is_cut_out(folder):
    options = ("--from", "2023-01-05", "--to", "2023-01-25", "--ustar", "none", "--uncertainty", "none", "--no-figures")
    result = season(folder, "fluxes.csv", "--output", str(folder / "cut"), *options)
    assert result.exit_code == 0, result.output
    hours = read(folder / "cut" / "made-up_HH.csv")
    assert hours["TIMESTAMP_START"][0] == 202301050000
    assert hours.height == 20 * 48


def test_machine_learning(folder):
    """What it fills, its interval, and its cross-validated error, through the command."""
    lost = np.random.default_rng(1).random(40 * 48) < 0.3
    frame = made_up(40).drop("LE").with_columns(FC=pl.when(~pl.Series(lost)).then("FC"))
    write(frame, folder / "gaps.csv")
    options = ("--fill", "learned_lightgbm", "--ustar", "none", "--spikes", "0", "--partition", "", "--no-figures")
    result = season(folder, "gaps.csv", "--output", str(folder / "learned"), *options)
    assert result.exit_code == 0, result.output
    hours = read(folder / "learned" / "made-up_HH.csv")
    assert ((hours["NEE_F_QC"] > 0).to_numpy() == lost).all()
    assert set(hours["NEE_F_METHOD"].to_numpy()[lost]) == {4}
    truth = made_up(40)["FC"].to_numpy()
    within = hours.select(pl.col("NEE_F_LOWER") <= truth, pl.col("NEE_F_UPPER") >= truth).to_numpy().all(axis=1)[lost]
    assert 0.85 < within.mean() < 0.95
    told = json.loads((folder / "learned" / "manifest.json").read_text())
    off = (hours["NEE_F_ALL"].to_numpy() - truth)[~lost]
    assert told["cross_validated"]["NEE all"]["rmse"] == pytest.approx(math.sqrt((off**2).mean()), rel=1e-4)
    assert told["cross_validated"]["NEE all"]["n"] == (~lost).sum()
    assert told["methods"]["fill"] == "learned_lightgbm"
    assert "lightgbm" in told["versions"]
    assert "left-out values are predicted with a root mean square error of" in " ".join(result.output.split())
    days = read(folder / "learned" / "made-up_DD.csv")
    assert "NEE_F" in days.columns
    assert "NEE_F_LOWER" not in days.columns
    with netcdf_file(folder / "learned" / "made-up_HH.nc", mmap=False) as file:
        assert b"90 % interval" in file.variables["NEE_F_UPPER"].long_name
        assert file.variables["NEE_F_UPPER"].units == b"umol m-2 s-1"


def test_41_versions(folder):
    """The FLUXNET names of half-hours and days; sums, their spread, and the closure in the manifest."""
    frame = made_up(60).with_columns(H=pl.col("LE") * 0.5 + 20, G=pl.col("SW_IN") * 0.05)
    write(frame.with_columns(NETRAD=(pl.col("LE") + pl.col("H")) / 0.8 + pl.col("G")), folder / "balance.csv")
    result = season(folder, "balance.csv", "--output", str(folder / "many"), "--percentiles", "41")
    assert result.exit_code == 0, result.output
    assert "energy balance: slope 0.80, sums 0.80" in result.output
    hours, days = (read(folder / "many" / f"made-up_{size}.csv") for size in ("HH", "DD"))
    parts = [f"{part}_{method}" for part in ("RECO", "GPP") for method in ("NT", "DT")]
    for stem in ("NEE", *parts):
        for name in ("REF", "USTAR50", "05", "16", "25", "50", "75", "84", "95"):
            assert {f"{stem}_VUT_{name}"} <= set(hours.columns) & set(days.columns)
    for table in (hours, days):
        for name in ("NEE_VUT_REF", "NEE_VUT_USTAR50"):
            assert {f"{name}_QC", f"{name}_RANDUNC", f"{name}_JOINTUNC"} <= set(table.columns)
        joint = np.hypot(table["NEE_VUT_REF_RANDUNC"], (table["NEE_VUT_84"] - table["NEE_VUT_16"]) / 2)
        np.testing.assert_allclose(table["NEE_VUT_REF_JOINTUNC"], joint, rtol=1e-4)
        between = (table["LE_CORR_75"] - table["LE_CORR_25"]) / 1.349
        np.testing.assert_allclose(table["LE_CORR_JOINTUNC"], np.hypot(table["LE_RANDUNC"], between), rtol=1e-4)
    k = 1800 * 12.0107e-6
    one = days["NEE_VUT_USTAR50"][3] / (k * hours["NEE_VUT_USTAR50"][144:192].sum())
    assert one == pytest.approx(1, rel=1e-5)
    assert (days["NEE_VUT_05"] <= days["NEE_VUT_95"]).all()
    assert "EBC_CF_N" not in days.columns
    manifest = json.loads((folder / "many" / "manifest.json").read_text())
    assert manifest["energy_balance"]["ratio"] == pytest.approx(0.8, abs=0.001)
    total = manifest["sums"]["NEE_F"]
    assert total["joint"] == pytest.approx(math.hypot(total["random"], total["filling"], total["ustar"]))
    assert (folder / "many" / "made-up_balance.png").stat().st_size > 10_000
    with netcdf_file(folder / "many" / "made-up_HH.nc", mmap=False) as file:
        assert b"forty versions" in file.variables["NEE_VUT_25"].long_name
        assert file.variables["LE_CORR_25"].units == b"W m-2"


@pytest.fixture
def stored(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Ten half-hours of a station without meteorology, one of them bad."""
    monkeypatch.setenv("FLUXTOWER_DSN", settings.store_dsn)
    text = STATION + '\n[sonic]\nmodel = "CSAT3"\nheight = 4.0\n[site]\ncanopy_height = 0.5\n[flux]\nstream = "ec"\n'
    text = text.replace("channels = [", "channels = [" + CHANNELS)
    store.stations.put(text, "made-up.toml")
    nothing = dict.fromkeys(FLUX_COLUMNS, math.nan)
    for i in range(10):
        values = nothing | {"FC": float(i), "FC_SSITC_TEST": 2.0 if i == 3 else 0.0}
        start = datetime(2026, 7, 1, 22, tzinfo=UTC) + i * timedelta(minutes=30)
        record = FluxRecord("made-up", start, start + timedelta(minutes=30), values, {}, {})
        store.fluxes.put(record, config_sha256="x", code_version="1", revision=1)
    return store


@pytest.mark.integration
def test_a_station_of_the_store(folder: Path, stored: Store) -> None:
    result = CliRunner().invoke(app, ("season", "made-up", "--output", str(folder / "stored"), "--no-figures"))
    assert result.exit_code == 1  # there is no meteorology
    assert "USTAR: no record" in result.output
    hours = read(folder / "stored" / "made-up_HH.csv")
    assert hours["TIMESTAMP_START"][0] == 202607012300  # UTC+1
    assert hours["NEE"].to_list() == [0, 1, 2, -9999, 4, 5, 6, 7, 8, 9]
    assert hours["NEE_F_QC"][3] > 0
    assert stored.runs.find() == []


@pytest.mark.integration
def test_a_season_is_kept_as_a_run(folder: Path, stored: Store) -> None:
    given = ("season", "made-up", "--store", "--ustar", "none", "--from", "2026-07-02")
    result = CliRunner().invoke(app, (*given, "--output", str(folder / "kept"), "--no-figures"))
    (run,) = stored.runs.find("made-up")
    assert f"kept, run {run.id}" in result.output
    assert (run.kind, run.methods["ustar"], run.intervals) == ("season", "none", 8)
    manifest = json.loads((folder / "kept" / "manifest.json").read_text())
    for name in ("methods", "versions", "sums", "notes", "not_done", "problems"):
        assert run.provenance[name] == manifest[name]
    assert run.provenance["inputs"].items() >= manifest["inputs"][0].items()
    assert run.first == datetime(2026, 7, 1, 23, tzinfo=UTC)
    back = stored.runs.read_product(run, run.first, run.first + timedelta(days=1))
    hours = pl.read_parquet(folder / "kept" / "made-up_HH.parquet")
    for name in hours.columns[2:]:
        assert back[name].cast(pl.Float64).to_list() == hours[name].to_list(), name

    stored.attempts.begin("made-up", 86_400)
    stored.attempts.fail("made-up", "ValueError: why")
    listed = CliRunner().invoke(app, ("run", "list", "made-up"))
    assert re.search(r"made-up: no provisional run \(1 attempts, the last .* UTC\): ValueError: why", listed.output)
    assert listed.output.splitlines()[3].split("│")[1:4] == [f" {run.id}   ", " made-up ", " season "]
    shown = json.loads(CliRunner().invoke(app, ("run", "show", str(run.id))).output)
    assert shown["provenance"] == run.provenance
    assert shown["first"] == "2026-07-01T23:00:00Z"
    assert "unknown run 99" in str(CliRunner().invoke(app, ("run", "show", "99")).exception)


@pytest.mark.integration
def test_only_a_station_under_its_own_configuration_is_kept(folder: Path, stored: Store) -> None:
    table = CliRunner().invoke(app, ("season", str(folder / "fluxes.csv"), "--store"))
    assert "expected a station of the store under its own configuration, got a table" in str(table.exception)
    other = CliRunner().invoke(app, ("season", "made-up", "--store", "--station", str(folder / "station.toml")))
    assert "register that file first" in str(other.exception)
    assert stored.runs.find() == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--fill", "magic"), "fill: expected one of mds_reddyproc"),
        (("--ustar", "best"), "ustar: expected seasonal"),
        (("--uncertainty", "much"), "uncertainty: expected one of intended"),
        (("--from", "2030-01-01"), "there is no half-hour"),
    ],
)
def test_mistakes_are_told(folder, options, expected):
    result = season(folder, "fluxes.csv", "--output", str(folder / "none"), *options)
    assert expected in str(result.exception)
