"""Messages between the network's thread and whoever takes them: bounded in number and in bytes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from ingest.mqtt.wire import Message

MAX_WAITING_BYTES = 256 << 20
"""Payload bytes that wait at most; beyond it the network thread stops reading. [bytes]"""
MAX_BATCH_BYTES = 64 << 20
"""Payload bytes that are taken at once. [bytes]"""


class Inbox:
    """Messages that have come and are not taken yet.

    Parameters
    ----------
    changed : threading.Condition
        Lock of the inbox and of its connection, notified of every change.
    max_messages : int
        With so many waiting, those of QoS 0 are dropped; the broker sends no more of QoS 1.

    Attributes
    ----------
    dropped : int
        Messages of QoS 0 that found the inbox full.
    """

    def __init__(self, changed: threading.Condition, max_messages: int) -> None:
        self._changed = changed
        self._max_messages = max_messages
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._wanted = 1  # so many messages wake the caller: a wake-up per message would cost more than decoding it
        self._is_closed = False
        self.dropped = 0

    def put(self, messages: Sequence[Message]) -> None:
        """Add messages; waits while too many bytes wait."""
        with self._changed:
            if len(self._messages) >= self._max_messages:
                kept = [message for message in messages if message.qos]
                self.dropped += len(messages) - len(kept)
                messages = kept
            # not reading is the only brake on bytes; the broker may end the connection, which empties the inbox
            self._changed.wait_for(lambda: self._bytes < MAX_WAITING_BYTES or self._is_closed)
            self._messages += messages
            self._bytes += sum([len(message.payload) for message in messages])
            if self._has_enough():
                self._changed.notify_all()

    def take(self, max_messages: int, wait: float, gather: float) -> list[Message]:
        """Return waiting messages in the order in which they came, 64 MiB at most and one more.

        Parameters
        ----------
        max_messages : int
            Most messages to return.
        wait : float
            How long to wait for the first. [s]
        gather : float
            How long to wait for more after the first. [s]
        """
        with self._changed:
            self._wanted = 1
            if not self._changed.wait_for(lambda: bool(self._messages) or self._is_closed, wait):
                return []
            self._wanted = max_messages
            self._changed.wait_for(self._has_enough, gather)
            taken: list[Message] = []
            size = 0
            while self._messages and len(taken) < max_messages and size < MAX_BATCH_BYTES:
                taken.append(self._messages.popleft())
                size += len(taken[-1].payload)
            self._bytes -= size
            self._changed.notify_all()
            return taken

    def clear(self) -> None:
        """Forget what waits."""
        with self._changed:
            self._messages.clear()
            self._bytes = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_enough(self) -> bool:
        return len(self._messages) >= self._wanted or self._bytes >= MAX_WAITING_BYTES or self._is_closed
