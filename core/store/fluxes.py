"""Results of averaging intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson
import polars as pl
from psycopg.types.json import Json, Jsonb

from core.frames import UTC_TIME
from core.records import FluxRecord
from core.store.database import Database, Row, sql
from core.store.intervals import mark_computed
from core.store.stations import StoredStations
from core.variables import FLUX_COLUMNS, TRACE_COLUMNS, WEATHER_COLUMNS

OPTIONAL_COLUMNS = (*TRACE_COLUMNS, *WEATHER_COLUMNS)
"""Columns that are shown where there is a value in them."""
VALUE_COLUMNS = (*FLUX_COLUMNS, *OPTIONAL_COLUMNS)


class Computed(NamedTuple):
    """When the result of an interval was stored, by the database's clock."""

    station: str
    start: datetime
    computed: datetime


@dataclass(frozen=True, slots=True)
class FluxOrigin:
    """What made results: how many, when the newest was computed, under which configurations, by which programs."""

    records: int
    newest: datetime | None
    config_sha256: list[str]
    code_version: list[str]


class StoredFluxes:
    """The part of the store that holds results of averaging intervals."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def put(self, record: FluxRecord, *, config_sha256: str, code_version: str, revision: int) -> None:
        """Store a result; the one it replaces goes to ``flux_history``, and a newer one that is there stays."""
        key = {"station": self._stations.read(record.station).key, "time": record.start, "revision": revision}
        row = _row(record, key["station"], config_sha256, code_version, revision)
        with self._database.transaction() as connection:
            connection.execute(sql("keep_old_flux"), key)
            connection.execute(sql("delete_old_flux"), key)
            connection.execute(sql("insert_flux"), {"row": orjson.dumps(row).decode()})
            mark_computed(connection, key)

    def put_history(self, records: Sequence[FluxRecord], *, config_sha256: str, code_version: str) -> set[datetime]:
        """Store results of another program where there is none; all of one station. Return the STARTs of new ones."""
        if not records:
            return set()
        station = self._stations.read(records[0].station).key
        rows = [_row(record, station, config_sha256, code_version, 0) for record in records]
        return {row["time"] for row in self._database.rows("insert_history", rows=orjson.dumps(rows).decode())}

    def put_storage(self, record: FluxRecord) -> None:
        """Store the storage terms of a result that is there: they hang on the interval before, which may come later."""
        terms = ("SC", "SH", "SLE", "SCH4", "SN2O")
        row: dict[str, object] = {name.lower(): _number(record.values.get(name, math.nan)) for name in terms}
        row["scalars"] = Jsonb({name: value for name, value in _scalars(record).items() if name.startswith("S")})
        key = {"station": self._stations.read(record.station).key, "time": record.start}
        with self._database.transaction() as connection:
            connection.execute(sql("put_storage"), {**row, **key, "reasons": Json(dict(record.reasons))})

    def read(self, station: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Read results of [start, end): ``start``, ``end``, FLUXNET columns, reasons and diagnostics (JSON), origin.

        Columns of CH4, N2O, further scalars and another program's weather are there if a result has a value in them.
        """
        rows = self._database.rows("fluxes", station=self._stations.read(station).key, start=start, end=end)
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "start": UTC_TIME,
            "end": UTC_TIME,
            **dict.fromkeys((*FLUX_COLUMNS, *_optional_columns(rows)), pl.Float64),
            **dict.fromkeys(("reasons", "diagnostics", "config_sha256", "code_version"), pl.String),
            "computed": UTC_TIME,
        }
        return pl.DataFrame([_frame_row(row) for row in rows], schema=schema, orient="row")

    def read_series(self, station: str, start: datetime, end: datetime, names: Sequence[str]) -> pl.DataFrame:
        """Read ``start`` and the named columns, of ``VALUE_COLUMNS``, of the results of [start, end).

        Raises
        ------
        KeyError
            A name that is not one of these.
        """
        unknown = [name for name in names if name not in VALUE_COLUMNS]
        if unknown:
            raise KeyError(unknown[0])
        statement = sql("flux_series", columns=", ".join(["time", *(name.lower() for name in names)]))
        keys = {"station": self._stations.read(station).key, "start": start, "end": end}
        with self._database.tuples() as cursor:
            rows = cursor.execute(statement, keys).fetchall()
        return pl.DataFrame(rows, schema={"start": UTC_TIME, **dict.fromkeys(names, pl.Float64)}, orient="row")

    def read_origin(self, station: str, start: datetime, end: datetime) -> FluxOrigin:
        """Return what made the results of [start, end)."""
        row = self._database.row("flux_origin", station=self._stations.read(station).key, start=start, end=end)
        return FluxOrigin(**row or {"records": 0, "newest": None, "config_sha256": [], "code_version": []})

    def read_records(self, station: str, start: datetime, end: datetime) -> list[FluxRecord]:
        """Read results of [start, end) as the records they were.

        A missing value is NaN, a missing diagnostic left out.
        """
        rows = self._database.rows("fluxes", station=self._stations.read(station).key, start=start, end=end)
        return [
            FluxRecord(
                station,
                row["time"],
                row["ends"],
                _values(row),
                row["reasons"],
                {name: value for name, value in row["diagnostics"].items() if value is not None},
            )
            for row in rows
        ]

    def read_computed(self, after: Mapping[str, datetime], span: timedelta) -> list[Computed]:
        """Return which results were stored since, oldest first.

        Parameters
        ----------
        after : mapping
            Station -> time by the database's clock; what was computed later is returned. One that is not registered
            has none.
        span : timedelta
            How far before a station's newest result it is looked.
        """
        if not after:
            return []
        keys = {"stations": list(after), "after": list(after.values()), "span": span}
        return [Computed(**row) for row in self._database.rows("computed_fluxes", **keys)]

    def read_span(self, station: str) -> tuple[datetime, datetime] | None:
        """Return start of the first and end of the last half-hour of a station, None without one."""
        row = self._database.row("flux_span", station=self._stations.read(station).key)
        return None if row is None or row["first"] is None else (row["first"], row["last"])


def _row(record: FluxRecord, station: object, config_sha256: str, code_version: str, revision: int) -> Row:
    return {
        **{name.lower(): _number(record.values.get(name, math.nan)) for name in VALUE_COLUMNS},
        "scalars": _scalars(record),
        "time": record.start,
        "ends": record.end,
        "station": station,
        "reasons": dict(record.reasons),
        "diagnostics": {name: _number(value) for name, value in record.diagnostics.items()},
        "config_sha256": config_sha256,
        "code_version": code_version,
        "revision": revision,
    }


def _optional_columns(rows: Sequence[Row]) -> list[str]:
    """Return the columns beside ``FLUX_COLUMNS`` in which a row has a value."""
    named = [name for name in OPTIONAL_COLUMNS if any(row[name.lower()] is not None for row in rows)]
    return named + list(dict.fromkeys(name for row in rows for name in row["scalars"]))


def _values(row: Row) -> dict[str, float]:
    """Return a result's values; beside ``FLUX_COLUMNS`` only where something is said of them."""
    said = row["reasons"]
    names = [*FLUX_COLUMNS, *(name for name in OPTIONAL_COLUMNS if row[name.lower()] is not None or name in said)]
    values = {name: row[name.lower()] for name in names} | row["scalars"]
    return {name: math.nan if value is None else value for name, value in values.items()}


def _scalars(record: FluxRecord) -> dict[str, float | None]:
    return {name: _number(value) for name, value in record.values.items() if name not in VALUE_COLUMNS}


def _frame_row(row: Row) -> Row:
    return {
        "start": row["time"],
        "end": row["ends"],
        **{name: row[name.lower()] for name in VALUE_COLUMNS},
        **row["scalars"],
        "reasons": orjson.dumps(row["reasons"]).decode(),
        "diagnostics": orjson.dumps(row["diagnostics"]).decode(),
        "config_sha256": row["config_sha256"],
        "code_version": row["code_version"],
        "computed": row["computed"],
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
