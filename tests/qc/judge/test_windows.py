"""Findings of whole windows of the calendar: found, told, withdrawn, the same live and over a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pytest

from core.clock import to_ns
from core.records import Reading
from core.store import Correction, FindingRow, Store
from fluxtower.batch.quality import judge_station
from qc.corrections import correct
from qc.judge.examinations import EXAMINATIONS
from qc.judge.examiner import Examiner
from qc.judge.live import LiveJudge
from qc.judge.windows import windows_of
from tests.judging import judge_windows, work_off

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
STEP = timedelta(minutes=10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = EPOCH + (datetime(2026, 6, 1, tzinfo=UTC) - EPOCH) // (15 * DAY) * (15 * DAY)
END = START + 15 * DAY
NOW = END + 30 * DAY
FILE = """
[station]
id = "{id}"
name = "{id}"
latitude = {latitude}
longitude = 0.0
altitude = 10.0
utc_offset = 0.0
[[stream]]
name = "met"
kind = "reading"
interval = 600.0
channels = [
    {{ name = "TA", variable = "TA", unit = "deg C" }},
    {{ name = "SW", variable = "SW_IN", unit = "W m-2" }},
]
"""


def sun(times: np.ndarray, latitude: float = 45.0) -> np.ndarray:
    """Height of the sun in June at longitude 0, by the hour angle alone: highest at noon."""
    hour_angle = (times / 3600 - 12.0) * np.pi / 12
    declination, phi = np.radians(22.5), np.radians(latitude)
    return np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)


def send(store: Store, id: str, late_minutes: float = 0.0, warmer: float = 0.0, hours: range = range(0)) -> None:
    """Fifteen clear days, of a logger whose stamps are late, and of which some hours are too warm."""
    times = [START + i * STEP for i in range(15 * 144)]
    seconds = np.array([(time - EPOCH).total_seconds() % 86400 for time in times])
    light = np.maximum(sun(seconds - 60 * late_minutes), 0.0)
    degrees = (
        18.0 + 6.0 * np.cos((seconds / 3600 - 15) * np.pi / 12) + np.random.default_rng(5).normal(0, 0.03, len(times))
    )
    since = np.array([(time - START) / timedelta(hours=1) for time in times])
    degrees += np.where((since >= hours.start) & (since < hours.stop), warmer, 0.0)
    sent = [
        Reading(id, "met", to_ns(time), {"TA": float(t), "SW": float(950 * s**1.2)})
        for time, t, s in zip(times, degrees, light, strict=True)
    ]
    store.messages.commit([], sent)


def put_station(store: Store, id: str, latitude: float = 45.0) -> None:
    store.stations.put(FILE.format(id=id, latitude=latitude), f"{id}.toml")


def findings(store: Store, id: str, check: str, *, withdrawn: bool = False) -> list[FindingRow]:
    found = store.findings.find(id, START - 30 * DAY, END + 30 * DAY, withdrawn=withdrawn)
    return [one for one in found if one.check_name == check]


def flags(store: Store, id: str, channel: int) -> list[int]:
    return store.readings.read(id, "met", START, END)["flags"].list.get(channel).to_list()


def test_a_clock_that_is_an_hour_late_is_found_and_the_readings_say_so(store: Store) -> None:
    put_station(store, "cn-late")
    send(store, "cn-late", late_minutes=60.0)
    judge_windows(store, NOW)
    (found,) = findings(store, "cn-late", "clock")
    assert (found.channel, found.starts, found.ends) == ("SW", START, END)
    assert found.data["lag_minutes"] == pytest.approx(60.0, abs=10.0)
    assert set(flags(store, "cn-late", 1)) == {found.flag}
    said = store.readings.read("cn-late", "met", START, START + STEP)["reasons"][0]
    assert found.reason in orjson.loads(said)["SW"]
    assert findings(store, "cn-late", "clock")[0].reason.startswith("clock: ")


def test_over_a_period_the_same_is_found_as_live(store: Store) -> None:
    put_station(store, "cn-late")
    send(store, "cn-late", late_minutes=60.0)
    judge_windows(store, datetime.now(UTC))
    live = findings(store, "cn-late", "clock")
    digests = {judge_station(store, "cn-late", START, END).sha256 for _ in range(2)}
    assert findings(store, "cn-late", "clock") == live  # not even found anew
    assert len(digests) == 1
    # what no judge has seen, over a period alone
    put_station(store, "cn-alone")
    send(store, "cn-alone", late_minutes=60.0)
    alone = judge_station(store, "cn-alone", START, END)
    assert alone.sha256 in digests
    assert [(one.channel, one.reason, one.data) for one in alone.findings] == [
        (one.channel, one.reason, one.data) for one in store.findings.find("cn-late", START, END)
    ]


def test_a_finding_is_withdrawn_when_the_data_have_changed(store: Store) -> None:
    put_station(store, "cn-late")
    send(store, "cn-late", late_minutes=60.0)
    judge_windows(store, NOW)
    assert findings(store, "cn-late", "clock")
    correct(store, Correction("delete", "cn-late", "met", START, END, (), "wrong clock", "me"))
    send(store, "cn-late")
    judge_windows(store, NOW)
    assert findings(store, "cn-late", "clock") == []
    (gone,) = findings(store, "cn-late", "clock", withdrawn=True)
    assert gone.withdrawn is not None
    assert not any("clock" in (said or "") for said in store.readings.read("cn-late", "met", START, END)["reasons"])
    assert 4 not in flags(store, "cn-late", 1)


def test_a_station_apart_from_its_neighbours_is_found(store: Store) -> None:
    for i in range(8):
        put_station(store, f"cn-n{i}", 45.0 + 0.05 * i)
        send(store, f"cn-n{i}", warmer=15.0 if i == 3 else 0.0, hours=range(50, 60))
    judge_windows(store, NOW)
    (found,) = findings(store, "cn-n3", "buddy")
    hour = timedelta(hours=1)
    assert START + 49 * hour <= found.starts <= START + 51 * hour
    assert START + 59 * hour <= found.ends <= START + 61 * hour
    assert all(findings(store, f"cn-n{i}", "buddy") == [] for i in range(8) if i != 3)


def test_findings_about_late_neighbours_are_made_anew(store: Store) -> None:
    for i in range(8):
        put_station(store, f"cn-n{i}", 45.0 + 0.05 * i)
    send(store, "cn-n3", warmer=15.0, hours=range(50, 60))
    judge_windows(store, NOW)
    assert findings(store, "cn-n3", "buddy") == []  # nobody to compare with
    for i in (0, 1, 2, 4, 5, 6, 7):
        send(store, f"cn-n{i}")
    judge_windows(store, NOW)
    assert len(findings(store, "cn-n3", "buddy")) == 1


def test_a_window_is_looked_at_when_it_is_complete_and_once(store: Store) -> None:
    put_station(store, "cn-late")
    send(store, "cn-late", late_minutes=60.0)
    judge = LiveJudge(store)
    judge.refresh()
    work_off(judge)
    examiner = Examiner(store)
    assert examiner.examine_due(START, 100) == 0
    while examiner.examine_due(END - DAY, 100):
        pass
    assert findings(store, "cn-late", "clock") == []
    while examiner.examine_due(NOW, 100):
        work_off(judge)
    assert findings(store, "cn-late", "clock")
    assert examiner.examine_due(NOW, 100) == 0  # flags that a finding raised make no window due


def test_every_day_is_looked_at_by_whole_windows_with_what_is_around_them() -> None:
    for one in EXAMINATIONS:
        for day in range(20_000, 20_000 + 2 * one.days):
            looked = [window for window in windows_of(1, [day]) if window.check_name == one.check]
            expected = [
                start
                for number in range(20_000 // one.days - 3, 20_200 // one.days + 3)
                if (start := one.start(number)) - one.before * DAY
                <= EPOCH + day * DAY
                < start + (one.days + one.after) * DAY
            ]
            assert [window.start for window in looked] == expected
