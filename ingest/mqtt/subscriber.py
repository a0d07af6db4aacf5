"""The collector's MQTT client: a session of paho's. Nothing is acknowledged that the caller has not done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.mqtt.broker import connect, make_bulk_client, parse_address
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.wire import Message

__all__ = ["Message", "Subscriber"]

SESSION_EXPIRY_SECONDS = 7 * 86_400
"""How long the broker keeps the session of a collector that is away. [s]"""
MAX_PACKET_BYTES = 8 << 20
"""Largest packet the broker may send; it drops larger ones. [bytes]"""
MAX_UNCONFIRMED = 1000
"""Most messages of ours that wait for the broker's confirmation, if it does not ask for fewer."""
PUBLISH_SECONDS = 2.0
"""Longest wait of a message of ours until enough of the earlier ones are confirmed. [s]"""
UNUSED_TOPIC = "fluxtower/nothing"
"""A topic that nobody subscribes to."""
STOP_SECONDS = 2.0
"""How long the end of a session waits for the broker. [s]"""
SESSION_TAKEN_OVER = 142
MAX_TOPICS_PER_REQUEST = 500
"""Most topics in one request, so that it stays far below any limit of a broker."""

log = logging.getLogger(__name__)


class Subscriber:
    """A persistent session whose messages are acknowledged by hand.

    The broker keeps at most ``in_flight`` messages unacknowledged, so a caller that takes no more bounds memory
    by itself. A message from an earlier connection is never acknowledged on a later one: the broker sends it again
    under another number.

    Parameters
    ----------
    url : str
        ``mqtt://user:password@host:port`` or ``mqtts://``.
    client_id : str
        Name of the persistent session.
    topic_filter : str
        What to subscribe to, at QoS 1.
    in_flight : int
        Receive maximum.
    group : str
        Subscribers of one group, each with a ``client_id`` of its own, share the messages; empty = this one gets all.
    """

    def __init__(self, url: str, client_id: str, topic_filter: str, in_flight: int, group: str = "") -> None:
        self._group = group
        self._address = parse_address(url)
        self._filter = topic_filter
        self._foreign: set[str] = set()
        self._requested: dict[int | None, list[str]] = {}
        self._in_flight = in_flight
        self._changed = threading.Condition()
        self._inbox = Inbox(self._changed, in_flight)
        self._connection = 0
        self._subscribed = False
        self._stopping = False
        self._unsubscribed: set[int | None] = set()
        self._max_unconfirmed = MAX_UNCONFIRMED
        self._unconfirmed: dict[int, tuple[str, bytes]] = {}  # of this connection, by number
        self._unpublished: list[tuple[str, bytes]] = []  # of earlier connections
        self._client = make_bulk_client(self._address, client_id)
        self._client.on_acknowledged = self._on_acknowledged
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_unsubscribe = self._on_unsubscribe
        self._client.on_messages = self._inbox.put

    @property
    def dropped(self) -> int:
        """QoS 0 messages that found the inbox full."""
        return self._inbox.dropped

    def wait_subscribed(self, timeout: float) -> bool:
        """Wait until the broker keeps messages for this session; say whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: self._subscribed, timeout)

    def start(self) -> None:
        """Connect in the background, and again whenever the connection breaks."""
        connect(
            self._client,
            self._address,
            clean_start=False,
            SessionExpiryInterval=SESSION_EXPIRY_SECONDS,
            ReceiveMaximum=self._in_flight,
            MaximumPacketSize=MAX_PACKET_BYTES,
        )

    def follow_topics(self, filters: Collection[str]) -> None:
        """Subscribe to these topics of other makers' messages, too, and leave those that are no longer among them."""
        with self._changed:
            new, gone = set(filters) - self._foreign, self._foreign - set(filters)
            self._foreign = set(filters)
            if not self._subscribed:
                return  # the connection that is being made subscribes to all
            self._subscribe(sorted(new))
            for part in _requests(sorted(gone)):
                self._client.unsubscribe([self._shared(one) for one in part])

    def stop(self) -> None:
        """Send what is acknowledged, disconnect and keep the session at the broker."""
        with self._changed:
            self._stopping = True
            self._inbox.close()
            if self._subscribed:
                # the broker reads in order: once it has answered this, it has read the acknowledgements before it.
                # without that it would send the messages again to whoever continues the session at once
                _, mid = self._client.unsubscribe(UNUSED_TOPIC)
                self._changed.wait_for(lambda: mid in self._unsubscribed or not self._subscribed, STOP_SECONDS)
        self._client.disconnect()
        self._client.loop_stop()

    def take(self, max_messages: int, wait: float, gather: float) -> list[Message]:
        """Return waiting messages; as ``Inbox.take``."""
        return self._inbox.take(max_messages, wait, gather)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a retained message at QoS 0, if there is a connection."""
        if self._subscribed:
            self._client.publish(topic, payload, 0, retain=True)

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """Publish retained messages, topics and payloads, at QoS 1; return how many of them were taken.

        None is taken without a connection. It waits, up to 2 s, until the broker has confirmed enough of the earlier
        ones; what is not confirmed when the connection ends is published again with the next call.
        """
        with self._changed:
            before = len(self._unpublished)
            waiting = [*self._unpublished, *messages]
            self._unpublished = []
            done = 0
            while done < len(waiting) and self._changed.wait_for(self._has_room, PUBLISH_SECONDS) and self._subscribed:
                some = waiting[done : done + self._max_unconfirmed - len(self._unconfirmed)]
                self._unconfirmed.update(zip(self._client.publish_all(some), some, strict=True))
                done += len(some)
            self._unpublished += waiting[done:before]
            return max(0, done - before)

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Tell the broker that these are done; those of an earlier connection are left out."""
        with self._changed:  # no connection may begin or end between the look and the acknowledgement
            connection = self._connection
            self._client.acknowledge_all([one.mid for one in messages if one.qos and one.connection == connection])

    def _has_room(self) -> bool:
        return not self._subscribed or len(self._unconfirmed) < self._max_unconfirmed

    def _reset_connection(self) -> None:
        """Begin or end a connection: what waits belongs to no connection any more, the broker sends it again."""
        with self._changed:
            self._connection += 1
            self._client.connection = self._connection
            self._subscribed = False
            self._inbox.clear()
            self._unpublished += self._unconfirmed.values()
            self._unconfirmed.clear()
            self._changed.notify_all()

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error(
                "the broker at %s refuses us: %s (check FLUXTOWER_BROKER's user and password)", self._where, reason
            )
            return
        self._reset_connection()
        # paho does not look at the broker's receive maximum
        self._max_unconfirmed = min(MAX_UNCONFIRMED, getattr(properties, "ReceiveMaximum", MAX_UNCONFIRMED))
        resumed = "resumed" if flags.session_present else "new"
        log.info("connected to the broker at %s, %s session", self._where, resumed)
        with self._changed:
            self._subscribe([self._filter, *sorted(self._foreign)])

    def _subscribe(self, filters: list[str]) -> None:
        # a shared subscription may not leave out our own messages, and MQTT 3.1.1 cannot: the writer does it then
        options = SubscribeOptions(
            qos=1, noLocal=not self._group, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
        )
        for part in _requests(filters):
            shared = [self._shared(one) for one in part]
            if self._address.version == "5":
                _, mid = self._client.subscribe([(one, options) for one in shared])
            else:
                _, mid = self._client.subscribe([(one, 1) for one in shared])
            self._requested[mid] = part

    def _shared(self, topic_filter: str) -> str:
        return f"$share/{self._group}/{topic_filter}" if self._group else topic_filter

    def _on_connect_fail(self, client: Client, _: Any) -> None:
        log.warning("no broker at %s: trying again (is it running? `fluxtower status`)", self._where)

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._reset_connection()
        if reason.value == SESSION_TAKEN_OVER:
            log.error("another collector uses the same name: give each its own FLUXTOWER_COLLECTOR")
        elif not self._stopping:
            log.warning("connection to the broker at %s lost: %s", self._where, reason)

    def _on_subscribe(
        self, client: Client, _: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        with self._changed:
            requested = self._requested.pop(mid, [self._filter])
        for topic, reason in zip(requested, reasons, strict=False):
            if reason.is_failure:
                log.error("%s does not send %s: %s (check the broker's access rules)", self._where, topic, reason)
                if topic == self._filter:
                    return
        with self._changed:
            self._subscribed = True
            self._changed.notify_all()

    def _on_unsubscribe(
        self, client: Client, _: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        with self._changed:
            self._unsubscribed.add(mid)
            self._changed.notify_all()

    def _on_acknowledged(self, mids: NDArray[np.uint16], refused: int) -> None:
        if refused:
            log.error("the broker at %s refuses %d of our messages (check its access rules)", self._where, refused)
        with self._changed:
            was_full = not self._has_room()
            for mid in mids.tolist():
                self._unconfirmed.pop(mid, None)
            if was_full:
                self._changed.notify_all()

    @property
    def _where(self) -> str:
        return f"{self._address.host}:{self._address.port}"


def _requests(topics: Sequence[str]) -> list[list[str]]:
    """Return topics in the portions in which the broker is requested for them."""
    return [list(topics[i : i + MAX_TOPICS_PER_REQUEST]) for i in range(0, len(topics), MAX_TOPICS_PER_REQUEST)]
