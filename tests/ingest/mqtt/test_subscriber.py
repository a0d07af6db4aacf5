"""The collector's session on a real broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from core.settings import Settings
from ingest.mqtt import inbox
from ingest.mqtt.broker import parse_address
from ingest.mqtt.publisher import Publisher
from ingest.mqtt.subscriber import Message, Subscriber
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration


@contextmanager
def session(settings: Settings, in_flight: int = 100) -> Iterator[Subscriber]:
    subscriber = Subscriber(settings.broker_url, settings.collector, f"{settings.topic_root}/#", in_flight)
    subscriber.start()
    try:
        assert subscriber.wait_subscribed(PATIENCE)
        yield subscriber
    finally:
        subscriber.stop()


def publish(settings: Settings, count: int) -> None:
    with Publisher(settings.broker_url, settings.topic_root) as publisher:
        for number in range(count):
            publisher.publish(f"{settings.topic_root}/x", str(number).encode())
        publisher.flush()


def take_all(subscriber: Subscriber, count: int) -> list[Message]:
    """Take as many as should come, and what comes after them."""
    taken = subscriber.take(count, PATIENCE, PATIENCE) if count else []
    while messages := subscriber.take(1000, 1.0, 0.1):
        taken += messages
    return taken


def numbers(messages: list[Message]) -> list[int]:
    return [int(message.payload) for message in messages]


def test_the_broker_holds_back_what_is_not_acknowledged(settings: Settings) -> None:
    with session(settings, in_flight=10) as subscriber:
        publish(settings, 50)
        first = take_all(subscriber, 10)
        assert numbers(first) == list(range(10))
        subscriber.acknowledge(first[:4])
        second = take_all(subscriber, 4)
        assert numbers(second) == [10, 11, 12, 13]
        subscriber.acknowledge([*first[4:], *second])
        rest: list[Message] = []
        while messages := subscriber.take(1000, 1.0 if len(rest) == 36 else PATIENCE, 0.05):
            rest += messages
            subscriber.acknowledge(messages)
        assert numbers(rest) == list(range(14, 50))


def test_the_session_keeps_what_comes_while_the_collector_is_away(settings: Settings) -> None:
    with session(settings):
        pass
    publish(settings, 20)
    with session(settings) as subscriber:
        messages = take_all(subscriber, 20)
        assert numbers(messages) == list(range(20))
        subscriber.acknowledge(messages[:15])
    with session(settings) as subscriber:
        assert numbers(take_all(subscriber, 5)) == list(range(15, 20))


def test_a_message_of_an_earlier_connection_is_not_acknowledged_on_a_later_one(settings: Settings) -> None:
    with session(settings) as subscriber:
        publish(settings, 5)
        old = take_all(subscriber, 5)
        assert numbers(old) == list(range(5))
        with session(settings):  # takes the session over
            pass
        assert subscriber.wait_subscribed(PATIENCE)
        again = take_all(subscriber, 5)
        assert numbers(again) == list(range(5))
        assert {message.connection for message in old}.isdisjoint({message.connection for message in again})
        subscriber.acknowledge(old)
    with session(settings) as subscriber:
        last = take_all(subscriber, 5)
        assert numbers(last) == list(range(5))
        subscriber.acknowledge(last)
        time.sleep(0.3)
    with session(settings) as subscriber:
        assert take_all(subscriber, 0) == []


def test_waiting_ends_with_the_time_or_with_the_number_asked_for(settings: Settings) -> None:
    with session(settings) as subscriber:
        began = time.monotonic()
        assert subscriber.take(10, 0.2, PATIENCE) == []
        assert time.monotonic() - began < PATIENCE
        publish(settings, 30)
        assert numbers(subscriber.take(30, PATIENCE, PATIENCE)) == list(range(30))
        assert time.monotonic() - began < PATIENCE


def test_what_is_taken_at_once_is_bounded_by_its_bytes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_BATCH_BYTES", 1000)
    with session(settings) as subscriber:
        with Publisher(settings.broker_url, settings.topic_root) as publisher:
            for _ in range(10):
                publisher.publish(f"{settings.topic_root}/x", bytes(300))
            publisher.flush()
        wait_for(lambda: len(subscriber._inbox._messages) == 10)
        assert [len(subscriber.take(1000, 1.0, 0.1)) for _ in range(3)] == [4, 4, 2]


def test_retained_messages_go_out_together_and_are_repeated(settings: Settings) -> None:
    """What was not confirmed when the connection ended is published again."""
    sent = [(f"{settings.topic_root}/{number}/committed", b"%d" % number) for number in range(2500)]
    held: list[int] = []
    with session(settings) as subscriber:
        # more than may be unconfirmed: it waits for the broker, but not for ever
        taken = 0
        while taken < len(sent):
            taken += subscriber.publish_all(sent[taken:])
        wait_for(lambda: not subscriber._unconfirmed)
        confirm = subscriber._client.on_acknowledged
        subscriber._client.on_acknowledged = lambda mids, refused: held.extend(mids.tolist())
        assert subscriber.publish_all(sent[:3]) == 3
        wait_for(lambda: len(held) >= 3)
        subscriber._client.on_acknowledged = confirm
        steal_session(settings)
        assert subscriber.publish_all(sent[3:5]) == 0
        assert subscriber.wait_subscribed(PATIENCE)
        assert subscriber.publish_all([]) == 0
        wait_for(lambda: not subscriber._unconfirmed and not subscriber._unpublished)
    with session(settings.model_copy(update={"collector": "another"}), in_flight=5000) as other:
        kept: dict[str, bytes] = {}
        while messages := other.take(5000, 1.0 if len(kept) == len(sent) else PATIENCE, 0.1):
            kept.update((message.topic, message.payload) for message in messages)
    assert kept == dict(sent)


def steal_session(settings: Settings) -> None:
    """Break the collector's connection: another client takes its name, and leaves."""
    thief = Client(CallbackAPIVersion.VERSION2, client_id=settings.collector, protocol=MQTTProtocolVersion.MQTTv5)
    address = parse_address(settings.broker_url)
    thief.connect(address.host, address.port, clean_start=False)
    thief.loop_start()
    time.sleep(0.5)
    thief.disconnect()
    thief.loop_stop()
