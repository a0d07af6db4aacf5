"""A paho client that reads and writes many packets at a time.

paho alone takes 16 to 22 us for a message that is acknowledged by hand: four system calls to read it, one more to
acknowledge it, an object with a lock of its own, log lines that nobody reads. Here a PUBLISH is cut out of one large
read, and acknowledgements are written together. Everything else stays paho's: connecting, subscribing, keeping alive,
TLS, coming back. Of paho's inner methods ``_sock_recv`` is replaced, ``_packet_queue`` and ``_mid_generate`` are
called; tests/ingest/mqtt/test_wire.py holds them to what is expected here.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

READ_BYTES = 1 << 18
"""How much is read at once. [bytes]"""
PUBLISH, PUBACK = 0x30, 0x40


class Message(NamedTuple):
    """A message as it came.

    ``connection`` says over which connection, and so whether it can still be acknowledged; ``retained``, that the
    broker kept it: nobody sent it just now.
    """

    topic: str
    payload: bytes
    qos: int
    mid: int
    connection: int
    retained: bool = False


class BulkClient(Client):
    """A paho client whose messages of QoS 0 and 1 come many at a time.

    Attributes
    ----------
    on_messages : callable or None
        Takes the messages of one read, on the network thread; without it they go paho's way.
    on_acknowledged : callable or None
        Takes the numbers of the messages that PUBACKs of this read were for, and how many of them the broker refused;
        without it they go paho's way.
    connection : int
        Goes into every message.
    """

    on_messages: Callable[[Sequence[Message]], None] | None = None
    on_acknowledged: Callable[[NDArray[np.uint16], int], None] | None = None
    connection = 0
    _received = b""
    _for_paho = b""
    _ended = False

    def acknowledge_all(self, mids: Iterable[int]) -> None:
        """Acknowledge messages of QoS 1, in one write."""
        numbers = np.fromiter(mids, ">u2")
        if len(numbers):
            packets = np.empty(len(numbers), [("head", ">u2"), ("mid", ">u2")])
            packets["head"] = PUBACK << 8 | 2
            packets["mid"] = numbers
            self.send_packets(PUBACK, packets.tobytes())

    def publish_all(self, messages: Iterable[tuple[str, bytes]]) -> list[int]:
        """Publish retained messages (topic, payload) at QoS 1, in one write; return their numbers.

        paho keeps no record of them: what is not acknowledged when the connection ends is for the caller to publish
        again.
        """
        properties = b"\0" if self.protocol == MQTTProtocolVersion.MQTTv5 else b""
        mids, packets = [], bytearray()
        for topic, payload in messages:
            mid = self._mid_generate()
            name = topic.encode()
            body = b"".join((len(name).to_bytes(2, "big"), name, mid.to_bytes(2, "big"), properties, payload))
            packets += bytes([PUBLISH | 3]) + encode_length(len(body)) + body
            mids.append(mid)
        if mids:
            self.send_packets(PUBLISH | 3, bytes(packets))
        return mids

    def send_packets(self, kind: int, packets: bytes) -> None:
        """Send whole packets as they are; paho keeps no record of them. From any thread."""
        self._packet_queue(kind, packets, 0, 1)

    def reconnect(self) -> MQTTErrorCode:
        """Connect again (paho calls this); what was left of the old connection is forgotten."""
        self._received = self._for_paho = b""
        self._ended = False
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what has come (paho calls this, on its network thread)."""
        socket = self.socket()
        if socket is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            more = socket.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            more = b""
        self._ended = not more
        self._received += more
        while True:
            self._deliver()
            self._for_paho = self._next_packet()
            if not self._for_paho and not self._ended:
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            # another kind of packet, or the end of the connection
            result = super().loop_read()
            if result or self._ended or self.socket() is not socket:
                return result

    def _sock_recv(self, bufsize: int) -> bytes:
        given, self._for_paho = self._for_paho[:bufsize], self._for_paho[bufsize:]
        if not given and not self._ended:
            raise BlockingIOError
        return given

    def _next_packet(self) -> bytes:
        """Cut the first packet off, whatever it is; empty if it is not whole yet."""
        body = _find_body(self._received, 0)
        size = sum(body) if body is not None else 0
        if not 0 < size <= len(self._received):
            return b""
        packet, self._received = self._received[:size], self._received[size:]
        return packet

    def _deliver(self) -> None:
        """Deliver the messages and acknowledgements at the beginning of what was received."""
        while received := self._received:
            first = received[0] & 0xF0
            if first == PUBLISH and self.on_messages is not None:
                messages, end = self._cut_messages(received)
                self._received = received[end:]
                if messages:
                    self.on_messages(messages)
            elif first == PUBACK and self.on_acknowledged is not None:
                mids, refused, end = _cut_acknowledgements(received)
                self._received = received[end:]
                if len(mids):
                    self.on_acknowledged(mids, refused)
            else:
                return
            if not end:
                return

    def _cut_messages(self, received: bytes) -> tuple[list[Message], int]:
        """Return the messages at the beginning of what was received, and where they end."""
        messages: list[Message] = []
        add, connection, make = messages.append, self.connection, Message._make
        has_properties = self.protocol == MQTTProtocolVersion.MQTTv5
        end, total = 0, len(received)
        while end + 5 <= total:  # no message is shorter
            head = received[end]
            if head & 0xF4 != PUBLISH:  # another kind of packet, or QoS 2
                break
            size = received[end + 1]
            at = end + 2
            if size & 0x80:
                size = size & 0x7F | received[at] << 7
                at += 1
                if size & 0x4000:  # a third byte: rare, so it may take longer
                    body = _find_body(received, end)
                    if body is None:
                        break
                    at, size = body
            stop = at + size
            if stop > total:
                break
            start = at + 2 + (received[at] << 8 | received[at + 1])
            topic = received[at + 2 : start]
            qos = head >> 1 & 1
            mid = 0
            if qos:
                mid = received[start] << 8 | received[start + 1]
                start += 2
            if has_properties:
                if received[start] & 0x80:
                    fields = _find_body(received, start - 1)  # a length, written as that of a packet
                    if fields is None:
                        break
                    start = sum(fields)
                else:
                    start += 1 + received[start]
            if start > stop:
                break  # malformed: paho says so
            add(make((topic.decode("utf-8", "replace"), received[start:stop], qos, mid, connection, bool(head & 1))))
            end = stop
        return messages, end


def encode_length(value: int) -> bytes:
    """Return a length as MQTT writes it."""
    low, high = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + encode_length(high) if high else bytes([low])


def _cut_acknowledgements(received: bytes) -> tuple[NDArray[np.uint16], int, int]:
    """Return the numbers in the PUBACKs at the beginning that are equally long, how many refuse, and where they end."""
    size = received[1] if len(received) > 1 else 0
    if not 2 <= size < 0x80:
        return np.empty(0, np.uint16), 0, 0
    packets = np.frombuffer(received, np.uint8, len(received) // (2 + size) * (2 + size)).reshape(-1, 2 + size)
    alike = (packets[:, 0] == PUBACK) & (packets[:, 1] == size)
    packets = packets if alike.all() else packets[: alike.argmin()]
    # MQTT 5 may add a reason; from 0x80 on it is a refusal
    refused = int((packets[:, 4] >= 0x80).sum()) if size > 2 else 0
    return np.ascontiguousarray(packets[:, 2:4]).view(">u2")[:, 0].astype(np.uint16), refused, packets.size


def _find_body(received: bytes, begin: int) -> tuple[int, int] | None:
    """Return position and length of the body of the packet that begins there, None if its head has not come yet."""
    size = 0
    for i, byte in enumerate(received[begin + 1 : begin + 5]):
        size |= (byte & 0x7F) << 7 * i
        if not byte & 0x80:
            return begin + 2 + i, size
    # a fifth byte is against the protocol: paho gets it and says so
    return (begin + 6, 0) if len(received) >= begin + 6 else None
