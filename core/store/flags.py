"""Flags beside readings: the value never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from core.store.database import Database, execute_each
from core.store.stations import StreamRow, get_streams


@dataclass(frozen=True, slots=True)
class Unflagged:
    """Readings of one stream layout that no check has seen: times, and values of shape (times, channels)."""

    stream: StreamRow
    times: tuple[datetime, ...]
    values: FloatArray


def unflagged_readings(database: Database, limit: int) -> list[Unflagged]:
    """Return at most ``limit`` unchecked readings, oldest first, grouped by stream layout."""
    rows = database.rows("unflagged_readings", limit=limit)
    if not rows:
        return []
    streams = {stream.key: stream for stream in get_streams(database, None)}
    groups: dict[int, list[tuple[datetime, list[float]]]] = {}
    for row in rows:
        groups.setdefault(row["stream"], []).append((row["time"], row["values"]))
    return [
        Unflagged(
            streams[key], tuple(time for time, _ in group), np.array([values for _, values in group], dtype=np.float64)
        )
        for key, group in groups.items()
    ]


def put_flags(database: Database, readings: Unflagged, flags: NDArray[np.int16]) -> None:
    """Store flags of shape (times, channels) beside their readings."""
    key = {"station": readings.stream.station_key, "stream": readings.stream.key}
    with database.transaction() as connection:
        execute_each(
            connection,
            "put_reading_flags",
            [{**key, "time": time, "flags": row} for time, row in zip(readings.times, flags.tolist(), strict=True)],
        )
