"""What a person says of readings: flagged, no longer flagged, deleted; each with the reason, kept in ``event``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from psycopg.types.json import Jsonb

from core.store.database import Connection, Database, Row, sql
from core.store.judgements import Judging
from core.store.stations import StationRow, StoredStations

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
    flag : int or None
        What they are flagged as.
    """

    action: Action
    station: str
    stream: str
    start: datetime
    end: datetime
    channels: tuple[str, ...]
    reason: str
    by: str
    flag: int | None = None


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


class Corrections:
    """The part of the store that holds what people say of readings."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def count(self, station: str, stream: str, start: datetime, end: datetime) -> int:
        """Return how many readings of [start, end) there are.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream of readings of that name, is not registered.
        """
        layouts = self._stations.read_layouts(station, stream, "reading")
        keys = [one.key for one in layouts]
        row = self._database.row("count_readings", station=layouts[0].station_key, streams=keys, start=start, end=end)
        assert row is not None
        return int(row["readings"])

    def note(self, work: Judging, correction: Correction, readings: int) -> int:
        """Put a correction of flags in the log; return how many half-hours stay as they are, for want of samples."""
        row = self._stations.read(correction.station)
        _log(work.connection, row, correction, readings)
        return _count_dropped(work.connection, row, correction)

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
            connection.execute(sql("lock_judging"))
            counted = connection.execute(sql("count_readings"), keys).fetchone()
            assert counted is not None
            found = int(counted["readings"])
            event = _log(connection, row, correction, found)
            connection.execute(sql("delete_readings"), {**keys, "event": event})
            connection.execute(sql("forget_latest"), keys)
            connection.execute(sql("find_latest_anew"), keys)
            # the flags of their neighbours were made with them
            connection.execute(sql("request_judging"), {**keys, "renews": True})
            return _touch(connection, row, correction, found)

    def find(self, station: str | None = None, limit: int = 100) -> list[CorrectionRow]:
        """Read the newest corrections, of one station or of all."""
        kinds = [_kind(action) for action in ACTIONS]
        rows = self._database.rows("corrections", station=station, kinds=kinds, limit=limit)
        return [
            CorrectionRow(
                Correction(
                    row["data"]["action"], row["station"], row["data"]["stream"], row["start"], row["end"],
                    tuple(row["data"]["channels"]), row["reason"], row["data"]["by"], row["data"].get("flag"),
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
        "flag": correction.flag,
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
    period = _period_of_use(row, correction)
    if period is None:
        return Corrected(readings, 0, 0)
    counts = connection.execute(sql("make_intervals_due"), period).fetchone()
    connection.execute(sql("request_season"), {"station": correction.station})
    assert counts is not None
    return Corrected(readings, counts["due"], counts["dropped"])


def _count_dropped(connection: Connection, row: StationRow, correction: Correction) -> int:
    period = _period_of_use(row, correction)
    if period is None:
        return 0
    counts = connection.execute(sql("count_dropped_intervals"), period).fetchone()
    assert counts is not None
    return int(counts["dropped"])


def _period_of_use(row: StationRow, correction: Correction) -> Row | None:
    """Return when half-hours use the readings, None if they do not."""
    flux = row.station.flux
    end = correction.end
    if flux is None:
        return None
    if flux.profile is not None and flux.profile.stream == correction.stream:
        end += timedelta(seconds=flux.profile.seconds)  # a level's readings are those before an interval, too
    elif flux.meteorology != correction.stream:
        return None
    return {"station": row.key, "start": correction.start, "end": end}
