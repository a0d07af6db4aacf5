"""From messages to committed rows: decode, place, commit; what cannot be stored goes to ``reject``."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from core.errors import PayloadError, StoreError, StoreUnavailable, UnknownStation
from core.records import Reading, Reject, SampleBlock
from core.station import Station
from core.store import Committed, Store
from ingest import topics
from ingest.client import Message
from ingest.payloads import decode
from ingest.payloads.checks import MAX_PAYLOAD
from ingest.placing import conform

REFRESH_SECONDS = 2.0
"""Shortest time between two looks at the stations. [s]"""
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
"""Waits before the store is tried again. [s]"""

log = logging.getLogger(__name__)
T = TypeVar("T")


class Stopped(Exception):
    """The collector was asked to stop while the store was away."""


@dataclass(slots=True)
class Counts:
    """What was done since the start."""

    messages: int = 0
    blocks: int = 0
    samples: int = 0
    readings: int = 0
    duplicates: int = 0
    rejects: int = 0
    slowest_commit: float = 0.0

    def add(self, done: Committed, seconds: float) -> None:
        """Count one commit."""
        self.blocks += done.blocks
        self.samples += done.samples
        self.readings += done.readings
        self.duplicates += done.duplicate_blocks + done.duplicate_readings
        self.rejects += done.rejects
        self.slowest_commit = max(self.slowest_commit, seconds)


@dataclass(slots=True)
class Prepared:
    """One message, ready for the store: its records, or the reason why there are none."""

    message: Message
    records: list[SampleBlock | Reading] = field(default_factory=list)
    reject: Reject | None = None


class Directory:
    """The registered stations, looked up again when a message does not fit, but not more often than every 2 s."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stations: dict[str, Station] = {}
        self._read_at = float("-inf")

    def station(self, id: str) -> Station:
        """Return a station.

        Raises
        ------
        UnknownStation
            It is not registered.
        StoreError
            The stations cannot be read.
        """
        if id not in self._stations:
            self.refresh()
        try:
            return self._stations[id]
        except KeyError:
            raise UnknownStation(id) from None

    def refresh(self) -> bool:
        """Read the stations again unless that was done just now; say whether it was done."""
        if time.monotonic() - self._read_at < REFRESH_SECONDS:
            return False
        self.read()
        return True

    def read(self) -> None:
        """Read the stations again."""
        self._stations = {row.station.id: row.station for row in self._store.stations()}
        self._read_at = time.monotonic()


class Writer:
    """Writes batches of messages, each in one transaction.

    Parameters
    ----------
    store : Store
        Where the records go.
    topic_root : str
        First levels of every topic.
    stop : threading.Event
        Ends the waiting when the store is away.
    """

    def __init__(self, store: Store, topic_root: str, stop: threading.Event) -> None:
        self._store = store
        self._root = topic_root
        self._stop = stop
        self._directory = Directory(store)
        self.counts = Counts()

    def write(self, messages: Sequence[Message]) -> None:
        """Store every record of these messages, or the message as a reject; when this returns, all may be acknowledged.

        While the store is away this waits and tries again.

        Raises
        ------
        Stopped
            ``stop`` was set first: nothing of the batch may be acknowledged.
        """
        batch = self._insist(lambda: [self._prepare(message) for message in messages])
        try:
            self._insist(lambda: self._commit(batch), only_unavailable=True)
        except (StoreError, UnknownStation) as refusal:
            log.warning("the store refuses a batch of %d messages, looking for the culprit: %s", len(batch), refusal)
            # a station may have got a new layout since its messages were placed
            self._insist(self._directory.read)
            self._bisect(self._insist(lambda: [self._prepare(message) for message in messages]))
        self.counts.messages += len(messages)

    def _bisect(self, batch: Sequence[Prepared]) -> None:
        """Commit a refused batch by halves until what the store refuses stands alone; that goes to ``reject``."""
        try:
            self._insist(lambda: self._commit(batch), only_unavailable=True)
        except (StoreError, UnknownStation):
            if len(batch) == 1:
                # a store that refuses even the reject is broken, not the message: wait as if it were away
                self._insist(lambda: self._commit_or_reject(batch[0]))
                return
            half = len(batch) // 2
            self._bisect(batch[:half])
            self._bisect(batch[half:])

    def _commit_or_reject(self, culprit: Prepared) -> None:
        try:
            self._commit([culprit])
        except StoreUnavailable:
            raise
        except (StoreError, UnknownStation) as refusal:
            station = culprit.records[0].station if culprit.records else ""
            reject = culprit.reject or _reject(culprit.message, f"refused by the store: {refusal}", station)
            self._commit([Prepared(culprit.message, reject=reject)])

    def _prepare(self, message: Message) -> Prepared:
        if not message.payload:  # how MQTT clears a retained message
            return Prepared(message)
        station = ""
        try:
            topic = topics.parse(message.topic, self._root)
            station = topic.station
            records = decode(topic, message.payload)
            return Prepared(message, records=self._place(records, topic.station))
        except (PayloadError, UnknownStation) as error:
            reason = error.reason if isinstance(error, PayloadError) else str(error)
            return Prepared(message, reject=_reject(message, reason, station))

    def _place(self, records: list[SampleBlock | Reading], station: str) -> list[SampleBlock | Reading]:
        now_ns = time.time_ns()
        try:
            declared = self._directory.station(station)
            return [conform(record, declared, now_ns) for record in records]
        except PayloadError:
            if not self._directory.refresh():
                raise
        declared = self._directory.station(station)
        return [conform(record, declared, now_ns) for record in records]

    def _commit(self, batch: Sequence[Prepared]) -> None:
        began = time.monotonic()
        records = [record for prepared in batch for record in prepared.records]
        done = self._store.commit(
            [record for record in records if isinstance(record, SampleBlock)],
            [record for record in records if isinstance(record, Reading)],
            [prepared.reject for prepared in batch if prepared.reject is not None],
        )
        self.counts.add(done, time.monotonic() - began)

    def _insist(self, work: Callable[[], T], *, only_unavailable: bool = False) -> T:
        """Do work that needs the store, again and again until the store is there."""
        wait = FIRST_WAIT
        while not self._stop.is_set():
            try:
                done = work()
                if wait > FIRST_WAIT:
                    log.info("the store takes data again")
                return done
            except StoreError as error:
                if only_unavailable and not isinstance(error, StoreUnavailable):
                    raise
                log.warning("the store does not take data, messages wait at the broker: %s", error)
            # jitter: several collectors must not come back in step
            self._stop.wait(wait * random.uniform(0.5, 1.0))
            wait = min(2 * wait, LONGEST_WAIT)
        raise Stopped


def _reject(message: Message, reason: str, station: str) -> Reject:
    return Reject(message.topic, message.payload[:MAX_PAYLOAD], reason, station)
