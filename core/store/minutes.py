"""Statistics per minute in their table.

A commit of few streams merges its minutes into ``minute`` at once. A commit of many streams only appends the parts of
its minutes to ``minute_part``, in the same transaction; ``StoredMinutes.merge_parts`` merges them soon.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.clock import NS, from_ns
from core.frames import UTC_TIME
from core.records import FloatArray
from core.store.catalogue import Catalogue
from core.store.copy import HEADER, TRAILER, Float4Array, Float8Array, Int4Array, TimeArray
from core.store.database import Connection, Database, sql
from core.store.intervals import touch_intervals
from core.store.minute_rows import PART_COLUMNS, decode_parts, encode_parts
from core.store.minute_statistics import MINUTE_NS, MinuteParts, join_parts, merge_parts
from core.store.stations import StoredStations

ROWS_AT_ONCE = 512
"""Rows of ``minute_part`` merged in one transaction: bounds memory (30 MB with 10 channels) and the time of locks."""


class StoredMinutes:
    """The part of the store that holds statistics per minute."""

    def __init__(self, database: Database, catalogue: Catalogue, stations: StoredStations) -> None:
        self._database = database
        self._catalogue = catalogue
        self._stations = stations

    def read(self, station: str, stream: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Read ``n, mean, min, max, sd`` of [start, end), one row per minute and channel; ``sd`` has the divisor n."""
        rows = self._database.rows("minutes", station=station, stream=stream, start=start, end=end)
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "time": UTC_TIME,
            "channel": pl.String,
            "n": pl.Int64,
            **dict.fromkeys(("mean", "min", "max", "sd"), pl.Float64),
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def read_means(
        self, station: str, stream: str, channel: str, start: datetime, end: datetime
    ) -> tuple[NDArray[np.datetime64], FloatArray]:
        """Read the 1-minute means of one channel of [start, end).

        Returns
        -------
        times : ndarray, datetime64[us]
            START of each minute that has samples, UTC, ascending.
        means : ndarray, same shape, float64
            In the sender's unit; NaN where no sample was valid.
        """
        found: dict[int, float] = {}
        for layout in self._stations.read_layouts(station, stream, "block"):
            if channel in layout.channels:
                keys = {
                    "station": layout.station_key, "stream": layout.key, "place": layout.channels.index(channel) + 1,
                    "start": start, "end": end,
                }  # fmt: skip
                with self._database.tuples() as cursor:
                    # minutes with parts are rare, and to plan what merges them takes longer than the rest
                    has_parts = cursor.execute(sql("has_minute_parts"), keys).fetchone()
                    whole = cursor.execute(sql("open_minute_means"), keys).fetchall() if has_parts else []
                    found.update(cursor.execute(sql("minute_means"), keys).fetchall())
                    found.update(whole)
        times = sorted(found)
        return np.array(times, np.int64).astype("datetime64[us]"), np.array([found[time] for time in times], np.float64)

    def merge_parts(self, before: datetime | None = None, most: int | None = None) -> int:
        """Merge the parts of minutes into ``minute``, and count their samples into the averaging intervals.

        Every transaction takes some rows and puts their sums in place of them, so that table and parts together are
        right at any time, whoever dies, and several may do it at once.

        Parameters
        ----------
        before : datetime, optional
            Minutes that began earlier are over; by default those are that have had time for their last messages.
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
        before = before or _end_of_closed()
        merged = 0
        while most is None or merged < most:
            limit = ROWS_AT_ONCE if most is None else min(ROWS_AT_ONCE, most - merged)
            with self._database.transaction() as connection:
                with connection.cursor() as cursor:
                    parameters = {"before": before, "limit": limit}
                    with cursor.copy(sql("take_minute_parts").rstrip(";"), parameters) as copy:
                        content = b"".join(copy)
                rows = list(decode_parts(content))
                for parts in _by_channels(rows):
                    whole = merge_parts(parts)
                    put_minutes(connection, whole)
                    touch_intervals(connection, self._catalogue, [whole], [])
            merged += len(rows)
            if len(rows) < limit:
                break
        return merged

    def count_parts(self) -> int:
        """Count the rows that ``merge_parts`` would merge."""
        row = self._database.row("count_minute_parts", before=_end_of_closed())
        return 0 if row is None else int(row["rows"])


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
    statement = f"COPY minute_part ({PART_COLUMNS}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER + b"".join(encode_parts(ordered)) + TRAILER)


def _end_of_closed() -> datetime:
    """Return the time before which minutes are over and have had two seconds for their last messages."""
    now = time.time_ns() - 2 * NS
    return from_ns(now - now % MINUTE_NS)


def _by_channels(rows: Sequence[MinuteParts]) -> Iterator[MinuteParts]:
    for channels in sorted({one.channels for one in rows}):
        yield join_parts([one for one in rows if one.channels == channels])
