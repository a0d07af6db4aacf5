"""Blocks of many streams that follow one another, counted in arrays: no Python for a message that is in line.

Nearly all blocks of a live stream begin where the one before ended and have the next number. They are added up here
and handed to their ``Run`` when it is told or when something else comes; both give the same
(tests/ingest/collector/test_sequence_arrays.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.store import NO_SEQ, BlockArrays
from ingest.collector.sequence import NO_SLOT, Run, Streak

FIRST_SLOTS = 64

Int64Array = NDArray[np.int64]
IntArray = NDArray[np.intp]

_STREAK = len(Streak._fields)
_SLOT = np.dtype(
    [(name, "i8") for name in (*Streak._fields, "run", "next", "edge")] + [("armed", "?"), ("queued", "?")]
)


class Keys(NamedTuple):
    """What of blocks is counted: layout, run, number, start and length. [us since 1970 UTC, us]"""

    layout: NDArray[np.int32]
    run: Int64Array
    seq: Int64Array
    start: Int64Array
    length: Int64Array

    @classmethod
    def of(cls, blocks: BlockArrays) -> Keys:
        """Take what is counted out of blocks."""
        length = blocks.dt_ns * blocks.samples.shape[2] // 1000
        return cls(blocks.stream, blocks.run, blocks.seq, blocks.time_us, length)

    def rows(self, which: IntArray) -> Iterator[tuple[int, int, int | None, int, int]]:
        """Give some blocks one by one; the number is None where there is none."""
        columns = [column[which].tolist() for column in self]
        for layout, run, seq, start, length in zip(*columns, strict=True):
            yield layout, run, None if seq == NO_SEQ else seq, start, length


class Streaks:
    """The streak of each stream's layout, of the run that it is in now; not thread-safe.

    Parameters
    ----------
    queue : callable
        Takes each run that has something to tell and is not queued yet.
    """

    def __init__(self, queue: Callable[[Run], None]) -> None:
        self._queue = queue
        self._slot_of = np.full(0, NO_SLOT, np.int32)  # by layout
        self._slots = np.zeros(FIRST_SLOTS, _SLOT)
        self._runs: list[Run] = []  # by slot

    def clear(self) -> None:
        """Hand everything over, and begin anew."""
        for slot, run in enumerate(self._runs):
            if run.slot == slot:
                self.hand_over(run)
                run.slot = NO_SLOT
        self._runs.clear()
        self._slot_of = np.full(0, NO_SLOT, np.int32)
        self._slots = np.zeros(FIRST_SLOTS, _SLOT)

    def count(self, keys: Keys, now: int | None) -> IntArray:
        """Count the blocks that are in line; return which are not, in their order.

        Parameters
        ----------
        keys : Keys
            Committed just now, in the order in which they were sent.
        now : int or None
            As in ``Run.add``. [us since 1970 UTC]
        """
        slots = np.full(len(keys.layout), NO_SLOT)
        known = keys.layout < len(self._slot_of)
        slots[known] = self._slot_of[keys.layout[known]]
        waiting = np.flatnonzero(slots != NO_SLOT)
        others = [np.flatnonzero(slots == NO_SLOT)]
        while waiting.size:
            # several blocks of one stream: one after the other
            _, first = np.unique(slots[waiting], return_index=True)
            turn = waiting[np.sort(first)]
            others.append(turn[~self._count_once(keys, slots[turn], turn, now)])
            waiting = np.setdiff1d(waiting, turn, assume_unique=True)
        return np.sort(np.concatenate(others))

    def _count_once(self, keys: Keys, slot: IntArray, turn: IntArray, now: int | None) -> NDArray[np.bool_]:
        """Count blocks of different streams; return which were in line. Streams of the others are disarmed."""
        start, length, seq = keys.start[turn], keys.length[turn], keys.seq[turn]
        old = self._slots[slot]
        in_line: NDArray[np.bool_] = (
            old["armed"] & (old["run"] == keys.run[turn]) & (old["next"] == seq)
            & (start <= old["edge"]) & (start >= old["edge"] - length)
        )  # fmt: skip
        self._slots["armed"][slot[~in_line]] = False
        chosen = slot[in_line]
        if not chosen.size:
            return in_line
        start, length, seq = start[in_line], length[in_line], seq[in_line]
        table = self._slots
        fresh = old["blocks"][in_line] == 0
        table["first"][chosen[fresh]] = seq[fresh]
        table["first_start"][chosen[fresh]] = start[fresh]
        table["blocks"][chosen] += 1
        table["next"][chosen] = seq + 1
        table["last_start"][chosen] = start
        table["length"][chosen] = length
        table["edge"][chosen] = start + length + length // 2
        if now is not None:
            lag = now - start - length
            first = table["now"][chosen] == 0
            table["best"][chosen] = np.where(first, lag, np.minimum(lag, table["best"][chosen]))
            table["lag"][chosen] = lag
            table["now"][chosen] = now
        new = chosen[~table["queued"][chosen]]
        table["queued"][new] = True
        for one in new.tolist():
            self._queue(self._runs[one])
        return in_line

    def hand_over(self, run: Run) -> None:
        """Tell a run what was counted of it here."""
        if run.slot == NO_SLOT:
            return
        row = self._slots[run.slot]
        streak = Streak(*row.item()[:_STREAK])
        if streak.blocks:
            run.add_streak(streak)
            row["blocks"] = row["now"] = 0

    def set_queued(self, run: Run, queued: bool) -> None:
        """Note whether a run is queued."""
        run.queued = queued
        if run.slot != NO_SLOT:
            self._slots["queued"][run.slot] = queued

    def disarm(self, run: Run) -> None:
        """Let the next block of a run come the slow way."""
        if run.slot != NO_SLOT:
            self._slots["armed"][run.slot] = False

    def arm(self, layout: int, run: Run) -> None:
        """Expect the block that follows the newest of a run, if that was the last that the run counted."""
        if run.top is None or run.top[1] + run.unit + run.unit // 2 != run.edge:
            return
        slot = self._find_slot(layout, run)
        if run.slot != slot:
            for other in (run, self._runs[slot]):  # a run in a new layout, a layout with a new run
                self.hand_over(other)
                self.disarm(other)
                other.slot = NO_SLOT
            self._runs[slot] = run
            run.slot = slot
        row = self._slots[slot]
        row["armed"], row["run"], row["next"], row["edge"] = True, run.run, run.top[0] + 1, run.edge
        row["queued"] = run.queued

    def _find_slot(self, layout: int, run: Run) -> int:
        if layout >= len(self._slot_of):
            grown = np.full(2 * layout + 1, NO_SLOT, np.int32)
            grown[: len(self._slot_of)] = self._slot_of
            self._slot_of = grown
        if self._slot_of[layout] == NO_SLOT:
            self._slot_of[layout] = len(self._runs)
            self._runs.append(run)
            if len(self._runs) > len(self._slots):
                self._slots = np.concatenate([self._slots, np.zeros(len(self._slots), _SLOT)])
        return int(self._slot_of[layout])
