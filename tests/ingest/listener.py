"""A client that keeps the newest message of each topic."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paho.mqtt.client import Client, MQTTMessage

from ingest.mqtt.broker import make_client, parse_address
from tests.waiting import PATIENCE


@contextmanager
def listening(url: str, topic_filter: str) -> Iterator[dict[str, bytes]]:
    """Subscribe for the time of the block; give topic -> newest payload."""
    heard: dict[str, bytes] = {}
    subscribed = threading.Event()

    def on_connect(client: Client, *_: Any) -> None:
        client.subscribe(topic_filter, qos=1)

    def on_message(client: Client, _: Any, message: MQTTMessage) -> None:
        heard[message.topic] = message.payload

    address = parse_address(url)
    client = make_client(address, "")
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = on_message
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        assert subscribed.wait(PATIENCE)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()
