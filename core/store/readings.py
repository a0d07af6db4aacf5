"""Slow messages, and the flags beside them: the value never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from core.clock import from_ns
from core.frames import UTC_TIME
from core.records import FloatArray, Reading
from core.store.blocks import Key, row_key
from core.store.database import Connection, Database, Row, execute_each, sql
from core.store.stations import StoredStations, StreamRow


@dataclass(frozen=True, slots=True)
class Unflagged:
    """Readings of one stream layout that no check has seen: times, and values of shape (times, channels)."""

    stream: StreamRow
    times: tuple[datetime, ...]
    values: FloatArray


@dataclass(frozen=True, slots=True)
class JudgedReadings:
    """Readings of one stream layout, with what is said of them.

    Attributes
    ----------
    stream : StreamRow
        The layout: channels, variables and units of that time.
    times : tuple of datetime
        Starts of their intervals.
    values : ndarray, shape (times, channels)
        In the layout's units; NaN is missing.
    flags : tuple of (list of int or None)
        Of each channel, raised to what the sender said; None is not checked yet.
    reasons : tuple of mapping
        Channel -> reasons of its flag.
    """

    stream: StreamRow
    times: tuple[datetime, ...]
    values: FloatArray
    flags: tuple[list[int] | None, ...]
    reasons: tuple[Mapping[str, Sequence[str]], ...]


class StoredReadings:
    """The part of the store that holds readings."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def read(self, station: str, stream: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Read slow messages of [start, end).

        Columns: ``time``, one per channel in the sender's units, ``flags`` (a list; null = not yet checked), raised to
        what the sender itself said, and ``sender_reasons`` (JSON, channel -> reason; null = it said nothing).

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream of readings of that name, is not registered.
        """
        layouts = {layout.key: layout for layout in self._stations.read_layouts(station, stream, "reading")}
        key = next(iter(layouts.values())).station_key
        rows = self._database.rows("readings", station=key, streams=list(layouts), start=start, end=end)
        names = list(dict.fromkeys(name for layout in layouts.values() for name in layout.channels))
        records = [
            {
                "time": row["time"],
                "flags": raise_flags(row["flags"], row["sender_flags"]),
                "sender_reasons": row["sender_reasons"] and orjson.dumps(row["sender_reasons"]).decode(),
                **_by_name(layouts[row["stream"]], row["values"]),
            }
            for row in rows
        ]
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "time": UTC_TIME,
            **dict.fromkeys(names, pl.Float64),
            "flags": pl.List(pl.Int16),
            "sender_reasons": pl.String,
        }
        return pl.DataFrame(records, schema=schema)

    def read_judged(self, station: str, stream: str, start: datetime, end: datetime) -> list[JudgedReadings]:
        """Read the readings of [start, end) with flags and reasons, layout by layout, each in the order of time.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream of readings of that name, is not registered.
        """
        layouts = {layout.key: layout for layout in self._stations.read_layouts(station, stream, "reading")}
        key = next(iter(layouts.values())).station_key
        rows = self._database.rows("readings", station=key, streams=list(layouts), start=start, end=end)
        found = []
        for layout in layouts.values():
            if some := [row for row in rows if row["stream"] == layout.key]:
                values = np.array([row["values"] for row in some], dtype=np.float64)
                flags = tuple(raise_flags(row["flags"], row["sender_flags"]) for row in some)
                reasons = tuple(
                    {name: [reason] for name, reason in (row["sender_reasons"] or {}).items()} for row in some
                )
                found.append(JudgedReadings(layout, tuple(row["time"] for row in some), values, flags, reasons))
        return found

    def find_unflagged(self, limit: int) -> list[Unflagged]:
        """Return at most ``limit`` readings that no check has seen, oldest first, grouped by stream layout."""
        rows = self._database.rows("unflagged_readings", limit=limit)
        if not rows:
            return []
        streams = {stream.key: stream for stream in self._stations.read_streams(None)}
        groups: dict[int, list[tuple[datetime, list[float]]]] = {}
        for row in rows:
            groups.setdefault(row["stream"], []).append((row["time"], row["values"]))
        return [
            Unflagged(
                streams[key],
                tuple(time for time, _ in group),
                np.array([values for _, values in group], dtype=np.float64),
            )
            for key, group in groups.items()
        ]

    def put_flags(self, readings: Unflagged, flags: NDArray[np.int16]) -> None:
        """Store flags of shape (times, channels) beside their readings."""
        key = {"station": readings.stream.station_key, "stream": readings.stream.key}
        rows = [{**key, "time": time, "flags": row} for time, row in zip(readings.times, flags.tolist(), strict=True)]
        with self._database.transaction() as connection:
            execute_each(connection, "put_reading_flags", rows)


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
            **_sender_columns(reading),
        }
        for key, reading in readings.items()
    ]
    inserted = connection.execute(sql("insert_reading"), {"rows": orjson.dumps(rows).decode()}).fetchall()
    return {key: readings[key] for key in sorted(row_key(row) for row in inserted)}


def raise_flags(flags: Sequence[int] | None, sender: Sequence[int] | None) -> list[int] | None:
    """Return flags raised to what the sender said; None, not yet checked, stays so."""
    if flags is None:
        return None
    return list(flags) if sender is None else [max(pair) for pair in zip(flags, sender, strict=True)]


def _sender_columns(reading: Reading) -> Row:
    if not reading.sender_flags:
        return {}
    nothing = (0, "")
    return {
        "sender_flags": [reading.sender_flags.get(name, nothing)[0] for name in reading.values],
        "sender_reasons": {name: reason for name, (_, reason) in reading.sender_flags.items()},
    }


def _by_name(layout: StreamRow, values: Sequence[float]) -> Row:
    return dict(zip(layout.channels, values, strict=True))


def _json_floats(values: Iterable[float]) -> list[float | str]:
    return [float(value) if np.isfinite(value) else "NaN" for value in values]
