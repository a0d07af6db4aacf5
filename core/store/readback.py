"""Reading back what was ingested: samples as arrays on a regular grid, readings, minutes, newest values, rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from psycopg.rows import tuple_row

from core.clock import to_ns
from core.errors import StoreError
from core.frames import UTC_TIME
from core.records import FloatArray, Samples
from core.store.blobs import Blocks, join
from core.store.compaction import unpack_blob
from core.store.database import Database, Row, sql
from core.store.rows import read_rows
from core.store.stations import StreamRow, get_station, get_streams


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest vector of one stream."""

    station: str
    stream: str
    time: datetime
    received: datetime
    values: Mapping[str, float]


def read_samples(database: Database, station: str, stream: str, start: datetime, end: datetime) -> Samples:
    """Read samples of [start, end) on the stream's regular grid, in the sender's channels and units.

    A sample belongs to the slot in which its interval starts; a slot without a sample is NaN. Where blocks overlap, the
    one that starts later counts. It makes no difference whether blocks lie in rows or are compacted.

    Raises
    ------
    UnknownStation, StoreError
        The station, or a stream of blocks of that name, is not registered; compacted samples are damaged.
    """
    current = get_station(database, station).station.streams.get(stream)
    layouts = _layouts(database, station, stream, "block")
    if current is None:
        raise StoreError(f"{station} has no stream {stream!r} in its present configuration")
    start_ns, dt_ns = to_ns(start), current.dt_ns
    n = -(-(to_ns(end) - start_ns) // dt_ns)
    channels = {channel.name: np.full(n, np.nan) for channel in current.channels}
    for layout in layouts:
        if layout.dt_ns == dt_ns:
            blocks = read_blocks(database, layout, start, end)
            if blocks is not None:
                with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
                    _place(blocks, layout, start_ns, channels)
    return Samples(start_ns, dt_ns, channels)


def read_blocks(database: Database, layout: StreamRow, start: datetime, end: datetime) -> Blocks | None:
    """Read the blocks of one layout that overlap [start, end), and perhaps some beside it; None without one."""
    keys = {"station": layout.station_key, "stream": layout.key, "start": start, "end": end}
    with database.transaction() as connection:
        # rows first: what is compacted between the two looks is found twice, and not missed
        rows = read_rows(connection, layout, start, end)
        with connection.cursor(binary=True) as cursor:
            blobs = [unpack_blob(row) for row in cursor.execute(sql("blobs_between"), keys)]
    parts = blobs if rows is None else [*blobs, rows]
    return join(parts) if parts else None


def _place(blocks: Blocks, layout: StreamRow, start_ns: int, channels: Mapping[str, FloatArray]) -> None:
    """Put blocks on the grid that begins at ``start_ns``."""
    offsets = np.rint((blocks.start_us * 1000 - start_ns) / layout.dt_ns).astype(np.int64)
    ends = np.cumsum(blocks.n)
    begins = ends - blocks.n
    slot = offsets - begins
    # a stretch: blocks of which each begins in the slot after the last one's end
    borders = np.flatnonzero(np.diff(slot)) + 1
    firsts = np.concatenate(([0], borders))
    lasts = np.concatenate((borders, [len(slot)])) - 1
    for first, last, shift in zip(begins[firsts].tolist(), ends[lasts].tolist(), slot[firsts].tolist(), strict=True):
        for i, name in enumerate(layout.channels):
            if name in channels:
                target = channels[name]
                low, high = max(0, first + shift), min(last + shift, len(target))
                if high > low:
                    target[low:high] = blocks.samples[i, low - shift : high - shift]


def read_readings(database: Database, station: str, stream: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Read slow messages of [start, end).

    Columns: ``time``, one per channel in the sender's units, ``flags`` (a list; null = not yet checked).
    """
    layouts = {layout.key: layout for layout in _layouts(database, station, stream, "reading")}
    rows = database.rows(
        "readings", station=next(iter(layouts.values())).station_key, streams=list(layouts), start=start, end=end
    )
    names = list(dict.fromkeys(name for layout in layouts.values() for name in layout.channels))
    records = [
        {"time": row["time"], "flags": row["flags"], **_named(layouts[row["stream"]], row["values"])} for row in rows
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "time": UTC_TIME,
        **dict.fromkeys(names, pl.Float64),
        "flags": pl.List(pl.Int16),
    }
    return pl.DataFrame(records, schema=schema)


def _named(layout: StreamRow, values: Sequence[float]) -> Row:
    return dict(zip(layout.channels, values, strict=True))


def read_minutes(database: Database, station: str, stream: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Read per-minute statistics of [start, end), one row per minute and channel; ``sd`` has the divisor n."""
    rows = database.rows("minutes", station=station, stream=stream, start=start, end=end)
    floats = dict.fromkeys(("mean", "min", "max", "sd"), pl.Float64)
    return pl.DataFrame(rows, schema={"time": UTC_TIME, "channel": pl.String, "n": pl.Int64, **floats}, orient="row")


def read_minute_means(
    database: Database, station: str, stream: str, channel: str, start: datetime, end: datetime
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
    for layout in _layouts(database, station, stream, "block"):
        if channel in layout.channels:
            keys = {
                "station": layout.station_key, "stream": layout.key, "place": layout.channels.index(channel) + 1,
                "start": start, "end": end,
            }  # fmt: skip
            with database.transaction() as connection, connection.cursor(binary=True, row_factory=tuple_row) as cursor:
                # minutes with parts are rare, and to plan the statement that merges them takes longer than the rest
                has_parts = cursor.execute(sql("has_minute_parts"), keys).fetchone()
                whole = cursor.execute(sql("open_minute_means"), keys).fetchall() if has_parts else []
                found.update(cursor.execute(sql("minute_means"), keys).fetchall())
                found.update(whole)
    times = sorted(found)
    return np.array(times, np.int64).astype("datetime64[us]"), np.array([found[time] for time in times], np.float64)


def read_latest(database: Database, station: str | None) -> list[Latest]:
    """Read the newest vector of each stream, of one station or of all."""
    newest: dict[tuple[str, str], Latest] = {}
    for row in database.rows("latest", station=station):
        values = dict(zip(row["channels"], row["values"], strict=True))
        # a stream with an older layout keeps its row; the one received last comes first
        newest.setdefault(
            (row["station"], row["stream"]), Latest(row["station"], row["stream"], row["time"], row["received"], values)
        )
    return list(newest.values())


def sample_span(database: Database, station: str, stream: str) -> tuple[datetime, datetime, int] | None:
    """Return (start of the first block, start of the last block, samples) of a stream, None without a block."""
    layouts = _layouts(database, station, stream, "block")
    row = database.row("sample_span", station=layouts[0].station_key, streams=[layout.key for layout in layouts])
    if row is None or row["first"] is None:
        return None
    return row["first"], row["last"], row["samples"]


def _layouts(database: Database, station: str, stream: str, kind: str) -> list[StreamRow]:
    layouts = [row for row in get_streams(database, station) if row.name == stream and row.kind == kind]
    if not layouts:
        get_station(database, station)
        raise StoreError(f"{station} has no {kind} stream {stream!r}")
    return layouts
