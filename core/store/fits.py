"""What was fitted over a longer period: appended, never edited; the newest of a kind is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Json

from core.errors import StoreError
from core.store.database import Database
from core.store.stations import get_station


@dataclass(frozen=True, slots=True)
class FitRow:
    """A fit as stored: its data are what ``fluxcalc.halfhour.fits`` writes and reads."""

    id: int
    kind: str
    data: Any
    period_start: datetime
    period_end: datetime
    created: datetime


def put_fit(
    database: Database,
    station: str,
    kind: str,
    data: object,
    *,
    period: tuple[datetime, datetime],
    config_sha256: str,
    code_version: str,
) -> int:
    """Append a fit; return its id."""
    row = database.row(
        "put_fit",
        station=get_station(database, station).key,
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


def newest_fits(database: Database, station: str) -> Mapping[str, FitRow]:
    """Return the newest fit of each kind."""
    rows = database.rows("newest_fits", station=get_station(database, station).key)
    return {row["kind"]: FitRow(**row) for row in rows}
