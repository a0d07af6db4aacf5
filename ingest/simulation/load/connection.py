"""A connection to the broker that sends packets as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.errors import SetupError
from ingest.mqtt.broker import connect, make_bulk_client, parse_address
from ingest.simulation.load.packets import QOS_1, Rows, put_numbers

MAX_UNCONFIRMED = 50_000
"""Most messages of a connection that wait for their confirmation; numbers of messages are used again after 65 535."""


class Connection:
    """A connection that sends packets as they are and counts their confirmations; a context manager."""

    def __init__(self, url: str) -> None:
        self._address = parse_address(url)
        self._changed = threading.Condition()
        self._connected = False
        self._broken = ""
        self._sent = 0
        self._confirmed = 0
        self._max_unconfirmed = MAX_UNCONFIRMED
        self._client = make_bulk_client(self._address, "")
        self._client.on_acknowledged = self._on_acknowledged
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = partial(self._end, "ended")

    def __enter__(self) -> Self:
        connect(self._client, self._address)
        with self._changed:
            self._changed.wait_for(lambda: self._connected or bool(self._broken), 10)
        if not self._connected:
            self._client.loop_stop()
            raise SetupError(
                f"no MQTT broker takes messages at {self._address.host}:{self._address.port}",
                "start it with `fluxtower up`, or set FLUXTOWER_BROKER to one that runs",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, rows: Rows, mid_at: int) -> None:
        """Send packets, whose message numbers are set there, as soon as few enough wait for their confirmation.

        Raises
        ------
        SetupError
            The connection broke: what was not confirmed may be lost.
        """
        with self._changed:
            self._wait(lambda: self._sent - self._confirmed + len(rows) <= max(self._max_unconfirmed, len(rows)))
            put_numbers(rows, mid_at, ((self._sent + np.arange(len(rows))) % 65_535 + 1).astype(">u2"))
            self._sent += len(rows)
        self._client.send_packets(QOS_1, rows.tobytes())

    def flush(self) -> None:
        """Wait until everything is confirmed; as ``send``."""
        with self._changed:
            self._wait(lambda: self._confirmed >= self._sent)

    def _wait(self, done: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: done() or bool(self._broken))
        if self._broken:
            raise SetupError(
                f"the connection to the broker {self._broken}", "look into the broker's log, and start again"
            )

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        with self._changed:
            self._max_unconfirmed = min(MAX_UNCONFIRMED, getattr(properties, "ReceiveMaximum", MAX_UNCONFIRMED))
            self._connected = not reason.is_failure
            if reason.is_failure:
                self._broken = f"was refused: {reason}"
            self._changed.notify_all()

    def _end(self, how: str, *_: object) -> None:
        with self._changed:
            self._broken = self._broken or how
            self._changed.notify_all()

    def _on_acknowledged(self, mids: NDArray[np.uint16], refused: int) -> None:
        with self._changed:
            if refused:
                self._broken = self._broken or f"was answered with {refused} refusals"
            self._confirmed += len(mids)
            self._changed.notify_all()
