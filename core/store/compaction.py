"""The long memory: old rows of ``sample_block`` become one verified blob a half-hour, and back.

A half-hour of one stream is one transaction: write the blob, read it back, compare bit for bit, delete the rows. What
dies in between leaves the rows. A block that comes later lies beside the blob as a row and is merged by the next run;
one that is in the blob already is a duplicate, which ``find_stored`` tells a commit. Day by day: once a chunk of
``sample_block`` is empty it is dropped, which gives its disk back at once.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from core.clock import from_ns, to_ns
from core.errors import ConfigError, StoreError, StoreUnavailable
from core.store.blobs import (
    CODEC,
    MAX_BLOCKS,
    MAX_VALUES,
    Blocks,
    Grid,
    decode_head,
    decode_samples,
    encode_head,
    encode_samples,
    join,
)
from core.store.catalogue import Catalogue
from core.store.database import Connection, Database, Row, sql
from core.store.rows import read_rows
from core.store.stations import StreamRow

HALF_HOUR = timedelta(minutes=30)
HALF_HOUR_US = 1_800_000_000
YOUNG = timedelta(hours=1)
"""What is younger is never compacted nor dropped, so a commit of live blocks need not look for them."""
HOUSEKEEPING = "housekeeping"
"""The work that one run does at a time: compaction and retention."""
DROP_WAIT = "5s"
"""How long to wait for readers before a chunk is left for the next run."""

Key = tuple[int, int, int]
"""Station key, stream key, START of a half-hour. [us since 1970 UTC]"""
Progress = Callable[[str, int, int], None]
"""Told after each half-hour: the day, half-hours done, half-hours of the day."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Compacted:
    """What a run did.

    Attributes
    ----------
    half_hours, samples : int
        Compacted, or merged with late blocks.
    left : int
        Half-hours that stay in rows, each with its reason in the log.
    chunks : int
        Chunks of rows that were dropped.
    bytes_before, bytes_blobs : int
        Disk of the chunks that were gone through, and the blobs made of them.
    """

    half_hours: int = 0
    samples: int = 0
    left: int = 0
    chunks: int = 0
    bytes_before: int = 0
    bytes_blobs: int = 0


def find_stored(
    connection: Connection,
    station: NDArray[np.integer],
    stream: NDArray[np.integer],
    start_us: NDArray[np.int64],
    now: datetime,
) -> NDArray[np.bool_]:
    """Say which blocks are compacted already, or lie in a half-hour that retention has dropped.

    To be called in the transaction that inserts the others: from here to its end nothing is compacted or dropped.
    Blocks that are too young for either cost nothing.

    Parameters
    ----------
    connection : Connection
        Inside a transaction.
    station, stream, start_us : ndarray, shape (blocks,)
        Keys of station and stream layout, START. [us since 1970 UTC]
    now : datetime
        The time now.

    Returns
    -------
    ndarray, shape (blocks,), bool
        True: leave it out, it is a duplicate.
    """
    found = np.zeros(len(start_us), np.bool_)
    old = np.flatnonzero(start_us < to_ns(now - YOUNG) // 1000)
    if not len(old):
        return found
    connection.execute(sql("share_samples"))
    half_hours: dict[Key, list[int]] = defaultdict(list)
    for i in old.tolist():
        half_hours[int(station[i]), int(stream[i]), int(start_us[i]) // HALF_HOUR_US * HALF_HOUR_US].append(i)
    stations, streams, times = zip(*half_hours, strict=True)
    keys = {"stations": list(stations), "streams": list(streams), "times": [_time(us) for us in times]}
    for row in connection.execute(sql("dropped_half_hours"), keys):
        found[half_hours[_key(row)]] = True
    span = {"earliest": _time(min(times)), "latest": _time(max(times))}
    with connection.cursor(binary=True) as cursor:
        for row in cursor.execute(sql("blob_heads"), {**keys, **span}):
            asked = half_hours[_key(row)]
            found[asked] |= np.isin(start_us[asked], decode_head(row["head"], row["blocks"])[0])
    return found


def _key(row: Row) -> Key:
    return row["station"], row["stream"], to_ns(row["time"]) // 1000


def _time(us: int) -> datetime:
    return from_ns(us * 1000)


def unpack_blob(row: Row) -> Blocks:
    """Return the blocks of a row of ``sample_blob``.

    Raises
    ------
    StoreError
        It is damaged, or a newer version has written it.
    """
    try:
        if row["codec"] != CODEC:
            raise StoreError(f"codec {row['codec']} is not known: it was written by a newer Fluxtower")
        head = decode_head(row["head"], row["blocks"])
        if int(head[1].sum()) != row["n"]:
            raise StoreError(f"its blocks have {head[1].sum()} samples, not {row['n']}")
        return Blocks(head, decode_samples(row["samples"], row["channels"], row["n"]))
    except StoreError as error:
        raise StoreError(
            f"the compacted half-hour {row['time']:%Y-%m-%d %H:%M}Z cannot be read: {error}; restore it from a backup"
        ) from None


def compact(
    database: Database, catalogue: Catalogue, before: datetime, progress: Progress = lambda *_: None
) -> Compacted:
    """Compact every chunk of rows that ends before a time; safe to repeat, to interrupt, and beside commits.

    While another run is at work nothing is done.

    Parameters
    ----------
    database : Database
        The store.
    catalogue : Catalogue
        Its stations, which declare the resolutions.
    before : datetime
        Rows of later chunks stay; at least an hour ago.
    progress : callable
        Told after each half-hour.

    Raises
    ------
    StoreUnavailable
        The server went away: what is done is done, and the next run goes on.
    """
    done = Compacted()
    with database.alone(HOUSEKEEPING) as alone:
        if not alone:
            log.info("another run is at work")
            return done
        catalogue.refresh()
        for chunk in old_chunks(database, "sample_block", before):
            _compact_chunk(database, catalogue, chunk, done, progress)
    return done


def _compact_chunk(database: Database, catalogue: Catalogue, chunk: Row, done: Compacted, progress: Progress) -> None:
    half_hours = half_hours_in_rows(database, chunk)
    left = done.left
    for i, half_hour in enumerate(half_hours):
        try:
            _compact_half_hour(database, catalogue, half_hour, done)
        except StoreUnavailable:
            raise
        except StoreError as error:
            done.left += 1
            log.error("%s stays in rows: %s", _name(catalogue, half_hour), error)
        progress(f"{chunk['range_start']:%Y-%m-%d}", i + 1, len(half_hours))
    done.bytes_before += chunk["bytes"]
    if done.left == left and _drop_if_empty(database, chunk):
        done.chunks += 1
    elif half_hours:
        database.vacuum(chunk["name"])


def count(database: Database, before: datetime) -> Compacted:
    """Return the half-hours, samples, chunks and bytes that ``compact`` would go through."""
    found = Compacted()
    for chunk in old_chunks(database, "sample_block", before):
        half_hours = half_hours_in_rows(database, chunk)
        found.half_hours += len(half_hours)
        found.samples += sum(one["n"] for one in half_hours)
        found.chunks += 1
        found.bytes_before += chunk["bytes"]
    return found


def old_chunks(database: Database, table: str, before: datetime) -> list[Row]:
    """Return name, range and size of the chunks of a table that end before a time, oldest first."""
    return database.rows("old_chunks", table=table, before=before)


def half_hours_in_rows(database: Database, chunk: Row) -> list[Row]:
    """Return station, stream, time and samples of each half-hour that has rows in a chunk."""
    with database.transaction() as connection:
        return connection.execute(sql("half_hours_in_rows", chunk=chunk["name"])).fetchall()


def _compact_half_hour(database: Database, catalogue: Catalogue, half_hour: Row, done: Compacted) -> None:
    layout = catalogue.by_key(half_hour["stream"])
    if layout is None:
        raise StoreError(f"its stream {half_hour['stream']} is not registered")
    if half_hour["n"] * len(layout.channels) > MAX_VALUES:
        raise StoreError(f"{half_hour['n']} samples of {len(layout.channels)} channels are too many for one blob")
    time, end = half_hour["time"], half_hour["time"] + HALF_HOUR
    key = {"station": layout.station_key, "stream": layout.key, "time": time}
    with database.transaction() as connection:
        # before anything is looked at: who waits for it must hold nothing that its owner may want to drop
        connection.execute(sql("own_samples"))
        rows = read_rows(connection, layout, time, end, reach=timedelta(0))
        if rows is None:
            return
        before = _read_blob(connection, key)
        # what is in the blob came first: a row of the same start is a duplicate
        blocks = rows if before is None else join([before, rows])
        blob = {**key, **pack_blob(blocks, _read_grids(catalogue, layout))}
        connection.execute(sql("put_blob"), blob)
        back = _read_blob(connection, key)
        if back is None or not back.equals(blocks):
            raise StoreError("what was read back differs from what was written")
        times = [_time(start) for start in rows.start_us.tolist()]
        keys = {**key, "start": time, "end": end, "times": times}
        if connection.execute(sql("delete_blocks"), keys).rowcount != len(times):
            raise StoreError("its rows have changed meanwhile")
    done.half_hours += 1
    done.samples += int(rows.n.sum())
    done.bytes_blobs += len(blob["head"]) + len(blob["samples"])


def _read_grids(catalogue: Catalogue, layout: StreamRow) -> list[Grid | None]:
    """Return what the station file in force declares of each channel's values, None without a resolution."""
    try:
        stream = catalogue.station(layout.station).streams.get(layout.name)
    except ConfigError:  # of an older version of Fluxtower: its samples are kept all the same
        stream = None
    channels = {channel.name: channel for channel in stream.channels} if stream else {}
    declared = [channels.get(name) for name in layout.channels]
    return [Grid(one.resolution, one.offset) if one and one.resolution else None for one in declared]


def pack_blob(blocks: Blocks, grids: Sequence[Grid | None]) -> Row:
    """Return the columns of ``sample_blob`` that hold some blocks.

    Raises
    ------
    StoreError
        They are too many.
    """
    channels, n = blocks.samples.shape
    if channels * n > MAX_VALUES or len(blocks.n) > MAX_BLOCKS:
        raise StoreError(f"{len(blocks.n)} blocks with {n} samples of {channels} channels are too many for one blob")
    ends_us = blocks.start_us - (-blocks.n * blocks.dt_ns) // 1000  # rounded up
    return {
        "first": _time(int(blocks.start_us[0])),
        "last": _time(int(blocks.start_us[-1])),
        "ends": _time(int(np.max(ends_us))),
        "blocks": len(blocks.n),
        "n": n,
        "channels": channels,
        "codec": CODEC,
        "head": encode_head(blocks),
        "samples": encode_samples(blocks.samples, grids),
    }


def _read_blob(connection: Connection, key: Row) -> Blocks | None:
    with connection.cursor(binary=True) as cursor:
        row = cursor.execute(sql("blob"), key).fetchone()
    return None if row is None else unpack_blob(row)


def _drop_if_empty(database: Database, chunk: Row) -> bool:
    """Drop a chunk that has no row left; one in which somebody reads is left for the next run."""
    try:
        with database.transaction() as connection:
            connection.execute(sql("own_samples"))
            connection.execute(sql("set_lock_timeout", wait=DROP_WAIT))
            connection.execute(sql("lock_chunk", chunk=chunk["name"]))
            if connection.execute(sql("any_row", chunk=chunk["name"])).fetchone() is not None:
                return False
            drop_chunk(connection, "sample_block", chunk)
    except StoreUnavailable as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        log.info("%s is in use: the next run drops it", chunk["name"])
        return False
    return True


def drop_chunk(connection: Connection, table: str, chunk: Row) -> None:
    """Drop one chunk with all its rows."""
    keys = {"table": table, "start": chunk["range_start"], "end": chunk["range_end"]}
    connection.execute(sql("drop_chunk"), keys)


def _name(catalogue: Catalogue, half_hour: Row) -> str:
    layout = catalogue.by_key(half_hour["stream"])
    where = f"stream {half_hour['stream']}" if layout is None else f"{layout.station} {layout.name}"
    return f"{where} {half_hour['time']:%Y-%m-%d %H:%M}Z"
