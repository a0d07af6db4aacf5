"""What checks say of stretches of time of a channel, each found in a whole window of the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from core.clock import NS, from_ns, to_ns
from core.records import FloatArray
from core.store.copy import Float8Array, Int4Array
from core.store.database import Connection, Database, sql
from core.store.stations import StreamRow

HOUR_NS = 3600 * NS


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What a check says of a stretch of time of a channel.

    Attributes
    ----------
    stream, stream_name : int, str
        Key and name of its stream.
    starts, ends : datetime
        [starts, ends) of the readings that it is about.
    withdrawn : datetime or None
        When it did not hold any more.
    """

    id: int
    station: str
    stream: int
    stream_name: str
    channel: str
    check_name: str
    starts: datetime
    ends: datetime
    flag: int
    reason: str
    data: dict[str, object]
    found: datetime
    withdrawn: datetime | None


@dataclass(frozen=True, slots=True)
class NewFinding:
    """A finding before it is stored; ``stream`` is the store's key."""

    stream: int
    channel: str
    starts: datetime
    ends: datetime
    flag: int
    reason: str
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Window:
    """A whole window of the calendar in which a check looks at a station (by its key).

    Attributes
    ----------
    complete : datetime
        When all its readings, and those around it, are due.
    touched : datetime or None
        When some of them came or changed last, None where nobody asks.
    """

    station: int
    check_name: str
    start: datetime
    complete: datetime
    touched: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlacedChannel:
    """A channel by the keys of its station and stream, its place (from 1), and between which values it is used."""

    station: int
    stream: int
    place: int
    low: float
    high: float


class StoredFindings:
    """The part of the store that holds findings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, station: str, start: datetime, end: datetime, limit: int = 1000, *, withdrawn: bool = False
    ) -> list[FindingRow]:
        """Read the findings about readings of [start, end), newest first; ``withdrawn``: those withdrawn, too."""
        keys = {"station": station, "start": start, "end": end, "limit": limit, "withdrawn": withdrawn}
        return [FindingRow(**row) for row in self._database.rows("findings", **keys)]

    def find_due(self, before: datetime, limit: int) -> list[Window]:
        """Return windows that were complete at a time and whose data came or changed since they were looked at."""
        rows = self._database.rows("due_windows", before=before, limit=limit)
        names = ("station", "check_name", "window_start", "complete", "touched")
        return [Window(*(row[name] for name in names)) for row in rows]

    def read_hourly_means(self, channels: Sequence[PlacedChannel], hours_ns: NDArray[np.int64]) -> FloatArray:
        """Read means of values that are plausible and that no person has doubted.

        Parameters
        ----------
        channels : sequence of PlacedChannel
        hours_ns : ndarray, shape (n,), int64
            STARTs of full hours, one after the other. [ns since 1970 UTC]

        Returns
        -------
        ndarray, shape (channels, n)
            In the senders' units; NaN where there is nothing.
        """
        found = np.full((len(channels), len(hours_ns)), np.nan)
        if not channels or not len(hours_ns):
            return found
        parameters = {
            "station": Int4Array(np.array([one.station for one in channels])),
            "stream": Int4Array(np.array([one.stream for one in channels])),
            "place": Int4Array(np.array([one.place for one in channels])),
            "low": Float8Array(np.array([one.low for one in channels])),
            "high": Float8Array(np.array([one.high for one in channels])),
            "start": from_ns(int(hours_ns[0])),
            "end": from_ns(int(hours_ns[-1])) + timedelta(hours=1),
        }
        for row in self._database.rows("hourly_means", **parameters):
            found[row["i"] - 1, (to_ns(row["hour"]) - int(hours_ns[0])) // HOUR_NS] = row["mean"]
        return found


def read_findings(connection: Connection, stream: StreamRow, start: datetime, end: datetime) -> list[FindingRow]:
    """Read the findings in force about readings of [start, end]."""
    keys = {"stream": stream.key, "start": start, "end": end}
    return [FindingRow(**row) for row in connection.execute(sql("findings_in_force"), keys).fetchall()]


def touch_windows(connection: Connection, windows: Sequence[Window], *, own: bool = True) -> None:
    """Note that the data of windows came or changed; not their ``own``: those of stations near them."""
    if windows:
        columns = {
            "station": [one.station for one in windows],
            "check_name": [one.check_name for one in windows],
            "start": [one.start for one in windows],
            "complete": [one.complete for one in windows],
            "own": own,
        }
        connection.execute(sql("touch_windows"), columns)


def end_window(connection: Connection, window: Window) -> None:
    """Note that a window was looked at; if it was touched meanwhile, it stays due."""
    if window.touched is not None:
        keys = {"station": window.station, "check_name": window.check_name, "window_start": window.start}
        connection.execute(sql("end_window"), {**keys, "touched": window.touched})


def replace_findings(
    connection: Connection, window: Window, found: Sequence[NewFinding]
) -> list[tuple[int, datetime, datetime]]:
    """Store what was found in a window, withdraw what is not found any more; one that was due is done.

    Returns
    -------
    list of (int, datetime, datetime)
        Streams (by key) and stretches of which something else is said now.
    """
    keys = {"station": window.station, "check_name": window.check_name, "window_start": window.start}
    end_window(connection, window)
    rows = connection.execute(sql("findings_of_window"), keys).fetchall()
    before = {row["id"]: NewFinding(**{name: row[name] for name in _FIELDS}) for row in rows}
    gone = {id: one for id, one in before.items() if one not in found}
    new = [one for one in found if one not in before.values()]
    if gone:
        connection.execute(sql("withdraw_findings"), {"ids": list(gone)})
    for one in new:
        values = {name: getattr(one, name) for name in _FIELDS} | {"data": Jsonb(one.data)}
        connection.execute(sql("put_finding"), {**keys, **values})
    return [(one.stream, one.starts, one.ends) for one in [*gone.values(), *new]]


_FIELDS = ("stream", "channel", "starts", "ends", "flag", "reason", "data")
