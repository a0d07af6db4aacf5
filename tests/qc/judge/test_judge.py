"""Flags as readings come and over a period: the same, whatever the order, on a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.store import Store
from qc.judge import judge_period
from qc.judge.live import LiveJudge
from tests.judging import work_off
from tests.qc.judge.stations import FILE, ID, MINUTE, START, commit, judged, readings

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
