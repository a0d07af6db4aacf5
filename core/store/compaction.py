"""The long memory: old rows of ``sample_block`` become one verified blob a half-hour, and back.

A half-hour of one stream is one transaction: write the blob, read it back, compare bit for bit, delete the rows. What
dies in between leaves the rows. A block that comes later lies beside the blob as a row and is merged by the next run;
one that is in the blob already is a duplicate, which ``find_stored`` shows to a commit. Day by day: once a chunk of
``sample_block`` is empty it is dropped, which gives its disk back at once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from core.errors import ConfigError, StoreError, StoreUnavailable
from core.progress import Progress, no_progress
from core.store.blobs import MAX_VALUES, SensorSteps, join_blocks
from core.store.catalogue import Catalogue
from core.store.chunks import HOUSEKEEPING, drop_chunk, old_chunks
from core.store.database import Database, Row, sql
from core.store.sample_blobs import own_samples, pack_blob, read_blob, time_of
from core.store.sample_rows import read_rows
from core.store.stations import StreamRow

HALF_HOUR = timedelta(minutes=30)
DROP_WAIT = "5s"
"""How long to wait for readers before a chunk is left for the next run."""

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


class Compaction:
    """The part of the store that turns rows into blobs."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    def compact(self, before: datetime, progress: Progress = no_progress) -> Compacted:
        """Compact every chunk of rows that ends before a time, the same samples bit for bit.

        It is safe to repeat, to interrupt, and beside commits. While another run is at work nothing is done.

        Parameters
        ----------
        before : datetime
            Rows of later chunks stay; at least an hour ago.
        progress : Progress
            Called after each half-hour: the day, half-hours done, half-hours of the day.

        Raises
        ------
        StoreUnavailable
            The server went away: what is done is done, and the next run goes on.
        """
        done = Compacted()
        with self._database.alone(HOUSEKEEPING) as alone:
            if not alone:
                log.info("another run is at work")
                return done
            self._catalogue.refresh()
            for chunk in old_chunks(self._database, "sample_block", before):
                self._compact_chunk(chunk, done, progress)
        return done

    def count(self, before: datetime) -> Compacted:
        """Return the half-hours, samples, chunks and bytes that ``compact`` would go through."""
        found = Compacted()
        for chunk in old_chunks(self._database, "sample_block", before):
            half_hours = self._half_hours_in_rows(chunk)
            found.half_hours += len(half_hours)
            found.samples += sum(one["n"] for one in half_hours)
            found.chunks += 1
            found.bytes_before += chunk["bytes"]
        return found

    def _compact_chunk(self, chunk: Row, done: Compacted, progress: Progress) -> None:
        half_hours = self._half_hours_in_rows(chunk)
        left = done.left
        for i, half_hour in enumerate(half_hours):
            try:
                self._compact_half_hour(half_hour, done)
            except StoreUnavailable:
                raise
            except StoreError as error:
                done.left += 1
                log.error("%s stays in rows: %s", self._name(half_hour), error)
            progress(f"{chunk['range_start']:%Y-%m-%d}", i + 1, len(half_hours))
        done.bytes_before += chunk["bytes"]
        if done.left == left and self._drop_if_empty(chunk):
            done.chunks += 1
        elif half_hours:
            self._database.vacuum(chunk["name"])

    def _compact_half_hour(self, half_hour: Row, done: Compacted) -> None:
        layout = self._catalogue.by_key(half_hour["stream"])
        if layout is None:
            raise StoreError(f"its stream {half_hour['stream']} is not registered")
        if half_hour["n"] * len(layout.channels) > MAX_VALUES:
            raise StoreError(f"{half_hour['n']} samples of {len(layout.channels)} channels are too many for one blob")
        time, end = half_hour["time"], half_hour["time"] + HALF_HOUR
        key = {"station": layout.station_key, "stream": layout.key, "time": time}
        with self._database.transaction() as connection:
            # before anything is looked at: who waits for it must hold nothing that its owner may want to drop
            own_samples(connection)
            rows = read_rows(connection, layout, time, end, reach=timedelta(0))
            if rows is None:
                return
            before = read_blob(connection, key)
            # what is in the blob came first: a row of the same start is a duplicate
            blocks = rows if before is None else join_blocks([before, rows])
            blob = {**key, **pack_blob(blocks, self._sensor_steps(layout))}
            connection.execute(sql("put_blob"), blob)
            back = read_blob(connection, key)
            if back is None or not back.equals(blocks):
                raise StoreError("what was read back differs from what was written")
            times = [time_of(start) for start in rows.start_us.tolist()]
            keys = {**key, "start": time, "end": end, "times": times}
            if connection.execute(sql("delete_blocks"), keys).rowcount != len(times):
                raise StoreError("its rows have changed meanwhile")
        done.half_hours += 1
        done.samples += int(rows.n.sum())
        done.bytes_blobs += len(blob["head"]) + len(blob["samples"])

    def _half_hours_in_rows(self, chunk: Row) -> list[Row]:
        """Return station, stream, time and samples of each half-hour that has rows in a chunk."""
        with self._database.transaction() as connection:
            return connection.execute(sql("half_hours_in_rows", chunk=chunk["name"])).fetchall()

    def _sensor_steps(self, layout: StreamRow) -> list[SensorSteps | None]:
        """Return what the station file in force declares of each channel's values, None without a resolution."""
        try:
            stream = self._catalogue.station(layout.station).streams.get(layout.name)
        except ConfigError:  # of an older version of Fluxtower: its samples are kept all the same
            stream = None
        channels = {channel.name: channel for channel in stream.channels} if stream else {}
        declared = [channels.get(name) for name in layout.channels]
        return [SensorSteps(one.resolution, one.offset) if one and one.resolution else None for one in declared]

    def _drop_if_empty(self, chunk: Row) -> bool:
        """Drop a chunk that has no row left; one in which somebody reads is left for the next run."""
        try:
            with self._database.transaction() as connection:
                own_samples(connection)
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

    def _name(self, half_hour: Row) -> str:
        layout = self._catalogue.by_key(half_hour["stream"])
        where = f"stream {half_hour['stream']}" if layout is None else f"{layout.station} {layout.name}"
        return f"{where} {half_hour['time']:%Y-%m-%d %H:%M}Z"
