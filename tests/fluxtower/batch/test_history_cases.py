"""Tables from the field on their way into the database: values, units, flags, missing codes, stamps, encodings."""

from __future__ import annotations

import math
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import PayloadError
from core.station import Station, read_station
from fluxtower.batch.history import as_records, keep_plausible
from ingest.files.halfhour_table import HalfHours
from ingest.files.halfhours import join_biomet, parse_halfhours, read_biomet, read_halfhours
from tests.fluxtower.batch.test_season_cases import TABLES

EDDYPRO = (
    "file_info,,,,,,,corrected_fluxes,,,,,,\n"
    "filename,date,time,DOY,daytime,file_records,used_records,Tau,qc_Tau,H,qc_H,co2_flux,qc_co2_flux,u*\n"
    "--,[yyyy-mm-dd],[HH:MM],[ddd.ddd],[1=daytime],[#],[#],[kg+1m-1s-2],[#],[W+1m-2],[#],[µmol+1s-1m-2],[#],[m+1s-1]\n"
    "x,2026-05-01,23:30,121.5,1,18000,18000,-0.1,0,50.5,0,-5.25,1,0.3\n"
    "x,2026-05-02,00:00,121.5,1,18000,18000,-0.1,0,50.5,0,-5.25,1,0.3\n"
    "x,2026-05-02,00:30,121.5,1,18000,18000,-0.1,0,50.5,0,-5.25,1,0.3\n"
)
WATER = 18.015e-6
"""Mass of a mmol of water. [kg]"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    with tarfile.open(TABLES) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def station(tables: Path) -> Station:
    return read_station(tables / "12-missing-codes" / "station_full.toml")


def values(table: HalfHours, station: Station, name: str) -> np.ndarray:
    return np.array([one.values.get(name, math.nan) for one in as_records(table, station, "table")])


def test_water_of_eddypros_fluxnet_output_is_that_of_the_interval(tables, station):
    table = keep_plausible(read_halfhours(tables / "02-eddypro-fluxnet-ET-history" / "eddypro_fluxnet.csv"))
    at_nine = datetime(2021, 5, 1, 8, tzinfo=UTC)  # 09:00 of UTC+1
    (record,) = [one for one in as_records(table, station, "table") if one.start == at_nine]
    assert record.values["ET"] == pytest.approx(2.31491 * WATER * 1800, rel=1e-3)
    assert record.values["SC"] != 0


def test_methane_of_the_full_output_is_taken(tables, station):
    path = tables / "03-eddypro-full-ch4" / "full_output.csv"
    table = keep_plausible(read_halfhours(path))
    theirs = pl.read_csv(path, skip_rows=1, skip_rows_after_header=1)["ch4_flux"].to_numpy()
    expected = np.where(theirs == -9999, np.nan, theirs * 1000)
    np.testing.assert_allclose(table.frame["FCH4"].cast(pl.Float64).fill_null(np.nan).to_numpy(), expected)
    assert table.left_out == dict.fromkeys(("file_records", "used_records"), "nothing here is made of it")


def test_flags_of_another_scale_are_mapped_or_refused(tables, station):
    table = read_halfhours(tables / "05-flags-1-to-9" / "table.csv")
    refused = keep_plausible(table)
    assert any("FC_SSITC_TEST goes up to 9" in problem and "--flags foken" in problem for problem in refused.problems)
    assert np.isnan(values(refused, station, "FC_SSITC_TEST")).all()
    given = table.frame["FC_SSITC_TEST"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    mapped = keep_plausible(table, "foken")
    assert mapped.problems == ()
    np.testing.assert_array_equal(values(mapped, station, "FC_SSITC_TEST"), np.ceil(given / 3) - 1)


def test_missing_codes_are_never_values(tables, station):
    table = keep_plausible(read_halfhours(tables / "12-missing-codes" / "minus6999.csv"))
    for name in ("FC", "SC", "VPD"):
        known = values(table, station, name)
        assert not (known[np.isfinite(known)] < -100).any()
    assert np.isnan(values(table, station, "VPD")).all()


def test_stamps_of_the_middle_are_named_as_such(tables, station):
    table = read_halfhours(tables / "08-stamps-of-the-middle" / "middle.txt")
    with pytest.raises(PayloadError, match=r"line 3: an interval begins at 2021-04-30 23:45.*those of the middle"):
        as_records(table, station, "middle.txt")


def test_what_is_mostly_implausible_is_a_problem(tables):
    table = keep_plausible(read_halfhours(tables / "11-ta-in-kelvin" / "table.csv"))
    assert any("TA: 5760 of 5760 records" in problem and "plausible in K" in problem for problem in table.problems)
    assert table.frame["TA"].null_count() == table.frame.height


@pytest.mark.parametrize(
    ("content", "heat"),
    [
        (EDDYPRO.encode(), 50.5),
        (EDDYPRO.encode("latin-1"), 50.5),
        (b"\xef\xbb\xbf" + EDDYPRO.encode(), 50.5),
        (EDDYPRO.encode("utf-16"), 50.5),
        (EDDYPRO.replace("50.5", "NaN").encode(), None),
        (EDDYPRO.replace("2026-05-02,00:00", "2026-05-01,24:00").encode(), 50.5),
        (EDDYPRO.replace(",", ";").replace("50.5", "50,5").replace("-5.25", "-5,25").encode(), 50.5),
        (EDDYPRO.replace("\n", "\r\n").encode(), 50.5),
        (EDDYPRO.replace("x,2026-05-02,00:00", "\n,,,,,,,,,,,,,\nx,2026-05-02,00:00").encode(), 50.5),
    ],
    ids=["utf8", "latin1", "bom", "utf16", "nan", "h24", "semicolons", "crlf", "blank"],
)
def test_encodings_separators_and_midnight(content, heat, tmp_path):
    path = tmp_path / "full_output.csv"
    path.write_bytes(content)
    table = read_halfhours(path)
    first = datetime(2026, 5, 1, 23, 30)
    assert table.frame["end"].to_list() == [first + i * timedelta(minutes=30) for i in range(3)]
    assert table.frame["H"].to_list() == [heat] * 3
    assert table.frame["FC"].to_list() == [-5.25] * 3


def test_biomet_beside_the_full_output(tables):
    folder = tables / "47-two-tables-of-eddypro"
    fluxes, biomet = read_halfhours(folder / "full_output.csv"), read_biomet(folder / "biomet.csv")
    both = join_biomet(fluxes, biomet, "biomet.csv")
    assert both.frame["TA"][0] == pytest.approx(283.74 - 273.15)
    assert both.frame["NETRAD"][0] == -30
    assert both.frame["FC"].to_list() == fluxes.frame["FC"].to_list()
    assert both.sources["SW_IN"] == "Rg_1_1_1 (biomet.csv)"


def test_biomet_of_another_time_is_refused(tables):
    biomet = read_biomet(tables / "47-two-tables-of-eddypro" / "biomet.csv")
    with pytest.raises(PayloadError, match="none of its 1440 half-hours is one of the table's"):
        join_biomet(parse_halfhours(EDDYPRO, "full.csv"), biomet, "biomet.csv")


def test_co2_of_heihe_is_in_milligrams():
    text = (
        "DATE/TIME,Wdir,Wnd,Std_Uy,H2O,CO2,Ustar,L,Hs,LE,Fc,QA_Hs,QA_LE,QA_Fc\n"
        "2014-07-01 12:30,120,3,0.4,8,700,0.3,-20,150,200,-0.44,1,1,2\n"
        "2014-07-01 13:00,120,3,0.4,8,700,0.3,-20,150,-6999,-6999,1,1,2\n"
    )
    table = parse_halfhours(text, "heihe.csv")
    # 44.01 mg of CO2 are a mmol
    assert table.frame["FC"].to_list() == [pytest.approx(-0.44 / 44.0095 * 1000, rel=1e-4), None]
    assert table.frame["start"][0] == datetime(2014, 7, 1, 12)
    assert set(table.left_out) == {"Std_Uy", "H2O", "CO2"}
    assert any("-6999 in 1 records is taken as missing" in note for note in table.notes)
