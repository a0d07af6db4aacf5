"""The client that reads and writes many packets at a time: cut by hand, and on a real broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from core.settings import Settings
from ingest.mqtt.broker import connect, make_bulk_client, parse_address
from ingest.mqtt.publisher import Publisher
from ingest.mqtt.wire import BulkClient, Message
from tests.waiting import PATIENCE, wait_for


def packet(topic: bytes, payload: bytes, qos: int, mid: int, properties: bytes | None = b"") -> bytes:
    """A PUBLISH, written by the book (MQTT 5, 3.3)."""
    body = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if qos else b"")
    if properties is not None:
        body += number(len(properties)) + properties
    body += payload
    return bytes([0x30 | qos << 1]) + number(len(body)) + body


def number(value: int) -> bytes:
    """A variable byte integer (MQTT 5, 1.5.5)."""
    written = bytearray()
    while True:
        written.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(written)


def test_what_the_broker_kept_is_marked() -> None:
    sent = packet(b"a", b"now", 1, 5)
    kept = bytes([sent[0] | 1]) + sent[1:]
    messages, _ = make_client()._cut_messages(sent + kept)
    assert [message.retained for message in messages] == [False, True]


def make_client(version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5) -> BulkClient:
    return BulkClient(CallbackAPIVersion.VERSION2, protocol=version, manual_ack=True)


MESSAGES = st.tuples(
    st.text(min_size=1, max_size=20).map(str.encode),
    st.sampled_from([0, 1, 100, 130, 16_300, 16_384, 70_000, 2_100_000]).map(bytes),
    st.integers(0, 1),
    st.integers(1, 65_535),
)


@limits(max_examples=40, deadline=None)
@given(
    sent=st.lists(MESSAGES, max_size=5),
    cut=st.integers(0, 10**7),
    properties=st.sampled_from([None, 0, 3, 127, 128, 20_000]),
)
def test_packets_are_cut_as_they_were_put_together(
    sent: list[tuple[bytes, bytes, int, int]], cut: int, properties: int | None
) -> None:
    client = make_client(MQTTProtocolVersion.MQTTv311 if properties is None else MQTTProtocolVersion.MQTTv5)
    client.connection = 7
    packets = [packet(*one, properties=None if properties is None else bytes(properties)) for one in sent]
    stream = b"".join(packets)
    cut %= len(stream) + 1
    first, end = client._cut_messages(stream[:cut])
    assert end == sum(len(one) for one in packets[: len(first)])
    assert end <= cut
    second, rest = client._cut_messages(stream[end:])
    assert rest == len(stream) - end
    assert [*first, *second] == [
        Message(topic.decode(), payload, qos, mid if qos else 0, 7) for topic, payload, qos, mid in sent
    ]


ACKNOWLEDGEMENTS = st.tuples(st.integers(1, 65_535), st.sampled_from([None, 0x00, 0x10, 0x87]), st.booleans())


@limits(max_examples=60, deadline=None)
@given(sent=st.lists(st.one_of(MESSAGES, ACKNOWLEDGEMENTS), max_size=30), cut=st.integers(0, 10**7))
def test_acknowledgements_are_cut_from_among_messages(
    sent: list[tuple[bytes, bytes, int, int] | tuple[int, int | None, bool]], cut: int
) -> None:
    """A PUBACK has a number, with MQTT 5 perhaps a reason, and then perhaps the length of no properties (3.4)."""
    stream = b""
    for one in sent:
        if len(one) == 4:
            stream += packet(*one)
        else:
            mid, reason, ends = one
            more = b"" if reason is None else bytes([reason]) + (b"\0" if ends else b"")
            stream += bytes([0x40, 2 + len(more)]) + mid.to_bytes(2, "big") + more
    client = make_client()
    mids: list[int] = []
    refusals = 0
    messages: list[Message] = []

    def confirm(numbers: np.ndarray, refused: int) -> None:
        nonlocal refusals
        mids.extend(numbers.tolist())
        refusals += refused

    client.on_messages, client.on_acknowledged = messages.extend, confirm
    cut %= len(stream) + 1
    for part in (stream[:cut], stream[cut:]):
        client._received += part
        client._deliver()
    assert client._received == b""
    acknowledged = [one for one in sent if len(one) == 3]
    assert mids == [mid for mid, *_ in acknowledged]
    assert refusals == sum(reason == 0x87 for _, reason, _ in acknowledged)
    assert [message.payload for message in messages] == [one[1] for one in sent if len(one) == 4]


@pytest.mark.parametrize("other", [b"\xd0\x00", b"\x34\x05\x00\x01a\x00\x01", b"\x32\x03\x00\x09a"])
def test_other_packets_are_left_to_paho(other: bytes) -> None:
    good = packet(b"a", b"x", 1, 3)
    messages, end = make_client()._cut_messages(good + other + bytes(20))
    assert (len(messages), end) == (1, len(good))


@pytest.mark.parametrize("topic", [b"\xff\xfe", b"a\xffb"])
def test_a_topic_that_is_no_text_is_no_end(topic: bytes) -> None:
    ((name, payload, *_),), _ = make_client()._cut_messages(packet(topic, b"x", 0, 0))
    assert "\ufffd" in name
    assert payload == b"x"


@contextmanager
def connected(settings: Settings, client: BulkClient, topic: str) -> Iterator[threading.Event]:
    address = parse_address(settings.broker_url)
    ready = threading.Event()
    client.on_connect = lambda one, *_: one.subscribe(topic, 1)
    client.on_subscribe = lambda *_: ready.set()
    connect(client, address, SessionExpiryInterval=60)
    try:
        assert ready.wait(PATIENCE)
        yield ready
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.integration
def test_what_is_published_comes_whole_and_is_acknowledged_together(settings: Settings) -> None:
    client = make_bulk_client(parse_address(settings.broker_url), settings.collector)
    got: list[Message] = []
    reads = 0

    def take(messages: Sequence[Message]) -> None:
        nonlocal reads
        reads += 1
        client.acknowledge_all([message.mid for message in messages if message.qos])
        got.extend(messages)

    client.on_messages = take
    sizes = [0, 5, 120, 127, 128, 900, 16_380, 16_390, 300_000]
    with connected(settings, client, f"{settings.topic_root}/#"):
        with Publisher(settings.broker_url, settings.topic_root) as publisher:
            publisher.wait_connected(PATIENCE)
            for number in range(900):
                publisher.publish(f"{settings.topic_root}/{number}", bytes(sizes[number % len(sizes)]))
            publisher.flush()
        wait_for(lambda: len(got) >= 900)
        time.sleep(1.0)  # the broker reads one acknowledgement after the other
    assert [message.topic for message in got] == [f"{settings.topic_root}/{number}" for number in range(900)]
    assert [len(message.payload) for message in got] == [sizes[number % len(sizes)] for number in range(900)]
    assert reads < 900
    again: list[Message] = []
    second = make_bulk_client(parse_address(settings.broker_url), settings.collector)
    second.on_messages = again.extend
    address = parse_address(settings.broker_url)
    connect(second, address, clean_start=False)
    time.sleep(1.0)
    second.disconnect()
    second.loop_stop()
    assert again == []  # all of it was acknowledged


@pytest.mark.integration
def test_packets_go_out_as_they_are_and_their_acknowledgements_come_in(settings: Settings) -> None:
    sender = make_bulk_client(parse_address(settings.broker_url), "")
    confirmed: list[int] = []
    sender.on_acknowledged = lambda mids, refused: confirmed.extend(mids.tolist())
    got: list[bytes] = []
    with connected(settings, sender, f"{settings.topic_root}/nothing"):
        receiver = make_bulk_client(parse_address(settings.broker_url), "")
        receiver.on_messages = lambda messages: got.extend(message.payload for message in messages)
        with connected(settings, receiver, f"{settings.topic_root}/#"):
            topic = f"{settings.topic_root}/x".encode()
            sender.send_packets(0x30, b"".join(packet(topic, b"%d" % mid, 1, mid) for mid in range(1, 2001)))
            wait_for(lambda: len(got) >= 2000 and len(confirmed) >= 2000)
    assert confirmed == list(range(1, 2001))
    assert got == [b"%d" % mid for mid in range(1, 2001)]


@pytest.mark.integration
def test_an_end_of_the_connection_is_noticed_and_it_comes_back(settings: Settings) -> None:
    client = make_bulk_client(parse_address(settings.broker_url), settings.collector)
    client.reconnect_delay_set(1, 1)
    got: list[Message] = []
    client.on_messages = got.extend
    ends = threading.Event()
    client.on_disconnect = lambda *_: ends.set()
    with connected(settings, client, f"{settings.topic_root}/#") as ready:
        ready.clear()
        thief = Client(CallbackAPIVersion.VERSION2, client_id=settings.collector, protocol=MQTTProtocolVersion.MQTTv5)
        address = parse_address(settings.broker_url)
        thief.connect(address.host, address.port)
        assert ends.wait(PATIENCE)
        thief.disconnect()
        assert ready.wait(PATIENCE)
        with Publisher(settings.broker_url, settings.topic_root) as publisher:
            publisher.publish(f"{settings.topic_root}/x", b"again")
            publisher.flush()
        wait_for(lambda: got)
    assert [message.payload for message in got] == [b"again"]
