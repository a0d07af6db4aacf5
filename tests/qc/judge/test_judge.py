"""Flags as readings come and over a period: the same, whatever the order, on a real database."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.clock import to_ns
from core.errors import ConfigError
from core.records import Reading
from core.settings import Settings
from core.store import FlagRows, Store
from fluxtower.batch.quality import learn_limits
from qc.judge import judge_missing, judge_period, run_judge
from qc.judge.live import LiveJudge
from tests.judging import work_off
from tests.qc.judge.stations import FILE, ID, MINUTE, START, commit, judged, readings
from tests.waiting import SOON, wait_for

pytestmark = pytest.mark.integration

END = START + timedelta(days=400)


@pytest.fixture
def station(store: Store) -> Store:
    store.stations.put(FILE, "weather.toml")
    return store


def whole_period(store: Store) -> str:
    judge_period(store, ID, "met", START - timedelta(days=1), END)
    return judged(store)


def test_what_a_value_cannot_be_is_flagged_with_the_reason(station: Store) -> None:
    (first, *_) = readings(1, 1) or readings(2, 1)
    odd = first.values | {"TA": 285.0}
    commit(station, [type(first)(ID, "met", first.time_ns, odd)])
    judge = LiveJudge(station)
    judge.refresh()
    work_off(judge)
    row = station.readings.read(ID, "met", START, END).row(0, named=True)
    assert row["TA"] == 285.0
    assert row["flags"][0] == 4
    assert '"range: 285 deg C is above 60"' in row["reasons"]
    (latest,) = station.latest.read(ID)
    assert latest.flags["TA"] == 4
    assert latest.reasons["TA"][0] == "range: 285 deg C is above 60"


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_arrival_gives_the_flags_of_the_whole_period(
    station: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:  # all of it is new
        monkeypatch.setattr("qc.judge.live.LIVE_SPAN", timedelta(days=1))
    chance = np.random.default_rng(100 + seed)
    sent = readings(600, seed, datetime.now(UTC).replace(second=0, microsecond=0) - 600 * MINUTE)
    # mostly in order, some late, some long after the rest
    delay = np.where(chance.random(len(sent)) < 0.2, chance.exponential(60.0, len(sent)), 0.0)
    order = np.argsort(np.arange(len(sent)) + delay, kind="stable").tolist()
    judge = LiveJudge(station)
    judge.refresh()
    begin = 0
    while begin < len(order):
        some = int(chance.integers(1, 12))
        commit(station, [sent[i] for i in order[begin : begin + some]])
        begin += some
        match chance.integers(4):
            case 0:
                judge.judge_new()
            case 1:
                judge.judge_old()
            case 2:  # killed and started again
                judge = LiveJudge(station)
                judge.refresh()
                judge.judge_new()
            case _:
                pass
    work_off(judge)
    as_they_came = judged(station)
    assert whole_period(station) == as_they_came
    flags = station.readings.read(ID, "met", START, END)["flags"].explode()
    assert flags.is_in([3, 4]).sum() > 20  # there was something to find


def test_another_station_file_makes_all_readings_judged_again(station: Store) -> None:
    commit(station, readings(200, 7))
    judge = LiveJudge(station)
    judge.refresh()
    work_off(judge)
    before = judged(station)
    narrow = 'unit = "%", qc = { suspect_range = [59.0, 61.0] } }'
    station.stations.put(FILE.replace('unit = "%" }', narrow), "weather.toml")
    judge.refresh()
    work_off(judge)
    after = judged(station)
    table = station.readings.read(ID, "met", START, END)
    outside = (table["RH"] < 59) | (table["RH"] > 61)
    assert outside.sum() > 50
    assert (table.filter(outside)["flags"].list.get(1) >= 3).all()
    assert after != before
    assert whole_period(station) == after
    station.stations.put(FILE + "# as before\n", "weather.toml")
    judge.refresh()
    work_off(judge)
    assert judged(station) == before


def test_a_judge_that_starts_finds_what_another_file_changed(station: Store) -> None:
    commit(station, readings(100, 8))
    judge = LiveJudge(station)
    judge.refresh()
    work_off(judge)
    before = judged(station)
    station.stations.put(FILE.replace('unit = "%" }', 'unit = "%", qc = { range = [0.0, 1.0] } }'), "weather.toml")
    again = LiveJudge(station)
    again.refresh()
    work_off(again)
    assert judged(station) != before


def test_a_backfill_is_judged_in_parts_and_new_readings_do_not_wait_for_it(
    station: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qc.judge.live.READINGS_PER_PART", 500)
    old = readings(3000, 9)
    judge = LiveJudge(station)
    judge.refresh()
    commit(station, old)

    def unflagged(start: datetime, end: datetime) -> list[datetime]:
        table = station.readings.read(ID, "met", start, end)
        return table.filter(table["flags"].is_null())["time"].to_list()

    for _ in range(3):
        waiting = unflagged(START, END)
        judge.judge_old()
        rest = unflagged(START, END)
        assert 0 < len(waiting) - len(rest) <= 500 + 240  # those, and what looks back on them: four hours
        assert rest == waiting[-len(rest) :]  # in the order of time
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        commit(station, [replace(old[0], time_ns=to_ns(now))])
        judge.judge_new()
        assert unflagged(now, now + MINUTE) == []
        assert unflagged(START, END)[: len(rest) - 1] == rest[:-1]  # the last one is that before the new one
    work_off(judge)
    assert whole_period(station) == judged(station)


def test_what_another_process_judged_is_known_to_the_next_reading(
    station: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qc.judge.live.LIVE_SPAN", timedelta(days=1))
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - 300 * MINUTE
    sent = readings(280, 11, begin)
    judge = LiveJudge(station)
    judge.refresh()
    for i in range(0, len(sent), 4):
        commit(station, sent[i : i + 2])
        judge.judge_new()
        commit(station, sent[i + 2 : i + 4])
        judge_missing(station, ID, "met", begin, END)  # as a worker does
    as_they_came = judged(station)
    assert whole_period(station) == as_they_came


def test_readings_are_judged_by_the_program_as_they_come(station: Store, settings: Settings) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run_judge, args=(settings, stop))
    thread.start()
    try:
        begin = datetime.now(UTC).replace(second=0, microsecond=0) - MINUTE
        for i, value in enumerate((21.0, 285.0)):
            values = {"TA": value, "RH": 50.0, "WS": 2.0, "SW": 0.0}
            commit(station, [Reading(ID, "met", to_ns(begin + i * MINUTE), values)])
            flag = 4 if value > 60 else 1
            wait_for(lambda flag=flag: station.latest.read(ID)[0].flags.get("TA") == flag)
    finally:
        stop.set()
        thread.join(SOON)
    assert not thread.is_alive()


def test_limits_that_were_learnt_hold_live_and_over_a_period(station: Store) -> None:
    wanted = FILE.replace('unit = "deg C" }', 'unit = "deg C", qc = { climatology = true } }')
    station.stations.put(wanted, "weather.toml")
    chance = np.random.default_rng(3)
    days = [START + timedelta(minutes=10 * i) for i in range(30 * 144)]  # each hour of July: 20 deg C, give or take 0.5
    values = [{"TA": 20 + float(chance.uniform(-0.5, 0.5)), "RH": 50.0, "WS": 2.0, "SW": 0.0} for _ in days]
    commit(station, [Reading(ID, "met", to_ns(time), one) for time, one in zip(days, values, strict=True)])
    judge = LiveJudge(station)
    judge.refresh()
    work_off(judge)
    before = judged(station)
    with pytest.raises(ConfigError, match="20 days"):
        learn_limits(station, ID, START, START + timedelta(days=10))
    assert "met TA" in learn_limits(station, ID, START, START + timedelta(days=31))
    commit(station, [Reading(ID, "met", to_ns(days[-1] + timedelta(minutes=10)), values[0] | {"TA": 22.0})])
    judge.refresh()
    work_off(judge)
    last = station.readings.read(ID, "met", START, END).row(-1, named=True)
    assert "climatology: 22 deg C is outside" in last["reasons"]
    assert last["flags"][0] == 3
    assert "climatology" not in (station.readings.read(ID, "met", START, END).row(-2, named=True)["reasons"] or "")
    assert whole_period(station) == judged(station) != before


def test_a_reading_that_is_put_together_while_it_is_judged_waits_for_the_flags_of_its_new_values(
    station: Store,
) -> None:
    first = dict.fromkeys(("TA", "RH", "WS", "SW"), math.nan) | {"TA": 21.0}
    commit(station, [Reading(ID, "met", to_ns(START), first)])
    with station.judgements.working() as work:
        (new,) = work.find_new(START, 10)
        commit(station, [Reading(ID, "met", to_ns(START), first | {"TA": math.nan, "RH": 400.0})])
        keys = np.array([new.station], np.int32), np.array([new.stream], np.int32)
        times = np.array([new.time_ns]), np.array([new.received_ns])
        work.put([FlagRows(*keys, *times, np.array([[1, 9, 9, 9]], np.int16), [None])])
    assert station.readings.read(ID, "met", START, END)["flags"].to_list() == [None]
    judge = LiveJudge(station)
    judge.refresh()
    work_off(judge)
    assert station.readings.read(ID, "met", START, END)["flags"].to_list() == [[1, 4, 9, 9]]
    assert station.latest.read(ID)[0].flags == {"TA": 1, "RH": 4, "WS": 9, "SW": 9}
