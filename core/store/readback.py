"""Reading back what was ingested: samples as arrays on a regular grid, readings, minutes, newest values, rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from core.clock import to_ns
from core.errors import StoreError
from core.frames import UTC_TIME
from core.records import FloatArray, Samples
from core.store.database import Database, Row, sql
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

    A sample belongs to the slot in which its interval starts; a slot without a sample is NaN.

    Raises
    ------
    UnknownStation, StoreError
        The station, or a stream of blocks of that name, is not registered.
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
            _read_layout(database, layout, start, end, start_ns, channels)
    return Samples(start_ns, dt_ns, channels)


def _read_layout(
    database: Database,
    layout: StreamRow,
    start: datetime,
    end: datetime,
    start_ns: int,
    channels: Mapping[str, FloatArray],
) -> None:
    known = [(i, name) for i, name in enumerate(layout.channels) if name in channels]
    columns = ", ".join(f"c{i + 1}" for i, _ in known)
    keys = {"station": layout.station_key, "stream": layout.key}
    with database.transaction() as connection, connection.cursor(binary=True) as cursor:
        before = cursor.execute(sql("longest_block"), {**keys, "start": start}).fetchone()
        reach = timedelta(microseconds=(before["ns"] if before else 0) // 1000)
        cursor.execute(sql("blocks_between", columns=columns), {**keys, "start": start - reach, "end": end})
        for row in cursor:
            offset = round((to_ns(row["time"]) - start_ns) / layout.dt_ns)
            for i, name in known:
                _place(channels[name], offset, row[f"c{i + 1}"])


def _place(target: FloatArray, offset: int, values: Sequence[float]) -> None:
    first, last = max(0, -offset), min(len(values), len(target) - offset)
    if last > first:
        target[offset + first : offset + last] = values[first:last]


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
    get_station(database, station)
    layouts = [row for row in get_streams(database, station) if row.name == stream and row.kind == kind]
    if not layouts:
        raise StoreError(f"{station} has no {kind} stream {stream!r}")
    return layouts
