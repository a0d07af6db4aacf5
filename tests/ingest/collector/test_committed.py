"""What the collector publishes through a real broker: watermarks and newest values, retained."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import to_ns
from core.records import SampleBlock
from core.settings import Settings
from core.station import Station
from core.store import Store
from ingest.collector.watermark import Watermark, decode
from ingest.mqtt.publisher import Publisher
from ingest.mqtt.topics import committed_topic, latest_topic
from ingest.simulation import tower
from ingest.simulation.tower import Tower
from tests.ingest.conftest import collecting
from tests.ingest.listener import listening
from tests.waiting import wait_for

pytestmark = pytest.mark.integration

START = datetime(2026, 7, 1, 4, tzinfo=UTC)


@pytest.fixture
def registered(store: Store, demo: Path) -> Store:
    store.stations.put((demo / "stations" / "cn-simulated-forest.toml").read_text(), "forest")
    return store


@pytest.fixture
def blocks(forest: Station) -> list[SampleBlock]:
    made = tower.records(Tower(forest, block_seconds=10), START, 1 / 48)
    blocks = (record for record in made if isinstance(record, SampleBlock))
    return [replace(block, seq=seq, run=77) for seq, block in enumerate(blocks)]


def test_the_watermark_follows_what_is_stored(settings: Settings, registered: Store, blocks: list[SampleBlock]) -> None:
    topic = committed_topic(blocks[0].station, "ec", settings.topic_root)
    with Publisher(settings.broker_url, settings.topic_root) as publisher:
        with collecting(settings), listening(settings.broker_url, topic) as heard:
            for block in blocks[:20] + blocks[25:40]:
                publisher.send(block)
            wait_for(lambda: topic in heard and decode(heard[topic]).seq == 39)
            assert decode(heard[topic]) == Watermark(77, 39, ((20, 24),))
        for block in blocks[20:60]:  # the collector is away: nothing is said to be committed
            publisher.send(block)
        publisher.flush()
        with listening(settings.broker_url, topic) as heard:
            wait_for(lambda: topic in heard)
            assert decode(heard[topic]) == Watermark(77, 39, ((20, 24),))  # retained
            with collecting(settings):
                wait_for(lambda: decode(heard[topic]) == Watermark(77, 59))
    assert registered.rejects.find() == []  # what the platform says is no message of a station


def test_the_newest_values_are_repeated(settings: Settings, registered: Store, blocks: list[SampleBlock]) -> None:
    topic = latest_topic(blocks[0].station, "ec", settings.topic_root)
    with collecting(settings), Publisher(settings.broker_url, settings.topic_root) as publisher:
        publisher.send(blocks[5])
        with listening(settings.broker_url, topic) as heard:
            wait_for(lambda: topic in heard)
            said = json.loads(heard[topic])
            end = to_ns(datetime.fromisoformat(said["t"])) + blocks[5].dt_ns
            assert end == blocks[5].start_ns + blocks[5].samples.shape[1] * blocks[5].dt_ns
            assert list(said["v"].values()) == blocks[5].samples[:, -1].tolist()
            heard.clear()
            publisher.send(blocks[4])
            for block in blocks[6:]:  # at most one a second
                publisher.send(block)
            publisher.flush()
            wait_for(lambda: topic not in heard or json.loads(heard[topic])["t"] > said["t"])


def test_none_is_repeated_if_so_set(settings: Settings, registered: Store, blocks: list[SampleBlock]) -> None:
    quiet = settings.model_copy(update={"latest_per_second": 0})
    root = settings.topic_root
    with listening(settings.broker_url, f"{root}/+/+/+") as heard, collecting(quiet):
        with Publisher(settings.broker_url, root) as publisher:
            publisher.send(blocks[0])
        wait_for(lambda: committed_topic(blocks[0].station, "ec", root) in heard)
    assert latest_topic(blocks[0].station, "ec", root) not in heard
