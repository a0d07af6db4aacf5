"""What was fitted over a longer period: appended, never edited; the newest of a kind is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Json

from core.errors import StoreError
from core.store.database import Database
from core.store.stations import StoredStations


@dataclass(frozen=True, slots=True)
class FitRow:
    """A fit as stored: its data are what ``fluxcalc.halfhour.fits`` writes and reads."""

    id: int
    kind: str
    data: Any
    period_start: datetime
    period_end: datetime
    created: datetime


class StoredFits:
    """The part of the store that holds fits."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def put(
        self,
        station: str,
        kind: str,
        data: object,
        *,
        period: tuple[datetime, datetime],
        config_sha256: str,
        code_version: str,
    ) -> int:
        """Append what was fitted over a period; return its id."""
        row = self._database.row(
            "put_fit",
            station=self._stations.read(station).key,
            kind=kind,
            data=Json(data),
            start=period[0],
            end=period[1],
            config_sha256=config_sha256,
            code_version=code_version,
        )
        if row is None:
            raise StoreError(f"a fit of {station} could not be stored")
        return int(row["id"])

    def read_newest(self, station: str) -> Mapping[str, FitRow]:
        """Return the newest fit of each kind."""
        rows = self._database.rows("newest_fits", station=self._stations.read(station).key)
        return {row["kind"]: FitRow(**row) for row in rows}
