"""From messages to committed rows: decode, conform, commit; what cannot be stored goes to ``reject``."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from core.clock import NS
from core.errors import PayloadError, StoreError, StoreUnavailable, UnknownStation
from core.records import LoggerState, Reading, Reject, SampleBlock
from core.store import BlockArrays, Committed, Store
from ingest.collector.conform import DEFAULT_LIMITS, conform
from ingest.collector.fast_path import FastPath
from ingest.collector.stamp_limits import StampLimits
from ingest.collector.stations import KnownStations
from ingest.mqtt import topics
from ingest.mqtt.subscriber import Message
from ingest.payloads import Record, decode
from ingest.payloads.checks import MAX_PAYLOAD

CONTESTED = "another value is stored for this time"
FIRST_STAYS = (
    "the first one stays (two sensors under one name, or stamps that are rounded?): if this one is right, take the "
    "other out by `fluxtower reading delete` and replay this message"
)
RETAINED_WITHOUT_TIME = (
    "a retained message without a time: the broker gives it to every new subscription, and nobody knows when it was "
    "measured: send the time with the values, or do not set retain"
)
MIN_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.2, 10.0
"""Waits before the store is tried again. [s]"""

log = logging.getLogger(__name__)
T = TypeVar("T")
Records = Sequence[SampleBlock | Reading]
AfterCommit = Callable[[Records, Sequence[BlockArrays], Committed], None]


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
class PreparedMessage:
    """One message, ready for the store: its records, or the reason why there are none."""

    message: Message
    records: list[SampleBlock | Reading] = field(default_factory=list)
    states: list[LoggerState] = field(default_factory=list)
    reject: Reject | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that are ready for the store: blocks in arrays, and the others, which took the slow path."""

    messages: Sequence[Message]
    arrays: list[BlockArrays]
    slow: list[PreparedMessage]


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
    after_commit : callable, optional
        Called after each commit with its records, its other blocks, and what the store did.
    limits : StampLimits
        How far the stamps of records may be from when they came.
    """

    def __init__(
        self,
        store: Store,
        topic_root: str,
        stop: threading.Event,
        after_commit: AfterCommit | None = None,
        limits: StampLimits = DEFAULT_LIMITS,
    ) -> None:
        self._root = topic_root
        self._after_commit = after_commit
        self._store = store
        self._stop = stop
        self._stations = KnownStations(store, topic_root)
        self._limits = limits
        self._fast_path = FastPath(self._stations, limits)
        self._lock = threading.RLock()  # of the known stations and the fast path
        self.counts = Counts()

    def write(self, messages: Sequence[Message]) -> None:
        """Store every record of these messages, or the message as a reject; when this returns, all may be acknowledged.

        While the store is away this waits and tries again.

        Raises
        ------
        Stopped
            ``stop`` was set first: nothing of the batch may be acknowledged.
        """
        self.commit(self.prepare(messages))

    def prepare(self, messages: Sequence[Message]) -> Batch:
        """Decode messages; another thread may do this for the next ones while these are committed.

        Raises
        ------
        Stopped
            ``stop`` was set while the store was away.
        """
        with self._lock:
            if not self._stations.version:
                self._retry_while_away(self._stations.read)
            arrays, slow = self._fast_path.to_arrays(messages)
            return Batch(messages, arrays, self._retry_while_away(lambda: [self._prepare(message) for message in slow]))

    def commit(self, batch: Batch) -> None:
        """Store a batch; as ``write``."""
        try:
            self._retry_while_away(lambda: self._commit(batch.slow, batch.arrays), only_unavailable=True)
        except (StoreError, UnknownStation) as refusal:
            count = len(batch.messages)
            log.warning(
                "the store refuses a batch of %d messages, looking for the one that is refused: %s", count, refusal
            )
            with self._lock:
                # a station may have got a new layout since its messages were prepared
                self._retry_while_away(self._stations.read)
                prepared = self._retry_while_away(lambda: [self._prepare(message) for message in batch.messages])
            self._bisect(prepared)
        self.counts.messages += len(batch.messages)

    def topics(self) -> Collection[str]:
        """Return the foreign topics of the registered stations, as the store has them now if it answers."""
        with self._lock:
            try:
                self._stations.refresh()
            except StoreError as error:
                log.debug("the stations cannot be read now: %s", error)
            return self._stations.sources.filters

    def _bisect(self, batch: Sequence[PreparedMessage]) -> None:
        """Commit a refused batch by halves until what the store refuses stands alone; that goes to ``reject``."""
        try:
            self._retry_while_away(lambda: self._commit(batch), only_unavailable=True)
        except (StoreError, UnknownStation):
            if len(batch) == 1:
                # a store that refuses even the reject is broken, not the message: wait as if it were away
                self._retry_while_away(lambda: self._commit_or_reject(batch[0]))
                return
            half = len(batch) // 2
            self._bisect(batch[:half])
            self._bisect(batch[half:])

    def _commit_or_reject(self, refused: PreparedMessage) -> None:
        try:
            self._commit([refused])
        except StoreUnavailable:
            raise
        except (StoreError, UnknownStation) as refusal:
            station = refused.records[0].station if refused.records else ""
            reject = refused.reject or _reject(refused.message, f"refused by the store: {refusal}", station)
            self._commit([PreparedMessage(refused.message, reject=reject)])

    def store_refused(self, message: Message, came_ns: int) -> str | None:
        """Store the records of a message that was refused before; return why they cannot be stored, None if they are.

        Parameters
        ----------
        message : Message
            As it came, or corrected.
        came_ns : int
            When it came: relative times count from there, and what was ahead of it then is still wrong. [ns since 1970
            UTC]

        Raises
        ------
        StoreUnavailable
            The store is away.
        """
        prepared = self._prepare(message, came_ns)
        if prepared.reject is not None:
            return prepared.reject.reason
        try:
            contested = self._commit([prepared])
        except StoreUnavailable:
            raise
        except (StoreError, UnknownStation) as refusal:
            return f"refused by the store: {refusal}"
        return next((reject.reason for reject in contested), None)

    def _prepare(self, message: Message, came_ns: int | None = None) -> PreparedMessage:
        # an empty one is how MQTT clears a retained message
        if not message.payload or topics.is_ours(message.topic, self._root):
            return PreparedMessage(message)
        try:
            return self._read(message, came_ns)
        except (PayloadError, UnknownStation) as error:
            refusal = error
        # a station may have been registered, or got another file, since the last look
        if self._stations.refresh():
            try:
                return self._read(message, came_ns)
            except (PayloadError, UnknownStation) as error:
                refusal = error
        reason = refusal.reason if isinstance(refusal, PayloadError) else str(refusal)
        return PreparedMessage(message, reject=_reject(message, reason, refusal.station))

    def _read(self, message: Message, came_ns: int | None) -> PreparedMessage:
        came_ns = came_ns or time.time_ns()
        source = self._stations.sources.resolve(message.topic)
        station = self._stations.station(source.station)
        prepared = PreparedMessage(message)
        records = decode(source, message.payload, came_ns)
        if message.retained and _times(records) != _times(decode(source, message.payload, came_ns + NS)):
            raise PayloadError(RETAINED_WITHOUT_TIME, station=source.station)
        for record in records:
            if isinstance(record, LoggerState):
                prepared.states.append(record)
            else:
                prepared.records.append(conform(record, station, came_ns, self._limits))
        return prepared

    def _commit(self, batch: Sequence[PreparedMessage], arrays: Sequence[BlockArrays] = ()) -> list[Reject]:
        """Store messages; return those as rejects of which a value contradicts what is stored for its time."""
        began = time.monotonic()
        records = [record for prepared in batch for record in prepared.records]
        done = self._store.messages.commit(
            [record for record in records if isinstance(record, SampleBlock)],
            [record for record in records if isinstance(record, Reading)],
            [prepared.reject for prepared in batch if prepared.reject is not None],
            arrays,
        )
        self._store.loggers.put([state for prepared in batch for state in prepared.states])
        rejects = _contested(batch, done)
        if rejects:  # before anything is acknowledged
            self._store.messages.commit([], [], rejects)
            self.counts.rejects += len(rejects)
        self.counts.add(done, time.monotonic() - began)
        if self._after_commit is not None:
            self._after_commit(records, arrays, done)
        return rejects

    def _retry_while_away(self, work: Callable[[], T], *, only_unavailable: bool = False) -> T:
        """Do work that needs the store, again and again until the store is there."""
        wait = MIN_RETRY_SECONDS
        while not self._stop.is_set():
            try:
                done = work()
                if wait > MIN_RETRY_SECONDS:
                    log.info("the store takes data again")
                return done
            except StoreError as error:
                if only_unavailable and not isinstance(error, StoreUnavailable):
                    raise
                log.warning("the store does not take data, messages wait at the broker: %s", error)
            # jitter: several collectors must not come back in step
            self._stop.wait(wait * random.uniform(0.5, 1.0))
            wait = min(2 * wait, MAX_RETRY_SECONDS)
        raise Stopped


def _contested(batch: Sequence[PreparedMessage], done: Committed) -> list[Reject]:
    """Return the messages with readings that contradict what is stored, each once."""
    words = {id(reading): said for reading, said in done.contested}
    rejects = []
    for prepared in batch if words else ():
        said = next((words[id(record)] for record in prepared.records if id(record) in words), None)
        if said is not None:
            rejects.append(
                _reject(prepared.message, f"{CONTESTED}: {said}; {FIRST_STAYS}", prepared.records[0].station)
            )
    return rejects


def _times(records: Sequence[Record]) -> list[int]:
    """Return the times of records; a logger's state has none."""
    return [
        one.start_ns if isinstance(one, SampleBlock) else one.time_ns
        for one in records
        if not isinstance(one, LoggerState)
    ]


def _reject(message: Message, reason: str, station: str) -> Reject:
    return Reject(message.topic, message.payload[:MAX_PAYLOAD], reason, station)
