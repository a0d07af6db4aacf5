"""`fluxtower history` into a real TimescaleDB: what other programs made, beside what is computed here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import ConfigError, PayloadError
from core.records import FluxRecord
from core.station import parse_station
from core.variables import FLUX_COLUMNS
from fluxcalc.worker import read_inputs
from fluxtower.batch.history import as_records, take_over
from ingest.files.halfhours import parse_halfhours
from tests.fluxcalc.reference import STATIONS
from tests.ingest.files.test_halfhours import AMERIFLUX, EDDYPRO
from tests.waiting import PATIENCE

pytestmark = pytest.mark.integration

TEXT = (STATIONS / "synthetic.toml").read_text()  # UTC+1
FIRST = datetime(2026, 6, 30, 23, tzinfo=UTC)


@pytest.fixture
def station(store) -> str:
    store.stations.put(TEXT, "synthetic.toml")
    return store.stations.read_all()[0].station.id


def test_what_is_there_stays(store, station, tmp_path):
    values = {**dict.fromkeys(FLUX_COLUMNS, math.nan), "FC": 9.0}
    own = FluxRecord(station, FIRST, FIRST + timedelta(minutes=30), values)
    store.fluxes.put(own, config_sha256="x", code_version="ours", revision=1)
    path = tmp_path / "AMF.csv"
    path.write_text(AMERIFLUX.replace("202607010100,-9999", "202607010100,2.5"))
    batch = take_over(store, station, [path])
    (taken,) = batch.taken
    assert (taken.intervals, taken.stored, batch.problems()) == (2, 1, [])
    assert set(taken.columns) == {"FC", "TA", "VPD", "SW_IN", "P"}
    frame = store.fluxes.read(station, FIRST, FIRST + timedelta(hours=2))
    assert frame["FC"].to_list() == [9.0, 2.5]
    assert frame["code_version"].to_list() == ["ours", "AmeriFlux BASE: AMF.csv"]
    assert frame["start"].to_list() == [FIRST, FIRST + timedelta(minutes=30)]
    assert take_over(store, station, [path]).taken[0].stored == 0
    # computed here afterwards, the station's own result takes the place and the other goes to the history
    later = FluxRecord(station, FIRST + timedelta(minutes=30), FIRST + timedelta(hours=1), own.values)
    store.fluxes.put(later, config_sha256="x", code_version="ours", revision=1)
    assert store.fluxes.read(station, FIRST, FIRST + timedelta(hours=2))["FC"].to_list() == [9.0, 9.0]


WEATHER = """TIMESTAMP_START,TIMESTAMP_END,FC,TA,SW_IN,NETRAD,G,TS,P,LW_IN,FCH4,SW_DIF
202607010000,202607010030,1.5,14.0,0.0,-40.5,-5.25,11.5,0.2,310,12.5,7
202607010030,202607010100,-9999,14.5,2.0,-38.0,-5.0,-9999,-9999,311,-9999,8
"""


def test_radiation_soil_and_rain_are_taken_over_and_a_season_has_them(store, station, tmp_path):
    path = tmp_path / "AMF.csv"
    path.write_text(WEATHER)
    batch = take_over(store, station, [path])
    (taken,) = batch.taken
    assert (taken.stored, taken.left_out, batch.problems()) == (2, ("SW_DIF",), [])
    expected = {
        "SW_IN": [0.0, 2.0], "NETRAD": [-40.5, -38.0], "G": [-5.25, -5.0], "TS": [11.5, None], "P": [0.2, None],
        "FCH4": [12.5, None],
    }  # fmt: skip
    frame = store.fluxes.read(station, FIRST, FIRST + timedelta(hours=1))
    inputs = read_inputs(store, station, store.stations.read(station).station, FIRST, FIRST + timedelta(hours=1)).frame
    assert frame["LW_IN"].to_list() == [310, 311]  # a season does not need it
    for name, values in expected.items():
        assert frame[name].to_list() == values
        assert inputs[name].to_list() == values
    (first, second) = store.fluxes.read_records(station, FIRST, FIRST + timedelta(hours=1))
    assert first.values["NETRAD"] == -40.5
    assert "TS" not in second.values


def test_half_hours_without_another_programs_weather_do_not_show_its_columns(store, station, tmp_path):
    path = tmp_path / "full.csv"
    path.write_text(EDDYPRO)
    take_over(store, station, [path])
    columns = store.fluxes.read(station, FIRST, FIRST + timedelta(hours=1)).columns
    assert not set(columns) & {"SW_IN", "NETRAD", "G", "TS", "P", "FCH4"}


def test_the_command(store, station, tmp_path, environment):
    good, bad = tmp_path / "full.csv", tmp_path / "other.csv"
    good.write_text(EDDYPRO)
    bad.write_text("a,b\n1,2\n")
    done = subprocess.run(
        [sys.executable, "-m", "fluxtower", "history", str(good), str(bad), "--station", station],
        env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "full.csv (EddyPro): 1 of 1 half-hours are new" in done.stdout
    assert "other.csv: line 1: no TIMESTAMP_START" in done.stderr
    frame = store.fluxes.read(station, FIRST, FIRST + timedelta(hours=2))
    assert frame["TAU"].to_list() == [-0.25]
    assert frame["TA"].to_list() == pytest.approx([15.0])


def test_intervals_of_another_length_are_refused():
    station = parse_station(TEXT, "synthetic.toml")
    hourly = AMERIFLUX.replace("202607010030,-1", "202607010100,-1")
    with pytest.raises(PayloadError, match=r"line 4: an interval of 60 minutes .* the station's have 30"):
        as_records(parse_halfhours(hourly, "a.csv"), station, "a.csv")


def test_a_station_without_fluxes_has_no_half_hours(store):
    text = TEXT[: TEXT.index("[flux]")].replace('id = "', 'id = "met-')
    store.stations.put(text, "met.toml")
    with pytest.raises(ConfigError, match="a station with \\[flux\\]"):
        take_over(store, next(row.station.id for row in store.stations.read_all()), [])


ROWS = """TIMESTAMP_START,TIMESTAMP_END,FC,SW_DIF
202607010000,202607010030,1.5,7
202607010030,202607010100,2.5,7
202607010030,202607010100,2.5,8
202607010100,202607010130,3.5,7
202607010100,202607010130,4.5,7

202607010130,202607010200,-9999,7
202607010200,202607010230,5.5,7
"""


def test_the_account_of_a_file_balances_and_a_report_has_it(store, station, tmp_path, environment):
    """Of seven rows: one repeats another, two contradict each other, one is empty, and one half-hour is there."""
    values = {**dict.fromkeys(FLUX_COLUMNS, math.nan), "FC": 9.0}
    own = FluxRecord(station, FIRST, FIRST + timedelta(minutes=30), values)
    store.fluxes.put(own, config_sha256="x", code_version="ours", revision=1)
    rows, broken, report = tmp_path / "rows.csv", tmp_path / "broken.csv", tmp_path / "report.json"
    rows.write_text(ROWS)
    broken.write_text(ROWS.replace("5.5,7", "5.5"))
    command = ["history", str(rows), str(broken), "--station", station, "--report", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "fluxtower", *command],
        env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "7 records: 2 used; 1 repeat others; 2 contested; 1 left out from line 8: no value" in done.stdout
    assert "lines 5 and 6 have different values of 2026-07-01 01:00" in done.stdout
    assert "rows.csv: 2 of 7 records have the times of different ones" in done.stderr
    told = json.loads(report.read_text())
    good, bad = told["accounts"]
    assert good == {
        "file": "rows.csv", "records": 7, "used": 2, "duplicate": 1, "contested": 2, "crowded": 0, "outside": 0,
        "left_out": [
            {"reason": "no value that is taken over", "line": 8, "records": 1, "bytes": 0},
            {"reason": "the station has these half-hours already", "line": 2, "records": 1, "bytes": 0},
        ],
        "balanced": True, "notes": ["lines 5 and 6 have different values of 2026-07-01 01:00"],
    }  # fmt: skip
    assert bad["balanced"]
    assert bad["left_out"][0]["reason"].startswith("line 9: expected 4 fields")
    assert bad["left_out"][0]["bytes"] == broken.stat().st_size
    assert len(told["problems"]) == 2
    frame = store.fluxes.read(station, FIRST, FIRST + timedelta(hours=3))
    assert frame["FC"].to_list() == [9.0, 2.5, 5.5]
    # once more, nothing is new, and the account says why
    (again,) = take_over(store, station, [rows]).accounts
    assert (again.placed.used, again.missing, again.left_out[1].records) == (0, 0, 3)
