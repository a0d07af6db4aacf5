"""Several collectors that share the messages of one broker: nothing lost, nothing doubled, whoever is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.records import SampleBlock
from core.settings import ROOT, Settings
from core.station import Station
from core.store import Store
from ingest.collector import service
from ingest.collector.watermark import Watermark, decode
from ingest.mqtt.publisher import Publisher
from ingest.mqtt.topics import committed_topic
from ingest.simulation import tower
from ingest.simulation.tower import Tower
from tests.ingest.collector.test_service import COLLECTOR, assert_stored, sending, stored_samples, wait_for_count
from tests.ingest.listener import listening
from tests.waiting import PATIENCE, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.alone]

START = datetime(2026, 7, 1, 4, tzinfo=UTC)


def test_two_collectors_share_and_one_is_killed(
    settings: Settings, store: Store, forest: Station, environment: dict[str, str], demo: Path
) -> None:
    store.stations.put((demo / "stations" / "cn-simulated-forest.toml").read_text(), "forest")
    made = tower.records(Tower(forest, block_seconds=1), START, 1 / 48)
    sent = [record for record in made if isinstance(record, SampleBlock)]
    sent = [replace(block, seq=seq, run=5) for seq, block in enumerate(sent)]
    names = [f"{settings.collector}-{i}" for i in range(2)]
    environment["FLUXTOWER_COLLECTOR_GROUP"] = "all"

    def start(name: str) -> subprocess.Popen[bytes]:
        with_name = {**environment, "FLUXTOWER_COLLECTOR": name}
        return subprocess.Popen([sys.executable, "-c", COLLECTOR], cwd=ROOT, env=with_name)

    for name in names:
        service.open_session(settings.model_copy(update={"collector": name, "collector_group": "all"}))
    running = [start(name) for name in names]
    topic = committed_topic(forest.id, "ec", settings.topic_root)
    try:
        with listening(settings.broker_url, topic) as heard:
            with sending(settings, sent, speed=300) as confirmed:  # 6 s
                wait_for(lambda: stored_samples(store, forest.id) > 0)
                wait_for_count(confirmed, 0.4 * len(sent))
                running[0].send_signal(signal.SIGKILL)
                assert running[0].wait(PATIENCE) == -signal.SIGKILL
                wait_for_count(confirmed, len(sent))
            time.sleep(1.0)
            assert stored_samples(store, forest.id) < 18_000  # each has its share
            running[0] = start(names[0])  # what the broker kept for it comes now
            wait_for(lambda: stored_samples(store, forest.id) == 18_000)
            # what the killed one stored and could not acknowledge is sent again by a sender that keeps its blocks
            wait_for(lambda: topic in heard)
            with Publisher(settings.broker_url, settings.topic_root) as publisher:
                deadline = time.monotonic() + PATIENCE
                while (watermark := decode(heard[topic])) != Watermark(5, len(sent) - 1):
                    assert time.monotonic() < deadline, watermark
                    publisher.play([block for seq, block in enumerate(sent) if not watermark.covers(seq)])
                    time.sleep(2.5)
    finally:
        for process in running:
            process.terminate()
            process.wait(PATIENCE)
    assert_stored(store, sent)
    assert store.rejects.find() == []
