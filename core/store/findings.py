"""What checks say of stretches of time of a channel, each found in a whole window of the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from core.store.database import Connection, Database, sql
from core.store.stations import StreamRow


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
    """A whole window of the calendar in which a check looks at a station (by its key)."""

    station: int
    check_name: str
    start: datetime
    end: datetime


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

    def find_due(self, before: datetime, limit: int, station: int | None = None) -> list[Window]:
        """Return windows that ended before a time and whose data came or changed since they were looked at."""
        rows = self._database.rows("due_windows", before=before, limit=limit, station=station)
        return [Window(row["station"], row["check_name"], row["window_start"], row["window_end"]) for row in rows]


def read_findings(connection: Connection, stream: StreamRow, start: datetime, end: datetime) -> list[FindingRow]:
    """Read the findings in force about readings of [start, end]."""
    keys = {"stream": stream.key, "start": start, "end": end}
    return [FindingRow(**row) for row in connection.execute(sql("findings_in_force"), keys).fetchall()]


def touch_windows(connection: Connection, windows: Sequence[Window]) -> None:
    """Note that the data of windows came or changed."""
    if windows:
        columns = {
            "station": [one.station for one in windows],
            "check_name": [one.check_name for one in windows],
            "start": [one.start for one in windows],
            "end": [one.end for one in windows],
        }
        connection.execute(sql("touch_windows"), columns)


def replace_findings(
    connection: Connection, window: Window, found: Sequence[NewFinding]
) -> list[tuple[int, datetime, datetime]]:
    """Store what was found in a window, withdraw what is not found any more; the window is done.

    Returns
    -------
    list of (int, datetime, datetime)
        Streams (by key) and stretches of which something else is said now.
    """
    keys = {"station": window.station, "check_name": window.check_name, "window_start": window.start}
    connection.execute(sql("end_window"), keys)
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
