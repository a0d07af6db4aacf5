"""Half-hour tables of other programs: EddyPro's own, AmeriFlux, FLUXNET, REddyProc, and what is wrong with them."""

from __future__ import annotations

import bz2
import contextlib
import gzip
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import PayloadError
from ingest.files.halfhour_table import HalfHours
from ingest.files.halfhours import parse_halfhours, read_halfhours
from ingest.files.text_columns import missing_codes
from ingest.files.unit_words import read_unit
from tests.fluxcalc.reference import HALFHOUR, SEASON, needs_halfhour, needs_season

AMERIFLUX = """# Site: XX-Syn
# Version: 2-5
TIMESTAMP_START,TIMESTAMP_END,FC,NEE_PI_F,TA_1_1_1,TA_1_2_1,VPD_PI,SW_IN,P,WTD
202607010000,202607010030,-1.25,-1.3,12.5,12.9,3.25,0,-9999,0.3
202607010030,202607010100,-9999,-1.1,-9999.0,12.8,3.5,NaN,0.2,0.3
"""
REDDYPROC = (
    "Year\tDoY\tHour\tNEE\tLE\tH\tRg\tTair\tTsoil\trH\tVPD\tUstar\n"
    "-\t-\t-\tumolm-2s-1\tWm-2\tWm-2\tWm-2\tdegC\tdegC\t%\thPa\tms-1\n"
    "1998\t1\t0.5\t-1.21\t1.49\t-11.77\t0\t7.4\t4.19\t55.27\t4.6\t0.72\n"
    "1998\t1\t1\t1.72\t3.8\t-13.5\t0\t7.5\t4.2\t55.95\t4.6\t0.52\n"
    "1998\t1\t24\t-9999\t3.8\t-13.5\t0\t7.5\t4.2\t55.95\t4.6\t-9999\n"
)
EDDYPRO = """file_info,,,,corrected_fluxes,,,,
filename,date,time,DOY,Tau,qc_Tau,co2_flux,air_temperature,VPD
,[yyyy-mm-dd],[HH:MM],[ddd.ddd],[kg+1m-1s-2],[#],[µmol+1s-1m-2],[K],[Pa]
a.ghg,2026-07-01,00:30,182.021,0.25,0,-3.5,288.15,412
not_enough_data,2026-07-01,01:00,182.042,-9999,-9999,-9999,-9999,-9999
"""


def test_ameriflux_base():
    table = parse_halfhours(AMERIFLUX, "AMF_XX-Syn.csv")
    assert table.maker == "AmeriFlux BASE"
    assert table.frame["start"].to_list() == [datetime(2026, 7, 1, 0, 0), datetime(2026, 7, 1, 0, 30)]
    assert table.frame.drop("start", "end").to_dict(as_series=False) == {
        "TA": [12.5, None], "VPD": [3.25, 3.5], "P": [None, 0.2], "SW_IN": [0.0, None], "FC": [-1.25, None],
    }  # fmt: skip
    assert table.sources["TA"] == "TA_1_1_1"
    assert tuple(table.left_out) == ("NEE_PI_F", "TA_1_2_1", "WTD")  # filled is not measured


FULLSET = """TIMESTAMP_START,TIMESTAMP_END,TA_F,TA_F_QC,TA_F_MDS,TA_ERA,SW_IN_F,VPD_F,VPD_F_QC,USTAR,NEE_VUT_REF,NEE_VUT_REF_QC,NEE_VUT_50,LE_F_MDS,LE_F_MDS_QC,H_F_MDS
202607010000,202607010030,12.5,0,12.4,12.9,0,3.2,2,0.3,-1.5,0,-1.4,30,1,50
202607010030,202607010100,12.6,1,12.6,12.8,1,3.5,0,0.3,-1.1,1,-1.2,31,0,51
202607010100,202607010130,-9999,0,12.6,12.8,2,3.5,-9999,-9999,-1.1,3,-1.2,32,0,51
"""  # noqa: E501


def test_of_filled_columns_the_measured_records_are_taken():
    table = parse_halfhours(FULLSET, "FLX_XX-Syn_FLUXNET2015_FULLSET_HH.csv")
    assert table.maker == "FLUXNET"
    assert table.frame.drop("start", "end").to_dict(as_series=False) == {
        "TA": [12.5, None, None], "VPD": [None, 3.5, None], "SW_IN": [0.0, 1.0, 2.0], "USTAR": [0.3, 0.3, None],
        "LE": [None, 31.0, 32.0], "NEE": [-1.5, None, None],
    }  # fmt: skip
    assert table.sources["NEE"] == "NEE_VUT_REF"
    assert set(table.left_out) == {"TA_F_MDS", "TA_ERA", "NEE_VUT_50", "H_F_MDS"}
    notes = "\n".join(table.notes)
    assert "TA is TA_F where TA_F_QC is 0, as measured" in notes
    assert "SW_IN is SW_IN_F: without SW_IN_F_QC all of it is taken as measured" in notes
    assert "H_F_MDS is not taken: without H_F_MDS_QC nothing tells what of it was measured" in notes
    assert "its maker has filtered it by u*: --ustar none leaves it so" in notes
    assert parse_halfhours(AMERIFLUX, "AMF_XX-Syn.csv").notes == ()


def fluxnet(head: str, *rows: str) -> HalfHours:
    stamps = ("202607010000,202607010030", "202607010030,202607010100", "202607010100,202607010130")
    lines = [f"TIMESTAMP_START,TIMESTAMP_END,{head}", *(f"{a},{b}" for a, b in zip(stamps, rows, strict=False))]
    return parse_halfhours("\n".join(lines) + "\n", "table.csv")


@pytest.mark.parametrize(
    ("head", "row", "variable", "column"),
    [
        ("NEE_VUT_USTAR50,NEE_VUT_USTAR50_QC", "-1.5,0", "NEE", "NEE_VUT_USTAR50"),
        ("FCH4_F,FCH4_F_QC", "12,0", "FCH4", "FCH4_F"),
        ("TA_2_1_1,TA_1_2_1,TA_1_3_1", "1,2,3", "TA", "TA_2_1_1"),
        ("TA_1_3_1,TA_1_2_1", "1,2", "TA", "TA_1_2_1"),
        ("TA_1_1_1,TA_1_2_1", "-9999,2", "TA", "TA_1_2_1"),
        ("ta,Rh", "1,50", "TA", "ta"),
        ("TA_PI_1_1_1,TA_1_2_1", "1,2", "TA", "TA_PI_1_1_1"),
        ("TA_EP,TA_1_1_1", "1,2", "TA", "TA_1_1_1"),
        ("TA_EP,TA_1_1_1", "1,-9999", "TA", "TA_EP"),
        ("SC_SINGLE,FC", "0.1,2", "SC", "SC_SINGLE"),
    ],
)
def test_the_likeliest_column_with_values_is_taken(head, row, variable, column):
    assert fluxnet(head, row).sources[variable] == column


def test_makers_are_told_by_their_columns():
    assert fluxnet("FC,SC_SINGLE", "1,2").maker == "EddyPro FLUXNET output"
    assert fluxnet("NEE,NEE_UNCLEANED", "1,2").maker == "ICOS ETC L2"
    assert fluxnet("NEE", "1").maker == "FLUXNET"


def test_an_exchange_without_gaps_beside_one_with_gaps_has_been_filled():
    filled = fluxnet("FC,NEE_PI", "1,1.1", "-9999,2", "3,3.1")
    assert "NEE" not in filled.sources
    assert "FC is taken, and not NEE_PI" in filled.notes[0]
    own = fluxnet("FC,NEE_PI,FC_SSITC_TEST", "1,1.1,0", "2,-9999,0", "3,3.1,1")
    assert own.sources["NEE"] == "NEE_PI"
    assert "FC and its flag is not used for it" in own.notes[0]


def test_water_in_an_hour_is_known_by_the_latent_heat():
    """245 W m-2 are 0.36 mm h-1, 0.18 mm in half an hour, with 2.45 MJ kg-1."""
    hourly, of_interval = (fluxnet("LE,ET", *[f"245,{water}"] * 3) for water in (0.36, 0.18))
    for table in (hourly, of_interval):
        assert table.frame["ET"].to_list() == pytest.approx([0.18] * 3)
    assert any("ET is in mm h-1" in note for note in hourly.notes)
    assert of_interval.notes == ()


@pytest.mark.parametrize(
    ("variable", "column", "codes"),
    [
        ("SC", [0.1, 0.2, -6999.0, -999.99], [-6999.0, -999.99]),
        ("PA", [99.0, 99.9, 9999.0], [9999.0]),
        ("TA", [20.0, 21.0, -99.9], [-99.9]),
        ("RH", [99.0, 99.9, 98.0], []),
        ("FCH4", [*range(-20, 40), *[-999.0] * 6], [-999.0]),  # within the limits, and far from all else
        ("FCH4", [*range(-20, 40), -999.0], []),
        ("SW_IN", [*range(900, 1000), *[999.0] * 9], []),
        ("SW_IN", [1.0, 9.96921e36], [9.96921e36]),
    ],
)
def test_codes_of_missing_values(variable, column, codes):
    assert missing_codes(pl.Series(column, dtype=pl.Float64, strict=False), variable) == codes


@pytest.mark.parametrize(
    ("words", "unit"),
    [
        ("[W+1m-2]", "W m-2"), ("Wm-2", "W m-2"), ("W/m2", "W m-2"), ("[µmol+1s-1m-2]", "umol m-2 s-1"),
        ("umolCO2 m-2 s-1", "umol m-2 s-1"), ("umol_m-2_s-1", "umol m-2 s-1"), ("°C", "deg C"), ("degC", "deg C"),
        ("degK", "K"), ("[mm+1hour-1]", "mm h-1"), ("mgCO2m-2s-1", "mg m-2 s-1"), ("-", ""), ("[#]", ""),
        ("furlong", None),
        ("[mmol+1mol_d-1]", "mmol mol-1"), ("[m+2s-2]", "m2 s-2"),
    ],
)  # fmt: skip
def test_words_of_units(words, unit):
    assert read_unit(words) == unit


def test_reddyproc_text():
    table = parse_halfhours(REDDYPROC, "Example.txt")
    assert table.maker == "REddyProc"
    assert table.frame["end"].to_list() == [
        datetime(1998, 1, 1, 0, 30), datetime(1998, 1, 1, 1, 0), datetime(1998, 1, 2, 0, 0),
    ]  # fmt: skip
    assert table.frame["start"][0] == datetime(1998, 1, 1)
    assert table.frame["NEE"].to_list() == [-1.21, 1.72, None]
    assert table.frame["USTAR"].to_list() == [0.72, 0.52, None]


def test_eddypro_full_output():
    table = parse_halfhours(EDDYPRO, "eddypro_full_output.csv")
    row = table.frame.row(0, named=True)
    assert row["start"] == datetime(2026, 7, 1)
    assert row["TAU"] == -0.25  # downward is negative
    assert row["TA"] == pytest.approx(15.0)
    assert row["VPD"] == pytest.approx(4.12)
    assert row["FC"] == -3.5
    assert table.frame.row(1)[2:] == (None,) * 5


@needs_halfhour
def test_what_eddypro_really_wrote(tmp_path):
    path = HALFHOUR / "synth20hz" / "express.csv"
    table = read_halfhours(path)
    packed = tmp_path / "express.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_halfhours(packed).frame.equals(table.frame)
    theirs = pl.read_csv(path)
    assert table.frame["H"].to_list() == theirs["H"].to_list()
    assert table.frame["PA"].to_list() == pytest.approx((theirs["air_pressure"] / 1000).to_list())
    assert (table.frame["end"] - table.frame["start"]).dt.total_minutes().unique().to_list() == [30]


@needs_season
def test_a_whole_year_of_reddyproc_columns():
    """The reference's table, written as that program's example files are."""
    inputs = pl.read_parquet(SEASON / "DE-Tha_1998" / "input.parquet").drop("time")
    head, units = REDDYPROC.splitlines()[:2]
    body = inputs.select(head.split("\t")).fill_null(-9999).write_csv(separator="\t", include_header=False)
    table = parse_halfhours(f"{head}\n{units}\n{body}", "DE-Tha.txt")
    for ours, theirs in (("NEE", "NEE"), ("SW_IN", "Rg"), ("USTAR", "Ustar"), ("VPD", "VPD")):
        assert table.frame[ours].to_list() == inputs[theirs].to_list()
    assert table.frame["start"][0] == datetime(1998, 1, 1)
    assert table.frame["end"][-1] == datetime(1999, 1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the file is empty"),
        ("# nothing else\n", "line 1: the file is empty"),
        ("a,b\n1,2\n", "line 1: no TIMESTAMP_START"),
        ("TIMESTAMP_START,FC\n", "line 2: no half-hour"),
        ("TIMESTAMP_START,FC\n202607010000,1\n202607010030\n", "line 3: expected 2 fields as the header has, got 1"),
        ("TIMESTAMP_START,FC\n202607010000,1\n2026-07-01,2\n", "line 3: TIMESTAMP_START: expected a time"),
        ("TIMESTAMP_START,FC\n202607010000,one\n", "line 2: FC: expected a number, got 'one'"),
        ("TIMESTAMP_START,FC,FC\n202607010000,1,2\n", "two columns are called 'FC'"),
        (REDDYPROC.replace("\thPa\t", "\tkPa\t"), "line 2: VPD is in 'kPa', expected hPa"),
        (REDDYPROC.replace("\t0.5\t", "\tx\t"), "line 3: Hour: expected a number"),
        (EDDYPRO.replace("[K]", "[degC]"), "line 3: air_temperature is in '\\[degC\\]', expected K"),
        (EDDYPRO.replace("00:30", "00h30"), "line 4: date, time: expected a time"),
    ],
)
def test_what_is_wrong_is_said(text, message):
    with pytest.raises(PayloadError, match=message):
        parse_halfhours(text, "table.csv")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(st.sampled_from([AMERIFLUX, FULLSET, REDDYPROC, EDDYPRO]), st.data())
def test_a_damaged_table_is_read_or_refused(text, data):
    letters = list(text)
    for _ in range(data.draw(st.integers(0, 6))):
        letters[data.draw(st.integers(0, len(letters) - 1))] = data.draw(st.sampled_from('0,"\t\n#x-é'))
    with contextlib.suppress(PayloadError):
        parse_halfhours("".join(letters[: data.draw(st.integers(0, len(letters)))]), "table.csv")


FULL_OUTPUT = """file_info,,,,,,,corrected_fluxes,,,,,,
filename,date,time,DOY,daytime,file_records,used_records,Tau,qc_Tau,H,qc_H,co2_flux,qc_co2_flux,u*
--,[yyyy-mm-dd],[HH:MM],[ddd.ddd],[1=daytime],[#],[#],[kg+1m-1s-2],[#],[W+1m-2],[#],[\u00b5mol+1s-1m-2],[#],[m+1s-1]
x,2026-05-01,23:30,121.5,1,18000,18000,-0.1,0,50.5,0,-5.25,1,0.3
x,2026-05-02,00:00,121.5,1,18000,18000,-0.1,0,50.5,0,-5.25,1,0.3
x,2026-05-02,00:30,121.5,1,18000,18000,-0.1,0,50.5,0,-5.25,1,0.3
"""


@pytest.mark.parametrize(
    "content",
    [
        FULL_OUTPUT.encode(),
        FULL_OUTPUT.encode("utf-8-sig"),
        FULL_OUTPUT.encode("latin-1"),
        FULL_OUTPUT.encode("utf-16"),
        bz2.compress(FULL_OUTPUT.encode("latin-1")),
        FULL_OUTPUT.replace("2026-05-02,00:00", "2026-05-01,24:00").encode(),
    ],
    ids=["utf-8", "with mark", "latin-1", "utf-16", "bzip2", "24:00"],
)
def test_a_table_in_any_encoding(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "full_output.csv"
    path.write_bytes(content)
    frame = read_halfhours(path).frame
    assert frame["end"].to_list() == [datetime(2026, 5, 1, 23, 30), datetime(2026, 5, 2), datetime(2026, 5, 2, 0, 30)]
    assert frame["H"].to_list() == [50.5] * 3
    assert frame["FC"].to_list() == [-5.25] * 3
