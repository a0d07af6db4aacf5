"""Readings that a person flags, unflags and deletes, on a real database."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from core.clock import to_ns
from core.records import Reading
from core.store import Store
from fluxcalc import worker
from fluxtower.cli import app
from ingest.collector.writer import Writer
from ingest.encoding import encode_reading
from ingest.mqtt.topics import reading_topic
from ingest.mqtt.wire import Message

pytestmark = pytest.mark.integration

ID = "cn-x"
START = datetime(2026, 7, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FILE = """
[station]
id = "cn-x"
name = "x"
latitude = 26.0
longitude = 118.0
altitude = 10.0
utc_offset = 8.0
[[stream]]
name = "met"
kind = "reading"
interval = 60.0
channels = [
    { name = "TA", variable = "TA", unit = "deg C" },
    { name = "RH", variable = "RH", unit = "%" },
]
"""


@pytest.fixture
def tower(store: Store, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    store.stations.put(FILE, "x.toml")
    send(store, *((minute, 20.0 + minute, 50.0) for minute in range(3)))
    worker.flag_readings(store)
    return store


def send(store: Store, *readings: tuple[int, float, float]) -> None:
    """As a sender: through the collector's writer."""
    messages = [
        Message(
            reading_topic(ID, "met", "flux/v1"),
            encode_reading(
                Reading(ID, "met", to_ns(START + timedelta(minutes=minute)), {"TA": temperature, "RH": humidity})
            ),
            1, 1, 1,
        )
        for minute, temperature, humidity in readings
    ]  # fmt: skip
    Writer(store, "flux/v1", threading.Event()).write(messages)


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ("reading", *words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def flags(store: Store) -> list[list[int]]:
    return store.readings.read(ID, "met", START, START + HOUR)["flags"].to_list()


def values(store: Store) -> list[float]:
    return store.readings.read(ID, "met", START, START + HOUR)["TA"].to_list()


SECOND = ("--from", "2026-07-01T00:01", "--to", "2026-07-01T00:02")


def test_a_flag_stands_beside_the_value_until_it_is_taken_back(tower: Store) -> None:
    said = run("flag", ID, "met", *SECOND, "--channel", "RH", "--reason", "iced")
    assert said.startswith("1 readings flagged; 0 half-hours")
    assert flags(tower) == [[1, 1], [1, 4], [1, 1]]
    assert values(tower) == [20.0, 21.0, 22.0]
    worker.flag_readings(tower)  # the check does not take it back
    assert flags(tower)[1] == [1, 4]
    run("unflag", ID, "met", *SECOND, "--reason", "it was not")
    assert flags(tower) == [[1, 1]] * 3
    one, other = tower.corrections.find(ID)
    assert (one.correction.action, one.correction.reason, one.readings) == ("unflag", "it was not", 1)
    assert (other.correction.channels, other.correction.start) == (("RH",), START + timedelta(minutes=1))
    listed = run("log", ID)
    assert "iced" in listed
    assert "unflag" in listed


def test_a_reading_that_no_check_has_seen_can_be_flagged(tower: Store) -> None:
    send(tower, (3, 99.0, 50.0))
    run("flag", ID, "met", "--from", "2026-07-01T00:03", "--to", "2026-07-01T00:04", "--channel", "RH", "--reason", "x")
    assert flags(tower)[3] == [3, 4]  # 99 deg C is beyond any air


def test_a_right_value_takes_the_place_of_a_deleted_one_and_the_wrong_one_does_not_come_back(tower: Store) -> None:
    run("delete", ID, "met", *SECOND, "--reason", "a test of the technician")
    assert values(tower) == [20.0, 22.0]
    send(tower, (1, 21.0, 50.0))  # the broker, or the sender, delivers it once more
    assert values(tower) == [20.0, 22.0]
    send(tower, (1, 21.5, 50.0))
    assert values(tower) == [20.0, 21.5, 22.0]
    (row,) = tower.corrections.find()
    assert (row.correction.action, row.readings, row.correction.reason) == ("delete", 1, "a test of the technician")
    assert row.correction.by


def test_what_is_deleted_is_not_the_newest_any_more(tower: Store) -> None:
    send(tower, (3, math.nan, math.nan))
    run("delete", ID, "met", "--from", "2026-07-01T00:02", "--to", "2026-07-01T00:03", "--reason", "x")
    (latest,) = tower.latest.read(ID)
    assert (latest.time, latest.values["TA"]) == (START + timedelta(minutes=1), 21.0)
    run("delete", ID, "met", "--from", "2026-07-01", "--to", "2026-07-02", "--reason", "x")
    assert tower.latest.read(ID) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("flag", ID, "met", "--from", "2026-08-01", "--to", "2026-08-02", "--reason", "x"),
            "with readings of cn-x/met",
        ),
        (("flag", ID, "met", "--from", "2026-07-02", "--to", "2026-07-01", "--reason", "x"), "a begin before the end"),
        (("flag", ID, "met", *SECOND, "--channel", "TS", "--reason", "x"), "one of RH, TA, got TS"),
        (("delete", ID, "met", *SECOND, "--reason", " "), "--reason: expected why"),
        (("delete", "nobody", "met", *SECOND, "--reason", "x"), "unknown station 'nobody'"),
        (("delete", ID, "slow", *SECOND, "--reason", "x"), "slow"),
    ],
)
def test_what_cannot_be_meant_is_refused(tower: Store, words: tuple[str, ...], expected: str) -> None:
    with pytest.raises(Exception, match=expected):
        run(*words)
    assert len(values(tower)) == 3
    assert tower.corrections.find() == []
