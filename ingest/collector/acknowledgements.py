"""Which messages are committed: counted for the store, and published to the senders as watermarks.

What was committed is counted in memory and stored a moment later, apart from the data's transaction: if the collector
dies in between, senders send again what is stored already, and the repeated blocks move the watermark.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from core.errors import StoreUnavailable
from core.records import Reading, SampleBlock
from core.store import Advance, BlockArrays, Committed, Store, WatermarkRow
from ingest.collector import watermark
from ingest.collector.sequence import MessageSequence
from ingest.collector.sequence_arrays import BlockKeys, SequenceArrays
from ingest.mqtt.topics import committed_topic

TICK_SECONDS = 1.0
"""How often watermarks are published. [s]"""
MAX_SEQUENCES_PER_TICK = 2000
"""Most sequences stored at once: with more streams than that each has its turn less often, so that the cost has a
bound."""
GAP_SEARCH_SECONDS = 15.0
"""How often gaps are searched. [s]"""
MAX_SEQUENCES = 200_000
"""Most sequences that are kept in memory."""
MAX_UNCOUNTED_COMMITS = 500
"""Commits that wait at most until they are counted."""

Publish = Callable[[Sequence[tuple[str, bytes]]], int]
"""Publish retained messages, topics and payloads, at QoS 1; how many of them were taken: none without a connection."""

log = logging.getLogger(__name__)


class _Commit(NamedTuple):
    """What was committed, until it is counted."""

    records: Sequence[tuple[str, str, int, int | None, int, int]]  # station, stream, run, number, start, length [us]
    arrays: Sequence[BlockKeys]
    repeated: Sequence[tuple[str, str, int]]  # sequence of each record that was stored already
    repeated_arrays: Sequence[BlockKeys]
    arrived: int | None


class Acknowledgements:
    """Counts what was committed and publishes watermarks, in a thread of its own.

    Parameters
    ----------
    store : Store
        Where sequences, counters and gaps are kept.
    topic_root : str
        First levels of every topic.
    publish : callable
        Publishes the watermarks.
    """

    def __init__(self, store: Store, topic_root: str, publish: Publish) -> None:
        self._store = store
        self._root = topic_root
        self._publish = publish
        self._lock = threading.Lock()
        self._uncounted: deque[_Commit] = deque()
        self._sequences: dict[tuple[str, str, int], MessageSequence] = {}
        self._of_layout: dict[tuple[int, int], MessageSequence] = {}  # by the store's key of the stream's layout
        self._queue: deque[MessageSequence] = deque()  # first in, first out: none waits for ever
        self._arrays = SequenceArrays(self._enqueue)
        self._not_stored: list[Advance] = []  # what the store did not take yet
        self._unpublished: dict[str, bytes] = {}  # newest watermark by topic
        self._searched_gaps = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish_until_stopped, name="acknowledgements", daemon=True)

    def start(self) -> None:
        """Begin to publish, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Publish what is left, unless the store is away, and end."""
        self._stop.set()
        self._thread.join()

    def add_commit(
        self,
        records: Sequence[SampleBlock | Reading],
        arrays: Sequence[BlockArrays],
        done: Committed,
        *,
        live: bool = True,
    ) -> None:
        """Count what was committed just now.

        Parameters
        ----------
        records : sequence of SampleBlock or Reading
            Stored, by this commit or an earlier one.
        arrays : sequence of BlockArrays
            Other blocks of the same commit.
        done : Committed
            Says which of them were stored already.
        live : bool
            They came from the sender just now; otherwise they say nothing about its lag and clock.
        """
        arrived = time.time_ns() // 1000 if live else None
        repeated = [(record.station, record.stream, record.run) for record in done.repeated]
        repeated_arrays = [BlockKeys.of(blocks) for blocks in done.repeated_arrays]
        keys = [BlockKeys.of(blocks) for blocks in arrays]
        # counted later, by the thread that publishes: whoever commits does not wait for it
        self._uncounted.append(_Commit(_keys_of_records(records), keys, repeated, repeated_arrays, arrived))
        if len(self._uncounted) > MAX_UNCOUNTED_COMMITS:
            self._count()

    def _count(self) -> None:
        with self._lock:
            while self._uncounted:
                commit = self._uncounted.popleft()
                for station, stream, run, number, start, length in commit.records:
                    self._add(self._sequence(station, stream, run), number, start, length, commit.arrived)
                for key in commit.repeated:
                    self._sequence(*key).duplicates += 1
                for keys in commit.arrays:
                    for layout, run, number, start, length in keys.rows(self._arrays.count(keys, commit.arrived)):
                        sequence = self._sequence_of_layout(layout, run)
                        self._add(sequence, number, start, length, commit.arrived)
                        self._arrays.expect_next(layout, sequence)
                for keys in commit.repeated_arrays:
                    for layout, run, *_ in keys.rows(np.arange(len(keys.layout))):
                        self._sequence_of_layout(layout, run).duplicates += 1

    def _add(self, sequence: MessageSequence, number: int | None, start: int, length: int, arrived: int | None) -> None:
        self._arrays.flush(sequence)
        self._arrays.expect_nothing(sequence)
        sequence.add(number, start, length, arrived)

    def _enqueue(self, sequence: MessageSequence) -> None:
        self._arrays.set_queued(sequence, queued=True)
        self._queue.append(sequence)

    def _sequence_of_layout(self, layout: int, run: int) -> MessageSequence:
        sequence = self._of_layout.get((layout, run))
        if sequence is None:
            row = self._store.catalogue.by_key(layout)
            assert row is not None, "a block was stored in a layout that nobody knows"
            sequence = self._of_layout[layout, run] = self._sequence(row.station, row.name, run)
        elif not sequence.is_queued:
            self._enqueue(sequence)
        return sequence

    def _sequence(self, station: str, stream: str, run: int) -> MessageSequence:
        key = station, stream, run
        sequence = self._sequences.get(key)
        if sequence is None:
            if len(self._sequences) >= MAX_SEQUENCES:  # forgotten ones are looked up in the store again
                self._arrays.clear()
                self._sequences = {known: one for known, one in self._sequences.items() if one.is_queued}
                self._of_layout.clear()
            sequence = self._sequences[key] = MessageSequence(*key)
        if not sequence.is_queued:
            self._enqueue(sequence)
        return sequence

    def _publish_until_stopped(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            self._try(self.publish_due)
            if time.monotonic() - self._searched_gaps > GAP_SEARCH_SECONDS:
                self._searched_gaps = time.monotonic()
                self._try(self._store.gaps.search)
        self.publish_all()

    def publish_all(self) -> None:
        """Store and publish all that is left, unless the store is away."""
        while (self._uncounted or self._queue or self._not_stored) and self._try(self.publish_due):
            pass

    def _try(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except StoreUnavailable as error:  # what was not stored stays, and is stored the next time
            log.warning("watermarks wait, senders keep their blocks longer: %s", error)
            return False
        except Exception:  # the thread must not end: less would be said from then on, and nobody would notice
            log.exception("watermarks that cannot be stored are left out, their senders send again")
            self._not_stored = []
        return True

    def publish_due(self) -> None:
        """Store what came, for the sequences whose turn it is, and publish what the store says is committed.

        Raises
        ------
        StoreError
            The store is away or refuses: nothing is forgotten, call again.
        """
        self._count()
        if not self._not_stored:
            with self._lock:
                turn = [self._queue.popleft() for _ in range(min(MAX_SEQUENCES_PER_TICK, len(self._queue)))]
                for sequence in turn:
                    self._arrays.flush(sequence)
                    self._arrays.set_queued(sequence, queued=False)
                self._not_stored = [sequence.take_advance() for sequence in turn]
        if self._not_stored:
            stored = self._store.watermarks.advance(
                self._not_stored, [one for one in self._not_stored if not self._is_known(one)]
            )
            self._not_stored = []
            for one in stored:
                self._update_sequence(one)
                summary = watermark.summarise(one.run, one.committed)
                if summary is not None:
                    topic = committed_topic(one.station, one.stream, self._root)
                    self._unpublished[topic] = watermark.encode(summary)
        unpublished = list(self._unpublished.items())
        for topic, _ in unpublished[: self._publish(unpublished)]:
            del self._unpublished[topic]

    def _is_known(self, one: Advance) -> bool:
        sequence = self._sequences.get((one.station, one.stream, one.run))
        return sequence is not None and sequence.is_known

    def _update_sequence(self, stored: WatermarkRow) -> None:
        """Take over what other collectors, or this one before a restart, have seen."""
        with self._lock:
            sequence = self._sequences.get((stored.station, stored.stream, stored.run))
            if sequence is None:
                return
            sequence.is_known = True
            self._arrays.flush(sequence)
            if stored.top is not None and (sequence.highest is None or stored.top[1] > sequence.highest[1]):
                sequence.highest = stored.top
                self._arrays.expect_nothing(sequence)


def _keys_of_records(records: Sequence[SampleBlock | Reading]) -> list[tuple[str, str, int, int | None, int, int]]:
    """Return station, stream, run, number, start and length [us] of records."""
    keys = []
    for one in records:
        if isinstance(one, SampleBlock):
            start, length = one.start_ns, one.dt_ns * one.samples.shape[1]
        else:
            start, length = one.time_ns, one.step_ns
        keys.append((one.station, one.stream, one.run, one.seq, start // 1000, length // 1000))
    return keys
