"""One commit of a collector's batch: blocks, readings, rejects and everything derived from them, all or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import numpy as np
import orjson
import psycopg

from core.clock import from_ns, to_ns
from core.records import Reading, Reject, SampleBlock
from core.store.blocks import NO_SEQ, BlockArrays, Key, first_of_each, keys_of, only
from core.store.catalogue import Catalogue
from core.store.compaction import find_stored
from core.store.copy import HEADER, TRAILER, block_columns, block_rows
from core.store.database import Connection, Database, execute_each, sql
from core.store.derived import Newest, append_parts, put_minutes, touch_intervals
from core.store.minutes import MinuteParts, join, merge, minute_parts

MANY_STREAMS = 256
"""A commit of so many streams only appends the parts of its minutes; ``derived.fold_minutes`` merges them."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What one commit did; what was stored already is in ``repeated``, of the blocks given as arrays the other one."""

    blocks: int = 0
    duplicate_blocks: int = 0
    samples: int = 0
    readings: int = 0
    duplicate_readings: int = 0
    rejects: int = 0
    repeated: tuple[SampleBlock | Reading, ...] = ()
    repeated_arrays: tuple[BlockArrays, ...] = ()


def commit(
    database: Database,
    catalogue: Catalogue,
    newest: Newest,
    blocks: Sequence[SampleBlock],
    readings: Sequence[Reading],
    rejects: Sequence[Reject],
    arrays: Sequence[BlockArrays],
) -> Committed:
    """Write a batch in one transaction; what is there already is left alone and counted as a duplicate."""
    records = _by_shape(blocks)
    given = [*arrays, *(_arrays(catalogue, some) for some in records)]
    groups = first_of_each(given)
    keyed_readings = _by_key(catalogue, readings)
    with database.transaction() as connection:
        new_groups = _insert_blocks(connection, _leave_out_stored(connection, groups))
        new_readings = _insert_readings(connection, keyed_readings)
        parts = _minute_parts(new_groups)
        many = (
            len(np.unique(np.concatenate([one.stream for one in new_groups]))) >= MANY_STREAMS if new_groups else False
        )
        for one in parts:
            if many:
                append_parts(connection, one)
            else:
                put_minutes(connection, one)
        gathered = Newest()
        gathered.add(new_groups, [(station, stream, one) for (station, stream, _), one in new_readings.items()])
        if not many:
            gathered.write(connection)
        touch_intervals(connection, catalogue, [] if many else parts, list(new_readings.values()))
        execute_each(
            connection,
            "insert_reject",
            [{"topic": r.topic, "station": r.station, "reason": r.reason, "payload": r.payload} for r in rejects],
        )
    if many:
        newest.take(gathered)
    inserted = sum(map(len, new_groups))
    repeated, repeated_arrays = _find_repeated(given, records, new_groups)
    kept = set(map(id, new_readings.values()))
    repeated_readings = [reading for reading in readings if id(reading) not in kept]
    return Committed(
        blocks=inserted,
        duplicate_blocks=sum(map(len, given)) - inserted,
        samples=sum(len(one) * one.samples.shape[2] for one in new_groups),
        readings=len(new_readings),
        duplicate_readings=len(readings) - len(new_readings),
        rejects=len(rejects),
        repeated=(*repeated, *repeated_readings),
        repeated_arrays=repeated_arrays,
    )


def _find_repeated(
    given: Sequence[BlockArrays], records: Sequence[Sequence[SampleBlock]], new: Sequence[BlockArrays]
) -> tuple[tuple[SampleBlock, ...], tuple[BlockArrays, ...]]:
    """Return which blocks were stored already; the last of the given groups are those of the records."""
    if sum(map(len, given)) == sum(map(len, new)):
        return (), ()
    fresh = {key for one in new for key in keys_of(one)}
    again = []
    for one in given:
        seen = []
        for key in keys_of(one):
            seen.append(key not in fresh)
            fresh.discard(key)
        again.append(np.array(seen, bool))
    first = len(given) - len(records)
    arrays = (one.take(seen) for one, seen in zip(given[:first], again[:first], strict=True))
    blocks = (
        block
        for some, seen in zip(records, again[first:], strict=True)
        for block, old in zip(some, seen, strict=True)
        if old
    )
    return tuple(blocks), tuple(one for one in arrays if len(one))


def _by_shape(blocks: Sequence[SampleBlock]) -> list[list[SampleBlock]]:
    shapes: dict[tuple[int, ...], list[SampleBlock]] = defaultdict(list)
    for block in blocks:
        shapes[block.samples.shape].append(block)
    return list(shapes.values())


def _arrays(catalogue: Catalogue, blocks: Sequence[SampleBlock]) -> BlockArrays:
    """Put blocks of one shape into arrays."""
    rows = [catalogue.stream(block) for block in blocks]
    return BlockArrays(
        np.array([row.station_key for row in rows], np.int32),
        np.array([row.key for row in rows], np.int32),
        np.array([block.start_ns for block in blocks], np.int64),
        np.array([block.dt_ns for block in blocks], np.int64),
        np.array([NO_SEQ if block.seq is None else block.seq for block in blocks], np.int64),
        np.array([block.run for block in blocks], np.int64),
        np.stack([block.samples for block in blocks]),
    )


def _by_key(catalogue: Catalogue, readings: Iterable[Reading]) -> dict[Key, Reading]:
    """Keep the first reading of each key, in key order: writers that lock rows in one order cannot deadlock."""
    first: dict[Key, Reading] = {}
    for reading in readings:
        row = catalogue.stream(reading)
        first.setdefault((row.station_key, row.key, reading.time_ns // 1000), reading)
    return dict(sorted(first.items()))


def _leave_out_stored(connection: Connection, groups: Sequence[BlockArrays]) -> list[BlockArrays]:
    """Leave out the blocks that no longer lie in rows: what is compacted or dropped is a duplicate, too."""
    left = []
    for one in groups:
        stored = find_stored(connection, one.station, one.stream, one.time_us, datetime.now(UTC))
        if not stored.all():
            left.append(one.take(~stored) if stored.any() else one)
    return left


def _insert_blocks(connection: Connection, groups: Sequence[BlockArrays]) -> list[BlockArrays]:
    """Insert blocks; return those that were not there."""
    if not groups:
        return []
    try:
        with connection.transaction():  # a savepoint: a duplicate undoes this COPY only
            _copy_blocks(connection, "sample_block", groups)
        return list(groups)
    except psycopg.errors.UniqueViolation:
        # the detour over a staging table costs half the speed, so it is taken only now
        connection.execute(sql("stage_blocks"))
        _copy_blocks(connection, "staged_block", groups)
        return only(groups, {_row_key(row) for row in connection.execute(sql("insert_staged_blocks"))})


def _copy_blocks(connection: Connection, table: str, groups: Sequence[BlockArrays]) -> None:
    for one in groups:
        statement = f"COPY {table} ({block_columns(one.samples.shape[1])}) FROM STDIN (FORMAT BINARY)"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for part in (HEADER, block_rows(one), TRAILER):
                copy.write(part)


def _minute_parts(groups: Sequence[BlockArrays]) -> list[MinuteParts]:
    """Return the minutes of blocks, each stream and minute once, by number of channels."""
    parts: dict[int, list[MinuteParts]] = defaultdict(list)
    for one in groups:
        parts[one.samples.shape[1]].append(minute_parts(one))
    return [merge(join(some)) for _, some in sorted(parts.items())]


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
