"""Blocks of many streams that follow one another, counted in arrays: no Python for a message that is in line.

Nearly all blocks of a live stream begin where the one before ended and have the next number. They are added up here
and flushed into their ``MessageSequence`` when that is stored or when something else comes; both give the same
(tests/ingest/collector/test_sequence_arrays.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.store import NO_SEQ, BlockArrays
from ingest.collector.sequence import NO_SLOT, ConsecutiveBlocks, MessageSequence

INITIAL_SLOTS = 64

Int64Array = NDArray[np.int64]
IntArray = NDArray[np.intp]

_COUNT_FIELDS = len(ConsecutiveBlocks._fields)
_SLOT = np.dtype(
    [(name, "i8") for name in (*ConsecutiveBlocks._fields, "run", "next_number", "next_start_limit")]
    + [("expects_next", "?"), ("is_queued", "?")]
)


class BlockKeys(NamedTuple):
    """What of blocks is counted: layout, run, number, start and length. [us since 1970 UTC, us]"""

    layout: NDArray[np.int32]
    run: Int64Array
    number: Int64Array
    start: Int64Array
    length: Int64Array

    @classmethod
    def of(cls, blocks: BlockArrays) -> BlockKeys:
        """Take what is counted out of blocks."""
        length = blocks.dt_ns * blocks.samples.shape[2] // 1000
        return cls(blocks.stream, blocks.run, blocks.seq, blocks.time_us, length)

    def rows(self, which: IntArray) -> Iterator[tuple[int, int, int | None, int, int]]:
        """Give some blocks one by one; the number is None where there is none."""
        columns = [column[which].tolist() for column in self]
        for layout, run, number, start, length in zip(*columns, strict=True):
            yield layout, run, None if number == NO_SEQ else number, start, length


class SequenceArrays:
    """The consecutive blocks of each stream's layout, of the sequence that it is in now; not thread-safe.

    Parameters
    ----------
    enqueue : callable
        Takes each sequence that has something to store and is not queued yet.
    """

    def __init__(self, enqueue: Callable[[MessageSequence], None]) -> None:
        self._enqueue = enqueue
        self._slot_of = np.full(0, NO_SLOT, np.int32)  # by layout
        self._slots = np.zeros(INITIAL_SLOTS, _SLOT)
        self._sequences: list[MessageSequence] = []  # by slot

    def clear(self) -> None:
        """Flush every sequence, and begin anew."""
        for slot, sequence in enumerate(self._sequences):
            if sequence.slot == slot:
                self.flush(sequence)
                sequence.slot = NO_SLOT
        self._sequences.clear()
        self._slot_of = np.full(0, NO_SLOT, np.int32)
        self._slots = np.zeros(INITIAL_SLOTS, _SLOT)

    def count(self, keys: BlockKeys, arrived: int | None) -> IntArray:
        """Count the blocks that are in line; return which are not, in their order.

        Parameters
        ----------
        keys : BlockKeys
            Committed just now, in the order in which they were sent.
        arrived : int or None
            As in ``MessageSequence.add``. [us since 1970 UTC]
        """
        slots = np.full(len(keys.layout), NO_SLOT)
        known = keys.layout < len(self._slot_of)
        slots[known] = self._slot_of[keys.layout[known]]
        waiting = np.flatnonzero(slots != NO_SLOT)
        not_counted = [np.flatnonzero(slots == NO_SLOT)]
        while waiting.size:
            # several blocks of one stream: one after the other
            _, first = np.unique(slots[waiting], return_index=True)
            turn = waiting[np.sort(first)]
            not_counted.append(turn[~self._count_once(keys, slots[turn], turn, arrived)])
            waiting = np.setdiff1d(waiting, turn, assume_unique=True)
        return np.sort(np.concatenate(not_counted))

    def _count_once(self, keys: BlockKeys, slot: IntArray, turn: IntArray, arrived: int | None) -> NDArray[np.bool_]:
        """Count blocks of different streams; return which were in line. Of the other streams nothing is expected."""
        start, length, number = keys.start[turn], keys.length[turn], keys.number[turn]
        old = self._slots[slot]
        in_line: NDArray[np.bool_] = (
            old["expects_next"] & (old["run"] == keys.run[turn]) & (old["next_number"] == number)
            & (start <= old["next_start_limit"]) & (start >= old["next_start_limit"] - length)
        )  # fmt: skip
        self._slots["expects_next"][slot[~in_line]] = False
        chosen = slot[in_line]
        if not chosen.size:
            return in_line
        start, length, number = start[in_line], length[in_line], number[in_line]
        table = self._slots
        fresh = old["blocks"][in_line] == 0
        table["first"][chosen[fresh]] = number[fresh]
        table["first_start"][chosen[fresh]] = start[fresh]
        table["blocks"][chosen] += 1
        table["next_number"][chosen] = number + 1
        table["last_start"][chosen] = start
        table["length"][chosen] = length
        table["next_start_limit"][chosen] = start + length + length // 2
        if arrived is not None:
            lag = arrived - start - length
            first = table["arrived"][chosen] == 0
            table["smallest_lag"][chosen] = np.where(first, lag, np.minimum(lag, table["smallest_lag"][chosen]))
            table["lag"][chosen] = lag
            table["arrived"][chosen] = arrived
        new = chosen[~table["is_queued"][chosen]]
        table["is_queued"][new] = True
        for one in new.tolist():
            self._enqueue(self._sequences[one])
        return in_line

    def flush(self, sequence: MessageSequence) -> None:
        """Add what was counted here to its sequence."""
        if sequence.slot == NO_SLOT:
            return
        row = self._slots[sequence.slot]
        counted = ConsecutiveBlocks(*row.item()[:_COUNT_FIELDS])
        if counted.blocks:
            sequence.add_consecutive(counted)
            row["blocks"] = row["arrived"] = 0

    def set_queued(self, sequence: MessageSequence, queued: bool) -> None:
        """Set whether a sequence is queued."""
        sequence.is_queued = queued
        if sequence.slot != NO_SLOT:
            self._slots["is_queued"][sequence.slot] = queued

    def expect_nothing(self, sequence: MessageSequence) -> None:
        """Let the next block of a sequence be counted as one that is not in line."""
        if sequence.slot != NO_SLOT:
            self._slots["expects_next"][sequence.slot] = False

    def expect_next(self, layout: int, sequence: MessageSequence) -> None:
        """Expect the block that follows the newest of a sequence, if that was the last that the sequence counted."""
        newest = sequence.highest
        if newest is None or newest[1] + sequence.unit + sequence.unit // 2 != sequence.next_start_limit:
            return
        slot = self._find_slot(layout, sequence)
        if sequence.slot != slot:
            for other in (sequence, self._sequences[slot]):  # a sequence in a new layout, a layout with a new sequence
                self.flush(other)
                self.expect_nothing(other)
                other.slot = NO_SLOT
            self._sequences[slot] = sequence
            sequence.slot = slot
        row = self._slots[slot]
        row["expects_next"], row["run"], row["next_number"] = True, sequence.run, newest[0] + 1
        row["next_start_limit"], row["is_queued"] = sequence.next_start_limit, sequence.is_queued

    def _find_slot(self, layout: int, sequence: MessageSequence) -> int:
        if layout >= len(self._slot_of):
            grown = np.full(2 * layout + 1, NO_SLOT, np.int32)
            grown[: len(self._slot_of)] = self._slot_of
            self._slot_of = grown
        if self._slot_of[layout] == NO_SLOT:
            self._slot_of[layout] = len(self._sequences)
            self._sequences.append(sequence)
            if len(self._sequences) > len(self._slots):
                self._slots = np.concatenate([self._slots, np.zeros(len(self._slots), _SLOT)])
        return int(self._slot_of[layout])
