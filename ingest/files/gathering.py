"""Intervals out of raw files, by time stamp: a file's border means nothing, a gap is where no record is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from core.clock import from_ns, to_ns
from core.errors import PayloadError
from core.memory import keep_freed_memory
from core.records import FloatArray, Samples
from core.station import Station
from ingest.files.account import Placed
from ingest.files.raw import read_records
from ingest.files.records import JITTER_NS, Int64Array, Records, Report, Span


@dataclass(frozen=True, slots=True)
class Gathered:
    """One interval of samples.

    Attributes
    ----------
    start : datetime
        UTC.
    samples : Samples or None
        On the interval's regular grid; None if no file has a record of it.
    records : int
        Records with a place of their own.
    duplicates : int
        Records that another one repeats, value by value; they count once.
    contested : int
        Places that different records claim; such a place is missing.
    placed : mapping of Path to Placed
        What became of the records of each file.
    """

    start: datetime
    samples: Samples | None
    records: int = 0
    duplicates: int = 0
    contested: int = 0
    placed: Mapping[Path, Placed] = field(default_factory=dict)


def gather(
    spans: Sequence[Span], station: Station, stream: str, starts: Sequence[datetime], minutes: int, report: Report
) -> Iterator[Gathered]:
    """Yield intervals one after the other; memory holds one interval and a piece of each file that is open.

    Parameters
    ----------
    spans : sequence of Span
        Files; those that do not touch the intervals are not opened.
    station, stream
        What the files hold.
    starts : sequence of datetime
        Interval starts, UTC, in order of time.
    minutes : int
        Length of an interval.
    report : callable
        Takes what is wrong with a file, in words; the other files go on.
    """
    if not starts:
        return
    keep_freed_memory()
    dt_ns = station.streams[stream].dt_ns
    begin = to_ns(starts[0]) - 2 * dt_ns  # a sample may stand a step beside its place
    names = tuple(station.streams[stream].channel_index)
    tapes = [_Tape(span, station, stream, begin, report) for span in sorted(spans, key=lambda one: one.start_ns)]
    for start in starts:
        first, last = to_ns(start), to_ns(start + timedelta(minutes=minutes))
        grid = _Grid(len(names), round((last - first) / dt_ns), len(tapes))
        for number, tape in enumerate(tapes):
            if tape.span.start_ns - dt_ns < last and tape.span.end_ns > first - dt_ns:
                for records in tape.until(last):
                    grid.place(records, first, dt_ns, number)
        if not grid.records:
            yield Gathered(start, None)
            continue
        samples = Samples(first, dt_ns, dict(zip(names, grid.values, strict=True)))
        placed: dict[Path, Placed] = {}
        for number, tape in enumerate(tapes):
            if (count := grid.placed(number)) != Placed():
                placed[tape.span.path] = placed.get(tape.span.path, Placed()) + count
        yield Gathered(start, samples, grid.records, grid.duplicates, grid.contested, placed)
    for tape in tapes:
        tape.close()


class _Tape:
    """A file that is read on as time goes on."""

    def __init__(self, span: Span, station: Station, stream: str, begin: int, report: Report) -> None:
        self.span = span
        self._half = station.streams[stream].dt_ns // 2
        self._report = report
        self._pieces = read_records(span, station, stream, begin, report)
        self._held: list[Records] = []
        self._over = False

    def until(self, last: int) -> Iterator[Records]:
        """Yield what the file has up to a time, reading on until it is past it."""
        while not self._over and not (self._held and self._held[-1].starts[-1] >= last + JITTER_NS):
            try:
                piece = next(self._pieces, None)
            except PayloadError as error:
                self._report(str(error))
                piece = None
            if piece is None:
                self._over = True
            elif len((piece := self.span.select(piece)).starts):
                self._held.append(piece)
        yield from self._held
        self._held = [piece for piece in self._held if piece.starts.max() >= last - self._half]

    def close(self) -> None:
        """Close the file."""
        self._pieces.close()


class _Grid:
    """The regular places of one interval."""

    def __init__(self, channels: int, n: int, tapes: int) -> None:
        self.values: FloatArray = np.full((channels, n), np.nan)
        self.records = self.duplicates = self.contested = 0
        self._n = n
        self._owner = np.full(n, _FREE, np.int32)
        self._disputed = np.zeros(n, bool)
        self._counts = np.zeros((4, tapes), np.int64)

    def placed(self, tape: int) -> Placed:
        """Return what became of a tape's records."""
        return Placed(*self._counts[:, tape].tolist())

    def place(self, records: Records, first: int, dt_ns: int, tape: int) -> None:
        """Put records of a tape where their stamps say, to the nearest place."""
        slots = (records.starts - first + dt_ns // 2) // dt_ns
        values = records.values
        if slots[0] < 0 or slots[-1] >= self._n or slots.min() < 0 or slots.max() >= self._n:
            inside = (slots >= 0) & (slots < self._n)
            slots, values = slots[inside], values[:, inside]
        if not len(slots):
            return
        if (np.diff(slots) > 0).all() and (self._owner[slots[0] : slots[-1] + 1] == _FREE).all():
            self._put(slots, values, tape)
            return
        unique, at = np.unique(slots, return_index=True)
        fresh = self._owner[unique] == _FREE
        self._put(unique[fresh], values[:, at[fresh]], tape)
        others = np.ones(len(slots), bool)
        others[at[fresh]] = False
        self._compare(slots[others], values[:, others], tape)

    def _compare(self, slots: Int64Array, values: FloatArray, tape: int) -> None:
        """Judge records whose places are taken."""
        there = self.values[:, slots]
        same = ((values == there) | (np.isnan(values) & np.isnan(there))).all(axis=0)
        disputed = self._disputed[slots]
        same &= ~disputed
        # two of one clock that never ran back are no contradiction: it gives more than there are places for
        crowded = ~same & ~disputed & (self._owner[slots] == tape)
        contested = ~same & ~crowded
        fresh = np.unique(slots[contested & ~disputed])
        owners = np.bincount(self._owner[fresh], minlength=self._counts.shape[1])
        self._counts[_USED] -= owners
        self._counts[_CONTESTED] += owners
        for row, some in ((_DUPLICATE, same), (_CROWDED, crowded), (_CONTESTED, contested)):
            self._counts[row, tape] += np.count_nonzero(some)
        self.duplicates += int(np.count_nonzero(same))
        self._disputed[fresh] = True
        self.values[:, fresh] = np.nan
        self.contested = int(np.count_nonzero(self._disputed))

    def _put(self, slots: Int64Array, values: FloatArray, tape: int) -> None:
        if len(slots) and slots[-1] - slots[0] + 1 == len(slots):
            self.values[:, slots[0] : slots[-1] + 1] = values
        else:
            self.values[:, slots] = values
        self._owner[slots] = tape
        self._counts[_USED, tape] += len(slots)
        self.records += len(slots)


_FREE = -1
_USED, _DUPLICATE, _CONTESTED, _CROWDED = range(4)


def grid_starts(spans: Sequence[Span], minutes: int, begin: datetime | None, end: datetime | None) -> list[datetime]:
    """Return the starts of all intervals that the files cover, gaps included, within [begin, end)."""
    step = minutes * 60 * 10**9
    low = min(span.start_ns for span in spans) // step
    high = -(-max(span.end_ns for span in spans) // step)
    if begin is not None:
        low = max(low, -(-to_ns(begin) // step))
    if end is not None:
        high = min(high, to_ns(end) // step)
    return [from_ns(i * step) for i in range(low, high)]
