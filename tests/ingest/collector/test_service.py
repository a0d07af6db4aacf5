"""The whole way, with a real broker and a real database: what was sent is what is stored, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from core.clock import from_ns, to_ns
from core.errors import SetupError
from core.records import Reading, SampleBlock
from core.settings import ROOT, Settings
from core.station import Station
from core.store import Store
from ingest.collector import service
from ingest.files import toa5
from ingest.mqtt.publisher import Publisher
from ingest.mqtt.topics import block_topic, reading_topic
from ingest.payloads import block_json, encode_block, encode_reading
from ingest.simulation import replay, tower
from ingest.simulation.tower import Tower
from tests.ingest.conftest import collecting
from tests.waiting import PATIENCE, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.alone]

START = datetime(2026, 7, 1, 4, tzinfo=UTC)
COLLECTOR = "import threading; from core.settings import read_settings; from ingest.collector import service; "
COLLECTOR += "service.run_collector(read_settings(), threading.Event())"


@pytest.fixture
def registered(store: Store, demo: Path) -> Store:
    for name in ("cn-simulated-forest", "us-orchard"):
        store.stations.put((demo / "stations" / f"{name}.toml").read_text(), name)
    return store


def blocks_of(forest: Station, seconds: float, half_hours: int) -> list[SampleBlock]:
    made = tower.records(Tower(forest, block_seconds=seconds), START, half_hours / 48)
    return [record for record in made if isinstance(record, SampleBlock)]


def wait_for_count(count: Callable[[], int], least: float) -> None:
    wait_for(lambda: count() >= least)


def stored_samples(store: Store, station: str, stream: str = "ec") -> int:
    span = store.samples.read_span(station, stream)
    return span[2] if span else 0


def assert_stored(store: Store, sent: Sequence[SampleBlock]) -> None:
    """Every sample sent is stored with its value at its time, and nothing else is."""
    first = sent[0]
    end_ns = max(block.start_ns + block.samples.shape[1] * block.dt_ns for block in sent)
    start_ns = min(block.start_ns for block in sent)
    stored = store.samples.read(first.station, first.stream, from_ns(start_ns), from_ns(end_ns))
    expected = np.full((len(first.channels), (end_ns - start_ns) // first.dt_ns), np.nan)
    for block in sent:
        slot = (block.start_ns - start_ns) // block.dt_ns
        expected[:, slot : slot + block.samples.shape[1]] = block.samples
    assert tuple(stored.channels) == first.channels
    for values, wanted in zip(stored.channels.values(), expected, strict=True):
        np.testing.assert_array_equal(values, wanted)
    assert stored_samples(store, first.station, first.stream) == sum(block.samples.shape[1] for block in sent)


@contextmanager
def sending(settings: Settings, records: Sequence[SampleBlock | Reading], speed: float) -> Iterator[Callable[[], int]]:
    """Publish in a thread; give the number of messages confirmed so far."""
    with Publisher(settings.broker_url, settings.topic_root) as publisher:
        publisher.wait_connected(PATIENCE)
        thread = threading.Thread(target=publisher.play, args=(records,), kwargs={"speed": speed})
        thread.start()
        yield lambda: publisher.confirmed
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_what_is_sent_is_what_is_stored(
    settings: Settings, registered: Store, forest: Station, orchard: Station, demo: Path
) -> None:
    made = list(tower.records(Tower(forest), START, 2 / 48))
    recorded = [
        block
        for path in sorted((demo / "data").glob("*.gz"))
        for block in replay.blocks(toa5.read(path), orchard, "ec")
    ]
    with collecting(settings):
        with Publisher(settings.broker_url, settings.topic_root) as publisher:
            assert publisher.play([*made, *recorded]) == len(made) + len(recorded)
        with Publisher(settings.broker_url, settings.topic_root, compress=True) as publisher:
            publisher.play(made)  # all of it a second time, in zstd frames
        wait_for(lambda: stored_samples(registered, "us-orchard") == 36_000)
        wait_for(lambda: len(registered.readings.read(forest.id, "co2", START, START + timedelta(hours=1))) == 60)
        time.sleep(1.0)  # the second time must have had its chance
    assert_stored(registered, [record for record in made if isinstance(record, SampleBlock)])
    assert_stored(registered, recorded)
    for stream in ("met", "co2"):
        sent = [record for record in made if isinstance(record, Reading) and record.stream == stream]
        stored = registered.readings.read(forest.id, stream, START, START + timedelta(days=1))
        assert stored["time"].to_list() == [from_ns(reading.time_ns) for reading in sent]
        for name in sent[0].values:
            wanted = np.array([reading.values[name] for reading in sent], np.float32)
            np.testing.assert_array_equal(stored[name].to_numpy().astype(np.float32), wanted)
    assert registered.rejects.find() == []


def test_bad_messages_are_kept_with_their_reason_and_the_rest_goes_on(
    settings: Settings, registered: Store, forest: Station
) -> None:
    root = settings.topic_root
    good = blocks_of(forest, 60, 1)
    reading = Reading(forest.id, "met", to_ns(START), {"TA_1_1_1": 21.0})
    bad = {
        block_topic(forest.id, "ec", root): (b"\xff\x00rubbish", "no valid CBOR"),
        block_topic("nobody", "ec", root): (encode_block(good[0]), "fluxtower station add FILE.toml"),
        block_topic(forest.id, "fast", root): (encode_block(good[0]), "unknown stream 'fast'"),
        f"{root}/{forest.id}/ec/blok": (b"x", "must be block or reading"),
        reading_topic(forest.id, "met", root): (
            b'{"t": "2026-07-01T04:00:00Z", "v": {"TA": "hot"}}',
            "expected a number",
        ),
    }
    with collecting(settings), Publisher(settings.broker_url, root) as publisher:
        for block, (topic, (payload, _)) in zip(good, bad.items(), strict=False):
            publisher.publish(topic, payload)
            publisher.send(block)
        publisher.publish(block_topic(forest.id, "ec", root), b"")  # how a retained message is cleared: no reject
        for block in good[len(bad) : -1]:
            publisher.send(block)
        publisher.publish(block_topic(forest.id, "ec", root), block_json.encode_block(good[-1]))
        publisher.publish(reading_topic(forest.id, "met", root), encode_reading([reading, reading]))
        wait_for(lambda: stored_samples(registered, forest.id) == 18_000)
        wait_for(lambda: len(registered.readings.read(forest.id, "met", START, START + timedelta(minutes=1))) == 1)
    assert_stored(registered, good)
    rejects = {row.topic: row for row in registered.rejects.find()}
    assert rejects.keys() == bad.keys()
    for topic, (payload, reason) in bad.items():
        assert reason in rejects[topic].reason
        assert rejects[topic].size == len(payload)


def test_a_station_registered_later_is_taken(settings: Settings, store: Store, forest: Station, demo: Path) -> None:
    good = blocks_of(forest, 60, 1)
    with collecting(settings), Publisher(settings.broker_url, settings.topic_root) as publisher:
        publisher.send(good[0])
        wait_for(lambda: len(store.rejects.find()) == 1)
        store.stations.put((demo / "stations" / "cn-simulated-forest.toml").read_text(), "forest")
        time.sleep(2.1)
        for block in good:
            publisher.send(block)
        wait_for(lambda: stored_samples(store, forest.id) == 18_000)
    assert len(store.rejects.find()) == 1


def test_nothing_is_lost_or_doubled_when_the_collector_is_killed(
    settings: Settings, registered: Store, forest: Station, environment: dict[str, str]
) -> None:
    sent = blocks_of(forest, 1, 2)
    service.open_session(settings)
    with sending(settings, sent, speed=450) as confirmed:  # 8 s
        for part in (0.15, 0.4, 0.65):
            killed = start_collector(environment)
            wait_for_count(confirmed, part * len(sent))
            with psycopg.connect(settings.store_dsn) as connection:
                connection.execute("LOCK TABLE sample_block")  # so that it is killed amid a commit
                time.sleep(np.random.default_rng().uniform(0.4, 0.8))
                killed.send_signal(signal.SIGKILL)
                assert killed.wait(PATIENCE) == -signal.SIGKILL
    assert stored_samples(registered, forest.id) < 36_000
    with collecting(settings):
        wait_for(lambda: stored_samples(registered, forest.id) == 36_000)
        time.sleep(0.5)
    assert_stored(registered, sent)
    assert registered.rejects.find() == []


def test_nothing_is_lost_or_doubled_when_the_database_is_killed(
    settings: Settings, registered: Store, forest: Station
) -> None:
    postmaster = find_postmaster(settings)
    sent = blocks_of(forest, 1, 2)
    with collecting(settings), sending(settings, sent, speed=600) as confirmed:  # 6 s
        wait_for(lambda: confirmed() > 0.3 * len(sent))
        os.kill(postmaster, signal.SIGKILL)
        with Store(settings.store_dsn) as again:
            again.wait(PATIENCE)
        wait_for(lambda: stored_samples(registered, forest.id) == 36_000)
    assert_stored(registered, sent)
    assert registered.rejects.find() == []


def test_the_collector_waits_for_broker_and_store(
    settings: Settings, registered: Store, forest: Station, tmp_path: Path
) -> None:
    away = settings.model_copy(update={"dsn": "postgresql://nobody@127.0.0.1:9/nothing"})
    with collecting(away), Publisher(settings.broker_url, settings.topic_root) as publisher:
        publisher.play(blocks_of(forest, 60, 1))
        time.sleep(1.0)
    with collecting(settings):  # the same session: nothing was acknowledged, so all of it comes again
        wait_for(lambda: stored_samples(registered, forest.id) == 18_000)
    stop = threading.Event()
    lonely = settings.model_copy(update={"broker": "mqtt://127.0.0.1:9"})
    thread = threading.Thread(target=service.run_collector, args=(lonely, stop))
    thread.start()
    time.sleep(0.5)
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    with pytest.raises(SetupError, match="FLUXTOWER_BROKER"):
        service.open_session(lonely, timeout=0.2)


def start_collector(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", COLLECTOR], cwd=ROOT, env=environment)


def find_postmaster(settings: Settings) -> int:
    """Process id of the database server; skips where that runs on another machine."""
    with psycopg.connect(settings.store_dsn) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        stat = Path(f"/proc/{row[0]}/stat")
        if not stat.exists() or "postgres" not in stat.read_text():
            pytest.skip("the database runs on another machine")
        return int(stat.read_text().rpartition(")")[2].split()[1])


def test_broken_connections_lose_and_double_nothing(settings: Settings, registered: Store, forest: Station) -> None:
    sent = blocks_of(forest, 1, 2)
    with collecting(settings), sending(settings, sent, speed=450) as confirmed:  # 8 s
        for part in (0.1, 0.5):
            wait_for_count(confirmed, part * len(sent))
            service.open_session(settings)  # takes the session away from the running collector, which takes it back
        wait_for(lambda: stored_samples(registered, forest.id) == 36_000)
    assert_stored(registered, sent)
    assert registered.rejects.find() == []


def test_a_publisher_whose_connection_breaks_sends_again(
    settings: Settings, registered: Store, forest: Station
) -> None:
    sent = blocks_of(forest, 1, 1)
    with collecting(settings):
        with Publisher(settings.broker_url, settings.topic_root, client_id="logger") as publisher:
            for number, block in enumerate(sent):
                publisher.send(block)
                if number in (300, 900):  # another logger of the same name
                    with Publisher(settings.broker_url, settings.topic_root, client_id="logger") as other:
                        other.wait_connected(PATIENCE)
            publisher.flush()
            assert publisher.confirmed == len(sent)
        wait_for(lambda: stored_samples(registered, forest.id) == 18_000)
    assert_stored(registered, sent)


def test_a_publisher_without_a_broker_says_so(settings: Settings) -> None:
    with (
        Publisher("mqtt://127.0.0.1:9", settings.topic_root) as publisher,
        pytest.raises(SetupError, match="fluxtower up"),
    ):
        publisher.wait_connected(0.3)
