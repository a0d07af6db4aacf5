"""From messages to committed rows: decode, place, commit; what cannot be stored goes to ``reject``."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from core.errors import PayloadError, StoreError, StoreUnavailable, UnknownStation
from core.records import LoggerState, Reading, Reject, SampleBlock
from core.station import Station
from core.store import BlockArrays, Committed, Store
from ingest import topics
from ingest.client import Message
from ingest.payloads import decode
from ingest.payloads.checks import MAX_PAYLOAD
from ingest.placing import conform
from ingest.sources import Sources

REFRESH_SECONDS = 2.0
"""Shortest time between two looks at the stations. [s]"""
REFRESH_COST = 20.0
"""So many times as long as the last look took must pass before the next one: thousands of stations take seconds."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
"""Waits before the store is tried again. [s]"""

log = logging.getLogger(__name__)
T = TypeVar("T")
Records = Sequence[SampleBlock | Reading]
After = Callable[[Records, Sequence[BlockArrays], Committed], None]


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
    states: list[LoggerState] = field(default_factory=list)
    reject: Reject | None = None


class Directory:
    """The registered stations, looked up again when a message does not fit, but not more often than every 2 s.

    Parameters
    ----------
    store : Store
        Where stations are registered.
    root : str
        First levels of our own topics.
    """

    def __init__(self, store: Store, root: str) -> None:
        self._store = store
        self._root = root
        self._stations: dict[str, Station] = {}
        self._newest: datetime | None = None
        self._next_read = float("-inf")
        self.sources = Sources({}, root)

    def station(self, id: str) -> Station:
        """Return a station.

        Raises
        ------
        UnknownStation
            It was not registered at the last look.
        """
        try:
            return self._stations[id]
        except KeyError:
            raise UnknownStation(id) from None

    def refresh(self) -> bool:
        """Read the stations again unless that was done just now; say whether it was done."""
        if time.monotonic() < self._next_read:
            return False
        self.read()
        return True

    def follow(self) -> None:
        """Read the stations again if one got another file since they were read, but not too often."""
        if self._store.newest_config() != self._newest:
            self.refresh()

    def read(self) -> None:
        """Read the stations again."""
        began = time.monotonic()
        self._newest = self._store.newest_config()
        self._stations = {row.station.id: row.station for row in self._store.stations()}
        self.sources = Sources(self._stations, self._root)
        done = time.monotonic()
        self._next_read = done + max(REFRESH_SECONDS, REFRESH_COST * (done - began))


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
    after : callable, optional
        Called after each commit with its records, its other blocks, and what the store did.
    """

    def __init__(self, store: Store, topic_root: str, stop: threading.Event, after: After | None = None) -> None:
        self._root = topic_root
        self._after = after
        self._store = store
        self._stop = stop
        self._directory = Directory(store, topic_root)
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

    def topics(self) -> Collection[str]:
        """Return the foreign topics of the registered stations, as the store has them now if it answers."""
        try:
            self._directory.follow()
        except StoreError as error:
            log.debug("the stations cannot be read now: %s", error)
        return self._directory.sources.filters

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

    def attempt(self, message: Message, came_ns: int) -> str | None:
        """Store the records of a message that was refused before; return why they cannot be stored, None if they are.

        Parameters
        ----------
        message : Message
            As it came, or mended.
        came_ns : int
            When it came: relative times count from there. [ns since 1970 UTC]

        Raises
        ------
        StoreUnavailable
            The store is away.
        """
        prepared = self._prepare(message, came_ns)
        if prepared.reject is not None:
            return prepared.reject.reason
        try:
            self._commit([prepared])
        except StoreUnavailable:
            raise
        except (StoreError, UnknownStation) as refusal:
            return f"refused by the store: {refusal}"
        return None

    def _prepare(self, message: Message, came_ns: int | None = None) -> Prepared:
        # an empty one is how MQTT clears a retained message
        if not message.payload or topics.is_ours(message.topic, self._root):
            return Prepared(message)
        try:
            return self._read(message, came_ns)
        except (PayloadError, UnknownStation) as error:
            refusal = error
        # a station may have been registered, or got another file, since the last look
        if self._directory.refresh():
            try:
                return self._read(message, came_ns)
            except (PayloadError, UnknownStation) as error:
                refusal = error
        reason = refusal.reason if isinstance(refusal, PayloadError) else str(refusal)
        return Prepared(message, reject=_reject(message, reason, refusal.station))

    def _read(self, message: Message, came_ns: int | None) -> Prepared:
        now_ns = time.time_ns()
        source = self._directory.sources.resolve(message.topic)
        station = self._directory.station(source.station)
        prepared = Prepared(message)
        for record in decode(source, message.payload, came_ns or now_ns):
            if isinstance(record, LoggerState):
                prepared.states.append(record)
            else:
                prepared.records.append(conform(record, station, now_ns))
        return prepared

    def _commit(self, batch: Sequence[Prepared]) -> None:
        began = time.monotonic()
        records = [record for prepared in batch for record in prepared.records]
        done = self._store.commit(
            [record for record in records if isinstance(record, SampleBlock)],
            [record for record in records if isinstance(record, Reading)],
            [prepared.reject for prepared in batch if prepared.reject is not None],
        )
        self._store.put_states([state for prepared in batch for state in prepared.states])
        self.counts.add(done, time.monotonic() - began)
        if self._after is not None:
            self._after(records, [], done)

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
