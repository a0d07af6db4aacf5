"""`fluxtower process --meteorology`: means of slow readings in files, of any layout, and what is said of gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.station import Station, parse_station
from fluxcalc.halfhour.interval import Meteorology
from fluxtower.batch.meteorology import read_meteorology
from tests.fluxtower.raw import FIRST, MINUTES, STATION, RunCommand, lines, write

SECONDS = 10
EACH = 60 // SECONDS
STREAM = f"""
[[stream]]
name = "met"
kind = "reading"
interval = {SECONDS}.0
channels = [
    {{ name = "AirTC", variable = "TA", unit = "deg C" }},
    {{ name = "RH", variable = "RH", unit = "%" }},
    {{ name = "BP", variable = "PA", unit = "hPa" }},
]
"""
SLOW = STATION.replace("\n[flux]\n", f'{STREAM}\n[flux]\nmeteorology = "met"\n')
HEADER = (
    '"TOA5","synth","CR1000","0","CR1000.Std.31","CPU:met.CR1","0","met"\n'
    '"TIMESTAMP","RECORD","BattV","AirTC","RH","BP"\n'
    '"TS","RN","V","Deg C","%","mbar"\n'
    '"","","Smp","Avg","Avg","Avg"\n'
)
CSV = """
[files.meteorology]
format = "csv"
separator = ";"
time_columns = ["when"]
time_format = "%d.%m.%Y %H:%M:%S"
utc_offset = 0.0
missing = ["-99"]
"""
START = datetime(2024, 6, 20, 12, 0, tzinfo=UTC)

TA = 20.0 + 0.1 * np.arange(MINUTES * EACH)
RH = 60.0 - 0.2 * np.arange(MINUTES * EACH)
BP = 980.0 + 0.01 * np.arange(MINUTES * EACH)


def mean(values: np.ndarray, minute: int) -> float:
    return float(np.mean(values[minute * EACH : (minute + 1) * EACH]))


def toa5() -> list[str]:
    """Readings stamped at the end of their interval, local standard time (UTC + 1 h)."""
    stamps = [FIRST + (i + 1) * timedelta(seconds=SECONDS) for i in range(MINUTES * EACH)]
    rows = zip(stamps, TA, RH, BP, strict=True)
    return [f'"{stamp:%Y-%m-%d %H:%M:%S}",{i},12.6,{ta},{rh},{bp}\n' for i, (stamp, ta, rh, bp) in enumerate(rows)]


def csv() -> list[str]:
    """The same, stamped at the start, UTC."""
    starts = [START + i * timedelta(seconds=SECONDS) for i in range(MINUTES * EACH)]
    return [f"{one:%d.%m.%Y %H:%M:%S};{bp};{rh};{ta}\n" for one, ta, rh, bp in zip(starts, TA, RH, BP, strict=True)]


def read(station: Station, *files: Path) -> tuple[dict[datetime, Meteorology], str, list[str]]:
    problems: list[str] = []
    starts = [START + i * timedelta(minutes=1) for i in range(MINUTES)]
    weather = read_meteorology(files, station, starts[0], starts[-1] + timedelta(minutes=1), problems.append)
    return dict(weather.means), weather.explain(starts), problems


@pytest.fixture
def slow() -> Station:
    return parse_station(SLOW, "station.toml")


def test_a_new_header_maps_its_columns_anew_and_every_reading_is_accounted_for(slow: Station, tmp_path: Path) -> None:
    def turned(line: str) -> str:
        return ",".join(line.rstrip("\n").split(",")[i] for i in (0, 1, 2, 5, 4, 3)) + "\n"

    origin, *names = HEADER.splitlines(keepends=True)
    body = toa5()
    again = [origin, *map(turned, names), *map(turned, body[8:])]
    lost = body[3].replace(",12.6,", ",12.6,x")
    met = write(tmp_path / "met.dat", [*body[:3], lost, *body[4:8], *again], HEADER)
    twice = write(tmp_path / "twice.dat", body[:2], HEADER)
    problems: list[str] = []
    weather = read_meteorology([met, twice], slow, START, START + timedelta(minutes=3), problems.append)
    starts = [START + i * timedelta(minutes=1) for i in range(3)]
    left = np.delete(TA[:EACH], 3)
    assert weather.means[starts[0]].air_temperature - 273.15 == pytest.approx(float(np.mean(left)))
    for minute in (1, 2):
        assert weather.means[starts[minute]].air_temperature - 273.15 == pytest.approx(mean(TA, minute))
        assert weather.means[starts[minute]].pressure == pytest.approx(mean(BP, minute) * 100)
    first, second = weather.accounts[met], weather.accounts[twice]
    total, used = MINUTES * EACH, 3 * EACH - 1
    assert (first.read, first.outside, sum(one.records for one in first.left_out)) == (total, total - 3 * EACH, 1)
    both = first.placed + second.placed
    assert (both.used, both.duplicate, both.contested) == (used, 2, 0)
    assert (first.missing, second.missing) == (0, 0)
    assert [problem.split(":")[:2] for problem in problems] == [["met.dat", " line 8"]]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_table_has_the_means_of_a_toa5_file(workers: str, tmp_path: Path, run: RunCommand) -> None:
    raw, met = write(tmp_path / "a.dat", lines()), write(tmp_path / "met.dat", toa5(), HEADER)
    result = run(raw, station=SLOW, options=["--full", "--meteorology", str(met), "--workers", workers])
    assert (result.status, result.err) == (0, "")
    for minute, row in enumerate(result.rows):
        assert float(row["TA"]) == pytest.approx(mean(TA, minute), abs=1e-4)
        assert float(row["PA"]) == pytest.approx(mean(BP, minute) / 10, abs=1e-4)
        assert (row["temperature_source"], row["pressure_source"]) == ("0", "0")
    assert f"meteorology of {MINUTES} intervals: TA in 5, RH in 5, PA in 5" in result.out
    # the interval before the first one has its weather, too: storage is as in the whole
    later = run(raw, station=SLOW, options=["--meteorology", str(met), "--from", "2024-06-20 13:02"])
    assert later.rows == [{key: row[key] for key in later.rows[0]} for row in result.rows[2:]]


def test_means_are_those_of_the_readings_that_start_in_the_interval(tmp_path: Path, slow: Station) -> None:
    means, explanation, problems = read(slow, write(tmp_path / "met.dat", toa5(), HEADER))
    assert (explanation, problems) == ("meteorology of 5 intervals: TA in 5, RH in 5, PA in 5", [])
    assert list(means) == [START + i * timedelta(minutes=1) for i in range(MINUTES)]
    for minute, found in enumerate(means.values()):
        assert found.air_temperature == pytest.approx(mean(TA, minute) + 273.15)
        assert found.relative_humidity == pytest.approx(mean(RH, minute) / 100)
        assert found.pressure == pytest.approx(mean(BP, minute) * 100)


def test_a_csv_of_its_own_layout_packed_and_in_parts_gives_the_same(tmp_path: Path, slow: Station) -> None:
    expected = read(slow, write(tmp_path / "met.dat", toa5(), HEADER))
    rows, header = csv(), "when;BP;RH;AirTC\n"
    second, first = (
        write(tmp_path / "b.csv.gz", rows[10:], header),
        write(tmp_path / "c.csv", rows[:14], header),
    )
    assert read(parse_station(SLOW + CSV, "station.toml"), second, first, second) == expected


def test_gaps_and_what_cannot_be_believed_are_left_out_and_reported(tmp_path: Path, run: RunCommand) -> None:
    rows = toa5()
    hot = [rows[6].replace(f",{TA[6]},", ",150.0,"), rows[7].replace(f",{TA[7]},", ',"NAN",')]
    kept = rows[:6] + hot + rows[8:12] + rows[15:18] + rows[24:]
    met = write(tmp_path / "met.dat", kept, HEADER)
    raw = write(tmp_path / "a.dat", lines())
    result = run(raw, station=SLOW, options=["--full", "--meteorology", str(met)])
    assert (result.status, result.err) == (0, "")
    assert "meteorology of 5 intervals: TA in 4 (2 not wholly), RH in 4 (1 not wholly), PA in 4 (1 not" in result.out
    found = [float(row["TA"]) for row in result.rows]
    assert found[:3] == pytest.approx([mean(TA, 0), np.mean(TA[8:12]), np.mean(TA[15:18])], abs=1e-4)
    assert [row["temperature_source"] for row in result.rows] == ["0", "0", "0", "1", "0"]


def test_where_readings_disagree_none_is_used(tmp_path: Path, slow: Station) -> None:
    rows = toa5()
    other = write(tmp_path / "b.dat", [rows[3].replace(f",{TA[3]},", ",99.0,")], HEADER)
    means, explanation, _ = read(slow, write(tmp_path / "a.dat", rows, HEADER), other)
    assert (
        explanation
        == "meteorology of 5 intervals: TA in 5 (1 not wholly), RH in 5 (1 not wholly), PA in 5 (1 not wholly)"
    )
    assert means[START].air_temperature == pytest.approx(np.mean(np.delete(TA[:6], 3)) + 273.15)


def test_a_broken_file_is_reported_and_the_rest_goes_on(tmp_path: Path, run: RunCommand) -> None:
    (tmp_path / "bad.dat").write_bytes(b"\x00\xff" * 100)
    raw, met = write(tmp_path / "a.dat", lines()), write(tmp_path / "met.dat", toa5()[:6], HEADER)
    files = ["--meteorology", str(tmp_path / "bad.dat"), "--meteorology", str(met)]
    result = run(raw, station=SLOW, options=["--full", *files])
    assert result.status == 1
    assert result.err.startswith("problem: bad.dat: line 1: ")
    assert "TA in 1, RH in 1, PA in 1" in result.out
    assert [row["temperature_source"] for row in result.rows] == ["0", "1", "1", "1", "1"]
    without = run(raw, station=SLOW, options=["--meteorology", str(tmp_path / "bad.dat")])
    assert "meteorology of 5 intervals: TA in none, RH in none, PA in none" in without.out


def test_a_station_without_such_a_stream_is_reported(tmp_path: Path, run: RunCommand) -> None:
    met = write(tmp_path / "met.dat", toa5(), HEADER)
    result = run(write(tmp_path / "a.dat", lines(1)), options=["--meteorology", str(met)])
    assert result.status == 1
    assert "error: station.toml: flux.meteorology: expected a stream of readings, for --meteorology" in result.err


def test_other_units_than_declared_are_refused(tmp_path: Path, slow: Station) -> None:
    met = write(tmp_path / "met.dat", toa5(), HEADER.replace('"mbar"', '"kPa"'))
    means, _, problems = read(slow, met)
    assert means == {}
    assert "met.dat: line 3: BP is in 'kPa' (kPa), the station file declares hPa" in problems[0]


def test_a_profile_in_the_same_files_gives_the_storage(tmp_path: Path, run: RunCommand) -> None:
    """TA of the stream is the level at 4 m: SH is the change of its last 20 s from minute to minute."""
    profile = 'meteorology = "met"\nprofile = { stream = "met", heights = { AirTC = 4.0 }, seconds = 20 }\n'
    raw, met = write(tmp_path / "a.dat", lines()), write(tmp_path / "met.dat", toa5(), HEADER)
    station = SLOW.replace('meteorology = "met"\n', profile)
    result = run(raw, station=station, options=["--full", "--meteorology", str(met)])
    assert (result.status, result.err) == (0, "")
    assert result.rows[0]["SH"] == "-9999"  # nothing was read before the first minute
    last = TA.reshape(MINUTES, EACH)[:, -2:].mean(axis=1)
    for minute, row in enumerate(result.rows[1:], start=1):
        change = last[minute] - last[minute - 1]
        expected = change * 4.0 / 60 * float(row["heat_capacity"])
        assert float(row["SH"]) == pytest.approx(expected, rel=1e-5)
        assert row["SC"] != "-9999"  # of the one level, as it is not in the profile
