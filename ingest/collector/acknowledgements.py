"""What was committed, remembered for a moment and then told: to the store, and to the senders by the watermark.

This stands apart from the data's transaction: if the collector dies in between, senders send again what is stored
already, and the repeated blocks move the mark.
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
from ingest.collector.sequence import Run
from ingest.collector.sequence_arrays import Keys, Streaks
from ingest.mqtt.topics import committed_topic

TICK_SECONDS = 1.0
"""How often marks are told. [s]"""
MOST_A_TICK = 2000
"""Most runs told at once: with more streams than that each is told less often, so that the cost has a bound."""
SEARCH_SECONDS = 15.0
"""How often gaps are searched. [s]"""
MOST_RUNS = 200_000
"""Most runs that are kept in memory."""
MOST_WAITING = 500
"""Commits that wait at most until they are counted."""

Publish = Callable[[Sequence[tuple[str, bytes]]], int]
"""Publish retained messages, topics and payloads, at QoS 1; how many of them were taken: none without a connection."""

log = logging.getLogger(__name__)


class _Commit(NamedTuple):
    """What was committed, until it is counted."""

    records: Sequence[tuple[str, str, int, int | None, int, int]]  # station, stream, run, number, start, length [us]
    arrays: Sequence[Keys]
    again: Sequence[tuple[str, str, int]]  # run of each record that was stored already
    again_in: Sequence[Keys]
    now: int | None


class Marks:
    """Remembers what was committed and tells it, from a thread of its own.

    Parameters
    ----------
    store : Store
        Where runs, counters and gaps are kept.
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
        self._waiting: deque[_Commit] = deque()  # not counted yet
        self._runs: dict[tuple[str, str, int], Run] = {}
        self._of_layout: dict[tuple[int, int], Run] = {}  # the same by the store's key of the stream's layout
        self._queue: deque[Run] = deque()  # first in, first out: none waits for ever
        self._streaks = Streaks(self._enqueue)
        self._untaken: list[Advance] = []  # what the store did not take yet
        self._unsent: dict[str, bytes] = {}  # newest mark by topic, until it is published
        self._searched = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tell_until_stopped, name="marks", daemon=True)

    def start(self) -> None:
        """Begin to tell, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Tell what is left, unless the store is away, and end."""
        self._stop.set()
        self._thread.join()

    def after(
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
        now = time.time_ns() // 1000 if live else None
        again = [(record.station, record.stream, record.run) for record in done.repeated]
        again_in = [Keys.of(blocks) for blocks in done.repeated_arrays]
        # counted later, by the thread that tells: whoever commits does not wait for it
        self._waiting.append(_Commit(_spans(records), [Keys.of(blocks) for blocks in arrays], again, again_in, now))
        if len(self._waiting) > MOST_WAITING:
            self._count()

    def _count(self) -> None:
        with self._lock:
            while self._waiting:
                commit = self._waiting.popleft()
                for station, stream, number, seq, start, length in commit.records:
                    self._add(self._run(station, stream, number), seq, start, length, commit.now)
                for key in commit.again:
                    self._run(*key).duplicates += 1
                for keys in commit.arrays:
                    for layout, number, seq, start, length in keys.rows(self._streaks.count(keys, commit.now)):
                        run = self._run_of(layout, number)
                        self._add(run, seq, start, length, commit.now)
                        self._streaks.arm(layout, run)
                for keys in commit.again_in:
                    for layout, number, *_ in keys.rows(np.arange(len(keys.layout))):
                        self._run_of(layout, number).duplicates += 1

    def _add(self, run: Run, seq: int | None, start: int, length: int, now: int | None) -> None:
        self._streaks.hand_over(run)
        self._streaks.disarm(run)
        run.add(seq, start, length, now)

    def _enqueue(self, run: Run) -> None:
        self._streaks.set_queued(run, queued=True)
        self._queue.append(run)

    def _run_of(self, layout: int, number: int) -> Run:
        run = self._of_layout.get((layout, number))
        if run is None:
            row = self._store.catalogue.by_key(layout)
            assert row is not None, "a block was stored in a layout that nobody knows"
            run = self._of_layout[layout, number] = self._run(row.station, row.name, number)
        elif not run.queued:
            self._enqueue(run)
        return run

    def _run(self, station: str, stream: str, number: int) -> Run:
        key = station, stream, number
        run = self._runs.get(key)
        if run is None:
            if len(self._runs) >= MOST_RUNS:  # forgotten runs are looked up in the store again
                self._streaks.clear()
                self._runs = {known: one for known, one in self._runs.items() if one.queued}
                self._of_layout.clear()
            run = self._runs[key] = Run(*key)
        if not run.queued:
            self._enqueue(run)
        return run

    def _tell_until_stopped(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            self._try(self.tell)
            if time.monotonic() - self._searched > SEARCH_SECONDS:
                self._searched = time.monotonic()
                self._try(self._store.gaps.search)
        self.tell_all()

    def tell_all(self) -> None:
        """Tell all that is left, unless the store is away."""
        while (self._waiting or self._queue or self._untaken) and self._try(self.tell):
            pass

    def _try(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except StoreUnavailable as error:  # what was not told stays, and is told the next time
            log.warning("watermarks wait, senders keep their blocks longer: %s", error)
            return False
        except Exception:  # the thread must not end: less would be said from then on, and nobody would notice
            log.exception("watermarks that cannot be told are left out, their senders send again")
            self._untaken = []
        return True

    def tell(self) -> None:
        """Tell the store what came, for the streams whose turn it is, and publish what it says is committed.

        Raises
        ------
        StoreError
            The store is away or refuses: nothing is forgotten, call again.
        """
        self._count()
        if not self._untaken:
            with self._lock:
                turn = [self._queue.popleft() for _ in range(min(MOST_A_TICK, len(self._queue)))]
                for run in turn:
                    self._streaks.hand_over(run)
                    self._streaks.set_queued(run, queued=False)
                self._untaken = [run.take() for run in turn]
        if self._untaken:
            marks = self._store.watermarks.advance(
                self._untaken, [one for one in self._untaken if not self._is_known(one)]
            )
            self._untaken = []
            for mark in marks:
                self._learn(mark)
                said = watermark.summarise(mark.run, mark.committed)
                if said is not None:
                    topic = committed_topic(mark.station, mark.stream, self._root)
                    self._unsent[topic] = watermark.encode(said)
        unsent = list(self._unsent.items())
        for topic, _ in unsent[: self._publish(unsent)]:
            del self._unsent[topic]

    def _is_known(self, one: Advance) -> bool:
        run = self._runs.get((one.station, one.stream, one.run))
        return run is not None and run.known

    def _learn(self, mark: WatermarkRow) -> None:
        """Take over what other collectors, or this one before a restart, have seen."""
        with self._lock:
            run = self._runs.get((mark.station, mark.stream, mark.run))
            if run is None:
                return
            run.known = True
            self._streaks.hand_over(run)
            if mark.top is not None and (run.top is None or mark.top[1] > run.top[1]):
                run.top = mark.top
                self._streaks.disarm(run)


def _spans(records: Sequence[SampleBlock | Reading]) -> list[tuple[str, str, int, int | None, int, int]]:
    """Return station, stream, run, number, start and length [us] of records."""
    spans = []
    for one in records:
        if isinstance(one, SampleBlock):
            start, length = one.start_ns, one.dt_ns * one.samples.shape[1]
        else:
            start, length = one.time_ns, one.step_ns
        spans.append((one.station, one.stream, one.run, one.seq, start // 1000, length // 1000))
    return spans
