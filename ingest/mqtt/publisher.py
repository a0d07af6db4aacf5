"""Publishes records at QoS 1, as a station would: every one until the broker has confirmed it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.clock import NS
from core.errors import FluxTowerError, SetupError
from core.records import Reading, SampleBlock
from ingest.encoding import encode_block, encode_reading
from ingest.mqtt.broker import connect, make_client, parse_address
from ingest.mqtt.topics import block_topic, reading_topic

SESSION_EXPIRY_SECONDS = 3600
REPORT_SECONDS = 0.5

Report = Callable[[int, int], None]
"""Called with (messages confirmed, time of the newest record published [ns since 1970 UTC])."""


class Refused(FluxTowerError):
    """The broker does not accept a message; trying again would not help."""


class Publisher:
    """A connection that publishes records; a context manager.

    A broken connection is made again and what was not confirmed is sent again, which the platform ignores where it
    was stored already.

    Parameters
    ----------
    url : str
        ``mqtt://user:password@host:port`` or ``mqtts://``.
    topic_root : str
        First levels of every topic.
    client_id : str
        MQTT client id; empty lets the broker choose.
    in_flight : int
        Most messages that wait for their confirmation.
    compress : bool
        Put blocks into zstd frames.
    """

    def __init__(
        self, url: str, topic_root: str, *, client_id: str = "", in_flight: int = 500, compress: bool = False
    ) -> None:
        self._address = parse_address(url)
        self._root = topic_root
        self._compress = compress
        self._in_flight = in_flight
        self._max_unconfirmed = in_flight
        self._changed = threading.Condition()
        self._sent = 0
        self._confirmed = 0
        self._connected = False
        self._refusal = ""
        self._client = make_client(self._address, client_id)
        # paho would otherwise keep its own, smaller limit and a queue behind it
        self._client.max_inflight_messages_set(0)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    def __enter__(self) -> Self:
        connect(self._client, self._address, SessionExpiryInterval=SESSION_EXPIRY_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def confirmed(self) -> int:
        """Messages that the broker has confirmed."""
        return self._confirmed

    def wait_connected(self, timeout: float) -> None:
        """Wait for a connection.

        Raises
        ------
        SetupError
            There is none after ``timeout`` seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._connected or bool(self._refusal), timeout)
            self._check_refusal()
            if not self._connected:
                raise SetupError(
                    f"no MQTT broker answers at {self._address.host}:{self._address.port}",
                    "start it with `fluxtower up`, or set FLUXTOWER_BROKER to one that runs",
                )

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish one message as soon as few enough wait for their confirmation; returns before it is confirmed.

        Raises
        ------
        Refused
            The broker refused an earlier message.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._sent - self._confirmed < self._max_unconfirmed or bool(self._refusal))
            self._check_refusal()
            self._sent += 1
        # not under the lock: paho calls back under a lock of its own, which this call needs
        self._client.publish(topic, payload, qos=1)

    def send(self, record: SampleBlock | Reading) -> None:
        """Publish one record on its topic."""
        if isinstance(record, SampleBlock):
            topic = block_topic(record.station, record.stream, self._root)
            self.publish(topic, encode_block(record, compress=self._compress))
        else:
            self.publish(reading_topic(record.station, record.stream, self._root), encode_reading(record))

    def play(
        self, records: Iterable[SampleBlock | Reading], *, speed: float = math.inf, report: Report | None = None
    ) -> int:
        """Publish records in their order and wait until all are confirmed.

        Parameters
        ----------
        records : iterable of SampleBlock or Reading
            In time order; read as they are needed.
        speed : float
            Record time over real time; infinite is as fast as it goes.
        report : callable, optional
            Called twice a second and at the end.

        Returns
        -------
        int
            Messages published.

        Raises
        ------
        Refused
            The broker refused a message.
        """
        began = reported = time.monotonic()
        first_ns: int | None = None
        newest_ns = count = 0
        for record in records:
            newest_ns = record.start_ns if isinstance(record, SampleBlock) else record.time_ns
            first_ns = newest_ns if first_ns is None else first_ns
            if math.isfinite(speed):
                due = began + (newest_ns - first_ns) / NS / speed
                time.sleep(max(0.0, due - time.monotonic()))
            self.send(record)
            count += 1
            if report and time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                report(self._confirmed, newest_ns)
        self.flush()
        if report:
            report(self._confirmed, newest_ns)
        return count

    def flush(self) -> None:
        """Wait, however long it takes, until everything published is confirmed.

        Raises
        ------
        Refused
            The broker refused a message.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._confirmed == self._sent or bool(self._refusal))
            self._check_refusal()

    def _check_refusal(self) -> None:
        if self._refusal:
            raise Refused(f"the broker at {self._address.host}:{self._address.port} {self._refusal}")

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        with self._changed:
            if reason.is_failure:
                self._refusal = f"refuses us: {reason} (check user and password in FLUXTOWER_BROKER)"
            else:
                # paho does not look at the broker's receive maximum
                self._max_unconfirmed = min(self._in_flight, getattr(properties, "ReceiveMaximum", self._in_flight))
                self._connected = True
            self._changed.notify_all()

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        with self._changed:
            self._connected = False

    def _on_publish(self, client: Client, _: Any, mid: int, reason: ReasonCode, properties: Properties) -> None:
        with self._changed:
            self._confirmed += 1
            if reason.is_failure:
                self._refusal = f"refuses a message: {reason} (check its limits and access rules)"
            self._changed.notify_all()
