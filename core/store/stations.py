"""Stations, their configurations and the layouts of their streams."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.errors import StoreError, UnknownStation
from core.station import Station, Stream, config_sha256, parse_station
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


def put_station(database: Database, text: str, file: str) -> StationRow:
    """Register a station, or append a configuration to one that is there; the same text again changes nothing.

    Raises
    ------
    ConfigError
        The text is not a valid station file.
    """
    station = parse_station(text, file)
    sha256 = config_sha256(text)
    with database.transaction() as connection:
        row = connection.execute(sql("put_station"), {"id": station.id}).fetchone()
        if row is None:
            raise StoreError(f"station {station.id} could not be registered")
        key = row["key"]
        newest = connection.execute(sql("newest_config"), {"station": key}).fetchone()
        if newest is None or newest["sha256"] != sha256:
            connection.execute(sql("put_config"), {"station": key, "sha256": sha256, "toml": text})
        for stream in station.stream:
            connection.execute(sql("put_stream"), {"station": key, **layout(stream)})
    return get_station(database, station.id)


def layout(stream: Stream) -> Row:
    """Return what tells one layout of a stream from another."""
    return {
        "name": stream.name,
        "kind": stream.kind,
        "dt_ns": stream.dt_ns,
        "channels": [channel.name for channel in stream.channels],
        "variables": [channel.variable for channel in stream.channels],
        "units": [channel.unit for channel in stream.channels],
    }


def get_station(database: Database, id: str) -> StationRow:
    """Return a station.

    Raises
    ------
    UnknownStation
        It is not registered.
    """
    row = database.row("station", id=id)
    if row is None:
        raise UnknownStation(id)
    return _station_row(row)


def get_stations(database: Database) -> list[StationRow]:
    """Return all stations by id."""
    return [_station_row(row) for row in database.rows("stations")]


def newest_config(database: Database) -> datetime | None:
    """Return when a configuration was registered last, None if there is none."""
    row = database.row("newest_config_of_all")
    return None if row is None else row["newest"]


def get_streams(database: Database, station: str | None) -> list[StreamRow]:
    """Return the stored stream layouts of one station or of all, oldest first."""
    rows = database.rows("streams", station=station)
    return [
        StreamRow(
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
        for row in rows
    ]


def _station_row(row: Row) -> StationRow:
    station = parse_station(row["toml"], row["station"])
    return StationRow(row["key"], station, row["sha256"], row["toml"], row["valid_from"])
