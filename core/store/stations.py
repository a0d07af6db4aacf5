"""Stations, their configurations and the layouts of their streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import orjson

from core.errors import ConfigError, StoreError, UnknownStation
from core.station import Station, Stream, config_sha256, parse_station, station_json
from core.store.database import Database, Row, sql


@dataclass(frozen=True, slots=True)
class StationRow:
    """A registered station with its configuration in force."""

    key: int
    station: Station
    config_sha256: str
    text: str
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Configuration:
    """A version of a station's file."""

    sha256: str
    valid_from: datetime
    text: str


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One layout of a stream as it is stored."""

    key: int
    station: str
    station_key: int
    name: str
    kind: str
    dt_ns: int
    channels: tuple[str, ...]
    variables: tuple[str, ...]
    units: tuple[str, ...]


class StoredStations:
    """The part of the store that holds stations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, text: str, file: str) -> StationRow:
        """Register a station file's text, or append it as a new configuration; parameters as of ``put_all``."""
        return self.put_all([(text, file)])[0]

    def put_all(self, files: Sequence[tuple[str, str]]) -> list[StationRow]:
        """Register stations, or append configurations to those that are there; the same text again changes nothing.

        Parameters
        ----------
        files : sequence of (str, str)
            Text of each station file, and what to call it in errors. All of them are registered, or none.

        Raises
        ------
        ConfigError
            A text is not a valid station file, or two are of one station.
        """
        stations = [parse_station(text, file) for text, file in files]
        _refuse_twice([station.id for station in stations], [file for _, file in files])
        with self._database.transaction() as connection:
            rows = connection.execute(sql("put_stations"), {"ids": [station.id for station in stations]})
            keys = {row["id"]: row["key"] for row in rows}
            newest = connection.execute(sql("newest_configs"), {"stations": list(keys.values())}).fetchall()
            held = {row["station"]: (row["sha256"], row["valid_from"]) for row in newest}
            made = [
                StationRow(keys[station.id], station, config_sha256(text), text, datetime.max)
                for station, (text, _) in zip(stations, files, strict=True)
            ]
            fresh = [row for row in made if row.key not in held or held[row.key][0] != row.config_sha256]
            config = {
                "station": [row.key for row in fresh],
                "sha256": [row.config_sha256 for row in fresh],
                "toml": [row.text for row in fresh],
                "parsed": [station_json(row.station) for row in fresh],
            }
            put = connection.execute(sql("put_configs"), config).fetchall()
            valid_from = {key: since for key, (_, since) in held.items()} | {
                row["station"]: row["valid_from"] for row in put
            }
            streams = [{"station": row.key, **layout(stream)} for row in made for stream in row.station.stream]
            connection.execute(sql("put_streams"), {"rows": orjson.dumps(streams).decode()})
        return [replace(row, valid_from=valid_from[row.key]) for row in made]

    def read(self, id: str) -> StationRow:
        """Return a station.

        Raises
        ------
        UnknownStation
            It is not registered.
        """
        row = self._database.row("station", id=id)
        if row is None:
            raise UnknownStation(id)
        return _station_row(row)

    def read_all(self) -> list[StationRow]:
        """Return all stations by id."""
        return [_station_row(row) for row in self._database.rows("stations")]

    def read_configurations(self, id: str) -> list[Configuration]:
        """Return every version of a station's file, oldest first; none of a station that is not registered."""
        return [Configuration(**row) for row in self._database.rows("configurations", id=id)]

    def read_streams(self, station: str | None) -> list[StreamRow]:
        """Return the stored stream layouts of one station or of all, oldest first."""
        return [_stream_row(row) for row in self._database.rows("streams", station=station)]

    def read_layouts(self, station: str, stream: str, kind: str) -> list[StreamRow]:
        """Return the stored layouts of one stream, oldest first.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream of that name and kind, is not registered.
        """
        layouts = [row for row in self.read_streams(station) if row.name == stream and row.kind == kind]
        if not layouts:
            self.read(station)
            raise StoreError(f"{station} has no {kind} stream {stream!r}")
        return layouts


def _refuse_twice(ids: Sequence[str], files: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for id, file in zip(ids, files, strict=True):
        if id in seen:
            raise ConfigError(file, "station.id", "another id in each file", f"{id!r}, as in {seen[id]}")
        seen[id] = file


def layout(stream: Stream) -> Row:
    """Return what makes one layout of a stream another than the next."""
    return {
        "name": stream.name,
        "kind": stream.kind,
        "dt_ns": stream.dt_ns,
        "channels": [channel.name for channel in stream.channels],
        "variables": [channel.variable for channel in stream.channels],
        "units": [channel.unit for channel in stream.channels],
    }


def _stream_row(row: Row) -> StreamRow:
    """Return a row of the statement ``streams`` as an object."""
    return StreamRow(
        key=row["key"],
        station=row["station"],
        station_key=row["station_key"],
        name=row["name"],
        kind=row["kind"],
        dt_ns=row["dt_ns"],
        channels=tuple(row["channels"]),
        variables=tuple(row["variables"]),
        units=tuple(row["units"]),
    )


def _station_row(row: Row) -> StationRow:
    station = _parse(row["toml"], row["station"])
    return StationRow(row["key"], station, row["sha256"], row["toml"], row["valid_from"])


@lru_cache(maxsize=1024)
def _parse(text: str, id: str) -> Station:
    # a look at some samples takes little longer than reading the station's file again
    return parse_station(text, id)
