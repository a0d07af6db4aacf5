"""One sequence of a stream's message numbers: what came of it and is not stored as counted yet."""

from __future__ import annotations

from typing import NamedTuple

from core.store import Advance

MAX_RANGES = 1000
"""Most ranges remembered of a sequence until they are stored."""
NO_SLOT = -1
LAG_WINDOW_US = 600_000_000
"""Length of a window in which the smallest lag is looked for; the last and the running one count. [us]"""


class ConsecutiveBlocks(NamedTuple):
    """Blocks of one sequence that followed one another without a break.

    Attributes
    ----------
    blocks : int
        How many.
    first : int
        Number of the first.
    first_start, last_start, length : int
        Start of the first and of the last, length of the last. [us since 1970 UTC, us]
    arrived, lag, smallest_lag : int
        When the last came, 0 if none came from the sender itself [us since 1970 UTC]; arrival minus end of the data:
        of the last, and the smallest [us].
    """

    blocks: int
    first: int
    first_start: int
    last_start: int
    length: int
    arrived: int
    lag: int
    smallest_lag: int


class MessageSequence:
    """What came of one sequence: what is not stored yet, and the little that must be remembered after that.

    Parameters
    ----------
    station, stream : str
        Whose messages these are.
    run : int
        The sequence's name in the messages.
    """

    __slots__ = (
        "_newest_end",
        "_smallest_lag",
        "_smallest_lag_before",
        "_window_end",
        "clock",
        "duplicates",
        "first",
        "highest",
        "in_line",
        "is_known",
        "is_queued",
        "next_start_limit",
        "numbers",
        "records",
        "run",
        "slot",
        "station",
        "stream",
        "times",
        "unit",
    )

    def __init__(self, station: str, stream: str, run: int) -> None:
        self.station, self.stream, self.run = station, stream, run
        self.is_known = False  # whether the store has a row for it
        self.is_queued = False
        self.slot = NO_SLOT  # where ``SequenceArrays`` counts its blocks
        self.highest: tuple[int, int] | None = None  # highest number, and where its block starts
        self.next_start_limit: int | None = None  # where the next message is expected, at the latest
        self.unit = 0
        self._newest_end = 0
        self._smallest_lag = self._smallest_lag_before = 1 << 62
        self._window_end = 0
        self._clear_counts()

    def _clear_counts(self) -> None:
        self.numbers: list[list[int]] = []
        self.times: list[list[int]] = []
        self.first: tuple[int, int] | None = None
        self.in_line = True
        self.clock: tuple[int, int, int, int] | None = None
        self.records = self.duplicates = 0

    def add(self, number: int | None, start: int, length: int, arrived: int | None) -> None:
        """Count one block or reading.

        Parameters
        ----------
        number : int or None
            Its number, None without one.
        start, length : int
            Start and length. [us since 1970 UTC, us]
        arrived : int or None
            When it came; None if it was stored by another way than its own. [us since 1970 UTC]
        """
        end = start + length
        self.records += 1
        self.unit = length
        if arrived is not None:
            self._update_clock(end, arrived, arrived - end, arrived - end)
        limit = self.next_start_limit
        self.in_line &= limit is not None and limit - length <= start <= limit
        self._add_time(start, end + length // 2)
        if number is not None:
            self._add_number(number, start)

    def add_consecutive(self, added: ConsecutiveBlocks) -> None:
        """Count blocks of which the first follows the last one that was counted, and each other the one before it."""
        self.records += added.blocks
        self.unit = added.length
        if added.arrived:
            self._update_clock(added.last_start + added.length, added.arrived, added.lag, added.smallest_lag)
        self._add_time(added.first_start, added.last_start + added.length + added.length // 2)
        last = added.first + added.blocks - 1
        if self.first is None:
            self.first = added.first, added.first_start
        self.highest = last, added.last_start
        self._add_range(added.first, last)

    def _update_clock(self, end: int, arrived: int, lag: int, smallest_lag: int) -> None:
        if end > self._newest_end:
            self._newest_end = end
            if arrived > self._window_end:
                self._smallest_lag_before, self._smallest_lag = self._smallest_lag, smallest_lag
                self._window_end = arrived + LAG_WINDOW_US
            elif smallest_lag < self._smallest_lag:
                self._smallest_lag = smallest_lag
        self.clock = arrived, self._newest_end, lag, min(self._smallest_lag, self._smallest_lag_before)

    def _add_time(self, start: int, upper: int) -> None:
        self.next_start_limit = upper
        if self.times and self.times[-1][0] <= start <= self.times[-1][1]:
            self.times[-1][1] = max(self.times[-1][1], upper)
        else:
            self.times.append([start, upper])
            if len(self.times) > MAX_RANGES:
                self.times = merge_ranges(self.times, 0)

    def _add_number(self, number: int, start: int) -> None:
        if self.highest is not None and self.run == 0:
            highest, highest_starts = self.highest
            if number <= highest and start > highest_starts:  # the sender restarted and counts afresh
                self.numbers.clear()
                self.highest = self.first = None
            elif number > highest and start < highest_starts:  # left over from the count before
                return
        if self.first is None:
            self.first = number, start
        if self.highest is None or number > self.highest[0]:
            self.highest = number, start
        self._add_range(number, number)

    def _add_range(self, first: int, last: int) -> None:
        if self.numbers and self.numbers[-1][1] == first - 1:
            self.numbers[-1][1] = last
        else:
            self.numbers.append([first, last])
            if len(self.numbers) > MAX_RANGES:
                self.numbers = merge_ranges(self.numbers, 1)

    def take_advance(self) -> Advance:
        """Return what is to be stored, and count from nothing again."""
        taken = Advance(
            self.station, self.stream, self.run, self.first, self.highest if self.first else None, self.numbers,
            self.times, self.unit, self.in_line, self.records, self.duplicates, self.clock,
        )  # fmt: skip
        self._clear_counts()
        return taken


def merge_ranges(ranges: list[list[int]], joint: int) -> list[list[int]]:
    """Sort ranges and merge those that touch (closed ones with joint 1, half-open with 0).

    If that leaves more than half of ``MAX_RANGES`` the lowest are dropped: less is said then, never more.
    """
    merged: list[list[int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + joint:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged[-MAX_RANGES // 2 :]
