"""Blocks in arrays: many blocks of one shape, of however many streams, without an object for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import numpy as np
from numpy.typing import NDArray

from core.clock import to_ns
from core.records import Float32Array

NO_SEQ = -1
"""Block number of a block that has none."""

Int64Array = NDArray[np.int64]
Int32Array = NDArray[np.int32]
Key = tuple[int, int, int]
"""Station key, stream key, time. [microseconds since 1970 UTC]"""


@dataclass(frozen=True, slots=True)
class BlockArrays:
    """Blocks with the same number of channels and samples.

    Attributes
    ----------
    station, stream : ndarray, shape (m,), int32
        Keys of the store, as ``Catalogue.stream`` gives them.
    start_ns, dt_ns : ndarray, shape (m,), int64
        START of the first sample's interval and the step. [ns since 1970 UTC, ns]
    seq, run : ndarray, shape (m,), int64
        Block number (``NO_SEQ`` = none) and the message sequence it belongs to.
    samples : ndarray, shape (m, channels, n), float32
        Channels in the order of the stream; NaN is a missing sample.
    """

    station: Int32Array
    stream: Int32Array
    start_ns: Int64Array
    dt_ns: Int64Array
    seq: Int64Array
    run: Int64Array
    samples: Float32Array

    def __len__(self) -> int:
        return len(self.station)

    @property
    def time_us(self) -> Int64Array:
        """Start as the database keeps it. [microseconds since 1970 UTC]"""
        return self.start_ns // 1000

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> BlockArrays:
        """Return some of the blocks, by position or by mask."""
        return BlockArrays(
            self.station[which],
            self.stream[which],
            self.start_ns[which],
            self.dt_ns[which],
            self.seq[which],
            self.run[which],
            self.samples[which],
        )


def first_of_each(groups: Sequence[BlockArrays]) -> list[BlockArrays]:
    """Keep the first block of each key, over all groups; blocks of a group come out in key order."""
    if not groups:
        return []
    station, stream, time = (
        np.concatenate(parts) for parts in zip(*((one.station, one.stream, one.time_us) for one in groups), strict=True)
    )
    order = np.lexsort((time, stream, station))  # stable: of equal keys the first comes first
    again = np.zeros(len(order), bool)
    again[1:] = (np.diff(station[order]) == 0) & (np.diff(stream[order]) == 0) & (np.diff(time[order]) == 0)
    kept = order[~again]
    bounds = np.cumsum([0, *map(len, groups)])
    chosen = (
        one.take(kept[(kept >= low) & (kept < high)] - low)
        for one, low, high in zip(groups, bounds[:-1], bounds[1:], strict=True)
    )
    return [one for one in chosen if len(one)]


def only(groups: Sequence[BlockArrays], keys: set[Key]) -> list[BlockArrays]:
    """Keep the blocks of these keys."""
    chosen = (one.take(np.array([key in keys for key in keys_of(one)], bool)) for one in groups)
    return [one for one in chosen if len(one)]


def keys_of(blocks: BlockArrays) -> list[Key]:
    """Return the key of each block."""
    return list(zip(blocks.station.tolist(), blocks.stream.tolist(), blocks.time_us.tolist(), strict=True))


def row_key(row: Mapping[str, object]) -> Key:
    """Return the key of a row that the database returned."""
    time = cast(datetime, row["time"])
    return cast(int, row["station"]), cast(int, row["stream"]), to_ns(time) // 1000
