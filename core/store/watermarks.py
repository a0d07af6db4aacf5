"""What has come and what has not: watermarks, counters of streams, known gaps. Written apart from the data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.store.database import Database, sql

MOST_RANGES = 500
"""Most ranges that are kept of a run; with more, the oldest are forgotten."""
GRACE_SECONDS = 60.0
"""How long a hole may stand until it is a gap. [s]"""

Ranges = Sequence[Sequence[int]]

_PLAIN = ("station", "stream", "run", "unit", "in_line", "records", "duplicates")
_RANGE = re.compile(r"\[(\d+),(\d+)\)")


@dataclass(frozen=True, slots=True)
class Advance:
    """What came of one run of a stream since the last time.

    Attributes
    ----------
    station, stream, run
        The numbering.
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
class Mark:
    """What is committed of one run, whichever collector did it.

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
class Gap:
    """A stretch of time for which nothing came although later data did.

    Attributes
    ----------
    starts, ends : datetime
        End of the data before, start of the data after.
    blocks : int
        Messages that were missing when the gap was noticed; 0 where the sender's numbers go on: it recorded nothing.
    counted : bool
        Whether ``blocks`` comes from the sender's numbers; otherwise from the length of its messages.
    missing_s : float
        What is still missing. [s]
    noticed, filled : datetime
        Since when it is known; when the last of it came late, None while it is open.
    """

    station: str
    stream: str
    starts: datetime
    ends: datetime
    blocks: int
    counted: bool
    missing_s: float
    noticed: datetime
    filled: datetime | None


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


def advance(database: Database, advances: Sequence[Advance], new: Iterable[Advance] = ()) -> list[Mark]:
    """Merge what came into what is known; return the marks of the runs that were touched.

    Parameters
    ----------
    advances : sequence of Advance
        At most one for each run.
    new : iterable of Advance
        Those whose run may not be known yet.
    """
    none = (None, None, None, None)
    columns = {name: _words([getattr(one, name) for one in advances]) for name in _PLAIN}
    for name in ("first", "top"):
        pairs = [getattr(one, name) or none for one in advances]
        columns[name] = _words([pair[0] for pair in pairs])
        columns[name + "_starts"] = _words([pair[1] for pair in pairs])
    for i, name in enumerate(("seen", "newest", "lag", "delay")):
        columns[name] = _words([(one.clock or none)[i] for one in advances])
    columns["numbers"] = " ".join([_multirange(one.numbers, "[%d,%d]") for one in advances])
    columns["times"] = " ".join([_multirange(one.times, "[%d,%d)") for one in advances])
    keys = [(one.station, one.stream, one.run) for one in new]
    with database.transaction() as connection:
        connection.execute(sql("lock_watermarks"))
        if keys:
            names = dict(zip(("station", "stream", "run"), map(list, zip(*keys, strict=True)), strict=True))
            connection.execute(sql("add_watermarks"), names)
        rows = connection.execute(sql("advance_watermarks"), columns).fetchall()
    return [
        Mark(
            row["station"],
            row["stream"],
            row["run"],
            None if row["top"] is None else (row["top"], row["top_starts"]),
            _ranges(row["committed"]),
        )
        for row in rows
    ]


def search_gaps(database: Database) -> None:
    """Note the gaps that opened, close those that were filled; streams whose messages came in line cost nothing."""
    settings = {"grace": GRACE_SECONDS, "most": MOST_RANGES}
    with database.transaction() as connection:
        connection.execute(sql("lock_watermarks"))
        for name in ("forget_gaps", "fill_gaps", "heal_watermarks", "note_gaps", "shorten_watermarks", "mark_looked"):
            connection.execute(sql(name, holes=sql("holes")), settings)


def check_gaps(database: Database, station: str | None) -> None:
    """Look in the stored data whether open gaps were filled by another way than the sender's own, as by files."""
    settings = {"grace": GRACE_SECONDS, "station": station}
    with database.transaction() as connection:
        connection.execute(sql("lock_watermarks"))
        for name in ("heal_watermarks", "fill_gaps"):
            connection.execute(sql(name, holes=sql("open_holes")), settings)


def read_gaps(database: Database, station: str | None, limit: int, *, filled: bool) -> list[Gap]:
    """Read the newest gaps of a station or of all, with or without those that were filled."""
    return [Gap(**row) for row in database.rows("gaps", station=station, limit=limit, all=filled)]


def read_arrivals(database: Database, station: str | None) -> list[Arrival]:
    """Read how the messages of each stream come in."""
    return [Arrival(**row) for row in database.rows("arrivals", station=station)]


def _words(column: Iterable[object]) -> str:
    """Join values as PostgreSQL reads them; none of them, names neither, has a space in it."""
    return " ".join(["" if value is None else str(value) for value in column])


def _multirange(ranges: Ranges, form: str) -> str:
    return "{" + ",".join([form % (first, last) for first, last in ranges]) + "}"


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(end) - 1) for first, end in _RANGE.findall(text))
