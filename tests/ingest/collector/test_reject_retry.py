"""Refused messages on a real database: kept once, tried again, marked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from core.errors import StoreError
from core.store import Store
from ingest.collector.reject_retry import RejectRetry, pending_rejects
from ingest.collector.writer import Writer
from ingest.mqtt.subscriber import Message
from tests.ingest.collector.test_writer import FILE, MORE, ROOT, START, block, reading

pytestmark = pytest.mark.integration


def write(store: Store, *messages: Message) -> None:
    Writer(store, ROOT, threading.Event()).write(messages)


@pytest.fixture
def station(store: Store) -> Store:
    store.stations.put(FILE.replace("MORE", ""), "x.toml")
    return store


def test_a_corrected_station_file_lets_the_messages_in(station: Store) -> None:
    refused = [block(second, "u", "w") for second in range(3)]
    write(station, *refused, block(3, "w"))
    assert [row.station for row in station.rejects.find()] == ["cn-x"] * 3
    ids = list(pending_rejects(station, station="cn-x", reason="UNKNOWN channel"))
    with RejectRetry(station, ROOT) as retry:
        assert all("unknown channel 'u'" in str(why) for _, why in retry.retry(ids))
    station.stations.put(FILE.replace("MORE", MORE), "x.toml")
    with RejectRetry(station, ROOT) as retry:
        assert [why for _, why in retry.retry(ids)] == [None] * 3
    samples = station.samples.read("cn-x", "ec", START, START + timedelta(seconds=4))
    assert samples.channels["u"][:30].tolist() == [0.0] * 10 + [1.0] * 10 + [2.0] * 10
    assert station.rejects.find() == []
    kept = station.rejects.find(done=True)
    assert [row.id for row in kept] == ids
    assert all(row.done is not None for row in kept)
    for row, message in zip(kept, reversed(refused), strict=True):
        assert station.rejects.read(row.id)[1] == message.payload
    # what was stored by hand counts for gaps, and says nothing about the sender's clock
    (arrival,) = station.watermarks.read_arrivals("cn-x")
    assert (arrival.records, arrival.seen) == (3, None)


def test_corrected_bytes_are_decoded_instead_and_the_others_stay(station: Store) -> None:
    good = reading(5, 20.0)
    write(station, Message(good.topic, b'{"t": "2026-07-01T00:05:00Z", "v": {"TA": "20,0"}}', 1, 1, 1))
    (row,) = station.rejects.find()
    with RejectRetry(station, ROOT) as retry:
        ((_, why),) = retry.retry([row.id], b"rubbish")
        assert why is not None
        ((_, why),) = retry.retry([row.id], good.payload)
        assert why is None
    assert station.readings.read("cn-x", "met", START, START + timedelta(hours=1))["TA"].to_list() == [20.0]
    assert b"20,0" in station.rejects.read(row.id)[1]


def test_the_same_message_again_is_counted_not_kept_again(station: Store) -> None:
    bad = Message(f"{ROOT}/cn-x/ec/block", b"\xff", 1, 1, 1)
    write(station, bad, bad, reading(0, 1.0))
    write(station, bad)
    (row,) = station.rejects.find()
    assert row.times == 3
    assert row.last >= row.received
    station.rejects.mark_done([row.id])
    assert station.rejects.find() == []
    write(station, bad)  # it is not stored after all
    assert station.rejects.find()[0].times == 4


def test_rejects_are_found_by_station_time_and_reason(station: Store) -> None:
    bad = [Message(f"{ROOT}/cn-x/met/reading", b"%d" % i, 1, 1, 1) for i in range(7)]
    write(station, *bad, Message(f"{ROOT}/nobody/met/reading", b"{}", 1, 1, 1))
    assert len(list(pending_rejects(station))) == 8
    assert len(list(pending_rejects(station, station="cn-x"))) == 7
    assert len(list(pending_rejects(station, reason="STATION ADD"))) == 1
    with psycopg.connect(station.dsn) as connection:
        connection.execute("UPDATE reject SET last = now() - interval '1 day' WHERE station = 'cn-x'")
    assert len(list(pending_rejects(station, since=datetime.now(UTC) - timedelta(hours=1)))) == 1
    with pytest.raises(StoreError, match="no reject 99"):
        station.rejects.read(99)


def test_what_the_store_refuses_is_refused_still(station: Store) -> None:
    message = reading(0, 1e-300)  # out of range for PostgreSQL's real
    write(station, message)
    with RejectRetry(station, ROOT) as retry:
        ((_, why),) = retry.retry(list(pending_rejects(station)))
    assert why is not None
    assert why.startswith("refused by the store")
    assert len(station.rejects.find()) == 1
