"""What has come: watermarks, and counters of streams. Written apart from the data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.store.database import Connection, Database, sql

Ranges = Sequence[Sequence[int]]

_PLAIN_COLUMNS = ("station", "stream", "run", "unit", "in_line", "records", "duplicates")
_RANGE = re.compile(r"\[(\d+),(\d+)\)")


@dataclass(frozen=True, slots=True)
class Advance:
    """What came of one message sequence of a stream since the last time.

    Attributes
    ----------
    station, stream, run
        The message sequence.
    first, top : (int, int) or None
        Number and start of the block counted first, and of the one with the highest number. [us since 1970 UTC]
    numbers : sequence of (int, int)
        Closed ranges of numbers that were stored, in any order.
    times : sequence of (int, int)
        Half-open ranges of time that the data cover, each message half its length longer. [us since 1970 UTC]
    unit : int
        Length of the last message. [us]
    in_line : bool
        Each message began where the one before ended: no gap was opened or filled.
    records, duplicates : int
        Blocks or readings, and how many of them were stored already.
    clock : (int, int, int, int) or None
        When the last message came; end of the newest data [us since 1970 UTC]; arrival minus end of the data: of the
        last message, and the smallest in a while [us]. None if nothing came from the sender itself.
    """

    station: str
    stream: str
    run: int
    first: tuple[int, int] | None
    top: tuple[int, int] | None
    numbers: Ranges
    times: Ranges
    unit: int
    in_line: bool
    records: int
    duplicates: int
    clock: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class WatermarkRow:
    """What is committed of one message sequence, whichever collector did it.

    Attributes
    ----------
    top : (int, int) or None
        Number and start of the block with the highest number. [us since 1970 UTC]
    committed : tuple of (int, int)
        Closed ranges of block numbers, ascending and apart.
    """

    station: str
    stream: str
    run: int
    top: tuple[int, int] | None
    committed: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the messages of a stream come in.

    Attributes
    ----------
    records, duplicates : int
        Blocks or readings, and how many of them were stored already.
    restarts : int
        How often the sender began its numbers afresh.
    seen, newest : datetime
        When the last message came; end of the newest data.
    lag_s : float
        Arrival minus end of the data, of the last message. [s]
    delay_s : float
        The smallest of it in the last 10 to 20 minutes: the way takes at least no time, so a negative one is a clock
        that is ahead, and a steady one beyond the way's time a clock that is behind. [s]
    """

    station: str
    stream: str
    records: int
    duplicates: int
    restarts: int
    seen: datetime | None
    newest: datetime | None
    lag_s: float | None
    delay_s: float | None


class StoredWatermarks:
    """The part of the store that holds what is committed of each sender's numbers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def advance(self, advances: Sequence[Advance], new: Iterable[Advance] = ()) -> list[WatermarkRow]:
        """Merge what came into what is known; return the watermarks of the message sequences that were touched.

        Parameters
        ----------
        advances : sequence of Advance
            At most one for each message sequence.
        new : iterable of Advance
            Those whose message sequence may not be known yet.
        """
        keys = [(one.station, one.stream, one.run) for one in new]
        with self._database.transaction() as connection:
            lock_watermarks(connection)
            if keys:
                names = dict(zip(("station", "stream", "run"), map(list, zip(*keys, strict=True)), strict=True))
                connection.execute(sql("add_watermarks"), names)
            rows = connection.execute(sql("advance_watermarks"), _columns(advances)).fetchall()
        return [
            WatermarkRow(
                row["station"],
                row["stream"],
                row["run"],
                None if row["top"] is None else (row["top"], row["top_starts"]),
                _ranges(row["committed"]),
            )
            for row in rows
        ]

    def read_arrivals(self, station: str | None = None) -> list[Arrival]:
        """Read how the messages of each stream come in: counters, lag, clock."""
        return [Arrival(**row) for row in self._database.rows("arrivals", station=station)]


def lock_watermarks(connection: Connection) -> None:
    """Keep other collectors from the watermarks and gaps until the transaction ends."""
    connection.execute(sql("lock_watermarks"))


def _columns(advances: Sequence[Advance]) -> dict[str, str]:
    """Return the parameters of ``advance_watermarks``: a column of words each."""
    none = (None, None, None, None)
    columns = {name: _words([getattr(one, name) for one in advances]) for name in _PLAIN_COLUMNS}
    for name in ("first", "top"):
        pairs = [getattr(one, name) or none for one in advances]
        columns[name] = _words([pair[0] for pair in pairs])
        columns[name + "_starts"] = _words([pair[1] for pair in pairs])
    for i, name in enumerate(("seen", "newest", "lag", "delay")):
        columns[name] = _words([(one.clock or none)[i] for one in advances])
    columns["numbers"] = " ".join([_multirange(one.numbers, "[%d,%d]") for one in advances])
    columns["times"] = " ".join([_multirange(one.times, "[%d,%d)") for one in advances])
    return columns


def _words(column: Iterable[object]) -> str:
    """Join values as PostgreSQL reads them; none of them, names neither, has a space in it."""
    return " ".join(["" if value is None else str(value) for value in column])


def _multirange(ranges: Ranges, form: str) -> str:
    return "{" + ",".join([form % (first, last) for first, last in ranges]) + "}"


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(end) - 1) for first, end in _RANGE.findall(text))
