"""Readings of one time: parts are put together, a contradiction is a reject, the same again changes nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from core.clock import NS, to_ns
from core.store import Correction, Store
from fluxcalc.worker import flag_readings
from ingest.collector.reject_retry import RejectRetry
from ingest.collector.writer import Writer
from ingest.mqtt.subscriber import Message
from qc.corrections import correct
from tests.ingest.collector.test_writer import FILE, ROOT, START

pytestmark = pytest.mark.integration

STATION = FILE.replace("MORE", "").replace(
    '{ name = "TA", variable = "TA", unit = "deg C" }',
    '{ name = "TA", variable = "TA", unit = "deg C" }, { name = "RH", variable = "RH", unit = "%" }',
)


def message(values: str, minute: int = 0) -> Message:
    time = to_ns(START) + minute * 60 * NS
    return Message(f"{ROOT}/cn-x/met/reading", f'{{"t": {time}, "v": {{{values}}}}}'.encode(), 1, 1, 1)


@pytest.fixture
def writer(store: Store) -> Writer:
    store.stations.put(STATION, "x.toml")
    return Writer(store, ROOT, threading.Event())


def rows(store: Store) -> list[tuple[float | None, ...]]:
    table = store.readings.read("cn-x", "met", START, START + timedelta(hours=1))
    return table.select("TA", "RH").fill_nan(None).rows()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_channel_a_message_makes_one_reading(writer: Writer, store: Store, at_once: bool) -> None:
    parts = [message('"TA": 20.5'), message('"RH": 60'), message('"TA": 20.5, "RH": null')]
    for batch in [parts] if at_once else [[one] for one in parts]:
        writer.write(batch)
    assert rows(store) == [(20.5, 60.0)]
    assert store.rejects.find() == []
    assert store.latest.read("cn-x")[0].values == {"TA": 20.5, "RH": 60.0}


@pytest.mark.parametrize("at_once", [True, False])
def test_another_value_for_a_time_is_told_and_the_first_stays(writer: Writer, store: Store, at_once: bool) -> None:
    first, second = message('"TA": 20.5, "RH": null'), message('"TA": 21.5, "RH": 60')
    for batch in [[first, second]] if at_once else [[first], [second]]:
        writer.write(batch)
    assert rows(store) == [(20.5, 60.0)]
    (reject,) = store.rejects.find()
    assert "another value is stored for this time: TA is 20.5, this message says 21.5; the first one" in reject.reason
    assert store.rejects.read(reject.id)[1] == second.payload
    writer.write([second, first])
    (again,) = store.rejects.find()
    assert (again.id, again.times) == (reject.id, 2)
    assert rows(store) == [(20.5, 60.0)]
    # the remedy that it names
    said = Correction("delete", "cn-x", "met", START, START + timedelta(minutes=1), (), "wrong sensor", "me")
    with RejectRetry(store, ROOT) as retry:
        ((_, why),) = retry.retry([reject.id])
        assert "another value is stored" in str(why)
        assert len(store.rejects.find()) == 1
        correct(store, said)
        ((_, why),) = retry.retry([reject.id])
        assert why is None
    assert rows(store) == [(21.5, 60.0)]
    assert store.rejects.find() == []


def test_a_part_that_was_added_is_checked_as_any_value(writer: Writer, store: Store) -> None:
    writer.write([message('"TA": 20.5')])
    flag_readings(store)
    writer.write([message('"RH": 400')])
    flag_readings(store)
    table = store.readings.read("cn-x", "met", START, START + timedelta(hours=1))
    assert table["flags"].to_list() == [[1, 3]]


def test_what_a_person_flagged_is_left_alone(writer: Writer, store: Store) -> None:
    writer.write([message('"TA": 20.5')])
    flag_readings(store)
    until = START + timedelta(minutes=1)
    correct(store, Correction("flag", "cn-x", "met", START, until, ("TA",), "ice", "me"))
    before = store.readings.read("cn-x", "met", START, until)["flags"].to_list()
    writer.write([message('"RH": 60')])
    assert store.readings.read("cn-x", "met", START, until)["flags"].to_list() == before
