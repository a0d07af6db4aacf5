"""The newest vector of each stream.

Those of many streams wait in memory until they are written: if they are lost, the next message of the stream brings
them again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray, Reading
from core.store.blocks import BlockArrays
from core.store.copy import Float4Array, Int4Array, TimeArray
from core.store.database import Connection, Database, sql


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest vector of one stream."""

    station: str
    stream: str
    time: datetime
    received: datetime
    values: Mapping[str, float]


class StoredLatest:
    """The part of the store that holds newest values.

    Attributes
    ----------
    waiting : LatestBuffer
        What commits of many streams left to be written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.waiting = LatestBuffer()

    def read(self, station: str | None = None) -> list[Latest]:
        """Read the newest vector of each stream, of one station or of all."""
        newest: dict[tuple[str, str], Latest] = {}
        for row in self._database.rows("latest", station=station):
            values = dict(zip(row["channels"], row["values"], strict=True))
            one = Latest(row["station"], row["stream"], row["time"], row["received"], values)
            # a stream with an older layout keeps its row; the one received last comes first
            newest.setdefault((one.station, one.stream), one)
        return list(newest.values())

    def write(self, least_age: float = 0.0) -> None:
        """Write newest values that have been waiting for ``least_age`` seconds since a commit of many streams."""
        if self.waiting.oldest_age > least_age:
            with self._database.transaction() as connection:
                self.waiting.write(connection)


class LatestBuffer:
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

    def take_over(self, other: LatestBuffer) -> None:
        """Take over what another has gathered."""
        with self._lock:
            self._waiting += other._waiting

    @property
    def oldest_age(self) -> float:
        """How long the oldest value has been waiting, 0 if none does. [s]"""
        with self._lock:
            return time.monotonic() - self._waiting[0][0] if self._waiting else 0.0

    def write(self, connection: Connection) -> None:
        """Write everything that waits; what fails comes again with the streams' next messages."""
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
