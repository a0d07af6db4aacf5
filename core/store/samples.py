"""Sample blocks: written in arrays, read back as a regular series, whether they lie in rows or are compacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from core.clock import to_ns
from core.errors import StoreError
from core.records import FloatArray, Samples
from core.store.blobs import Blocks, join_blocks
from core.store.blocks import BlockArrays, only, row_key
from core.store.copy import HEADER, TRAILER, block_columns, block_rows
from core.store.database import Connection, Database, sql
from core.store.sample_blobs import find_stored, unpack_blob
from core.store.sample_rows import read_rows
from core.store.stations import StoredStations, StreamRow


class StoredSamples:
    """The part of the store that holds sample blocks."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def read(self, station: str, stream: str, start: datetime, end: datetime) -> Samples:
        """Read samples of [start, end) on the stream's regular grid, in the sender's channels and units.

        A sample belongs to the slot in which its interval starts; a slot without a sample is NaN. Where blocks overlap,
        the one that starts later counts. It makes no difference whether blocks lie in rows or are compacted.

        Raises
        ------
        UnknownStation, StoreError
            The station, or a stream of blocks of that name, is not registered; compacted samples are damaged.
        """
        return self._read(station, stream, start, end)[0]

    def read_uncontested(self, station: str, stream: str, start: datetime, end: datetime) -> tuple[Samples, int]:
        """Read samples as ``read``, but NaN where two blocks claim the same slots with different values; count those.

        A clock that was set back makes such blocks: a mixture of both would be of no time. Errors as of ``read``.
        """
        samples, contested = self._read(station, stream, start, end)
        for values in samples.channels.values():
            values[contested] = np.nan
        return samples, int(np.count_nonzero(contested))

    def _read(self, station: str, stream: str, start: datetime, end: datetime) -> tuple[Samples, NDArray[np.bool_]]:
        """Return samples, and which slots are contested."""
        current = self._stations.read(station).station.streams.get(stream)
        layouts = self._stations.read_layouts(station, stream, "block")
        if current is None:
            raise StoreError(f"{station} has no stream {stream!r} in its present configuration")
        start_ns, dt_ns = to_ns(start), current.dt_ns
        n = -(-(to_ns(end) - start_ns) // dt_ns)
        channels = {channel.name: np.full(n, np.nan) for channel in current.channels}
        claimed, contested = np.zeros(n, bool), np.zeros(n, bool)
        for layout in layouts:
            if layout.dt_ns == dt_ns:
                blocks = self.read_blocks(layout, start, end)
                if blocks is not None:
                    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
                        _place(blocks, layout, start_ns, channels, claimed, contested)
        return Samples(start_ns, dt_ns, channels), contested

    def read_blocks(self, layout: StreamRow, start: datetime, end: datetime) -> Blocks | None:
        """Read the blocks of one layout that overlap [start, end), and perhaps some beside it; None without one."""
        keys = {"station": layout.station_key, "stream": layout.key, "start": start, "end": end}
        with self._database.transaction() as connection:
            # rows first: what is compacted between the two looks is found twice, and not missed
            rows = read_rows(connection, layout, start, end)
            with connection.cursor(binary=True) as cursor:
                blobs = [unpack_blob(row) for row in cursor.execute(sql("blobs_between"), keys)]
        parts = blobs if rows is None else [*blobs, rows]
        return join_blocks(parts) if parts else None

    def read_span(self, station: str, stream: str) -> tuple[datetime, datetime, int] | None:
        """Return start of the first block, start of the last block and number of samples, None without a block."""
        layouts = self._stations.read_layouts(station, stream, "block")
        keys = [layout.key for layout in layouts]
        row = self._database.row("sample_span", station=layouts[0].station_key, streams=keys)
        if row is None or row["first"] is None:
            return None
        return row["first"], row["last"], row["samples"]


def _place(
    blocks: Blocks,
    layout: StreamRow,
    start_ns: int,
    channels: Mapping[str, FloatArray],
    claimed: NDArray[np.bool_],
    contested: NDArray[np.bool_],
) -> None:
    """Put blocks on the grid that begins at ``start_ns``; note which slots are taken, and which twice."""
    offsets = np.rint((blocks.start_us * 1000 - start_ns) / layout.dt_ns).astype(np.int64)
    ends = np.cumsum(blocks.n)
    begins = ends - blocks.n
    slot = offsets - begins
    # a stretch: blocks of which each begins in the slot after the last one's end
    borders = np.flatnonzero(np.diff(slot)) + 1
    firsts = np.concatenate(([0], borders))
    lasts = np.concatenate((borders, [len(slot)])) - 1
    wanted = [(i, channels[name]) for i, name in enumerate(layout.channels) if name in channels]
    for first, last, shift in zip(begins[firsts].tolist(), ends[lasts].tolist(), slot[firsts].tolist(), strict=True):
        low, high = max(0, first + shift), min(last + shift, len(claimed))
        if high <= low:
            continue
        rows = [(target[low:high], blocks.samples[i, low - shift : high - shift]) for i, target in wanted]
        if claimed[low:high].any():
            differ = claimed[low:high] & np.any(
                [(old != new) & (old == old) & (new == new) for old, new in rows], axis=0
            )
            # a slot alone is a clock that drifts by less than a sample
            if np.count_nonzero(differ) > 1:
                contested[low:high] |= differ
        claimed[low:high] = True
        for target, values in rows:
            target[:] = values


def insert_blocks(connection: Connection, groups: Sequence[BlockArrays]) -> list[BlockArrays]:
    """Insert blocks; return those that were not there."""
    groups = _leave_out_stored(connection, groups)
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
        return only(groups, {row_key(row) for row in connection.execute(sql("insert_staged_blocks"))})


def _leave_out_stored(connection: Connection, groups: Sequence[BlockArrays]) -> list[BlockArrays]:
    """Leave out the blocks that no longer lie in rows: what is compacted or dropped is a duplicate, too."""
    left = []
    for one in groups:
        stored = find_stored(connection, one.station, one.stream, one.time_us, datetime.now(UTC))
        if not stored.all():
            left.append(one.take(~stored) if stored.any() else one)
    return left


def _copy_blocks(connection: Connection, table: str, groups: Sequence[BlockArrays]) -> None:
    for one in groups:
        statement = f"COPY {table} ({block_columns(one.samples.shape[1])}) FROM STDIN (FORMAT BINARY)"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for part in (HEADER, block_rows(one), TRAILER):
                copy.write(part)
