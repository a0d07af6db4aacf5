"""The door to the store: one object, thread-safe, that hands each request to the module that knows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.errors import StoreError, UnknownStation
from core.frames import PRODUCT_COLUMNS
from core.records import FloatArray, FluxRecord, LoggerState, Reading, Reject, SampleBlock, Samples
from core.store import (
    attempts,
    compaction,
    derived,
    files,
    flags,
    fluxes,
    ingest,
    loggers,
    readback,
    rejects,
    retention,
    runs,
    stations,
    watermarks,
)
from core.store.attempts import SeasonFailure
from core.store.blocks import BlockArrays
from core.store.catalogue import Catalogue
from core.store.database import Database, Health
from core.store.derived import Newest
from core.store.fits import FitRow, newest_fits, put_fit
from core.store.fluxes import FluxOrigin
from core.store.rejects import RejectRow
from core.store.runs import PROVISIONAL, RunRow
from core.store.stations import StationRow
from core.store.watermarks import Arrival, Gap, Mark


class Store:
    """TimescaleDB behind Fluxtower's own words.

    Parameters
    ----------
    dsn : str
        PostgreSQL address.
    pool_size : int
        Most connections at once.

    Every method raises ``StoreUnavailable`` when the server cannot be reached (try again later)
    and ``StoreError`` when it refuses the work; those that take a station id raise ``UnknownStation``.
    """

    def __init__(self, dsn: str, *, pool_size: int = 4) -> None:
        self.dsn = dsn
        self._database = Database(dsn, pool_size)
        self._newest = Newest()
        self.catalogue = Catalogue(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def wait(self, timeout: float) -> None:
        """Wait until the server answers; ``StoreUnavailable`` after ``timeout`` seconds."""
        self._database.wait(timeout)

    def migrate(self) -> list[str]:
        """Bring the schema up to date and return the names of what was applied; safe to repeat and in parallel."""
        return self._database.migrate()

    def health(self) -> Health:
        """Return versions and the numbers that tell whether work is piling up."""
        return self._database.health()

    def put_station(self, text: str, file: str) -> StationRow:
        """Register a station file's text, or append it as a new configuration; ``ConfigError`` if it is not valid."""
        return stations.put_stations(self._database, [(text, file)])[0]

    def put_stations(self, files: Sequence[tuple[str, str]]) -> list[StationRow]:
        """Register many station files, each (text, what to call it in errors): all or none."""
        return stations.put_stations(self._database, files)

    def stations(self) -> list[StationRow]:
        """Return all stations by id."""
        return stations.get_stations(self._database)

    def station(self, id: str) -> StationRow:
        """Return a station."""
        return stations.get_station(self._database, id)

    def commit(
        self,
        blocks: Sequence[SampleBlock],
        readings: Sequence[Reading],
        rejects: Sequence[Reject] = (),
        arrays: Sequence[BlockArrays] = (),
    ) -> ingest.Committed:
        """Write a batch, all or nothing; what is there already is ignored and counted.

        Records have their channels in the order that the station file declares; ``arrays`` are blocks, too.
        """
        try:
            return ingest.commit(self._database, self.catalogue, self._newest, blocks, readings, rejects, arrays)
        except (UnknownStation, StoreError) as error:
            # a station or a layout may have been registered since the catalogue was read
            if not self.catalogue.refresh() or error.__cause__ is not None:
                raise
        return ingest.commit(self._database, self.catalogue, self._newest, blocks, readings, rejects, arrays)

    def fold_minutes(self, before: datetime | None = None, most: int | None = None) -> int:
        """Merge what many streams left of minutes, by default of those that are over; return of how many rows.

        ``most`` rows are merged, the oldest first, or all.
        """
        before = before or derived.closed_minutes()
        return derived.fold_minutes(self._database, self.catalogue, before, most)

    def count_parts(self) -> int:
        """Count the rows that ``fold_minutes`` would merge."""
        return derived.count_parts(self._database, derived.closed_minutes())

    def write_latest(self, least_age: float = 0.0) -> None:
        """Write newest values that have been waiting for ``least_age`` seconds since a commit of many streams."""
        if self._newest.oldest_age > least_age:
            with self._database.transaction() as connection:
                self._newest.write(connection)

    def put_states(self, states: Sequence[LoggerState]) -> None:
        """Store whether loggers are online; a change becomes an event, the same again changes nothing."""
        if states:
            loggers.put_states(self._database, states)

    def logger_states(self) -> list[loggers.LoggerRow]:
        """Return whether loggers are online, by station."""
        return loggers.get_states(self._database)

    def advance(self, advances: Sequence[watermarks.Advance], new: Iterable[watermarks.Advance] = ()) -> list[Mark]:
        """Merge what came of each run into what is known, and return what is committed of them."""
        return watermarks.advance(self._database, advances, new)

    def search_gaps(self) -> None:
        """Note the gaps that opened and close those that were filled."""
        watermarks.search_gaps(self._database)

    def check_gaps(self, station: str | None = None) -> None:
        """Close open gaps whose data are stored although they did not come from the sender itself."""
        watermarks.check_gaps(self._database, station)

    def gaps(self, station: str | None = None, limit: int = 1000, *, filled: bool = False) -> list[Gap]:
        """Read the newest known gaps, of one station or of all; ``filled``: those too that came late."""
        return watermarks.read_gaps(self._database, station, limit, filled=filled)

    def arrivals(self, station: str | None = None) -> list[Arrival]:
        """Read how the messages of each stream come in: counters, lag, clock."""
        return watermarks.read_arrivals(self._database, station)

    def samples(self, station: str, stream: str, start: datetime, end: datetime) -> Samples:
        """Read samples of [start, end) on a regular grid: sender's channels and units, NaN where nothing came."""
        return readback.read_samples(self._database, station, stream, start, end)

    def sample_span(self, station: str, stream: str) -> tuple[datetime, datetime, int] | None:
        """Return start of the first block, start of the last block and number of samples, None without a block."""
        return readback.sample_span(self._database, station, stream)

    def readings(self, station: str, stream: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Read slow messages of [start, end): ``time``, a column a channel in the sender's units, ``flags``."""
        return readback.read_readings(self._database, station, stream, start, end)

    def minutes(self, station: str, stream: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Read per-minute ``n, mean, min, max, sd`` of [start, end), a row per minute and channel."""
        return readback.read_minutes(self._database, station, stream, start, end)

    def minute_means(
        self, station: str, stream: str, channel: str, start: datetime, end: datetime
    ) -> tuple[NDArray[np.datetime64], FloatArray]:
        """Read the 1-minute means of one channel of [start, end): times (UTC, datetime64) and means."""
        return readback.read_minute_means(self._database, station, stream, channel, start, end)

    def latest(self, station: str | None = None) -> list[readback.Latest]:
        """Read the newest vector of each stream."""
        return readback.read_latest(self._database, station)

    def rejects(
        self,
        limit: int = 100,
        *,
        station: str | None = None,
        since: datetime | None = None,
        reason: str = "",
        done: bool = False,
        below: int | None = None,
    ) -> list[RejectRow]:
        """Read the newest refused messages, by station, time and words of the reason; ``done``: stored since, too."""
        return rejects.read_rejects(
            self._database, limit, station=station, since=since, reason=reason, done=done, below=below
        )

    def reject(self, id: int) -> tuple[RejectRow, bytes]:
        """Read a refused message with its payload; ``StoreError`` if there is none of that id."""
        return rejects.read_reject(self._database, id)

    def finish_rejects(self, ids: Sequence[int]) -> None:
        """Mark refused messages whose records are stored now."""
        rejects.finish_rejects(self._database, ids)

    def unflagged_readings(self, limit: int) -> list[flags.Unflagged]:
        """Return readings that no check has seen, oldest first."""
        return flags.unflagged_readings(self._database, limit)

    def put_flags(self, readings: flags.Unflagged, values: NDArray[np.int16]) -> None:
        """Store flags beside readings."""
        flags.put_flags(self._database, readings, values)

    def due_intervals(self, now: datetime, limit: int) -> list[fluxes.DueInterval]:
        """Return averaging intervals whose result is missing or older than their data."""
        return fluxes.due_intervals(self._database, now, limit)

    def pending_revision(self, station: str, start: datetime) -> int | None:
        """Return the revision of an interval's data that are not yet computed, None if there are none."""
        return fluxes.pending_revision(self._database, station, start)

    def put_flux(self, record: FluxRecord, *, config_sha256: str, code_version: str, revision: int) -> None:
        """Store a result; what it replaces goes to ``flux_history``."""
        fluxes.put_flux(
            self._database, record, config_sha256=config_sha256, code_version=code_version, revision=revision
        )

    def put_history(self, records: Sequence[FluxRecord], *, config_sha256: str, code_version: str) -> int:
        """Store results of another program where the station has none; return how many are new."""
        return fluxes.put_history(self._database, records, config_sha256=config_sha256, code_version=code_version)

    def put_storage(self, record: FluxRecord) -> None:
        """Store the storage terms SC, SH, SLE and the reasons of a result that is there."""
        fluxes.put_storage(self._database, record)

    def fail_interval(self, station: str, start: datetime, revision: int, failure: str) -> None:
        """Mark an interval as failed, with the reason."""
        fluxes.fail_interval(self._database, station, start, revision, failure)

    def put_fit(
        self,
        station: str,
        kind: str,
        data: object,
        *,
        period: tuple[datetime, datetime],
        config_sha256: str,
        code_version: str,
    ) -> int:
        """Append what was fitted over a period; return its id."""
        return put_fit(
            self._database,
            station,
            kind,
            data,
            period=period,
            config_sha256=config_sha256,
            code_version=code_version,
        )

    def fits(self, station: str) -> Mapping[str, FitRow]:
        """Return the newest fit of each kind."""
        return newest_fits(self._database, station)

    def fluxes(self, station: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Read results of [start, end)."""
        return fluxes.read_fluxes(self._database, station, start, end)

    def flux_series(self, station: str, start: datetime, end: datetime, names: Sequence[str]) -> pl.DataFrame:
        """Read ``start`` and some columns of the results of [start, end), without reasons and diagnostics."""
        return fluxes.read_series(self._database, station, start, end, names)

    def flux_origin(self, station: str, start: datetime, end: datetime) -> FluxOrigin:
        """Return what made the results of [start, end)."""
        return fluxes.read_origin(self._database, station, start, end)

    def flux_records(self, station: str, start: datetime, end: datetime) -> list[FluxRecord]:
        """Read results of [start, end) as the records they were."""
        return fluxes.read_records(self._database, station, start, end)

    def flux_span(self, station: str) -> tuple[datetime, datetime] | None:
        """Return start of the first and end of the last half-hour, None without one."""
        return fluxes.flux_span(self._database, station)

    def put_ingested_file(self, row: files.FileRow) -> None:
        """Remember a raw file that was read wholly."""
        files.put_ingested_file(self._database, row)

    def ingested_files(self, station: str, stream: str) -> list[files.FileRow]:
        """Return the raw files of a stream that were read wholly, in order of time."""
        return files.ingested_files(self._database, station, stream)

    def put_run(
        self,
        station: str,
        *,
        config_sha256: str,
        code_version: str,
        methods: Mapping[str, object],
        started: datetime,
        product: pl.DataFrame,
        kind: str = PROVISIONAL,
        minutes: int = 30,
        provenance: Mapping[str, object] | None = None,
    ) -> int:
        """Store a season run with its product; return its id."""
        return runs.put_run(
            self._database,
            station,
            kind=kind,
            config_sha256=config_sha256,
            code_version=code_version,
            methods=methods,
            started=started,
            product=product,
            minutes=minutes,
            provenance=provenance or {},
        )

    def run(self, id: int) -> RunRow:
        """Read a season run; ``UnknownRun`` if there is none of that id."""
        return runs.read_run(self._database, id)

    def runs(
        self, station: str | None = None, *, kind: str | None = None, limit: int = 100, below: int | None = None
    ) -> list[RunRow]:
        """Read the newest season runs, of one station or of all; ``below``: with smaller ids."""
        return runs.read_runs(self._database, station, kind, limit, below)

    def newest_run(self, station: str, kind: str = PROVISIONAL) -> RunRow | None:
        """Read a station's newest run of a kind, None without one."""
        return runs.newest_run(self._database, station, kind)

    def run_product(
        self, run: RunRow, start: datetime, end: datetime, names: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Read a run's half-hours of [start, end): ``start`` and the named series, by default all."""
        return runs.read_product(self._database, run, start, end, names)

    def product(self, station: str, start: datetime, end: datetime, kind: str = PROVISIONAL) -> pl.DataFrame:
        """Read the newest run's half-hours of [start, end); no row without a run."""
        run = self.newest_run(station, kind)
        return pl.DataFrame(schema=PRODUCT_COLUMNS) if run is None else self.run_product(run, start, end)

    def stale_seasons(self, seconds: float, kind: str = PROVISIONAL) -> list[str]:
        """Return stations whose newest run is older than their fluxes and than ``seconds``; failing ones wait."""
        return attempts.stale_seasons(self._database, seconds, kind)

    def begin_season(self, station: str, seconds: float, kind: str = PROVISIONAL) -> bool:
        """Count an attempt at a station's run, if it is due; return whether it is. A stored run ends the attempts."""
        return attempts.begin_season(self._database, station, seconds, kind)

    def fail_season(self, station: str, reason: str) -> None:
        """Store why the attempt failed; the next one waits, twice as long each time."""
        attempts.fail_season(self._database, station, reason)

    def season_failures(self, station: str | None = None) -> list[SeasonFailure]:
        """Return the stations whose last attempt at a run failed, with the reasons, or the one."""
        return attempts.season_failures(self._database, station)

    def compact(self, before: datetime, progress: compaction.Progress = lambda *_: None) -> compaction.Compacted:
        """Turn sample blocks of days that end before a time into verified blobs, the same samples bit for bit."""
        return compaction.compact(self._database, self.catalogue, before, progress)

    def compactable(self, before: datetime) -> compaction.Compacted:
        """Return what ``compact`` would do, as far as it can be said without doing it."""
        return compaction.count(self._database, before)

    def drop_old(self, kind: str, before: datetime, *, dry_run: bool = False) -> retention.Dropped:
        """Drop what is older than a time: ``retention.KINDS``."""
        return retention.drop_old(self._database, kind, before, dry_run=dry_run)
