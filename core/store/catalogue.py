"""The registered stations and how their streams are stored, kept in memory: what every message is held against."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import orjson

from core.errors import ConfigError, StoreError, UnknownStation
from core.records import Reading, SampleBlock
from core.station import Identity, Station, parse_station, parse_station_json
from core.store.database import Database
from core.store.stations import StoredStations, StreamRow, layout

LOOK_BACK = timedelta(minutes=2)
"""Configurations are looked at again for so long: one may become visible after a younger one."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """A station's configuration in force; its text is read when it is first asked for."""

    key: int
    sha256: str
    content: str
    is_toml: bool
    station: Station | None = None

    def read(self, id: str) -> Station:
        if self.station is None:
            self.station = parse_station(self.content, id) if self.is_toml else _read_json(self.content)
            self.content = ""
        return self.station


class Catalogue:
    """Stations and stream layouts as last read; thread-safe.

    Only what is new is read again, and a station's text only when the first message of the station comes.

    Parameters
    ----------
    database : Database
        The store's.
    stations : StoredStations
        The part of the store that they are in.

    Attributes
    ----------
    version : int
        Another one after every change.
    """

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._streams: dict[str, list[StreamRow]] = defaultdict(list)
        self._by_key: dict[int, StreamRow] = {}
        self._newest: datetime | None = None
        self.version = 0

    def refresh(self) -> set[str]:
        """Read what was registered since the last look; return the stations that are new or have changed.

        Raises
        ------
        StoreError
            The stations cannot be read.
        """
        with self._lock:
            since = datetime.min.replace(tzinfo=UTC) if self._newest is None else self._newest - LOOK_BACK
            rows = {row["id"]: row for row in self._database.rows("configs_since", since=since)}
            changed = {
                id for id, row in rows.items() if id not in self._known or self._known[id].sha256 != row["sha256"]
            }
            # many at once are read in one statement, few one by one
            some = [None] if len(changed) > 100 else sorted(changed)
            streams = [stream for one in some for stream in self._stations.read_streams(one)]
            # only now, when all is read: if the database had died in between, the next look finds the same changes
            for stream in streams:
                if stream.key not in self._by_key:
                    self._streams[stream.station].append(stream)
                    self._by_key[stream.key] = stream
            for id, row in rows.items():
                self._newest = max(row["valid_from"], self._newest or row["valid_from"])
                if id in changed:
                    self._known[id] = _Known(row["key"], row["sha256"], row["content"], row["is_toml"])
            self.version += bool(changed)
            return changed

    def station(self, id: str) -> Station:
        """Return a station as last read.

        Raises
        ------
        UnknownStation
            It was not registered then.
        ConfigError
            Its stored text is not valid any more.
        """
        with self._lock:
            known = self._known.get(id)
            if known is None:
                raise UnknownStation(id)
            return known.read(id)

    def stations(self) -> dict[str, Station]:
        """Return all stations as last read; one whose stored text is not valid any more is left out and logged."""
        stations = {}
        with self._lock:
            for id, known in self._known.items():
                try:
                    stations[id] = known.read(id)
                except ConfigError as error:
                    log.error("station %s is left out, register its file again: %s", id, error)
        return stations

    def stream(self, record: SampleBlock | Reading) -> StreamRow:
        """Return the layout in which a record is stored.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream with these channels, is not registered.
        """
        if isinstance(record, SampleBlock):
            return self.layout(record.station, record.stream, "block", record.channels)
        return self.layout(record.station, record.stream, "reading", tuple(record.values))

    def layout(self, station: str, stream: str, kind: str, channels: tuple[str, ...]) -> StreamRow:
        """Return the layout of a stream that has these channels and is in force.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream with these channels, is not registered.
        """
        declared = self.station(station).streams.get(stream)
        if declared is not None and declared.kind == kind and tuple(declared.channel_index) == channels:
            wanted = layout(declared)
            for row in self._streams[station]:
                if (
                    (row.name, row.kind, row.dt_ns, row.channels) == (stream, kind, declared.dt_ns, channels)
                    and list(row.variables) == wanted["variables"]
                    and list(row.units) == wanted["units"]
                ):
                    return row
        raise StoreError(f"{station} has no {kind} stream {stream!r} with channels {', '.join(channels)}")

    def by_key(self, key: int) -> StreamRow | None:
        """Return a layout by its key, None if it was not there when the layouts were read."""
        return self._by_key.get(key)


def _read_json(content: str) -> Station:
    """Read a stored station; towers that differ in name and place only share all their parts."""
    raw = orjson.loads(content)
    identity = raw.pop("station")
    whole = _read_parts(orjson.dumps(raw))
    return whole.model_copy(update={"station": Identity.model_validate_json(orjson.dumps(identity))})


@lru_cache(maxsize=1024)
def _read_parts(rest: bytes) -> Station:
    nobody = {"id": "nobody", "name": "", "latitude": 0.0, "longitude": 0.0, "altitude": 0.0, "utc_offset": 0.0}
    whole = parse_station_json(orjson.dumps({**orjson.loads(rest), "station": nobody}).decode())
    _ = whole.streams  # made once, for all that share it
    return whole
