"""Publishes what the spool holds, at QoS 1, and forgets what the platform says is committed."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.errors import PayloadError
from ingest.agent.config import BrokerConfig
from ingest.agent.send_order import SendOrder
from ingest.agent.spool import Spool, SpooledBlock
from ingest.collector.watermark import Watermark, decode
from ingest.mqtt.broker import KEEPALIVE_SECONDS, make_client
from ingest.mqtt.topics import Topic, format_topic

MAX_UNCONFIRMED = 20
"""Most messages without the broker's confirmation; old ones leave a quarter to the live ones."""
MAX_UNCONFIRMED_BYTES = 1 << 17
"""Bytes without the broker's confirmation with which no old message is sent: a live one must not queue behind them."""
MAX_RETRY_SECONDS = 60
"""Longest wait before the broker is tried again. [s]"""
FORGET_SECONDS = 5.0
"""How often committed blocks are deleted: each time is a write to the disk. [s]"""

log = logging.getLogger(__name__)


class Sender:
    """A connection to the broker, used by one thread.

    Parameters
    ----------
    broker : BrokerConfig
        Where to, how fast.
    station : str
        Station id.
    spool : Spool
        What to send.
    wake : callable
        Called from the network's thread when there may be something to do.
    """

    def __init__(self, broker: BrokerConfig, station: str, spool: Spool, wake: Callable[[], None]) -> None:
        self._broker, self._station, self._spool, self._wake = broker, station, spool, wake
        self._orders = {stream: SendOrder(broker.resend_seconds) for stream in spool.streams}
        self._lock = threading.Lock()
        self._max_unconfirmed = MAX_UNCONFIRMED
        self._unconfirmed: dict[int, int] = {}
        self._confirmed_early: set[int] = set()  # confirmed before their number was known here
        self._watermarks: dict[str, Watermark] = {}
        self._to_forget: dict[str, Watermark] = {}
        self._forgot = float("-inf")
        self._allowance = 0.0
        self._allowed_at: float | None = None
        self.is_connected = False
        self.committed = 0
        self._client = make_client(broker.address, broker.client_id)
        self._client.reconnect_delay_set(1, MAX_RETRY_SECONDS)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connect in the background, and again whenever the connection breaks."""
        address = self._broker.address
        self._client.connect_async(address.host, address.port, keepalive=KEEPALIVE_SECONDS)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def add_live(self, stream: str, seqs: Sequence[int]) -> None:
        """Add blocks of fresh samples: they overtake all others."""
        for seq in seqs:
            self._orders[stream].add_live(seq)

    def send_due(self, now: float) -> None:
        """Forget what is committed, and send what may be sent.

        Parameters
        ----------
        now : float
            Monotonic clock. [s]
        """
        self.apply_watermarks(now)
        if not self.is_connected:
            return
        for stream, order in self._orders.items():
            while len(self._unconfirmed) < self._max_unconfirmed and (seq := order.next_live()) is not None:
                self._send(stream, order, self._spool.read(stream, seq), seq, now)
        rate = self._broker.rate_limit
        elapsed = 0.0 if self._allowed_at is None else now - self._allowed_at
        self._allowance, self._allowed_at = min(rate, self._allowance + rate * elapsed), now
        busy = list(self._orders.items())
        while busy and self._allowance > 0:
            # a block of each stream in turn
            busy = [(stream, order) for stream, order in busy if self._send_old(stream, order, now)]

    def apply_watermarks(self, now: float) -> None:
        """Apply the newest watermarks: to the order at once, to the disk now and then.

        Parameters
        ----------
        now : float
            Monotonic clock; infinite applies them to the disk, too. [s]
        """
        with self._lock:
            watermarks, self._watermarks = self._watermarks, {}
        for stream, watermark in watermarks.items():
            if stream in self._orders and watermark.run == self._spool.run:
                self._orders[stream].apply_watermark(watermark, now)
                self._to_forget[stream] = watermark
        if self._to_forget and now - self._forgot >= FORGET_SECONDS:
            self._forgot = now
            try:
                for stream, watermark in self._to_forget.items():
                    self.committed += self._spool.forget_committed(stream, watermark)
                self._to_forget = {}
            except sqlite3.OperationalError as error:
                log.error("committed blocks cannot be deleted now: %s", error)

    @property
    def _may_send_old(self) -> bool:
        with self._lock:
            return (
                len(self._unconfirmed) < max(1, self._max_unconfirmed * 3 // 4)
                and sum(self._unconfirmed.values()) < MAX_UNCONFIRMED_BYTES
            )

    def _send_old(self, stream: str, order: SendOrder, now: float) -> bool:
        """Send a block of what is not live; return whether there was one."""
        if not self._may_send_old:
            return False
        seq = order.next_again(now)
        if seq is not None:
            self._allowance -= self._send(stream, order, self._spool.read(stream, seq), seq, now)
            return True
        while (after := order.backlog_after(now)) is not None:
            block = self._spool.next_after(stream, after)
            if block is None:
                return False
            if order.take_backlog(block.seq):
                self._allowance -= self._send(stream, order, block, block.seq, now)
                return True
        return False

    def _send(self, stream: str, order: SendOrder, block: SpooledBlock | None, seq: int, now: float) -> int:
        """Publish a block, unless it is no longer there; return its bytes."""
        if block is None:
            order.forget(seq)
            return 0
        topic = format_topic(Topic(self._station, stream, block.kind), self._broker.topic_root)
        info = self._client.publish(topic, block.message, qos=1)
        with self._lock:
            if info.mid in self._confirmed_early:
                self._confirmed_early.discard(info.mid)
            else:
                self._unconfirmed[info.mid] = len(block.message)
        order.add_sent(seq, now)
        return len(block.message)

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.error("the broker at %s refuses us: %s (check user and password)", self._where, reason)
            return
        log.info("connected to the broker at %s", self._where)
        # paho does not look at the broker's receive maximum
        self._max_unconfirmed = min(MAX_UNCONFIRMED, getattr(properties, "ReceiveMaximum", MAX_UNCONFIRMED))
        client.subscribe(f"{self._broker.topic_root}/{self._station}/+/committed", qos=1)
        self.is_connected = True
        self._wake()

    def _on_connect_fail(self, client: Client, _: Any) -> None:
        log.warning("no broker at %s: trying again", self._where)

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self.is_connected:
            log.warning("connection to the broker at %s ended: %s", self._where, reason)
        self.is_connected = False

    def _on_publish(self, client: Client, _: Any, mid: int, reason: ReasonCode, properties: Properties) -> None:
        with self._lock:
            if self._unconfirmed.pop(mid, None) is None:
                self._confirmed_early.add(mid)
            is_time = len(self._unconfirmed) == self._max_unconfirmed // 2 or not self._unconfirmed
        if reason.is_failure:
            log.error("the broker at %s refuses a message: %s (check its limits and access rules)", self._where, reason)
        if is_time:
            self._wake()

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        try:
            watermark = decode(bytes(message.payload))
            stream = message.topic.split("/")[-2]
        except (PayloadError, UnicodeDecodeError) as error:
            log.warning("a watermark that cannot be read: %s", error)
            return
        with self._lock:
            self._watermarks[stream] = watermark
        self._wake()

    @property
    def _where(self) -> str:
        return f"{self._broker.address.host}:{self._broker.address.port}"
