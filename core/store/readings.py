"""Slow messages, and the flags beside them: the value never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import orjson
import polars as pl

from core.clock import from_ns
from core.frames import UTC_TIME
from core.records import FloatArray, Reading
from core.store.blocks import Key, row_key
from core.store.copy import Int4Array, TimeArray
from core.store.database import Connection, Database, Row, sql
from core.store.stations import StoredStations, StreamRow


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
        Of each channel, None is not judged yet.
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
                flags = tuple(row["flags"] for row in some)
                reasons = tuple(orjson.loads(row["reasons"] or "{}") for row in some)
                found.append(JudgedReadings(layout, tuple(row["time"] for row in some), values, flags, reasons))
        return found

    def read_newest_times(self, station: str, count: int = 12) -> dict[str, list[datetime]]:
        """Read the newest times of each stream of readings of a station, newest first; no stream without any."""
        found: dict[str, list[datetime]] = {}
        for row in self._database.rows("newest_reading_times", station=station, count=count):
            found.setdefault(row["stream"], []).append(row["time"])
        return {stream: times[:count] for stream, times in found.items()}


def _in_order(layout: StreamRow, flags: list[int] | None, names: Sequence[str]) -> list[int | None] | None:
    """Return flags of a layout in the order of all channels."""
    if flags is None or len(flags) == len(names):
        return flags  # type: ignore[return-value]
    by_name = dict(zip(layout.channels, flags, strict=True))
    return [by_name.get(name) for name in names]


def combine_readings(keyed: Iterable[tuple[Key, Reading]]) -> dict[Key, Reading]:
    """Put readings of one key together, in key order: the first value of each channel counts.

    Writers that lock rows in one order cannot deadlock.
    """
    found: dict[Key, Reading] = {}
    for key, reading in keyed:
        first = found.setdefault(key, reading)
        if first is not reading:
            found[key] = _with_missing_of(first, reading)
    return dict(sorted(found.items()))


def insert_readings(connection: Connection, readings: Mapping[Key, Reading]) -> dict[Key, Reading]:
    """Insert readings, by key; return those that were not there, or not whole, as they are stored, in key order."""
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
    stored = {row_key(row): row["values"] for row in inserted}
    return {key: _as_stored(readings[key], stored[key]) for key in sorted(stored)}


def contested_readings(
    connection: Connection, given: Iterable[tuple[Key, Reading]], new: Mapping[Key, Reading]
) -> list[tuple[Reading, str]]:
    """Find readings that say something else than what is stored for their time, with the difference in words.

    Parameters
    ----------
    given : iterable of (Key, Reading)
        All that came.
    new : mapping of Key to Reading
        What was stored of it now.
    """
    repeated = [(key, reading) for key, reading in given if reading is not new.get(key)]
    if not repeated:
        return []
    keys = np.array(sorted({key for key, _ in repeated}), np.int64)
    parameters = {"station": Int4Array(keys[:, 0]), "stream": Int4Array(keys[:, 1]), "time": TimeArray(keys[:, 2])}
    rows = connection.execute(sql("readings_at"), parameters).fetchall()
    stored = {row_key(row): row["values"] for row in rows}
    found = ((reading, _difference(stored[key], reading)) for key, reading in repeated if key in stored)
    return [(reading, words) for reading, words in found if words]


def _with_missing_of(reading: Reading, other: Reading) -> Reading:
    """Return a reading with another's values, and what is said of them, where it has none; itself if nothing is new."""
    values = other.values
    added = {name: values[name] for name, own in reading.values.items() if own != own and values[name] == values[name]}
    if not added:
        return reading
    said = {name: flag for name, flag in other.sender_flags.items() if name in added}
    return replace(reading, values={**reading.values, **added}, sender_flags={**reading.sender_flags, **said})


def _as_stored(reading: Reading, stored: Sequence[float]) -> Reading:
    """Return a reading with the values that are stored of it; itself if they are its own."""
    own = np.array([*reading.values.values()], np.float32)
    if np.array_equal(own, np.array(stored, np.float32), equal_nan=True):
        return reading
    return replace(reading, values=dict(zip(reading.values, stored, strict=True)))


def _difference(stored: Sequence[float], reading: Reading) -> str:
    """Say where a reading contradicts what is stored, which is float32; a value that is missing contradicts nothing."""
    for old, (name, new) in zip(stored, reading.values.items(), strict=True):
        if old == old and new == new and np.float32(old) != np.float32(new):
            return f"{name} is {np.float32(old)!s}, this message says {np.float32(new)!s}"
    return ""


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
