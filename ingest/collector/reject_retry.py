"""Refused messages tried again, once the station file is right or their bytes are."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

from core.clock import to_ns
from core.store import RejectRow, Store
from ingest.collector.acknowledgements import Acknowledgements
from ingest.collector.conform import DEFAULT_LIMITS
from ingest.collector.stamp_limits import StampLimits
from ingest.collector.writer import RETAINED_WITHOUT_TIME, Writer
from ingest.mqtt.subscriber import Message

PAGE_ROWS = 500


class RejectRetry:
    """Decodes kept messages again and stores their records; a context manager.

    A message whose records are stored is marked, not deleted. A crash between the two only means that it is tried
    again, and what is stored already is left alone.

    Parameters
    ----------
    store : Store
        Where the messages are kept.
    topic_root : str
        First levels of our own topics.
    limits : StampLimits
        How far the stamps of records may be from when they came.
    """

    def __init__(self, store: Store, topic_root: str, limits: StampLimits = DEFAULT_LIMITS) -> None:
        self._store = store
        # no watermark is published: senders hear of it when they send again
        self._acknowledgements = Acknowledgements(store, topic_root, len)
        add_commit = partial(self._acknowledgements.add_commit, live=False)
        self._writer = Writer(store, topic_root, threading.Event(), add_commit, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._acknowledgements.publish_all()

    def retry(self, ids: Iterable[int], payload: bytes | None = None) -> Iterator[tuple[RejectRow, str | None]]:
        """Try messages again; give each with the reason why it is refused still, None if its records are stored.

        Parameters
        ----------
        ids : iterable of int
            Which messages.
        payload : bytes, optional
            What to decode instead of the kept bytes, which stay as they came.

        Raises
        ------
        StoreError
            There is no message of an id, or the store is away.
        """
        for id in ids:
            row, kept = self._store.rejects.read(id)
            retained = row.reason == RETAINED_WITHOUT_TIME
            message = Message(row.topic, kept if payload is None else payload, 1, 0, 0, retained)
            reason = self._writer.store_refused(message, to_ns(row.received))
            if reason is None:
                self._store.rejects.mark_done([id])
            yield row, reason


def pending_rejects(
    store: Store, *, station: str | None = None, since: datetime | None = None, reason: str = ""
) -> Iterator[int]:
    """Give the ids of messages that are not stored yet, newest first, by station, time and words of the reason."""
    below: int | None = None
    while rows := store.rejects.find(PAGE_ROWS, station=station, since=since, reason=reason, below=below):
        yield from (row.id for row in rows)
        below = rows[-1].id
