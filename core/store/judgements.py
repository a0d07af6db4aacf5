"""Flags of readings, given by whoever holds the lock of judging: what waits for them, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import orjson
from numpy.typing import NDArray

from core.clock import from_ns, to_ns
from core.records import FloatArray
from core.store.copy import Float8Array, Int2Array, Int4Array, TimeArray
from core.store.database import Connection, Database, Row, sql
from core.store.stations import StoredStations, StreamRow

CELLS = 288
"""Months times hours."""
Reasons = dict[str, list[str]]
"""Channel -> what is said of its value; each text begins with the name of a check."""


@dataclass(frozen=True, slots=True)
class NewReading:
    """A reading without flags; ``found``: a finding in force is about its time."""

    station: int
    stream: int
    time_ns: int
    received_ns: int
    values: list[float]
    found: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time of a stream, by the store's keys; ``end`` is the time of its last reading."""

    station: int
    stream: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class StoredReadingsOfStretch:
    """Readings of one layout as stored, in the order of time.

    Attributes
    ----------
    time_ns, received_ns : ndarray, shape (n,), int64
        Of the data, and of the message that last changed them. [ns since 1970 UTC]
    values : ndarray, shape (n, channels), float64
        In the sender's units; NaN is missing.
    flags, reasons, manual : sequence of length n
        None where there are none; a channel that no person speaks of is None in ``manual``.
    sender_flags, sender_reasons : sequence of length n
        What the sender itself said, None where it did not; a channel of which it said nothing has flag 0.
    """

    time_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    values: FloatArray
    flags: Sequence[list[int] | None]
    reasons: Sequence[Reasons | None]
    manual: Sequence[list[int | None] | None]
    sender_flags: Sequence[list[int] | None] = ()
    sender_reasons: Sequence[dict[str, str] | None] = ()


@dataclass(frozen=True, slots=True)
class FlagRows:
    """Flags to be stored, of readings with equally many channels.

    Attributes
    ----------
    station, stream : ndarray, shape (n,), int32
        The store's keys.
    time_ns, received_ns : ndarray, shape (n,), int64
        Of the readings from which they were made: what has changed since waits for other ones.
    flags : ndarray, shape (n, channels), int16
    reasons : sequence of length n
        None where there is nothing to say.
    """

    station: NDArray[np.int32]
    stream: NDArray[np.int32]
    time_ns: NDArray[np.int64]
    received_ns: NDArray[np.int64]
    flags: NDArray[np.int16]
    reasons: Sequence[Reasons | None]


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """Readings of [starts, ends) of a stream that are to be judged again; an empty stretch: others judged some.

    ``renews``: values are other ones, or other rules hold, so that findings are looked for again.
    """

    id: int
    stream: int
    starts: datetime
    ends: datetime
    renews: bool


@dataclass(frozen=True, slots=True)
class FlagCount:
    """How many values of a channel have a flag; with ``check_name``: of how many a check says something."""

    channel: str
    flag: int
    check_name: str | None
    readings: int


class Judgements:
    """The part of the store that holds flags of readings."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    @contextmanager
    def working(self) -> Iterator[Judging]:
        """Open a transaction in which flags are given; who else gives some waits for its end."""
        with self._database.transaction() as connection:
            connection.execute(sql("lock_judging"))
            yield Judging(connection)

    @contextmanager
    def reading(self) -> Iterator[Judging]:
        """Open a transaction that only reads."""
        with self._database.transaction() as connection:
            yield Judging(connection)

    def put_rules(self, digests: dict[int, str]) -> None:
        """Note by which rules streams (by key) are judged from now on; what was judged by others is judged again."""
        self._database.execute("put_judge_rules", streams=list(digests), digests=list(digests.values()))

    def read_climatologies(self, streams: Sequence[int] | None = None) -> dict[int, tuple[datetime, FloatArray]]:
        """Return stream key -> when its climatology was learnt, and its limits, shape (channels, 288, 2)."""
        rows = self._database.rows("climatologies", streams=None if streams is None else list(streams))
        return {
            row["stream"]: (row["learnt"], np.array(row["limits"], np.float64).reshape(-1, CELLS, 2)) for row in rows
        }

    def put_climatology(self, stream: int, start: datetime, end: datetime, limits: FloatArray) -> None:
        """Store what was learnt of the readings of [start, end) of a stream (by key), in place of what there was."""
        self._database.execute(
            "put_climatology", stream=stream, start=start, end=end, limits=Float8Array(limits.reshape(-1))
        )

    def read_rules(self) -> dict[int, str]:
        """Return stream key -> digest of the rules by which it was judged."""
        return {row["stream"]: row["digest"] for row in self._database.rows("judge_rules")}

    def count(self, station: str, stream: str, start: datetime, end: datetime) -> list[FlagCount]:
        """Count the flags of the readings of [start, end), by channel, and by what is said of them.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream of readings of that name, is not registered.
        """
        layouts = self._stations.read_layouts(station, stream, "reading")
        keys = {"station": layouts[0].station_key, "streams": [one.key for one in layouts], "start": start, "end": end}
        return [FlagCount(**row) for row in self._database.rows("count_flags", **keys)]


class Judging:
    """A transaction in which flags are given."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def find_new(self, since: datetime, limit: int, skipped: Sequence[int] = ()) -> list[NewReading]:
        """Return readings of ``since`` and later that have no flags, stream after stream in the order of time.

        Streams (by key) that are ``skipped`` are left out.
        """
        with self.connection.cursor(binary=True) as cursor:
            cursor.execute(
                sql("new_readings"), {"since": since, "limit": limit, "skipped": list(skipped)}, prepare=False
            )
            return [
                NewReading(
                    row["station"],
                    row["stream"],
                    to_ns(row["time"]),
                    to_ns(row["received"]),
                    row["values"],
                    row["found"],
                )
                for row in cursor
            ]

    def find_unflagged(
        self, before: datetime, limit: int, longest: timedelta, skipped: Sequence[int] = ()
    ) -> list[Stretch]:
        """Return stretches of readings without flags, at most so many, neighbours no further apart than ``longest``."""
        rows = self._rows("unflagged_times", before=before, limit=limit, skipped=list(skipped))
        return _stretches(rows, longest)

    def find_unflagged_of(
        self, streams: Sequence[StreamRow], start: datetime, end: datetime, limit: int, longest: timedelta
    ) -> list[Stretch]:
        """Return such stretches of some layouts of one stream in [start, end)."""
        keys = [one.key for one in streams]
        rows = self._rows(
            "unflagged_times_of", station=streams[0].station_key, streams=keys, start=start, end=end, limit=limit
        )
        return _stretches(rows, longest)

    def find_nth(self, stream: StreamRow, start: datetime, end: datetime, n: int) -> datetime | None:
        """Return the time of the n-th reading (from 0) of [start, end), None if there are fewer."""
        keys = {"station": stream.station_key, "stream": stream.key}
        rows = self._rows("time_of_nth_reading", **keys, start=start, end=end, n=n)
        return rows[0]["time"] if rows else None

    def find_before(self, stream: StreamRow, time: datetime) -> datetime | None:
        """Return the time of the reading before, None if there is none."""
        return self._neighbour("time_before", stream, time)

    def find_after(self, stream: StreamRow, time: datetime) -> datetime | None:
        """Return the time of the reading after, None if there is none."""
        return self._neighbour("time_after", stream, time)

    def _neighbour(self, name: str, stream: StreamRow, time: datetime) -> datetime | None:
        rows = self._rows(name, station=stream.station_key, stream=stream.key, time=time)
        return rows[0]["time"] if rows else None

    def read(self, stream: StreamRow, start: datetime, end: datetime) -> StoredReadingsOfStretch:
        """Read the readings of [start, end], the last one with it."""
        with self.connection.cursor(binary=True) as cursor:
            keys = {"station": stream.station_key, "stream": stream.key, "start": start, "end": end}
            rows = cursor.execute(sql("judged_readings"), keys, prepare=False).fetchall()
        width = len(stream.channels)
        return StoredReadingsOfStretch(
            np.array([to_ns(row["time"]) for row in rows], np.int64),
            np.array([to_ns(row["received"]) for row in rows], np.int64),
            np.array([row["values"] for row in rows], np.float64).reshape(len(rows), width),
            [row["flags"] for row in rows],
            [row["reasons"] for row in rows],
            [row["manual"] for row in rows],
            [row["sender_flags"] for row in rows],
            [row["sender_reasons"] for row in rows],
        )

    def read_tails(
        self, stretches: Sequence[tuple[int, int, int, int]]
    ) -> dict[int, tuple[NDArray[np.int64], FloatArray]]:
        """Read the readings of many streams, each of [first, last) of its own.

        Parameters
        ----------
        stretches : sequence of (int, int, int, int)
            Keys of station and stream, first and last time. [ns since 1970 UTC]

        Returns
        -------
        dict of int to (ndarray, shape (n,), int64; ndarray, shape (n, channels))
            Times [ns since 1970 UTC] and values by the stream's key.
        """
        if not stretches:
            return {}
        station, stream, first, last = (np.array(column, np.int64) for column in zip(*stretches, strict=True))
        parameters = {
            "station": Int4Array(station),
            "stream": Int4Array(stream),
            "start": TimeArray(first // 1000),
            "end": TimeArray(last // 1000),
            "earliest": from_ns(int(first.min())),
        }
        found: dict[int, tuple[list[int], list[list[float]]]] = {}
        with self.connection.cursor(binary=True) as cursor:
            for row in cursor.execute(sql("tails"), parameters, prepare=False):
                times, values = found.setdefault(row["stream"], ([], []))
                times.append(to_ns(row["time"]))
                values.append(row["values"])
        return {
            key: (np.array(times, np.int64), np.array(values, np.float64)) for key, (times, values) in found.items()
        }

    def put(self, rows: Sequence[FlagRows]) -> None:
        """Store flags beside readings, and beside the newest values; each stream's in one of the rows."""
        ordered = sorted((one for one in rows if len(one.time_ns)), key=lambda one: one.flags.shape[1])
        for name in ("put_flags", "put_latest_flags"):
            for one in ordered:
                self.connection.execute(sql(name), _parameters(one), prepare=False)

    def put_manual(
        self, stream: StreamRow, start: datetime, end: datetime, channels: Sequence[str], flag: int | None
    ) -> None:
        """Store what a person says of channels in [start, end); None takes it back."""
        places = [stream.channels.index(name) + 1 for name in channels]
        keys = {"station": stream.station_key, "stream": stream.key, "start": start, "end": end}
        self.connection.execute(sql("put_manual"), {**keys, "places": places, "flag": flag})

    def make_due(self, station: StreamRow, time_ns: NDArray[np.int64], seconds: float) -> int:
        """Make the half-hours due again that use readings of these times; return how many.

        ``seconds`` is how long before its begin a half-hour uses some. [s]
        """
        if not len(time_ns):
            return 0
        parameters = {
            "station": station.station_key,
            "time": TimeArray(time_ns // 1000),
            "first": from_ns(int(time_ns.min())),
            "last": from_ns(int(time_ns.max())),
            "seconds": seconds,
        }
        due = self.connection.execute(sql("make_stretches_due"), parameters).fetchall()
        if due:
            self.connection.execute(sql("request_season"), {"station": station.station})
        return len(due)

    def read_requests(self, limit: int, streams: Sequence[int] | None = None) -> list[JudgeRequest]:
        """Return the oldest requests, of some streams (by key) or of all."""
        rows = self._rows("judge_requests", streams=None if streams is None else list(streams), limit=limit)
        return [JudgeRequest(row["id"], row["stream"], row["starts"], row["ends"], row["renews"]) for row in rows]

    def read_requests_after(self, id: int) -> list[JudgeRequest]:
        """Return the requests that came after one."""
        rows = self._rows("judge_requests_after", id=id)
        return [JudgeRequest(row["id"], row["stream"], row["starts"], row["ends"], row["renews"]) for row in rows]

    def request(self, streams: Sequence[int], start: datetime, end: datetime, *, renews: bool = False) -> None:
        """Ask for [start, end) of streams (by key) to be judged again; an empty stretch: others judged some."""
        keys = {"streams": list(streams), "start": start, "end": end, "renews": renews}
        self.connection.execute(sql("request_judging"), keys)

    def shorten_request(self, request: JudgeRequest, start: datetime) -> None:
        """Note that a request is done up to a time."""
        self.connection.execute(sql("shorten_judge_request"), {"id": request.id, "start": start})

    def end_requests(self, ids: Sequence[int]) -> None:
        """Note that requests are done."""
        if ids:
            self.connection.execute(sql("end_judge_requests"), {"ids": list(ids)})

    def _rows(self, name: str, **parameters: object) -> list[Row]:
        # prepared statements would be planned without the times, and look into every chunk
        return self.connection.execute(sql(name), parameters, prepare=False).fetchall()


def _stretches(rows: Sequence[Row], longest: timedelta) -> list[Stretch]:
    found: list[Stretch] = []
    for row in rows:
        last = found[-1] if found else None
        if last is not None and last.stream == row["stream"] and row["time"] - last.end <= longest:
            found[-1] = Stretch(last.station, last.stream, last.start, row["time"])
        else:
            found.append(Stretch(row["station"], row["stream"], row["time"], row["time"]))
    return found


def _parameters(rows: FlagRows) -> dict[str, object]:
    return {
        "station": Int4Array(rows.station),
        "stream": Int4Array(rows.stream),
        "time": TimeArray(rows.time_ns // 1000),
        "received": TimeArray(rows.received_ns // 1000),
        "flags": Int2Array(rows.flags),
        "reasons": [None if one is None else orjson.dumps(one).decode() for one in rows.reasons],
        "channels": rows.flags.shape[1],
        "first": from_ns(int(rows.time_ns.min())),
        "last": from_ns(int(rows.time_ns.max())),
    }
