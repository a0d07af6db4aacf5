"""What is kept beside samples and readings: minutes, newest values, and which averaging intervals have new data.

A commit of few streams writes all of it at once. A commit of many streams only appends the parts of its minutes to
``minute_part``, in the same transaction; ``fold_minutes`` merges them soon. Newest values of many streams wait in
memory: the next message of the stream tells them again.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.clock import NS, from_ns
from core.errors import UnknownStation
from core.records import FloatArray, Reading
from core.store.blocks import BlockArrays
from core.store.catalogue import Catalogue
from core.store.copy import (
    EPOCH_2000_US,
    HEADER,
    TRAILER,
    Float4Array,
    Float8Array,
    Int4Array,
    RowFormat,
    TimeArray,
)
from core.store.database import Connection, Database, sql
from core.store.minutes import MINUTE_NS, MinuteParts, join, merge

PART_STREAMS = 128
"""Streams in one row of ``minute_part``."""
FOLD_ROWS = 512
"""Rows of ``minute_part`` merged in one transaction: bounds memory (30 MB with 10 channels) and the time of locks."""
TOO_LATE = "data came after retention had dropped its samples: the result before them stays"
"""Failure of an interval that is not computed again for new data."""

_PART_COLUMNS = "time, first, last, channels, station, stream, slots, n, mean, min, max, sd"


def put_minutes(connection: Connection, parts: MinuteParts) -> None:
    """Merge parts into ``minute``; each stream and minute occurs once in them."""
    parameters = {
        "time": TimeArray(parts.minute // 1000),
        "station": Int4Array(parts.station),
        "stream": Int4Array(parts.stream),
        "channels": parts.channels,
        "n": Int4Array(parts.n),
        "mean": Float8Array(parts.mean),
        "min": Float4Array(parts.min),
        "max": Float4Array(parts.max),
        "sd": Float8Array(parts.sd),
    }
    connection.execute(sql("merge_minutes"), parameters)


def append_parts(connection: Connection, parts: MinuteParts) -> None:
    """Append parts to ``minute_part``."""
    ordered = parts.take(np.lexsort((parts.stream, parts.station, parts.minute)))
    statement = f"COPY minute_part ({_PART_COLUMNS}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER + b"".join(_part_rows(ordered)) + TRAILER)


def fold_minutes(database: Database, catalogue: Catalogue, before: datetime, most: int | None = None) -> int:
    """Merge the parts of minutes that began before a time into ``minute``; tell the averaging intervals.

    Every transaction takes some rows and puts their sums in place of them, so that table and parts together are right
    at any time, whoever dies, and several may do it at once.

    Parameters
    ----------
    before : datetime
        Minutes that began earlier are over.
    most : int, optional
        Most rows to merge now, the oldest first; all without it.

    Returns
    -------
    int
        Rows that were merged.

    Raises
    ------
    StoreError
        As always; what is not merged stays.
    """
    merged = 0
    while most is None or merged < most:
        limit = FOLD_ROWS if most is None else min(FOLD_ROWS, most - merged)
        with database.transaction() as connection:
            with connection.cursor() as cursor:
                parameters = {"before": before, "limit": limit}
                with cursor.copy(sql("take_minute_parts").rstrip(";"), parameters) as copy:
                    content = b"".join(copy)
            rows = list(_read_parts(content))
            for parts in _by_channels(rows):
                whole = merge(parts)
                put_minutes(connection, whole)
                touch_intervals(connection, catalogue, [whole], [])
        merged += len(rows)
        if len(rows) < limit:
            break
    return merged


def count_parts(database: Database, before: datetime) -> int:
    """Count the rows of ``minute_part`` whose minute began before a time."""
    (row,) = database.rows("count_minute_parts", before=before)
    return int(row["rows"])


def touch_intervals(
    connection: Connection, catalogue: Catalogue, parts: Sequence[MinuteParts], meteorology: Sequence[Reading]
) -> None:
    """Count new samples into their averaging intervals; new meteorology makes an interval due again.

    One of which retention has dropped samples is not due any more: it is marked with ``TOO_LATE``.
    """
    touched: dict[tuple[int, int], list[float]] = {}
    for one in parts:
        due = {key: _interval(catalogue, key) for key in np.unique(one.stream).tolist()}
        for station, stream, minute, slots in zip(
            one.station.tolist(), one.stream.tolist(), one.minute.tolist(), one.slots.tolist(), strict=True
        ):
            if (interval := due[stream]) is not None:
                start = minute - minute % (interval[0] * MINUTE_NS)
                touched.setdefault((station, start), [*interval, 0])[-1] += slots
    for reading in meteorology:
        flux = catalogue.station(reading.station).flux
        if flux is not None and reading.stream == flux.meteorology:
            row = catalogue.stream(reading)
            minutes = flux.averaging_minutes
            start = reading.time_ns - reading.time_ns % (minutes * MINUTE_NS)
            rate = catalogue.station(reading.station).streams[flux.stream].rate or 0.0
            touched.setdefault((row.station_key, start), [*_expectation(minutes, flux.lateness_seconds, rate), 0])
    if not touched:
        return
    keys = np.array(sorted(touched), np.int64)
    values = np.array([touched[station, start] for station, start in sorted(touched)])
    parameters = {
        "station": Int4Array(keys[:, 0]),
        "time": TimeArray(keys[:, 1] // 1000),
        "minutes": Int4Array(values[:, 0]),
        "lateness": Float8Array(values[:, 1]),
        "expected": Int4Array(values[:, 2]),
        "samples": Int4Array(values[:, 3]),
        "too_late": TOO_LATE,
    }
    connection.execute(sql("touch_intervals"), parameters)


def _interval(catalogue: Catalogue, stream: int) -> tuple[int, float, int] | None:
    """Return (minutes, lateness [s], samples expected) of the intervals that a stream is for, None if for none."""
    row = catalogue.by_key(stream)
    if row is None:
        catalogue.refresh()
        row = catalogue.by_key(stream)
    try:
        station = catalogue.station(row.station) if row is not None else None
    except UnknownStation:
        return None
    if row is None or station is None or station.flux is None or station.flux.stream != row.name:
        return None
    rate = station.streams[row.name].rate or 0.0
    return _expectation(station.flux.averaging_minutes, station.flux.lateness_seconds, rate)


def _expectation(minutes: int, lateness: float, rate: float) -> tuple[int, float, int]:
    return minutes, lateness, round(minutes * 60 * rate)


class Newest:
    """The newest vector of each stream, gathered from commits until it is written; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, NDArray[np.int64], FloatArray]] = []

    def add(self, blocks: Sequence[BlockArrays], readings: Sequence[tuple[int, int, Reading]]) -> None:
        """Add what was committed: blocks, and readings with the keys of their station and stream."""
        now = time.monotonic()
        found: list[tuple[float, NDArray[np.int64], FloatArray]] = []
        for one in blocks:
            last = one.start_ns + one.dt_ns * (one.samples.shape[2] - 1)
            keys = np.stack([one.stream, one.station, last], axis=1)
            found.append((now, keys, one.samples[:, :, -1].astype(np.float64)))
        for station, stream, reading in readings:
            keys = np.array([[stream, station, reading.time_ns]], np.int64)
            found.append((now, keys, np.array([list(reading.values.values())], np.float64)))
        with self._lock:
            self._waiting += found

    def take(self, other: Newest) -> None:
        """Take over what another has gathered."""
        with self._lock:
            self._waiting += other._waiting

    @property
    def oldest_age(self) -> float:
        """How long the oldest value has been waiting, 0 if none does. [s]"""
        with self._lock:
            return time.monotonic() - self._waiting[0][0] if self._waiting else 0.0

    def write(self, connection: Connection) -> None:
        """Write everything that waits; what fails is told again by the streams' next messages."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        now = time.monotonic()
        for channels in sorted({values.shape[1] for _, _, values in waiting}):
            chosen = [one for one in waiting if one[2].shape[1] == channels]
            keys, values = _last_of_each(chosen)
            parameters = {
                "age": now - max(since for since, _, _ in chosen),
                "stream": Int4Array(keys[:, 0]),
                "station": Int4Array(keys[:, 1]),
                "time": TimeArray(keys[:, 2] // 1000),
                "values": Float4Array(values),
                "channels": channels,
            }
            connection.execute(sql("put_latest"), parameters)


def _last_of_each(
    waiting: Sequence[tuple[float, NDArray[np.int64], FloatArray]],
) -> tuple[NDArray[np.int64], FloatArray]:
    """Return keys and values of the newest vector of each stream, by stream."""
    keys = np.concatenate([one for _, one, _ in waiting])
    values = np.concatenate([one for _, _, one in waiting])
    order = np.lexsort((keys[:, 2], keys[:, 0]))
    last = np.ones(len(order), bool)
    last[:-1] = np.diff(keys[order, 0]) != 0
    return keys[order[last]], values[order[last]]


def closed_minutes() -> datetime:
    """Return the time before which minutes are over and have had two seconds for their last messages."""
    now = time.time_ns() - 2 * NS
    return from_ns(now - now % MINUTE_NS)


def _by_channels(rows: Sequence[MinuteParts]) -> Iterator[MinuteParts]:
    for channels in sorted({one.channels for one in rows}):
        yield join([one for one in rows if one.channels == channels])


@lru_cache(maxsize=1024)
def _part_format(streams: int, channels: int) -> RowFormat:
    values = streams * channels
    return RowFormat(
        {
            "time": "timestamptz",
            **dict.fromkeys(("first", "last", "channels"), "int4"),
            **dict.fromkeys(("station", "stream", "slots"), ("int4", streams)),
            "n": ("int4", values),
            "mean": ("float8", values),
            "min": ("float4", values),
            "max": ("float4", values),
            "sd": ("float8", values),
        }
    )


def _part_rows(parts: MinuteParts) -> Iterator[bytes]:
    """Encode parts ordered by minute, some streams of one minute a row."""
    edges = np.flatnonzero(np.diff(parts.minute)) + 1
    bounds = [0, *edges.tolist(), len(parts)]
    for low, high in itertools.pairwise(bounds):
        for first in range(low, high, PART_STREAMS):
            one = parts.take(slice(first, min(first + PART_STREAMS, high)))
            (row,) = rows = _part_format(len(one), one.channels).rows(1)
            row["time"]["content"] = one.minute[0] // 1000 - EPOCH_2000_US
            row["first"]["content"] = one.stream.min()
            row["last"]["content"] = one.stream.max()
            row["channels"]["content"] = one.channels
            for name in ("station", "stream", "slots", "n", "mean", "min", "max", "sd"):
                row[name]["content"]["items"]["value"] = getattr(one, name).reshape(-1)
            yield rows.tobytes()


_PART_HEAD = np.dtype(
    [("fields", ">i2"), ("time", "V12"), ("first", "V8"), ("last", "V8"), ("l_channels", ">i4"), ("channels", ">i4")]
    + [(name, ">i4") for name in ("l_station", "ndim", "nulls", "oid", "size")]
)


def _read_parts(content: bytes) -> Iterator[MinuteParts]:
    """Decode what the database returned of ``minute_part``."""
    position = len(HEADER)
    while content[position : position + 2] != TRAILER:
        head = np.frombuffer(content, _PART_HEAD, 1, position)[0]
        streams, channels = int(head["size"]), int(head["channels"])
        format = _part_format(streams, channels)
        row = format.read(content[position : position + format.itemsize])
        position += format.itemsize
        minute = (int(row["time"]["content"]) + EPOCH_2000_US) * 1000
        array = {
            name: row[name]["content"]["items"]["value"]
            for name in ("station", "stream", "slots", "n", "mean", "min", "max", "sd")
        }
        shape = (streams, channels)
        yield MinuteParts(
            array["station"].astype(np.int32),
            array["stream"].astype(np.int32),
            np.full(streams, minute, np.int64),
            array["slots"].astype(np.int32),
            array["n"].astype(np.int32).reshape(shape),
            *(array[name].astype(np.float64).reshape(shape) for name in ("mean", "min", "max", "sd")),
        )
