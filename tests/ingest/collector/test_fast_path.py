"""The fast path against the slow path, on a real database: the same rows, the same refusals."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import psycopg
import pytest

from core.clock import NS
from core.records import Reading, SampleBlock
from core.store import Store
from ingest.collector.fast_path import FastPath
from ingest.collector.stamp_limits import StampLimits
from ingest.collector.writer import Writer
from ingest.encoding import encode_block, encode_reading
from ingest.mqtt.topics import block_topic, reading_topic
from ingest.mqtt.wire import Message
from tests.core.test_store import CHANNELS, START_NS, STATION

pytestmark = pytest.mark.integration

ROOT = "flux/v1"
TOO_OLD_NS = 1_000_000_000 * NS
LIMITS = StampLimits(age_ns=time.time_ns() - TOO_OLD_NS - 86_400 * NS)


def message(station: str, payload: bytes, stream: str = "ec") -> Message:
    return Message(block_topic(station, stream, ROOT), payload, 1, 1, 1)


def make_messages() -> list[Message]:
    """Blocks of six towers: good ones, ones in another order, and all kinds that are refused."""
    random = np.random.default_rng(5)
    good = []
    for second in range(4):
        for tower in range(6):
            samples = random.normal(size=(4, 20)).astype(np.float32)
            samples[1, 4] = np.nan
            start = START_NS + second * NS
            good.append(SampleBlock(f"t{tower}", "ec", start, NS // 20, CHANNELS, samples, 5000 + second, 9 + tower))
    some = [encode_block(block) for block in good]
    turned = [
        replace(block, start_ns=block.start_ns + 60 * NS, channels=CHANNELS[:2][::-1], samples=block.samples[:2])
        for block in good
    ]
    bad = [
        replace(good[0], channels=("u", "v", "w", "tz"), start_ns=START_NS + 120 * NS),
        replace(good[1], channels=("u", "v", "w", "tz"), start_ns=START_NS + 120 * NS),
        replace(good[2], dt_ns=NS // 10, start_ns=START_NS + 120 * NS),
        replace(good[3], dt_ns=NS // 10, start_ns=START_NS + 120 * NS),
        replace(good[4], start_ns=4_000_000_000 * NS),
        replace(good[5], start_ns=1000),
        replace(good[8], start_ns=TOO_OLD_NS),
        replace(good[9], start_ns=time.time_ns() + 400 * NS),
        replace(good[6], samples=np.full((4, 20), np.inf, np.float32), start_ns=START_NS + 120 * NS),
    ]
    messages = [message(block.station, payload) for block, payload in zip(good, some, strict=True)]
    messages += [message(block.station, encode_block(block)) for block in [*turned, *bad]]
    messages += [message(block.station, payload) for block, payload in zip(good[:8], some, strict=False)]
    messages += [
        message("nobody", some[0]),
        message("t1", some[0], "met"),
        message("t1", some[0][:-1]),
        message("t1", b""),
    ]
    reading = Reading("t0", "met", START_NS, {"TA": 1.0, "RH": 2.0})
    messages.append(Message(reading_topic("t0", "met", ROOT), encode_reading(reading), 1, 1, 1))
    messages.append(Message("elsewhere", b"x", 0, 0, 1))
    return [messages[i] for i in random.permutation(len(messages))]


def content(store: Store) -> list[object]:
    """Everything that the messages left in the database."""
    found: list[object] = []
    with psycopg.connect(store.dsn) as connection:
        for statement in (
            "SELECT time, station, stream, n, dt_ns, seq, c1, c2, c3, c4 FROM sample_block ORDER BY 2, 3, 1",
            "SELECT time, station, stream, n, min, max FROM minute ORDER BY 2, 3, 1",
            "SELECT stream, time, values FROM latest ORDER BY 1",
            "SELECT station, time, samples, expected FROM interval_state ORDER BY 1, 2",
            "SELECT topic, station, regexp_replace(reason, 'Z, .*(ahead|before)', ''), payload FROM reject "
            "ORDER BY 1, 3, 4",
            "SELECT time, station, stream, values FROM reading",
        ):
            found.append(str(connection.execute(statement).fetchall()))
    return found


def written(store: Store, batches: Sequence[Sequence[Message]]) -> tuple[list[object], Writer]:
    store.stations.put_all([(STATION.format(id=f"t{i}"), f"t{i}.toml") for i in range(6)])
    writer = Writer(store, ROOT, threading.Event(), limits=LIMITS)
    for batch in batches:
        writer.write(batch)
    return content(store), writer


def test_both_paths_leave_the_same_in_the_database(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = make_messages()
    half = len(messages) // 2
    batches = [messages[:half], messages[half:], messages[:3]]
    fast, writer = written(store, batches)
    with psycopg.connect(store.dsn, autocommit=True) as connection:
        for table in ("sample_block", "minute", "latest", "interval_state", "reject", "reading"):
            connection.execute(f"DELETE FROM {table}")  # type: ignore[call-overload]
    with monkeypatch.context() as patch:
        patch.setattr(FastPath, "to_arrays", lambda _, messages: ([], list(messages)))
        slow, plain = written(store, batches)
    assert fast == slow
    assert writer.counts.blocks == 48
    for name in ("messages", "blocks", "samples", "readings", "duplicates", "rejects"):
        assert getattr(writer.counts, name) == getattr(plain.counts, name), name


def test_good_blocks_take_the_fast_path(store: Store) -> None:
    _, writer = written(store, [])
    batch = writer.prepare(make_messages())
    assert sum(map(len, batch.arrays)) == 56
    assert len(batch.slow) == len(make_messages()) - 56


def test_a_station_that_changes_is_looked_up_again(store: Store) -> None:
    topic = block_topic("t1", "ec", ROOT)
    messages = [one for one in make_messages() if one.topic == topic and len(one.payload) > 380]
    _, writer = written(store, [messages])
    assert writer.counts.blocks == 4
    changed = STATION.format(id="t1").replace(
        'name = "ts", variable = "T_SONIC"', 'name = "sonic", variable = "T_SONIC"'
    )
    store.stations.put(changed, "t1.toml")
    store.catalogue.refresh()
    writer._stations.read()
    batch = writer.prepare(messages)
    assert batch.arrays == []
    reasons = [one.reject.reason for one in batch.slow if one.reject]
    assert len(reasons) == len(messages)
    assert sum("unknown channel 'ts'" in reason for reason in reasons) >= 4
