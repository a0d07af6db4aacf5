"""What a person says of readings: flagged, no longer flagged, deleted; each with the reason, kept in ``event``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from core.records import FloatArray
from core.store.database import Connection, Database, execute_each, sql
from core.store.stations import StationRow, StoredStations, StreamRow

Action = Literal["flag", "unflag", "delete"]
ACTIONS: tuple[Action, ...] = ("flag", "unflag", "delete")


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says of the readings of a stream in [start, end).

    Attributes
    ----------
    action : str
        ``flag``, ``unflag`` or ``delete``.
    station, stream : str
    start, end : datetime
        UTC.
    channels : tuple of str
        Which of its channels; all of them where readings are deleted.
    reason, by : str
        Why, and who says it.
    """

    action: Action
    station: str
    stream: str
    start: datetime
    end: datetime
    channels: tuple[str, ...]
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """A correction as the log has it, with when it was made and of how many readings."""

    correction: Correction
    made: datetime
    readings: int


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction did: readings, half-hours that are due again, and those whose samples retention has dropped."""

    readings: int
    due: int
    dropped: int


@dataclass(frozen=True, slots=True)
class FlaggedReadings:
    """Readings of one layout: times, values of shape (times, channels), and flags; None is not yet checked."""

    stream: StreamRow
    times: tuple[datetime, ...]
    values: FloatArray
    flags: tuple[list[int] | None, ...]


class Corrections:
    """The part of the store that holds what people say of readings."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def read_readings(self, station: str, stream: str, start: datetime, end: datetime) -> list[FlaggedReadings]:
        """Read the readings of [start, end) with their flags, by layout.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream of readings of that name, is not registered.
        """
        layouts = {one.key: one for one in self._stations.read_layouts(station, stream, "reading")}
        key = next(iter(layouts.values())).station_key
        rows = self._database.rows("readings", station=key, streams=list(layouts), start=start, end=end)
        found = []
        for layout in layouts.values():
            some = [row for row in rows if row["stream"] == layout.key]
            if some:
                values = np.array([row["values"] for row in some], dtype=np.float64)
                times, flags = tuple(row["time"] for row in some), tuple(row["flags"] for row in some)
                found.append(FlaggedReadings(layout, times, values, flags))
        return found

    def put_flags(
        self, correction: Correction, readings: Sequence[tuple[FlaggedReadings, NDArray[np.int16]]]
    ) -> Corrected:
        """Store flags of shape (times, channels) beside readings, and the correction in the log, or neither."""
        row = self._stations.read(correction.station)
        count = sum(len(one.times) for one, _ in readings)
        with self._database.transaction() as connection:
            for one, flags in readings:
                key = {"station": one.stream.station_key, "stream": one.stream.key}
                rows = [
                    {**key, "time": time, "flags": some} for time, some in zip(one.times, flags.tolist(), strict=True)
                ]
                execute_each(connection, "put_reading_flags", rows)
            _log(connection, row, correction, count)
            return _touch(connection, row, correction, count)

    def delete(self, correction: Correction) -> Corrected:
        """Take readings out, keep them beside, and the correction in the log.

        What is sent for their time later is stored, unless it is the deleted value again.
        """
        row = self._stations.read(correction.station)
        layouts = self._stations.read_layouts(correction.station, correction.stream, "reading")
        keys = {
            "station": row.key,
            "streams": [one.key for one in layouts],
            "start": correction.start,
            "end": correction.end,
        }
        with self._database.transaction() as connection:
            found = len(connection.execute(sql("readings"), keys).fetchall())
            event = _log(connection, row, correction, found)
            connection.execute(sql("delete_readings"), {**keys, "event": event})
            connection.execute(sql("forget_latest"), keys)
            connection.execute(sql("find_latest_anew"), keys)
            return _touch(connection, row, correction, found)

    def find(self, station: str | None = None, limit: int = 100) -> list[CorrectionRow]:
        """Read the newest corrections, of one station or of all."""
        kinds = [_kind(action) for action in ACTIONS]
        rows = self._database.rows("corrections", station=station, kinds=kinds, limit=limit)
        return [
            CorrectionRow(
                Correction(
                    row["data"]["action"], row["station"], row["data"]["stream"], row["start"], row["end"],
                    tuple(row["data"]["channels"]), row["reason"], row["data"]["by"],
                ),
                datetime.fromisoformat(row["data"]["made"]),
                row["data"]["readings"],
            )
            for row in rows
        ]  # fmt: skip


def _kind(action: Action) -> str:
    return f"reading {action}"


def _log(connection: Connection, row: StationRow, correction: Correction, readings: int) -> int:
    data = {
        "action": correction.action,
        "stream": correction.stream,
        "channels": list(correction.channels),
        "by": correction.by,
        "readings": readings,
        "made": datetime.now(UTC).isoformat(),
    }
    event = connection.execute(
        sql("put_correction"),
        {
            "station": row.key,
            "start": correction.start,
            "end": correction.end,
            "kind": _kind(correction.action),
            "reason": correction.reason,
            "data": Jsonb(data),
        },
    ).fetchone()
    assert event is not None
    return int(event["id"])


def _touch(connection: Connection, row: StationRow, correction: Correction, readings: int) -> Corrected:
    """Make the half-hours that the readings belong to due again, and the running season after them."""
    flux = row.station.flux
    end = correction.end
    if flux is None:
        return Corrected(readings, 0, 0)
    if flux.profile is not None and flux.profile.stream == correction.stream:
        end += timedelta(seconds=flux.profile.seconds)  # a level's readings are those before an interval, too
    elif flux.meteorology != correction.stream:
        return Corrected(readings, 0, 0)
    keys = {"station": row.key, "start": correction.start, "end": end}
    counts = connection.execute(sql("make_intervals_due"), keys).fetchone()
    connection.execute(sql("request_season"), {"station": correction.station})
    assert counts is not None
    return Corrected(readings, counts["due"], counts["dropped"])
