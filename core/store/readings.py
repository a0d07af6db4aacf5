"""Slow messages, and the flags beside them: the value never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
import orjson
import polars as pl

from core.clock import from_ns
from core.frames import UTC_TIME
from core.records import Reading
from core.store.blocks import Key, row_key
from core.store.database import Connection, Database, Row, sql
from core.store.stations import StoredStations, StreamRow


class StoredReadings:
    """The part of the store that holds readings."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def read(self, station: str, stream: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Read slow messages of [start, end).

        Columns: ``time``, one per channel in the sender's units (those of the newest layout first), ``flags`` (a list
        in the order of these columns; null = not yet judged), ``reasons`` (JSON: channel to a list of texts; null =
        nothing is said).

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream of readings of that name, is not registered.
        """
        layouts = {layout.key: layout for layout in self._stations.read_layouts(station, stream, "reading")}
        key = next(iter(layouts.values())).station_key
        rows = self._database.rows("readings", station=key, streams=list(layouts), start=start, end=end)
        names = list(dict.fromkeys(name for layout in reversed(layouts.values()) for name in layout.channels))
        records = [
            {
                "time": row["time"],
                "flags": _in_order(layouts[row["stream"]], row["flags"], names),
                "reasons": row["reasons"],
                **_by_name(layouts[row["stream"]], row["values"]),
            }
            for row in rows
        ]
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "time": UTC_TIME,
            **dict.fromkeys(names, pl.Float64),
            "flags": pl.List(pl.Int16),
            "reasons": pl.String,
        }
        return pl.DataFrame(records, schema=schema)


def _in_order(layout: StreamRow, flags: list[int] | None, names: Sequence[str]) -> list[int | None] | None:
    """Return flags of a layout in the order of all channels."""
    if flags is None or len(flags) == len(names):
        return flags  # type: ignore[return-value]
    by_name = dict(zip(layout.channels, flags, strict=True))
    return [by_name.get(name) for name in names]


def insert_readings(connection: Connection, readings: Mapping[Key, Reading]) -> dict[Key, Reading]:
    """Insert readings, by key; return those that were not there, in key order."""
    if not readings:
        return {}
    rows = [
        {
            "time": from_ns(key[2] * 1000),
            "station": key[0],
            "stream": key[1],
            "values": _json_floats(reading.values.values()),
        }
        for key, reading in readings.items()
    ]
    inserted = connection.execute(sql("insert_reading"), {"rows": orjson.dumps(rows).decode()}).fetchall()
    return {key: readings[key] for key in sorted(row_key(row) for row in inserted)}


def _by_name(layout: StreamRow, values: Sequence[float]) -> Row:
    return dict(zip(layout.channels, values, strict=True))


def _json_floats(values: Iterable[float]) -> list[float | str]:
    return [float(value) if np.isfinite(value) else "NaN" for value in values]
