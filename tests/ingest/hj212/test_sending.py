"""What is sent: averages with their flags, frames, the spool, and mistakes of the file of destinations."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, SetupError
from ingest.hj212.codec.frame import parse_frame
from ingest.hj212.codec.segment import parse_segment
from ingest.hj212.codec.splitter import Splitter
from ingest.hj212.config import check_destination, read_exchange
from ingest.hj212.sending.averages import Content, Group, StreamReadings, make_contents, mean_direction
from ingest.hj212.sending.messages import MAX_SENT, build_message
from ingest.hj212.sending.spool import Spool
from tests.ingest.hj212.source import DESTINATION, destination, exchange, station

NS = 10**9
HOUR = 3600 * NS
START = 495_600 * HOUR  # a whole hour of UTC in 2026
LATER = START + 100 * HOUR


def readings(n: int = 60, **flags: dict[int, int]) -> StreamReadings:
    """An hour of minutes: TA rises from 0, WD is on both sides of north, 0.5 mm of rain each."""
    count = np.arange(n)
    values = {"TA": count / 10.0, "WD": np.where(count % 2, 350.0, 20.0), "P": np.full(n, 0.5)}
    marks = {name: np.ones(n, np.int16) for name in values}
    for name, places in flags.items():
        for place, flag in places.items():
            marks[name][place] = flag
    return StreamReadings(START + count * 60 * NS, values, marks, {})


def hours(given: StreamReadings, folder: Path, now_ns: int = LATER, **changes: object) -> list[Content]:
    to = destination(folder, **changes)
    sent = to.stream[0].model_copy(update={"cn": ("2061",)})
    return list(make_contents(given, station().streams["met"], sent, to, START, now_ns))


def hour_of(given: StreamReadings, folder: Path) -> dict[str, str]:
    (content,) = hours(given, folder)
    assert (content.cn, content.time_ns) == ("2061", START)
    return {name: value for group in content.groups for name, value in group.items()}


def test_an_hour_is_the_mean_of_its_minutes(tmp_path: Path) -> None:
    assert hour_of(readings(), tmp_path) == {
        "a01001-Min": "0.00",
        "a01001-Avg": "2.95",  # (0 + 5.9) / 2
        "a01001-Max": "5.90",
        "a01001-Flag": "N",
        "a01008-Avg": "5.0",  # between 350 and 20 degrees
        "a01008-Flag": "N",
        "a01020-Cou": "30.0",
        "a01020-Flag": "N",
    }


def test_bad_readings_are_left_out_and_told_where_they_are_many(tmp_path: Path) -> None:
    few = hour_of(readings(TA={59: 4}), tmp_path)
    assert (few["a01001-Avg"], few["a01001-Flag"]) == ("2.90", "N")  # (0 + 5.8) / 2
    many = hour_of(readings(TA=dict.fromkeys(range(20), 4)), tmp_path)
    assert (many["a01001-Avg"], many["a01001-Flag"]) == ("3.95", "D")  # (2.0 + 5.9) / 2
    all_bad = hour_of(readings(TA=dict.fromkeys(range(60), 3)), tmp_path)
    assert (all_bad["a01001-Avg"], all_bad["a01001-Flag"]) == ("2.95", "D")
    named = readings(TA=dict.fromkeys(range(20), 4))
    named = replace(named, causes={("TA", i): "calibration" for i in range(20)})
    assert hour_of(named, tmp_path)["a01001-Flag"] == "C"


def test_an_hour_with_too_few_readings_says_so(tmp_path: Path) -> None:
    few = hour_of(readings(30), tmp_path)
    assert (few["a01001-Avg"], few["a01001-Flag"]) == ("1.45", "B")
    empty = readings()
    empty.values["TA"][:] = math.nan
    empty.flags["TA"][:] = 9
    assert not any(name.startswith("a01001") for name in hour_of(empty, tmp_path))


def test_what_may_still_change_waits(tmp_path: Path) -> None:
    end = START + HOUR
    assert hours(readings(), tmp_path, end - 1) == []
    assert len(hours(readings(), tmp_path, end)) == 1  # it is whole and judged
    unjudged = readings(TA={5: 0})
    assert hours(unjudged, tmp_path, end + 29 * NS) == []
    assert len(hours(unjudged, tmp_path, end + 30 * NS)) == 1
    assert hours(readings(50), tmp_path, end + 3599 * NS) == []
    assert len(hours(readings(50), tmp_path, end + 3600 * NS)) == 1


def test_each_reading_by_itself(tmp_path: Path) -> None:
    to = destination(tmp_path)
    sent = to.stream[0].model_copy(update={"cn": ("2011",)})
    given = replace(readings(2, TA={1: 3}), causes={("TA", 1): "above range"})
    first, second = make_contents(given, station().streams["met"], sent, to, START, LATER)
    assert first.groups[0] == {"a01001-Rtd": "0.00", "a01001-Flag": "N"}
    assert second.groups[0] == {"a01001-Rtd": "0.10", "a01001-Flag": "T"}
    assert second.time_ns - first.time_ns == 60 * NS


@pytest.mark.parametrize(
    ("given", "mean"), [((350.0, 10.0), 0.0), ((90.0, 180.0), 135.0), ((0.0, 0.0, 90.0), math.degrees(math.atan(0.5)))]
)
def test_directions_are_averaged_as_vectors(given: tuple[float, ...], mean: float) -> None:
    found = mean_direction(np.array(given), "deg")
    assert min(abs(found - mean), abs(found - mean - 360)) < 1e-9
    assert mean_direction(np.radians(given), "rad") == pytest.approx(math.radians(found))


def parsed(frames: bytes) -> list[dict[str, str]]:
    return [
        {**segment.fields, **{name: value for group in segment.groups for name, value in group.items()}}
        for segment in (parse_segment(parse_frame(frame)) for frame in Splitter().feed(frames))
    ]


def content(codes: int) -> Content:
    groups: tuple[Group, ...] = tuple({f"a{i:05d}-Avg": "1.25", f"a{i:05d}-Flag": "N"} for i in range(codes))
    return Content("2061", START, groups)


def test_a_message_is_a_frame(tmp_path: Path) -> None:
    frames, parts = build_message(content(1), destination(tmp_path), START + 7_000_000)
    assert parts == 1
    # START is 2026-07-16T00:00Z: 495600 hours are 20650 days, 15 days after the first of July
    assert parsed(frames) == [
        {
            "QN": "20260716080000007",
            "ST": "22",
            "CN": "2061",
            "PW": "654321",
            "MN": "SENT-BY-FLUXTOWER-000001",
            "Flag": "5",
            "DataTime": "20260716080000",
            "a00000-Avg": "1.25",
            "a00000-Flag": "N",
        }
    ]
    frames, _ = build_message(content(1), destination(tmp_path, edition="2025"), START, receipt=False)
    assert parsed(frames)[0]["Flag"] == "8"


def test_a_long_message_has_parts(tmp_path: Path) -> None:
    frames, parts = build_message(content(80), destination(tmp_path), START)
    found = parsed(frames)
    assert len(found) == parts > 1
    assert all(len(frame) - 12 <= MAX_SENT for frame in Splitter().feed(frames))
    assert [(one["PNUM"], one["PNO"], one["Flag"]) for one in found] == [
        (f"{parts}", f"{i + 1}", "7") for i in range(parts)
    ]
    codes = [name for one in found for name in one if name.endswith("-Avg")]
    assert codes == [f"a{i:05d}-Avg" for i in range(80)]
    assert {one["DataTime"] for one in found} == {"20260716080000"}


def build(one: Content, qn_ns: int) -> tuple[bytes, int]:
    return b"frames of %d" % one.time_ns, 1


def test_a_message_is_kept_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a" / "b.sqlite")
    first, second = content(1), replace(content(1), time_ns=START + HOUR)
    assert spool.put("met", [first, second], build) == 0
    names = [one.qn for one in spool.waiting(0, 9)]
    assert len(set(names)) == 2
    assert spool.put("met", [first], build) == 0
    changed = replace(first, groups=({"a00000-Avg": "7"},))
    assert spool.put("met", [changed], build) == 1  # told once
    assert spool.put("met", [changed], build) == 0
    assert [one.qn for one in spool.waiting(0, 9)] == names
    assert spool.receive(names[0])
    assert not spool.receive(names[0])
    assert spool.count() == (1, 1, 1)
    spool.close()
    again = Spool(tmp_path / "a" / "b.sqlite")
    assert [one.qn for one in again.waiting(0, 9)] == names[1:]
    assert again.put("met", [first, second], build) == 0
    again.forget(START + 1)
    assert again.count() == (1, 0, 0)
    assert again.floor_ns == START + 1
    again.close()


def test_a_spool_belongs_to_one_forwarder(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "b.sqlite")
    with pytest.raises(SetupError, match=r"cannot use the spool .*locked.*\n.*does another forwarder run"):
        Spool(tmp_path / "b.sqlite")
    spool.close()
    (tmp_path / "c.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(SetupError, match="file is not a database"):
        Spool(tmp_path / "c.sqlite")
    assert sqlite3.connect(tmp_path / "b.sqlite").close() is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            'name = "met"',
            'name = "fast"',
            r"stream\[0\].name: expected a stream of readings of cn-source \(met\), got 'fa",
        ),
        ('channel = "TA"', 'channel = "T"', r"values\[0\].channel: expected a channel of met \(TA, WD, P\), got 'T'"),
        ('unit = "deg C"', 'unit = "hPa"', r"values\[0\].unit: expected one of K, deg C, deg F, got 'hPa'"),
        ('pw = "654321"', 'pw = "a b"', r"pw: expected .*, got \(not shown\)"),
        ('code = "a01008"', 'code = "a01001"', "values: expected names that differ"),
        ("port = 9003", "port = 0", "port: expected .*greater than or equal to 1"),
        ("port = 9003", "port = 9003\nminute = 5", "minute: expected .*, got 5"),
        ('cn = ["2011", "2061"]', 'cn = ["2031"]', "cn.0: expected .*'2011'"),
        ('name = "met"', 'name = "met"\nminutes = 7', "minutes: expected a number that divides an hour, got 7"),
    ],
)
def test_mistakes_of_the_file_are_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        check_destination(exchange(tmp_path, DESTINATION.replace(old, new)).destination[0], station(), tmp_path)
    assert "a b" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"FLUXTOWER_HJ212_FILE.*, got none"):
        read_exchange(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[devices")
    with pytest.raises(ConfigError, match="expected a readable TOML file"):
        read_exchange(tmp_path / "bad.toml")


def test_others_who_can_read_the_file_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exchange(tmp_path)
    assert caplog.text == ""
    (tmp_path / "hj212.toml").chmod(0o644)
    read_exchange(tmp_path / "hj212.toml")
    assert "has passwords in it and can be read by others: chmod 600" in caplog.text
