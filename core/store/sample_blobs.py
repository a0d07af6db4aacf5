"""Compacted half-hours in their table: which blocks are in them, and their columns out of blocks and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.clock import from_ns, to_ns
from core.errors import StoreError
from core.store.blobs import (
    CODEC_VERSION,
    MAX_BLOCKS,
    MAX_VALUES,
    Blocks,
    SensorSteps,
    decode_head,
    decode_samples,
    encode_head,
    encode_samples,
)
from core.store.blocks import Key, row_key
from core.store.database import Connection, Row, sql

HALF_HOUR_US = 1_800_000_000
MIN_AGE = timedelta(hours=1)
"""What is younger is never compacted nor dropped, so a commit of live blocks need not look for them."""


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
    old = np.flatnonzero(start_us < to_ns(now - MIN_AGE) // 1000)
    if not len(old):
        return found
    connection.execute(sql("share_samples"))
    half_hours: dict[Key, list[int]] = defaultdict(list)
    for i in old.tolist():
        half_hours[int(station[i]), int(stream[i]), int(start_us[i]) // HALF_HOUR_US * HALF_HOUR_US].append(i)
    stations, streams, times = zip(*half_hours, strict=True)
    keys = {"stations": list(stations), "streams": list(streams), "times": [time_of(us) for us in times]}
    for row in connection.execute(sql("dropped_half_hours"), keys):
        found[half_hours[row_key(row)]] = True
    span = {"earliest": time_of(min(times)), "latest": time_of(max(times))}
    with connection.cursor(binary=True) as cursor:
        for row in cursor.execute(sql("blob_heads"), {**keys, **span}):
            asked = half_hours[row_key(row)]
            found[asked] |= np.isin(start_us[asked], decode_head(row["head"], row["blocks"])[0])
    return found


def own_samples(connection: Connection) -> None:
    """Keep commits of old blocks from looking for them until the transaction ends, and wait for those that do."""
    connection.execute(sql("own_samples"))


def unpack_blob(row: Row) -> Blocks:
    """Return the blocks of a row of ``sample_blob``.

    Raises
    ------
    StoreError
        It is damaged, or a newer version has written it.
    """
    try:
        if row["codec"] != CODEC_VERSION:
            raise StoreError(f"codec {row['codec']} is not known: it was written by a newer Fluxtower")
        head = decode_head(row["head"], row["blocks"])
        if int(head[1].sum()) != row["n"]:
            raise StoreError(f"its blocks have {head[1].sum()} samples, not {row['n']}")
        return Blocks(head, decode_samples(row["samples"], row["channels"], row["n"]))
    except StoreError as error:
        raise StoreError(
            f"the compacted half-hour {row['time']:%Y-%m-%d %H:%M}Z cannot be read: {error}; restore it from a backup"
        ) from None


def pack_blob(blocks: Blocks, grids: Sequence[SensorSteps | None]) -> Row:
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
        "first": time_of(int(blocks.start_us[0])),
        "last": time_of(int(blocks.start_us[-1])),
        "ends": time_of(int(np.max(ends_us))),
        "blocks": len(blocks.n),
        "n": n,
        "channels": channels,
        "codec": CODEC_VERSION,
        "head": encode_head(blocks),
        "samples": encode_samples(blocks.samples, grids),
    }


def read_blob(connection: Connection, key: Row) -> Blocks | None:
    """Return the blocks of a half-hour's blob, None without one."""
    with connection.cursor(binary=True) as cursor:
        row = cursor.execute(sql("blob"), key).fetchone()
    return None if row is None else unpack_blob(row)


def time_of(us: int) -> datetime:
    """Return microseconds since 1970 as an aware time."""
    return from_ns(us * 1000)
