"""The writer on a real database, without a broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from psycopg import sql

from core.clock import NS, to_ns
from core.errors import UnknownStation
from core.records import Reading, SampleBlock
from core.station import Station
from core.store import Store
from ingest.collector.writer import Stopped, Writer
from ingest.mqtt.subscriber import Message
from ingest.mqtt.topics import block_topic, reading_topic
from ingest.payloads import encode_block, encode_reading
from tests.waiting import PATIENCE

pytestmark = pytest.mark.integration

START = datetime(2026, 7, 1, tzinfo=UTC)
ROOT = "flux/v1"
FILE = """
[station]
id = "cn-x"
name = "x"
latitude = 26.0
longitude = 118.0
altitude = 10.0
utc_offset = 8.0
[[stream]]
name = "ec"
kind = "block"
rate = 10.0
channels = [{ name = "w", variable = "W", unit = "m s-1" }MORE]
[[stream]]
name = "met"
kind = "reading"
interval = 60.0
channels = [{ name = "TA", variable = "TA", unit = "deg C" }]
"""
MORE = ', { name = "u", variable = "U", unit = "m s-1" }'


def reading(minute: int, value: float) -> Message:
    record = Reading("cn-x", "met", to_ns(START) + minute * 60 * NS, {"TA": value})
    return Message(reading_topic("cn-x", "met", ROOT), encode_reading(record), 1, minute + 1, 1)


def block(second: int, *names: str) -> Message:
    samples = np.full((len(names), 10), second, np.float32)
    record = SampleBlock("cn-x", "ec", to_ns(START) + second * NS, NS // 10, names, samples)
    return Message(block_topic("cn-x", "ec", ROOT), encode_block(record), 1, second + 1, 1)


@pytest.fixture
def writer(store: Store) -> Writer:
    store.stations.put(FILE.replace("MORE", ""), "x.toml")
    return Writer(store, ROOT, threading.Event())


@pytest.mark.parametrize("culprits", [(), (0,), (17,), (3, 4, 49)])
def test_what_the_store_refuses_is_found_and_the_rest_is_stored(
    writer: Writer, store: Store, culprits: Sequence[int]
) -> None:
    tiny = 1e-300  # a number for the decoder, out of range for PostgreSQL's real
    writer.write([reading(minute, tiny if minute in culprits else minute) for minute in range(50)])
    stored = store.readings.read("cn-x", "met", START, START + timedelta(hours=1))
    assert stored["TA"].to_list() == [minute for minute in range(50) if minute not in culprits]
    rejects = store.rejects.find()
    assert len(rejects) == len(culprits)
    for reject in rejects:
        assert reject.reason.startswith("refused by the store: ")
        assert reject.station == "cn-x"
    assert writer.counts.messages == 50
    assert (writer.counts.readings, writer.counts.rejects) == (50 - len(culprits), len(culprits))


def test_the_same_messages_again_change_nothing(writer: Writer, store: Store) -> None:
    messages = [*(block(second, "w") for second in range(5)), reading(0, 20.0)]
    writer.write(messages)
    writer.write([*messages, *messages, block(5, "w")])
    assert store.samples.read_span("cn-x", "ec") == (START, START + timedelta(seconds=5), 60)
    assert store.readings.read("cn-x", "met", START, START + timedelta(hours=1)).height == 1
    assert (writer.counts.blocks, writer.counts.readings, writer.counts.duplicates) == (6, 1, 12)


def test_a_layout_that_changes_while_the_collector_runs(writer: Writer, store: Store) -> None:
    writer.write([block(0, "w")])
    store.stations.put(FILE.replace("MORE", MORE), "x.toml")
    with pytest.raises(UnknownStation):  # after which the store knows the new layout, and the writer the old one
        store.messages.commit([], [Reading("nobody", "met", to_ns(START), {"TA": 1.0})])
    writer.write([block(1, "w")])
    with Store(store.dsn) as fresh:  # knows the new layout only
        again = Writer(fresh, ROOT, threading.Event())
        again.write([block(2, "u", "w")])
    assert store.rejects.find() == []
    samples = store.samples.read("cn-x", "ec", START, START + timedelta(seconds=3))
    assert samples.channels["w"].tolist() == [0.0] * 10 + [1.0] * 10 + [2.0] * 10


def test_an_asked_for_stop_leaves_the_batch_unwritten(store: Store) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        Writer(store, ROOT, stop).write([reading(0, 1.0)])


def test_a_station_without_a_file_is_a_reject(writer: Writer, store: Store, forest: Station) -> None:
    message = reading(0, 1.0)
    writer.write([Message(reading_topic(forest.id, "met", ROOT), message.payload, 1, 1, 1), message])
    (reject,) = store.rejects.find()
    assert reject.reason == f"unknown station '{forest.id}': register it with `fluxtower station add FILE.toml`"
    assert reject.station == forest.id


def test_a_store_that_refuses_everything_is_waited_for(writer: Writer, store: Store) -> None:
    writer.write([reading(0, 0.0)])
    _set_read_only(store.dsn, "on")
    thread = threading.Thread(target=writer.write, args=([reading(minute, minute) for minute in range(5)],))
    thread.start()
    time.sleep(1.5)
    assert thread.is_alive()
    _set_read_only(store.dsn, "off")
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert store.readings.read("cn-x", "met", START, START + timedelta(hours=1))["TA"].to_list() == [0, 1, 2, 3, 4]
    assert store.rejects.find() == []


def _set_read_only(dsn: str, state: str) -> None:
    with psycopg.connect(dsn, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(name, sql.SQL(state))
        )
        others = "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
