"""Tables from the field with what people do to them: each is read right, or what is wrong is told.

The tables are of made-up sites, after public reports; that of most has in truth NEE -254.0, RECO 442.3 and GPP 696.4
gC m-2 (120 days from May on).
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from fluxtower.cli import app

TABLES = Path(__file__).parent / "season_cases.tar.xz"
TRUE_NEE, TRUE_RECO = -254.0, 442.3
NEAR = 5.0
"""What gaps and noise may make of the sum of NEE. [gC m-2]"""
QUICK = ("--ustar", "0.19", "--partition", "", "--uncertainty", "none")
NIGHT = ("--ustar", "0.19", "--partition", "nt", "--uncertainty", "none")
BOTH = ("--ustar", "0.19", "--uncertainty", "none")
UNSURE = ("--ustar", "0.19", "--partition", "")
FIFTEEN_DAYS = ("--ustar", "0.19")
RESULTS = ("_F", "_NT", "_DT", "_RANDUNC", "_CORR", "_F_SD")


@dataclass(frozen=True)
class Case:
    """A table, how it is taken, and what must come of it."""

    name: str
    file: str
    options: tuple[str, ...] = QUICK
    wrong: bool = False
    told: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    sums: dict[str, float] = field(default_factory=dict)
    refused: bool = False


NEE = {"NEE_F": TRUE_NEE}
CASES = [
    Case("00-base", "table.csv", NIGHT, sums={**NEE, "RECO_NT": TRUE_RECO}),
    Case("01-eddypro-fluxnet-output", "eddypro_fluxnet.csv", BOTH,
         told=("NEE is FC plus storage (SC)", "SC is SC_SINGLE", "TA is TA_EP", "VPD is VPD_EP", "FILENAME_HF"),
         sums={**NEE, "RECO_NT": TRUE_RECO}),
    Case("03-eddypro-full-ch4", "full_output.csv", wrong=True, told=("file_records", "SW_IN: no record"),
         sums={"FCH4_F": 4.71}),
    Case("05-flags-1-to-9", "table.csv", wrong=True, told=("FC_SSITC_TEST goes up to 9", "--flags foken")),
    Case("05-flags-1-to-9", "table.csv", (*NIGHT, "--flags", "foken"), silent=("goes up to",), sums=NEE),
    Case("05-flags-1-to-9", "full_output.csv", wrong=True, told=("FC_SSITC_TEST goes up to 9",)),
    Case("06-eddypro-resaved", "latin1.csv", wrong=True, told=("latin1.csv is not UTF-8", "SW_IN: no record")),
    Case("06-eddypro-resaved", "dates.csv", refused=True, told=("line 4", "a spreadsheet has turned the date")),
    Case("06-eddypro-resaved", "trailing.csv", wrong=True, told=("SW_IN: no record",)),
    Case("08-stamps-of-the-middle", "middle.txt", wrong=True, told=("line 3", "begin at 23:45", "those of the middle")),
    Case("08-stamps-of-the-middle", "ends.txt", sums=NEE),
    Case("09-vpd-in-kpa", "table.csv", wrong=True, told=("VPD is 0.1 times what RH and TA make: it is in kPa",)),
    Case("11-ta-in-kelvin", "table.csv", wrong=True, told=("TA: 5760 of 5760 records", "plausible in K: convert")),
    Case("12-missing-codes", "minus6999.csv", sums=NEE,
         told=("SC: -6999 in 1920 records", "1477 records without SC are FC alone", "VPD is worked out of RH and TA")),
    Case("12-missing-codes", "minus999.csv", sums=NEE, told=("SC: -999 in 1920 records is taken as missing",)),
    Case("12-missing-codes", "word_99999.csv", FIFTEEN_DAYS, told=("FC: -99999 in 96 records is taken as missing",)),
    Case("12-missing-codes", "word_9999_9.csv", told=("FC: -9999.9 in 96 records is taken as missing",)),
    Case("12-missing-codes", "word_NA.csv", told=("FC: '#N/A' in 96 records is taken as missing",)),
    Case("12-missing-codes", "word_NULL.csv", told=("FC: 'NULL' in 96 records is taken as missing",)),
    Case("12-missing-codes", "word_null.csv", told=("FC: 'null' in 96 records is taken as missing",)),
    Case("13-hourly", "AMF_XX-Hr1_BASE_HR_1-1.csv", NIGHT, sums={"NEE_F": -278.3, "RECO_NT": 706.0}),
    Case("14-tropics-no-temperature-range", "table.csv", NIGHT,
         told=("ranges over 5 K in 0 of 23 windows", "--e0 NUMBER")),
    Case("14-tropics-no-temperature-range", "table.csv", (*NIGHT, "--e0", "200"), silent=("RECO_NT: only",)),
    Case("19-start-end-contradict", "identical.csv", wrong=True, told=("line 2", "TIMESTAMP_END is 0 minutes after")),
    Case("19-start-end-contradict", "swapped.csv", wrong=True, told=("line 2", "TIMESTAMP_END is -30 minutes after")),
    Case("25-ppfd-alone", "table.csv", UNSURE, told=("SW_IN is PPFD_IN times 0.52",), sums=NEE),
    Case("25-ppfd-alone", "table.csv", (*QUICK, "--ppfd-factor", "0"), wrong=True, told=("SW_IN: no record",)),
    Case("27-other-positions", "table.csv", sums=NEE,
         told=("TA is TA_1_2_1", "RH is RH_1_2_1", "SW_IN is SW_IN_1_1_2", "VPD is VPD_PI_1_1_A",
               "NETRAD is NETRAD_2_1_1", "G is G_1_1_A")),
    Case("28-reddyproc-no-units", "nounits.txt", refused=True, told=("line 2: expected a line of units",)),
    Case("29-nee-already-filled", "table.csv", told=("NEE has no gap in 5760 records: is it filled already?",)),
    Case("31-unknown-units", "mg.txt", refused=True,
         told=("line 2: NEE is in 'mgCO2m-2s-1', expected umol m-2 s-1",)),
    Case("32-line-numbers", "table.csv", refused=True, told=("line 50: FC: expected a number, got 'abc'",)),
    Case("32-line-numbers", "twice.csv", wrong=True, told=("line 50: 2021-05-01 22:30 comes again",)),
    Case("34-polar-day", "table.csv", BOTH, told=("not done: RECO_NT",)),
    Case("40-other-units-in-FLUXNET", "table.csv", wrong=True, sums=NEE,
         told=("PA: 5760 of 5760 records", "plausible in hPa", "G goes down when NETRAD goes up")),
    Case("42-reddyproc-space-delimited", "spaces.txt", UNSURE, told=("not done: LE_CORR",)),
    Case("43-base-NEE_PI-and-FC", "AMF_XX-Aa1_BASE_HH_1-5.csv", told=("FC is taken, and not NEE_PI",), sums=NEE),
    Case("45-measured-column-empty", "table.csv", sums=NEE,
         told=("SW_IN is empty: SW_IN_F is taken", "TA is empty: TA_F is taken")),
    Case("47-two-tables-of-eddypro", "full_output.csv", (*UNSURE, "--biomet", "biomet.csv"),
         told=("TA, RH, SW_IN, NETRAD are of biomet.csv",)),
    Case("47-two-tables-of-eddypro", "biomet.csv", refused=True,
         told=("this is EddyPro's biomet: give it by --biomet",)),
    Case("48-radiation-missing-at-night", "table.csv", BOTH,
         told=("2141 records while the sun is down are taken as 0",),
         sums={**NEE, "RECO_NT": TRUE_RECO}),
    Case("59-same-value-again-and-again", "table.csv", UNSURE, wrong=True,
         told=("NEE is 2.5 in", "not done: NEE_F_SD of")),
    Case("60-year-without-nights", "table.csv", told=("NEE is FC plus storage",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    with tarfile.open(TABLES) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{case.file}-{len(case.options)}")
def test_a_table_is_read_right_or_what_is_wrong_is_told(case: Case, tables: Path, tmp_path: Path) -> None:
    folder = tables / case.name
    options = [str(folder / one) if one == "biomet.csv" else one for one in case.options]
    given = [
        "season",
        str(folder / case.file),
        "--station",
        str(folder / "station.toml"),
        "--output",
        str(tmp_path / "o"),
    ]
    result = CliRunner().invoke(app, [*given, "--no-figures", *options])
    said = result.output + str(result.exception or "")
    assert (result.exit_code != 0) is (case.wrong or case.refused), said
    for words in case.told:
        assert words in said
    for words in case.silent:
        assert words not in said
    if case.refused:
        assert not (tmp_path / "o").exists()
        return
    manifest = json.loads((tmp_path / "o" / "manifest.json").read_text())
    for name, value in case.sums.items():
        # of respiration the extrapolation by temperature is less sure
        near = NEAR if name == "NEE_F" else 0.02 * value
        assert manifest["sums"][name]["value"] == pytest.approx(value, abs=near)
    check_invariants(next((tmp_path / "o").glob("*_HH.csv")), manifest)


def check_invariants(table: Path, manifest: dict[str, dict[str, dict[str, float | None]]]) -> None:
    """What is empty has a reason, and no uncertainty that is unknown is 0."""
    frame = pl.read_csv(table, null_values=["-9999"], infer_schema_length=None)
    not_done = manifest["not_done"]
    for name in frame.columns:
        empty = frame[name].null_count()
        if name.endswith(RESULTS) and "_U" not in name and empty:
            assert name in not_done or f"{name} of {empty} records" in not_done, f"{name}: {empty} without a reason"
        if name.endswith(("_RANDUNC", "_GAPUNC", "_F_SD", "_JOINTUNC")):
            assert not (frame[name] == 0).any(), name
    for name, total in manifest["sums"].items():
        flux = f"{name.removesuffix('_F')}_RANDUNC"
        known = flux in frame.columns and frame[flux].null_count() < frame.height
        if total["random"] is not None and flux in frame.columns:
            assert known, name
            assert total["random"] > 0, name
        if total["joint"] is not None:
            assert total["joint"] > 0, name


def test_columns_of_a_wanted_kind_are_named_where_none_was_taken(tables: Path, tmp_path: Path) -> None:
    folder = tables / "12-missing-codes"
    lines = (folder / "word_NA.csv").read_text().splitlines(keepends=True)
    lines[0] = lines[0].replace("TA,RH,VPD", "Tair_2m,rH_old,VPD_mean").replace("USTAR", "u_star")
    (tmp_path / "table.csv").write_text("".join(lines))
    given = ["season", str(tmp_path / "table.csv"), "--station", str(folder / "station.toml"), "--no-figures"]
    result = CliRunner().invoke(app, [*given, "--output", str(tmp_path / "o"), *QUICK])
    assert result.exit_code == 1
    for words in (
        "TA: no column of it has a value, but there is Tair_2m: rename it TA",
        "RH: no column of it has a value, but there is rH_old",
        "VPD: no column of it has a value, but there is VPD_mean",
        "USTAR: no column of it has a value, but there is u_star",
    ):
        assert words in result.output
    (table, _) = json.loads((tmp_path / "o" / "manifest.json").read_text())["inputs"]
    assert set(table["not_taken"]) == {"Tair_2m", "rH_old", "VPD_mean", "u_star"}


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    for options in ([], ["--output", str(tmp_path / "o")]):
        result = CliRunner().invoke(app, ["season", str(tmp_path / "fluxes.csv"), *options])
        assert result.exit_code != 0
        assert "no such file" in str(result.exception)


def test_flags_are_mapped_by_their_scale() -> None:
    """Foken's 1-3, 4-6, 7-9 are good, usable, bad; 3707 fluxes of CO2 of that table are none of 7 to 9."""
    from qc.flag_scales import map_flags

    assert map_flags(np.arange(1.0, 10), "foken").tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert map_flags(np.array([0.0, 1, 2]), "ssitc").tolist() == [0, 1, 2]
