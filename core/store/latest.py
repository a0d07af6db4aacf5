"""The newest vector of each stream.

Those of many streams wait in memory until they are written: if they are lost, the next message of the stream brings
them again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.access import DataClass
from core.records import FloatArray, Reading
from core.store.blocks import BlockArrays
from core.store.copy import Float4Array, Int4Array, TimeArray
from core.store.database import Connection, Database, sql

LOOKED_BACK = timedelta(days=7)
"""How far back the last value of a channel without any is looked for."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest vector of one stream."""

    station: str
    stream: str
    kind: str
    time: datetime
    received: datetime
    values: Mapping[str, float]

    @property
    def data_class(self) -> DataClass:
        """What has to be readable for it."""
        return "raw" if self.kind == "block" else "readings"


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
            one = Latest(row["station"], row["stream"], row["kind"], row["time"], row["received"], values)
            # a stream with an older layout keeps its row; the newest comes first
            newest.setdefault((one.station, one.stream), one)
        return list(newest.values())

    def find_missing(self, one: Latest, seconds: float) -> dict[str, datetime | None]:
        """Find channels that have had no value for a time, though messages of their stream came.

        Parameters
        ----------
        one : Latest
            Newest vector of the stream; only channels that are missing in it are looked at.
        seconds : float
            How long a channel may have no value. [s]

        Returns
        -------
        dict of str to datetime or None
            Channel -> when it last had a value; None for not in the ``LOOKED_BACK`` before the newest.
        """
        statement = "last_value_of_samples" if one.kind == "block" else "last_value_of_readings"
        missing: dict[str, datetime | None] = {}
        for place, (name, value) in enumerate(one.values.items(), start=1):
            if value is not None and value == value:
                continue
            keys = {"station": one.station, "stream": one.stream, "place": place, "start": one.time - LOOKED_BACK}
            (row,) = self._database.rows(statement, **keys)
            since = row["valued"] or row["oldest"]
            if since is not None and (one.time - since).total_seconds() > seconds:
                missing[name] = row["valued"]
        return missing

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
        """Add what was committed: blocks, and readings with the keys of their station and stream.

        A message without any value says nothing of its sensors: what was known before stays, and grows old.
        """
        now = time.monotonic()
        found: list[tuple[float, NDArray[np.int64], FloatArray]] = []
        for one in blocks:
            last, newest, some = newest_vectors(one)
            keys = np.stack([one.stream, one.station, last], axis=1)
            if not some.all():
                keys, newest = keys[some], newest[some]
            if len(keys):
                found.append((now, keys, newest))
        for station, stream, reading in readings:
            values = np.array([list(reading.values.values())], np.float64)
            if np.isfinite(values).any():
                found.append((now, np.array([[stream, station, reading.time_ns]], np.int64), values))
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


def newest_vectors(blocks: BlockArrays) -> tuple[NDArray[np.int64], FloatArray, NDArray[np.bool_]]:
    """Find the last sample of each block that has a value in any channel.

    Returns
    -------
    time_ns : ndarray, shape (m,), int64
        [ns since 1970 UTC]
    values : ndarray, shape (m, channels), float64
        NaN is missing.
    some : ndarray, shape (m,), bool
        False for a block without any value.
    """
    n = blocks.samples.shape[2]
    values = blocks.samples[:, :, -1].astype(np.float64)
    last = np.full(len(blocks), n - 1)
    some = np.array(np.isfinite(values).any(axis=1))
    for i in np.flatnonzero(~some).tolist():  # few, unless an instrument is off
        with_value = np.flatnonzero(np.isfinite(blocks.samples[i]).any(axis=0))
        if with_value.size:
            last[i], some[i] = with_value[-1], True
            values[i] = blocks.samples[i, :, with_value[-1]]
    time_ns: NDArray[np.int64] = blocks.start_ns + blocks.dt_ns * last
    return time_ns, values, some


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
