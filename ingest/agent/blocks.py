"""Records become blocks and readings; a time that a stream has sent already is not sent again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.records import Float32Array
from ingest.agent.config import SourceConfig
from ingest.agent.file_account import FollowedAccount
from ingest.agent.file_position import FilePosition

MAX_SENT_SPANS = 10_000
"""Most stretches of time that a stream remembers as sent; the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive samples of a stream, or one reading, with the position in its source that it reaches.

    Attributes
    ----------
    start_ns, dt_ns : int
        START of the first sample's interval, and the step. [ns]
    samples : ndarray, shape (channels, n), float32
        NaN is missing; n may be 0, when there is nothing to send but a position to remember.
    position : FilePosition or None
        None from a source that cannot be read twice.
    """

    start_ns: int
    dt_ns: int
    samples: Float32Array
    position: FilePosition | None = None

    @property
    def n(self) -> int:
        """Number of samples."""
        return int(self.samples.shape[1])

    @property
    def end_ns(self) -> int:
        """END of the last sample's interval. [ns since 1970 UTC]"""
        return self.start_ns + self.n * self.dt_ns


class SentTimes:
    """Stretches of time that are sent, ascending and apart; a few, for what touches is one.

    Parameters
    ----------
    spans : sequence of (int, int)
        START and END. [ns since 1970 UTC]
    """

    def __init__(self, spans: Sequence[tuple[int, int]] = ()) -> None:
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def __contains__(self, time_ns: int) -> bool:
        i = bisect_right(self._starts, time_ns)
        return i > 0 and time_ns < self._ends[i - 1]

    def all(self) -> list[tuple[int, int]]:
        """Return every stretch."""
        return list(zip(self._starts, self._ends, strict=True))

    def add(self, start: int, end: int) -> None:
        """Add a stretch."""
        first = bisect_right(self._starts, start)
        if first and self._ends[first - 1] >= start:
            first -= 1
        last = bisect_right(self._starts, end)
        if last > first:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        if len(self._starts) > MAX_SENT_SPANS:
            del self._starts[0], self._ends[0]


@dataclass(slots=True)
class BlockMaker:
    """Cuts the records of one file into blocks by their time stamps.

    Blocks end at whole multiples of their length since 1970 UTC and begin with their first record, so that records
    read twice give the same blocks, and records of one block that lie in two files give two pieces of it.

    Parameters
    ----------
    source : SourceConfig
        Step and length.
    sent : SentTimes
        What the stream has sent; shared by all files of a source.
    account : FollowedAccount
        Of the file; each piece takes along how it stands at the piece's position.
    """

    source: SourceConfig
    sent: SentTimes
    account: FollowedAccount = field(default_factory=FollowedAccount)
    repeated: int = 0
    """Records whose time was taken, since this process began."""
    _number: int = 0
    _rows: dict[int, Sequence[float]] = field(default_factory=dict)
    _position: FilePosition | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for the rest of its block."""
        return not self._rows and self._position is None

    def add(self, start_ns: int, values: Sequence[float], position: FilePosition, size: int = 0) -> list[Piece]:
        """Take a record; return what it completes.

        Parameters
        ----------
        start_ns : int
            START of the record's interval. [ns since 1970 UTC]
        values : sequence of float
            One a channel.
        position : FilePosition
            Where its line ends.
        size : int
            Length of its line. [bytes]
        """
        if self.source.kind == "reading":
            return self._add_reading(start_ns, values, position, size)
        dt_ns, block_ns = self.source.dt_ns, self.source.block_ns
        per_block = round(block_ns / dt_ns)
        # half a step early, so that a stamp that is off by some microseconds still finds its slot
        shifted = start_ns + dt_ns // 2
        number = shifted // block_ns
        slot = min((shifted - number * block_ns) // dt_ns, per_block - 1)
        made = self.finish() if self._rows and number != self._number else []
        repeated = slot in self._rows or number * block_ns + slot * dt_ns in self.sent
        self._count(size, repeated=repeated)
        if not repeated:
            self._number = number
            self._rows[slot] = values
        self._position = position
        return made + self.finish() if len(self._rows) == per_block else made

    def skip(self, position: FilePosition, size: int = 0, reason: str = "") -> None:
        """Take note of a line that is left out for a reason; without one it is of a header."""
        if reason:
            self.account.leave_out(reason, size)
        else:
            self.account.add_header(size)
        self._position = position

    def finish(self) -> list[Piece]:
        """Return what waits, as a block that may be shorter; an empty list if nothing does."""
        if self.is_empty:
            return []
        first, last = (min(self._rows), max(self._rows)) if self._rows else (0, -1)
        start = self._number * self.source.block_ns + first * self.source.dt_ns
        piece = self._piece(start, last - first + 1, {slot - first: row for slot, row in self._rows.items()})
        self._rows, self._position = {}, None
        return [piece]

    def _add_reading(self, start_ns: int, values: Sequence[float], position: FilePosition, size: int) -> list[Piece]:
        self._position = position
        repeated = start_ns in self.sent
        self._count(size, repeated=repeated)
        if repeated:
            return []
        piece = self._piece(start_ns, 1, {0: values})
        self._position = None
        return [piece]

    def _count(self, size: int, *, repeated: bool) -> None:
        self.repeated += repeated
        self.account.add_record(size, repeated=repeated)

    def _piece(self, start_ns: int, n: int, rows: Mapping[int, Sequence[float]]) -> Piece:
        position = self._position and replace(self._position, account=self.account.copy())
        piece = Piece(start_ns, self.source.dt_ns, samples_of(rows, len(self.source.channels), n), position)
        if n:
            self.sent.add(start_ns, piece.end_ns)
        return piece


def samples_of(rows: Mapping[int, Sequence[float]], channels: int, n: int) -> Float32Array:
    """Return samples of shape (channels, n); a slot without a row, and what float32 cannot hold, is NaN."""
    samples = np.full((channels, n), np.nan, np.float32)
    with np.errstate(over="ignore"):
        for slot, values in rows.items():
            samples[:, slot] = values
    samples[~np.isfinite(samples)] = np.nan
    return samples
