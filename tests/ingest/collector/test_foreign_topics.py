"""Other makers' messages with a real broker and a real database: what their topics say is where they are stored."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import psycopg
import pytest

from core.records import LoggerState
from core.settings import Settings
from core.store import Store
from ingest.mqtt.publisher import Publisher
from tests.ingest.conftest import collecting
from tests.ingest.foreign import FILE
from tests.ingest.payloads.test_campbell import GEOJSON, STATES
from tests.ingest.payloads.test_toa5_line import LINE
from tests.waiting import wait_for

pytestmark = pytest.mark.integration

START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


def own(settings: Settings) -> str:
    """The station with topics of this test's own: the broker is shared."""
    name = settings.collector
    return FILE.replace("cs/v", f"{name}/cs/v").replace('"serial/', f'"{name}/serial/').replace('"senml/', f'"{name}/')


def wait_for_topics(settings: Settings, store: Store, publisher: Publisher) -> None:
    """Publish one message again and again until the collector has subscribed to its topic."""

    def arrived() -> int:
        publisher.publish(f"{settings.collector}/serial/toa5", LINE)
        return store.readings.read("cn-foreign", "toa5", START, END).height

    wait_for(arrived)


def test_messages_of_other_makers_are_stored(settings: Settings, store: Store) -> None:
    name = settings.collector
    store.stations.put(own(settings), "foreign.toml")
    with collecting(settings), Publisher(settings.broker_url, settings.topic_root) as publisher:
        wait_for_topics(settings, store, publisher)
        publisher.publish(f"{name}/cs/v2/data/CR1000X/400/Hourly", json.dumps(GEOJSON).encode())
        publisher.publish(f"{name}/cs/v2/data/CR1000X/400/Hourly", b"{}")
        publisher.publish(f"{name}/cs/v2/data/CR1000X/400", b"{}")  # nobody asked for it
        for payload, _, _ in STATES:
            publisher.publish(f"{name}/cs/v2/state/QU8Q-9JTY-HVP8/", payload)
        publisher.flush()
        wait_for(lambda: store.readings.read("cn-foreign", "geojson", START, END).height)
        wait_for(lambda: store.rejects.find() and store.loggers.read())
    assert store.readings.read("cn-foreign", "toa5", START, END)["TA"].to_list() == pytest.approx([21.77])
    (reject,) = store.rejects.find()
    assert (reject.topic, reject.station) == (f"{name}/cs/v2/data/CR1000X/400/Hourly", "cn-foreign")
    assert reject.reason == "type: expected a text, got None"


def test_a_station_registered_while_the_collector_runs_is_followed(settings: Settings, store: Store) -> None:
    with collecting(settings), Publisher(settings.broker_url, settings.topic_root) as publisher:
        store.stations.put(own(settings), "foreign.toml")
        wait_for_topics(settings, store, publisher)
    assert store.rejects.find() == []


def test_each_change_of_a_state_is_an_event(settings: Settings, store: Store) -> None:
    store.stations.put(FILE, "foreign.toml")
    logger = "CR1000X_70681"
    for online, reason in ((True, ""), (True, ""), (False, "Loading program"), (False, "x"), (True, "")):
        store.loggers.put([LoggerState("cn-foreign", logger, online, reason)])
    store.loggers.put([LoggerState("cn-foreign", "", False)])
    nameless, named = store.loggers.read()
    assert (nameless.state, named.state) == (
        LoggerState("cn-foreign", "", False),
        LoggerState("cn-foreign", logger, True),
    )
    with psycopg.connect(settings.store_dsn) as connection:
        rows = connection.execute("SELECT severity, message FROM event ORDER BY id").fetchall()
    assert rows == [
        ("info", f"logger {logger} is online"),
        ("warning", f"logger {logger} is offline: Loading program"),
        ("info", f"logger {logger} is online"),
        ("warning", "logger is offline"),
    ]
