"""What was committed, remembered for a moment and then told: to the store, and to the senders by the watermark.

This stands apart from the data's transaction: if the collector dies in between, senders send again what is stored
already, and the repeated blocks move the mark.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from core.errors import StoreUnavailable
from core.records import Reading, SampleBlock
from core.store import NO_SEQ, Advance, BlockArrays, Committed, Mark, Store
from ingest import watermark
from ingest.topics import committed_topic

TICK_SECONDS = 1.0
"""How often marks are told. [s]"""
MOST_A_TICK = 2000
"""Most runs told at once: with more streams than that each is told less often, so that the cost has a bound."""
SEARCH_SECONDS = 15.0
"""How often gaps are searched. [s]"""
MOST_PIECES = 1000
"""Most ranges remembered of a run until they are told."""
MOST_RUNS = 200_000
"""Most runs that are kept in memory."""
WINDOW_US = 600_000_000
"""Length of a window in which the smallest lag is looked for; the last and the running one count. [us]"""

Publish = Callable[[str, bytes], bool]
"""Publish a retained message at QoS 1; False if there is no connection."""

log = logging.getLogger(__name__)


class _Run:
    """What came of one numbering: what is not told yet, and the little that must outlive the telling."""

    __slots__ = (
        "_best",
        "_best_before",
        "_newest",
        "_window_ends",
        "clock",
        "duplicates",
        "edge",
        "first",
        "in_line",
        "known",
        "numbers",
        "queued",
        "records",
        "run",
        "station",
        "stream",
        "times",
        "top",
        "unit",
    )

    def __init__(self, station: str, stream: str, run: int) -> None:
        self.station, self.stream, self.run = station, stream, run
        self.known = False  # whether the store has a row for it
        self.queued = False
        self.top: tuple[int, int] | None = None  # highest number, and where its block starts
        self.edge: int | None = None  # where the next message is expected, at the latest
        self.unit = 0
        self._newest = 0
        self._best = self._best_before = 1 << 62
        self._window_ends = 0
        self._forget()

    def _forget(self) -> None:
        self.numbers: list[list[int]] = []
        self.times: list[list[int]] = []
        self.first: tuple[int, int] | None = None
        self.in_line = True
        self.clock: tuple[int, int, int, int] | None = None
        self.records = self.duplicates = 0

    def add(self, seq: int | None, start: int, length: int, now: int | None) -> None:
        """Count one block or reading that came now, or, with None, was stored by another way than its own. [us]"""
        end = start + length
        self.records += 1
        self.unit = length
        if now is not None:
            self._time(end, now)
        self._cover(start, end + length // 2, length)
        if seq is not None:
            self._number(seq, start)

    def _time(self, end: int, now: int) -> None:
        lag = now - end
        if end > self._newest:
            self._newest = end
            if now > self._window_ends:
                self._best_before, self._best, self._window_ends = self._best, lag, now + WINDOW_US
            elif lag < self._best:
                self._best = lag
        self.clock = now, self._newest, lag, min(self._best, self._best_before)

    def _cover(self, start: int, upper: int, length: int) -> None:
        if self.edge is None or not self.edge - length <= start <= self.edge:
            self.in_line = False
        self.edge = upper
        if self.times and self.times[-1][0] <= start <= self.times[-1][1]:
            self.times[-1][1] = max(self.times[-1][1], upper)
        else:
            self.times.append([start, upper])
            if len(self.times) > MOST_PIECES:
                self.times = _merged(self.times, 0)

    def _number(self, seq: int, start: int) -> None:
        if self.top is not None and self.run == 0:
            top, top_starts = self.top
            if seq <= top and start > top_starts:  # the sender restarted and counts afresh
                self.numbers.clear()
                self.top = self.first = None
            elif seq > top and start < top_starts:  # left over from the count before
                return
        if self.first is None:
            self.first = seq, start
        if self.top is None or seq > self.top[0]:
            self.top = seq, start
        if self.numbers and self.numbers[-1][1] == seq - 1:
            self.numbers[-1][1] = seq
        else:
            self.numbers.append([seq, seq])
            if len(self.numbers) > MOST_PIECES:
                self.numbers = _merged(self.numbers, 1)

    def take(self) -> Advance:
        """Return what is not told yet and forget it."""
        taken = Advance(
            self.station, self.stream, self.run, self.first, self.top if self.first else None, self.numbers,
            self.times, self.unit, self.in_line, self.records, self.duplicates, self.clock,
        )  # fmt: skip
        self._forget()
        return taken


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
        self._runs: dict[tuple[str, str, int], _Run] = {}
        self._of_layout: dict[tuple[int, int], _Run] = {}  # the same by the store's key of the stream's layout
        self._queue: deque[_Run] = deque()  # first in, first out: none waits for ever
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
        with self._lock:
            for record in records:
                if isinstance(record, SampleBlock):
                    start, length = record.start_ns, record.dt_ns * record.samples.shape[1]
                else:
                    start, length = record.time_ns, record.step_ns
                run = self._run(record.station, record.stream, record.run)
                run.add(record.seq, start // 1000, length // 1000, now)
            for record in done.repeated:
                self._run(record.station, record.stream, record.run).duplicates += 1
            for blocks in arrays:
                starts = blocks.time_us.tolist()
                lengths = (blocks.dt_ns * blocks.samples.shape[2] // 1000).tolist()
                for run, seq, start, length in zip(
                    self._runs_of(blocks), blocks.seq.tolist(), starts, lengths, strict=True
                ):
                    run.add(None if seq == NO_SEQ else seq, start, length, now)
            for blocks in done.repeated_arrays:
                for run in self._runs_of(blocks):
                    run.duplicates += 1

    def _runs_of(self, blocks: BlockArrays) -> Iterator[_Run]:
        for layout, number in zip(blocks.stream.tolist(), blocks.run.tolist(), strict=True):
            run = self._of_layout.get((layout, number))
            if run is None:
                row = self._store.catalogue.by_key(layout)
                assert row is not None, "a block was stored in a layout that nobody knows"
                run = self._of_layout[layout, number] = self._run(row.station, row.name, number)
            elif not run.queued:
                run.queued = True
                self._queue.append(run)
            yield run

    def _run(self, station: str, stream: str, number: int) -> _Run:
        key = station, stream, number
        run = self._runs.get(key)
        if run is None:
            if len(self._runs) >= MOST_RUNS:  # forgotten runs are looked up in the store again
                self._runs = {known: one for known, one in self._runs.items() if one.queued}
                self._of_layout.clear()
            run = self._runs[key] = _Run(*key)
        if not run.queued:
            run.queued = True
            self._queue.append(run)
        return run

    def _tell_until_stopped(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            self._try(self.tell)
            if time.monotonic() - self._searched > SEARCH_SECONDS:
                self._searched = time.monotonic()
                self._try(self._store.search_gaps)
        self.tell_all()

    def tell_all(self) -> None:
        """Tell all that is left, unless the store is away."""
        while (self._queue or self._untaken) and self._try(self.tell):
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
        if not self._untaken:
            with self._lock:
                turn = [self._queue.popleft() for _ in range(min(MOST_A_TICK, len(self._queue)))]
                self._untaken = [run.take() for run in turn]
                for run in turn:
                    run.queued = False
        if self._untaken:
            marks = self._store.advance(self._untaken, [one for one in self._untaken if not self._is_known(one)])
            self._untaken = []
            for mark in marks:
                self._learn(mark)
                said = watermark.summarise(mark.run, mark.committed)
                if said is not None:
                    topic = committed_topic(mark.station, mark.stream, self._root)
                    self._unsent[topic] = watermark.encode(said)
        for topic in list(self._unsent):
            if not self._publish(topic, self._unsent[topic]):
                break
            del self._unsent[topic]

    def _is_known(self, one: Advance) -> bool:
        run = self._runs.get((one.station, one.stream, one.run))
        return run is not None and run.known

    def _learn(self, mark: Mark) -> None:
        """Take over what other collectors, or this one before a restart, have seen."""
        with self._lock:
            run = self._runs.get((mark.station, mark.stream, mark.run))
            if run is None:
                return
            run.known = True
            if mark.top is not None and (run.top is None or mark.top[1] > run.top[1]):
                run.top = mark.top


def _merged(pieces: list[list[int]], joint: int) -> list[list[int]]:
    """Sort ranges and merge those that touch (closed ones with joint 1, half-open with 0).

    If that leaves more than half of ``MOST_PIECES`` the lowest are dropped: less is said then, never more.
    """
    merged: list[list[int]] = []
    for first, last in sorted(pieces):
        if merged and first <= merged[-1][1] + joint:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged[-MOST_PIECES // 2 :]
