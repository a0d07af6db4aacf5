"""The collector's session on a real broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.settings import Settings
from ingest import client
from ingest.client import Message, Subscriber
from ingest.publisher import Publisher

pytestmark = pytest.mark.integration


@contextmanager
def session(settings: Settings, in_flight: int = 100) -> Iterator[Subscriber]:
    subscriber = Subscriber(settings.broker_url, settings.collector, f"{settings.topic_root}/#", in_flight)
    subscriber.start()
    try:
        assert subscriber.wait_subscribed(10)
        yield subscriber
    finally:
        subscriber.stop()


def publish(settings: Settings, count: int) -> None:
    with Publisher(settings.broker_url, settings.topic_root) as publisher:
        for number in range(count):
            publisher.publish(f"{settings.topic_root}/x", str(number).encode())
        publisher.flush()


def take_all(subscriber: Subscriber, wait: float = 1.0) -> list[Message]:
    taken: list[Message] = []
    while messages := subscriber.take(1000, wait, 0.1):
        taken += messages
    return taken


def numbers(messages: list[Message]) -> list[int]:
    return [int(message.payload) for message in messages]


def test_the_broker_holds_back_what_is_not_acknowledged(settings: Settings) -> None:
    with session(settings, in_flight=10) as subscriber:
        publish(settings, 50)
        first = take_all(subscriber)
        assert numbers(first) == list(range(10))
        subscriber.acknowledge(first[:4])
        second = take_all(subscriber)
        assert numbers(second) == [10, 11, 12, 13]
        subscriber.acknowledge([*first[4:], *second])
        rest: list[Message] = []
        while messages := subscriber.take(1000, 1.0, 0.05):
            rest += messages
            subscriber.acknowledge(messages)
        assert numbers(rest) == list(range(14, 50))


def test_the_session_keeps_what_comes_while_the_collector_is_away(settings: Settings) -> None:
    with session(settings):
        pass
    publish(settings, 20)
    with session(settings) as subscriber:
        messages = take_all(subscriber)
        assert numbers(messages) == list(range(20))
        subscriber.acknowledge(messages[:15])
    with session(settings) as subscriber:
        assert numbers(take_all(subscriber)) == list(range(15, 20))


def test_a_message_of_an_earlier_connection_is_not_acknowledged_on_a_later_one(settings: Settings) -> None:
    with session(settings) as subscriber:
        publish(settings, 5)
        old = take_all(subscriber)
        assert numbers(old) == list(range(5))
        with session(settings):  # takes the session over
            pass
        assert subscriber.wait_subscribed(10)
        again = take_all(subscriber)
        assert numbers(again) == list(range(5))
        assert {message.connection for message in old}.isdisjoint({message.connection for message in again})
        subscriber.acknowledge(old)
    with session(settings) as subscriber:
        last = take_all(subscriber)
        assert numbers(last) == list(range(5))
        subscriber.acknowledge(last)
        time.sleep(0.3)
    with session(settings) as subscriber:
        assert take_all(subscriber) == []


def test_waiting_ends_with_the_time_or_with_the_number_asked_for(settings: Settings) -> None:
    with session(settings) as subscriber:
        began = time.monotonic()
        assert subscriber.take(10, 0.2, 5.0) == []
        assert time.monotonic() - began < 1.0
        publish(settings, 30)
        assert numbers(subscriber.take(30, 1.0, 5.0)) == list(range(30))
        assert time.monotonic() - began < 4.0


def test_what_is_taken_at_once_is_bounded_by_its_bytes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_BATCH_BYTES", 1000)
    with session(settings) as subscriber:
        with Publisher(settings.broker_url, settings.topic_root) as publisher:
            for _ in range(10):
                publisher.publish(f"{settings.topic_root}/x", bytes(300))
            publisher.flush()
        time.sleep(0.5)
        assert [len(subscriber.take(1000, 1.0, 0.1)) for _ in range(3)] == [4, 4, 2]
