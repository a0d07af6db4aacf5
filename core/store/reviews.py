"""Reviews of a station's data, and when the data changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.review import FLUXES, Level, Verdict
from core.store.database import Database, Row
from core.store.stations import StoredStations


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person says of data of [start, end), before it is stored.

    Attributes
    ----------
    station : str
    level, verdict : str
    subjects : tuple of str
        Words of ``core.review``.
    start, end : datetime
        UTC.
    reason, by : str
    """

    station: str
    level: Level
    verdict: Verdict
    subjects: tuple[str, ...]
    start: datetime
    end: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Review(Draft):
    """A stored review."""

    id: int
    made: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """When data of [start, end) of a stream, or of the fluxes, last came or changed, and how."""

    subject: str
    start: datetime
    end: datetime
    changed: datetime
    how: str


class StoredReviews:
    """The part of the store that holds reviews."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def put(self, draft: Draft) -> Review:
        """Store a review; it is never edited."""
        row = self._database.row(
            "put_review",
            station=self._stations.read(draft.station).key,
            level=draft.level,
            verdict=draft.verdict,
            subjects=list(draft.subjects),
            start=draft.start,
            end=draft.end,
            reason=draft.reason,
            by=draft.by,
        )
        assert row is not None
        said = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
        return Review(**said, id=row["id"], made=row["made"])

    def find(self, station: str, start: datetime, end: datetime) -> list[Review]:
        """Read the reviews that cover anything of [start, end), oldest first."""
        key = self._stations.read(station).key
        rows = self._database.rows("reviews", station=key, start=start, end=end)
        return [Review(**row | {"subjects": tuple(row["subjects"])}) for row in rows]

    def find_changes(self, station: str, start: datetime, end: datetime) -> list[Change]:
        """Read when data of [start, end) came or changed: by month of local standard time, and by what people did."""
        row = self._stations.read(station)
        offset = timedelta(hours=row.station.station.utc_offset)
        asked = {"station": row.key, "start": start, "end": end}
        readings = self._database.rows("changes_of_readings", **asked, offset=offset)
        fluxes = [one | {"stream": FLUXES} for one in self._database.rows("changes_of_fluxes", **asked, offset=offset)]
        people = self._database.rows("changes_by_people", **asked)
        return [
            *_of_months(readings, offset, "data came"),
            *_of_months(fluxes, offset, "half-hours were computed"),
            *(
                Change(
                    one["stream"], one["start"], one["end"], one["changed"], f"readings were corrected by {one['by']}"
                )
                for one in people
            ),
        ]


def _of_months(rows: Sequence[Row], offset: timedelta, how: str) -> list[Change]:
    found = []
    for row in rows:
        month: datetime = row["month"].replace(tzinfo=UTC)
        after = (month + timedelta(days=32)).replace(day=1)
        found.append(Change(row["stream"], month - offset, after - offset, row["changed"], how))
    return found
