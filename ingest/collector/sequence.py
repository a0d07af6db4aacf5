"""One numbering of a stream's messages: what came of it, until that is told."""

from __future__ import annotations

from typing import NamedTuple

from core.store import Advance

MOST_PIECES = 1000
"""Most ranges remembered of a run until they are told."""
NO_SLOT = -1
WINDOW_US = 600_000_000
"""Length of a window in which the smallest lag is looked for; the last and the running one count. [us]"""


class Streak(NamedTuple):
    """Blocks of one run that followed one another without a break.

    Attributes
    ----------
    blocks : int
        How many.
    first : int
        Number of the first.
    first_start, last_start, length : int
        Start of the first and of the last, length of the last. [us since 1970 UTC, us]
    now, lag, best : int
        When the last came, 0 if none came from the sender itself [us since 1970 UTC]; arrival minus end of the data:
        of the last, and the smallest [us].
    """

    blocks: int
    first: int
    first_start: int
    last_start: int
    length: int
    now: int
    lag: int
    best: int


class Run:
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
        "slot",
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
        self.slot = NO_SLOT  # where ``Streaks`` counts its blocks
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
            self._time(end, now, now - end, now - end)
        self.in_line &= self.edge is not None and self.edge - length <= start <= self.edge
        self._cover(start, end + length // 2)
        if seq is not None:
            self._number(seq, start)

    def add_streak(self, streak: Streak) -> None:
        """Count blocks of which the first follows the last one that was counted, and each other the one before it."""
        self.records += streak.blocks
        self.unit = streak.length
        if streak.now:
            self._time(streak.last_start + streak.length, streak.now, streak.lag, streak.best)
        self._cover(streak.first_start, streak.last_start + streak.length + streak.length // 2)
        last = streak.first + streak.blocks - 1
        if self.first is None:
            self.first = streak.first, streak.first_start
        self.top = last, streak.last_start
        self._extend(streak.first, last)

    def _time(self, end: int, now: int, lag: int, best: int) -> None:
        if end > self._newest:
            self._newest = end
            if now > self._window_ends:
                self._best_before, self._best, self._window_ends = self._best, best, now + WINDOW_US
            elif best < self._best:
                self._best = best
        self.clock = now, self._newest, lag, min(self._best, self._best_before)

    def _cover(self, start: int, upper: int) -> None:
        self.edge = upper
        if self.times and self.times[-1][0] <= start <= self.times[-1][1]:
            self.times[-1][1] = max(self.times[-1][1], upper)
        else:
            self.times.append([start, upper])
            if len(self.times) > MOST_PIECES:
                self.times = merged(self.times, 0)

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
        self._extend(seq, seq)

    def _extend(self, first: int, last: int) -> None:
        if self.numbers and self.numbers[-1][1] == first - 1:
            self.numbers[-1][1] = last
        else:
            self.numbers.append([first, last])
            if len(self.numbers) > MOST_PIECES:
                self.numbers = merged(self.numbers, 1)

    def take(self) -> Advance:
        """Return what is not told yet and forget it."""
        taken = Advance(
            self.station, self.stream, self.run, self.first, self.top if self.first else None, self.numbers,
            self.times, self.unit, self.in_line, self.records, self.duplicates, self.clock,
        )  # fmt: skip
        self._forget()
        return taken


def merged(pieces: list[list[int]], joint: int) -> list[list[int]]:
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
