"""One commit of a collector's batch: blocks, readings, rejects and everything derived from them, all or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar, cast

import numpy as np
import orjson
import psycopg

from core.clock import NS, floor_to_grid, from_ns, intervals, to_ns
from core.errors import StoreError, UnknownStation
from core.records import Reading, Reject, SampleBlock
from core.station import Flux
from core.store.copy import HEADER, TRAILER, block_columns, block_rows
from core.store.database import Connection, Database, execute_each, sql
from core.store.minutes import MinutePart, combine, minute_parts
from core.store.stations import StationRow, StreamRow, get_stations, get_streams

T = TypeVar("T")
Key = tuple[int, int, int]  # station key, stream key, time in microseconds


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commit did."""

    blocks: int = 0
    duplicate_blocks: int = 0
    samples: int = 0
    readings: int = 0
    duplicate_readings: int = 0
    rejects: int = 0


@dataclass(frozen=True, slots=True)
class Directory:
    """Stations and stream layouts, as last read: saves a look-up per message."""

    stations: Mapping[str, StationRow]
    streams: Mapping[tuple[str, str, str, tuple[str, ...]], StreamRow]

    def stream(self, record: SampleBlock | Reading) -> StreamRow:
        """Return the layout in which a record is stored.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream with these channels, is not registered.
        """
        if record.station not in self.stations:
            raise UnknownStation(record.station)
        kind, channels = (
            ("block", record.channels) if isinstance(record, SampleBlock) else ("reading", tuple(record.values))
        )
        try:
            return self.streams[record.station, record.stream, kind, channels]
        except KeyError:
            raise StoreError(
                f"{record.station} has no {kind} stream {record.stream!r} with channels {', '.join(channels)}"
            ) from None


def read_directory(database: Database) -> Directory:
    """Read all stations and the layouts in force."""
    stations = {row.station.id: row for row in get_stations(database)}
    current = {
        (
            id,
            stream.name,
            stream.kind,
            stream.dt_ns,
            tuple(c.variable for c in stream.channels),
            tuple(c.unit for c in stream.channels),
        )
        for id, row in stations.items()
        for stream in row.station.stream
    }
    streams = {
        (row.station, row.name, row.kind, row.channels): row
        for row in get_streams(database, None)
        if (row.station, row.name, row.kind, row.dt_ns, row.variables, row.units) in current
    }
    return Directory(stations, streams)


def commit(
    database: Database,
    directory: Directory,
    blocks: Sequence[SampleBlock],
    readings: Sequence[Reading],
    rejects: Sequence[Reject],
) -> Committed:
    """Write a batch in one transaction; what is there already is left alone and counted as a duplicate."""
    keyed_blocks = _by_key((_key(directory.stream(block), block.start_ns), block) for block in blocks)
    keyed_readings = _by_key((_key(directory.stream(reading), reading.time_ns), reading) for reading in readings)
    with database.transaction() as connection:
        new_blocks = _insert_blocks(connection, keyed_blocks)
        new_readings = _insert_readings(connection, keyed_readings)
        _merge_minutes(connection, new_blocks)
        _put_latest(connection, new_blocks, new_readings)
        _touch_intervals(connection, directory, new_blocks, new_readings)
        execute_each(
            connection,
            "insert_reject",
            [{"topic": r.topic, "station": r.station, "reason": r.reason, "payload": r.payload} for r in rejects],
        )
    return Committed(
        blocks=len(new_blocks),
        duplicate_blocks=len(blocks) - len(new_blocks),
        samples=sum(block.samples.shape[1] for block in new_blocks.values()),
        readings=len(new_readings),
        duplicate_readings=len(readings) - len(new_readings),
        rejects=len(rejects),
    )


def _key(stream: StreamRow, time_ns: int) -> Key:
    return stream.station_key, stream.key, time_ns // 1000


def _by_key(pairs: Iterable[tuple[Key, T]]) -> dict[Key, T]:
    """Keep the first record of each key, in key order: writers that lock rows in one order cannot deadlock."""
    first: dict[Key, T] = {}
    for key, record in pairs:
        first.setdefault(key, record)
    return dict(sorted(first.items()))


def _insert_blocks(connection: Connection, blocks: Mapping[Key, SampleBlock]) -> dict[Key, SampleBlock]:
    if not blocks:
        return {}
    try:
        with connection.transaction():  # a savepoint: a duplicate undoes this COPY only
            _copy_blocks(connection, "sample_block", blocks)
        return dict(blocks)
    except psycopg.errors.UniqueViolation:
        # the detour over a staging table costs half the speed, so it is taken only now
        connection.execute(sql("stage_blocks"))
        _copy_blocks(connection, "staged_block", blocks)
        inserted = connection.execute(sql("insert_staged_blocks")).fetchall()
        return {key: blocks[key] for key in sorted(_row_key(row) for row in inserted)}


def _copy_blocks(connection: Connection, table: str, blocks: Mapping[Key, SampleBlock]) -> None:
    shapes: dict[tuple[int, ...], list[Key]] = defaultdict(list)
    for key, block in blocks.items():
        shapes[block.samples.shape].append(key)
    for shape, keys in shapes.items():
        statement = f"COPY {table} ({block_columns(shape[0])}) FROM STDIN (FORMAT BINARY)"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(HEADER + block_rows([blocks[key] for key in keys], [key[:2] for key in keys]) + TRAILER)


def _insert_readings(connection: Connection, readings: Mapping[Key, Reading]) -> dict[Key, Reading]:
    if not readings:
        return {}
    rows = [
        {
            "time": from_ns(key[2] * 1000),
            "station": key[0],
            "stream": key[1],
            "values": _json_floats(reading.values.values()),
        }
        for key, reading in readings.items()
    ]
    inserted = connection.execute(sql("insert_reading"), {"rows": orjson.dumps(rows).decode()}).fetchall()
    return {key: readings[key] for key in sorted(_row_key(row) for row in inserted)}


def _json_floats(values: Iterable[float]) -> list[float | str]:
    return [float(value) if np.isfinite(value) else "NaN" for value in values]


def _row_key(row: Mapping[str, object]) -> Key:
    time = cast(datetime, row["time"])
    return cast(int, row["station"]), cast(int, row["stream"]), to_ns(time) // 1000


def _merge_minutes(connection: Connection, blocks: Mapping[Key, SampleBlock]) -> None:
    minutes: dict[Key, MinutePart] = {}
    for (station, stream, _), block in blocks.items():
        for start, part in minute_parts(block):
            key = (station, stream, start)
            minutes[key] = combine(minutes[key], part) if key in minutes else part
    rows: list[Mapping[str, object]] = [
        {
            "time": from_ns(start), "station": station, "stream": stream,
            "n": part.n.tolist(), "mean": part.mean.tolist(), "min": part.min.tolist(),
            "max": part.max.tolist(), "sd": part.sd.tolist(),
        }
        for (station, stream, start), part in sorted(minutes.items())
    ]  # fmt: skip
    execute_each(connection, "merge_minute", rows)


def _put_latest(connection: Connection, blocks: Mapping[Key, SampleBlock], readings: Mapping[Key, Reading]) -> None:
    newest: dict[int, tuple[int, Mapping[str, object]]] = {}
    for (station, stream, _), block in blocks.items():
        last_ns = block.start_ns + block.dt_ns * (block.samples.shape[1] - 1)
        if stream not in newest or newest[stream][0] < last_ns:
            row = {
                "station": station,
                "stream": stream,
                "time": from_ns(last_ns),
                "values": block.samples[:, -1].tolist(),
            }
            newest[stream] = last_ns, row
    for (station, stream, _), reading in readings.items():
        if stream not in newest or newest[stream][0] < reading.time_ns:
            values = list(reading.values.values())
            row = {"station": station, "stream": stream, "time": from_ns(reading.time_ns), "values": values}
            newest[stream] = reading.time_ns, row
    execute_each(connection, "put_latest", [row for _, (_, row) in sorted(newest.items())])


def _touch_intervals(
    connection: Connection, directory: Directory, blocks: Mapping[Key, SampleBlock], readings: Mapping[Key, Reading]
) -> None:
    """Count new samples into their averaging intervals; new meteorology makes an interval due again."""
    touched: dict[tuple[int, datetime], int] = defaultdict(int)
    flux_of: dict[int, tuple[Flux, float]] = {}
    for (station, _, _), block in blocks.items():
        row = directory.stations[block.station]
        flux = row.station.flux
        if flux is None or block.stream != flux.stream:
            continue
        flux_of[station] = flux, row.station.streams[flux.stream].rate or 0.0
        n = block.samples.shape[1]
        end_ns = block.start_ns + block.dt_ns * n
        for start in intervals(from_ns(block.start_ns), from_ns(end_ns), flux.averaging_minutes):
            low = to_ns(start)
            high = low + flux.averaging_minutes * 60 * NS
            first = max(0, -((block.start_ns - low) // block.dt_ns))
            last = min(n, -((block.start_ns - high) // block.dt_ns))
            touched[station, start] += last - first
    for (station, _, _), reading in readings.items():
        row = directory.stations[reading.station]
        flux = row.station.flux
        if flux is not None and reading.stream == flux.meteorology:
            flux_of[station] = flux, row.station.streams[flux.stream].rate or 0.0
            touched[station, floor_to_grid(from_ns(reading.time_ns), flux.averaging_minutes)] += 0
    rows: list[Mapping[str, object]] = []
    for (station, start), samples in sorted(touched.items()):
        flux, rate = flux_of[station]
        ends = start + timedelta(minutes=flux.averaging_minutes)
        expected = round(flux.averaging_minutes * 60 * rate)
        rows.append(
            {
                "station": station,
                "time": start,
                "ends": ends,
                "lateness": flux.lateness_seconds,
                "expected": expected,
                "samples": samples,
            }
        )
    execute_each(connection, "touch_interval", rows)
