"""The load of many towers: what the packets say, what its journal notes, what arrives."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psycopg
import pytest

from core.errors import SetupError
from core.records import SampleBlock
from core.settings import Settings
from core.station import parse_station
from core.store import Store
from fluxtower.sending import register_load, send_load
from ingest import payloads
from ingest.payloads import MessageSource
from ingest.simulation.load import JOURNAL_ENTRY, Connection, Faults, Load, Packets, send, station_files, tower_id
from tests.ingest.conftest import collecting
from tests.ingest.mqtt.test_wire import make_client
from tests.waiting import wait_for

LOAD = Load(towers=30, rate=10.0, block_seconds=0.5, weather=3, seed=4)


def test_the_station_files_are_valid() -> None:
    stations = [parse_station(text, name) for text, name in station_files(LOAD)]
    assert len({station.id for station in stations}) == 33
    assert len(stations[7].streams["ec"].channels) == 10
    assert len(stations[-1].streams["met"].channels) == 30
    assert stations[7].flux is not None


def test_packets_are_blocks_of_each_tower() -> None:
    packets = Packets(LOAD, "a/b")
    seq = np.full(5, 3_500_000_000) + np.arange(5)
    start = seq * LOAD.block_ns + 7
    rows = packets.rows(slice(10, 15), start, seq, np.array([False, False, True, False, False]))
    messages, end = make_client()._cut_messages(rows.tobytes())
    assert end == rows.size
    blocks = []
    for i, message in enumerate(messages):
        assert message.topic == f"a/b/{tower_id(10 + i)}/ec/block"
        (block,) = payloads.decode(MessageSource(tower_id(10 + i), "ec", "block"), message.payload, 0)
        assert isinstance(block, SampleBlock)
        assert (block.start_ns, block.seq, block.dt_ns, block.samples.shape) == (start[i], seq[i], 10**8, (10, 5))
        blocks.append(block)
    assert not np.array_equal(blocks[0].samples, blocks[1].samples)
    again, _ = make_client()._cut_messages(
        Packets(LOAD, "a/b").rows(slice(10, 15), start, seq, np.zeros(5, bool)).tobytes()
    )
    assert again[:2] == messages[:2]
    assert again[2] != messages[2]  # the spike
    u, w, ts, co2 = (np.array([block.samples[i] for block in blocks if block is not blocks[2]]) for i in (0, 2, 3, 4))
    assert np.abs(u).max() < 40
    assert np.abs(w).max() < 10
    assert 0 < ts.mean() < 45
    assert 10 < co2.mean() < 25


@pytest.mark.integration
@pytest.mark.alone
def test_what_the_journal_notes_is_stored(settings: Settings, store: Store, tmp_path: Path) -> None:
    register_load(store, LOAD)
    journal = tmp_path / "journal"
    with collecting(settings):
        began = time.time_ns()
        count = send(LOAD, settings.broker_url, settings.topic_root, 4, journal=journal)
        sent = np.fromfile(journal, JOURNAL_ENTRY)
        assert len(sent) == count == 30 * 8
        assert (sent["sent_ns"] > began).all()
        wait_for(lambda: stored(settings) == len(sent))
    with psycopg.connect(settings.store_dsn) as connection:
        rows = connection.execute(
            "SELECT s.id, b.seq FROM sample_block b JOIN station s ON s.key = b.station"
        ).fetchall()
    assert sorted(rows) == sorted((tower_id(tower), seq) for tower, seq in zip(sent["tower"], sent["seq"], strict=True))
    assert store.rejects.find() == []


@pytest.mark.integration
@pytest.mark.alone
def test_faults_lose_and_double_nothing_that_was_sent(settings: Settings, store: Store, tmp_path: Path) -> None:
    faults = Faults(spikes=0.2, dropouts=0.1, late=0.2, duplicates=0.2, clock_jumps=0.05)
    load = Load(towers=30, rate=10.0, block_seconds=0.5, seed=4, faults=faults)
    journal = tmp_path / "journal"
    an_hour_ahead = settings.model_copy(update={"max_ahead_seconds": 3700.0})  # as far as a clock jumps here
    with collecting(an_hour_ahead):
        send_load(settings, load, 6, journal, register=True)
        sent = np.fromfile(journal, JOURNAL_ENTRY)
        different = {(int(one["tower"]), int(one["seq"])) for one in sent}
        assert 0.8 * 360 < len(different) < 0.97 * 360
        assert len(sent) > 1.1 * len(different)
        wait_for(lambda: stored(settings) >= len(different))
        time.sleep(0.5)
    assert stored(settings) == len(different)
    assert store.rejects.find() == []


@pytest.mark.integration
@pytest.mark.alone
def test_weather_comes_beside(settings: Settings, store: Store) -> None:
    load = Load(towers=1, weather=600, seed=2)
    register_load(store, load)
    with collecting(settings):
        send(load, settings.broker_url, settings.topic_root, 3)
        wait_for(lambda: count(settings, "reading") >= 20)
    assert store.rejects.find() == []
    assert count(settings, "reading") <= 40


@pytest.mark.integration
@pytest.mark.alone
def test_a_broken_connection_is_reported(settings: Settings) -> None:
    with pytest.raises(SetupError, match="fluxtower up"), Connection("mqtt://127.0.0.1:9"):
        pass
    rows = Packets(LOAD, settings.topic_root)
    with Connection(settings.broker_url) as connection:
        connection._end("ended")
        with pytest.raises(SetupError, match="broker ended"):
            connection.send(rows._rows, rows.mid_at)


def stored(settings: Settings) -> int:
    return count(settings, "sample_block")


def count(settings: Settings, table: str) -> int:
    with psycopg.connect(settings.store_dsn) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])
