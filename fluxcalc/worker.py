"""The worker, fluxcalc's only input and output: finds half-hours that are due, computes them, stores the results.

Jobs live in PostgreSQL (procrastinate), so several workers share the work; a lock per interval keeps two of them from
computing the same one at once, and a result names the revision of the data it was made from.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import pairwise

import polars as pl
import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Status
from procrastinate.tasks import Task

from core.errors import FluxTowerError, ProcessingError, StoreUnavailable
from core.records import FluxRecord
from core.settings import Settings
from core.station import Station
from core.store import Store
from fluxcalc import planar_fit
from fluxcalc.fits import Fits, read_fits, write_fits
from fluxcalc.halfhour import process, run_steps
from fluxcalc.interval import Meteorology, flux_of
from fluxcalc.lag_fit import fit_lags
from fluxcalc.season import METHODS, provisional_season
from fluxcalc.spectral_fit import assess, fit_spectra
from fluxcalc.storage import TERMS as STORAGE_TERMS
from fluxcalc.storage import add_storage
from fluxcalc.weather import mean_meteorology, weather
from qc.limits import flag_limits

CODE_VERSION = f"fluxtower {version('fluxtower')}"
JOBS_AT_ONCE = 200
"""Most jobs queued in one look: the rest is found by the next."""
READINGS_AT_ONCE = 20_000
HEARTBEAT_SECONDS = 2.0
STALLED_SECONDS = 10.0
"""A worker that has not been heard of for so long is dead, and its job is free again. [s]"""

FITTERS: Mapping[str, Callable[[Sequence[FluxRecord], Station], Fits]] = {
    "lags": lambda records, _: Fits(lags=fit_lags(records)),
    "planes": lambda records, station: Fits(planes=planar_fit.fit_station(records, station)),
}
"""What can be fitted to stored half-hours."""

log = logging.getLogger(__name__)


def compute_half_hour(store: Store, station_id: str, start: datetime) -> None:
    """Compute one interval from what is stored, and store the result; nothing to do if no data are new.

    Data that cannot be computed mark the interval with the reason, and the work goes on.
    """
    revision = store.pending_revision(station_id, start)
    if revision is None:
        return
    try:
        row = store.station(station_id)
        flux = row.station.flux
        if flux is None:
            raise FluxTowerError(f"{station_id}: its present configuration has no [flux]")
        end = start + timedelta(minutes=flux.averaging_minutes)
        samples = store.samples(station_id, flux.stream, start, end)
        meteorology = _read_meteorology(store, row.station, start, end)
        fits = store.fits(station_id)
        in_force = read_fits({kind: fit.data for kind, fit in fits.items()})
        before = store.flux_records(station_id, start - (end - start), start)
        previous = before[-1] if before else None
        record = process(samples, row.station, start, meteorology=meteorology, fits=in_force, previous=previous)
        named = {f"fit_{kind}": float(fit.id) for kind, fit in fits.items()}
        record = replace(record, diagnostics={**record.diagnostics, **named})
        store.put_flux(record, config_sha256=row.config_sha256, code_version=CODE_VERSION, revision=revision)
        # another worker may have stored a neighbour meanwhile, and late data may have changed what the next one needs
        for later in (start, end):
            join_storage(store, row.station, later, end - start)
    except StoreUnavailable:
        raise
    except FluxTowerError as error:
        log.error("%s %s: %s", station_id, start, error)
        store.fail_interval(station_id, start, revision, str(error))


def _read_meteorology(store: Store, station: Station, start: datetime, end: datetime) -> Meteorology:
    stream = flux_of(station).meteorology
    if stream is None:
        return Meteorology()
    return mean_meteorology(weather(store.readings(station.id, stream, start, end), station.streams[stream]))


def join_storage(store: Store, station: Station, start: datetime, length: timedelta) -> None:
    """Bring the storage terms of an interval up to date with the one before, if both are stored."""
    records = store.flux_records(station.id, start - length, start + length)
    for before, after in pairwise(records):
        joined = add_storage(after, before, station)
        changed = any(not _same(joined.values[name], after.values[name]) for name in STORAGE_TERMS)
        if changed and before.end == after.start and "heat_capacity" in after.diagnostics:
            store.put_storage(joined)


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9) or (math.isnan(a) and math.isnan(b))


def fill_season(store: Store, station_id: str) -> int | None:
    """Fill the running season's NEE and store it as a provisional run; return its id, None without fluxes."""
    started = datetime.now(UTC)
    row = store.station(station_id)
    span = store.flux_span(station_id)
    flux = row.station.flux
    if span is None or flux is None:
        return None
    start = max(span[0], span[1] - timedelta(days=366))
    drivers: pl.DataFrame | None = None
    if flux.meteorology is not None:
        readings = store.readings(station_id, flux.meteorology, start, span[1])
        drivers = weather(readings, row.station.streams[flux.meteorology])
    fluxes = store.fluxes(station_id, start, span[1])
    product = provisional_season(fluxes, drivers, averaging_minutes=flux.averaging_minutes)
    return store.put_run(
        station_id,
        config_sha256=row.config_sha256,
        code_version=CODE_VERSION,
        methods=METHODS,
        started=started,
        product=product,
    )


def fit_station(store: Store, station_id: str, kind: str, start: datetime, end: datetime) -> int:
    """Fit planes or lags to the stored half-hours of [start, end), apply them live from now on; return the fit's id.

    Raises
    ------
    UnknownStation
        It is not registered.
    ProcessingError
        There are too few half-hours.
    """
    row = store.station(station_id)
    fitted = write_fits(FITTERS[kind](store.flux_records(station_id, start, end), row.station))
    if kind not in fitted:
        period = f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"
        raise ProcessingError(
            f"fit {kind}", station_id, period, "too few half-hours that can be used: choose a longer period"
        )
    return store.put_fit(
        station_id,
        kind,
        fitted[kind],
        period=(start, end),
        config_sha256=row.config_sha256,
        code_version=CODE_VERSION,
    )


def assess_station(store: Store, station_id: str, start: datetime, end: datetime) -> dict[str, int]:
    """Fit cut-off frequencies to the spectra of the stored samples of [start, end); from now on they are applied live.

    Every half-hour is computed once more, for its spectra are not stored.

    Returns
    -------
    dict of str to int
        Kind -> the fit's id, of ``cutoffs`` and ``attenuation``; at least one.

    Raises
    ------
    UnknownStation
        It is not registered.
    ProcessingError
        There are too few half-hours with large fluxes, or no gas falls behind temperature.
    """
    row = store.station(station_id)
    flux = flux_of(row.station)
    length = timedelta(minutes=flux.averaging_minutes)
    in_force = read_fits({kind: fit.data for kind, fit in store.fits(station_id).items()})
    assessed = []
    for i in range((end - start) // length):
        begin = start + i * length
        samples = store.samples(station_id, flux.stream, begin, begin + length)
        meteorology = _read_meteorology(store, row.station, begin, begin + length)
        try:
            half = run_steps(samples, row.station, begin, meteorology=meteorology, fits=in_force)
        except ProcessingError as error:
            log.warning("%s %s: not assessed: %s", station_id, begin, error)
            continue
        one = assess(half)
        if one is not None:
            assessed.append(one)
    fitted = write_fits(fit_spectra(assessed, Fits()))
    if not fitted:
        raise ProcessingError(
            "fit spectra",
            station_id,
            f"{start:%Y-%m-%d} to {end:%Y-%m-%d}",
            f"{len(assessed)} half-hours with large fluxes show nothing to correct: choose a longer period",
        )
    return {
        kind: store.put_fit(
            station_id, kind, data, period=(start, end), config_sha256=row.config_sha256, code_version=CODE_VERSION
        )
        for kind, data in fitted.items()
    }


def flag_readings(store: Store) -> int:
    """Flag readings that no check has seen; return how many."""
    groups = store.unflagged_readings(READINGS_AT_ONCE)
    for group in groups:
        store.put_flags(group, flag_limits(group.values, group.stream.variables, group.stream.units))
    return sum(len(group.times) for group in groups)


def make_app(settings: Settings, store: Store) -> procrastinate.App:
    """Return the job queue with the worker's tasks."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=settings.store_dsn, max_size=4))

    @app.task(name="half_hour")
    def half_hour(station: str, start: str) -> None:
        compute_half_hour(store, station, datetime.fromisoformat(start))

    @app.task(name="season")
    def season(station: str) -> None:
        fill_season(store, station)

    @app.task(name="readings")
    def readings() -> None:
        flag_readings(store)

    return app


async def enqueue_due(app: procrastinate.App, store: Store, season_seconds: float) -> None:
    """Queue everything that is due; what is queued already is left alone."""
    await _release_stalled(app)
    tasks = app.tasks
    if await asyncio.to_thread(store.unflagged_readings, 1):
        await _defer(tasks["readings"], "readings")
    for due in await asyncio.to_thread(store.due_intervals, datetime.now(UTC), JOBS_AT_ONCE):
        start = due.start.isoformat()
        await _defer(tasks["half_hour"], f"half_hour/{due.station}/{start}", station=due.station, start=start)
    for station in await asyncio.to_thread(store.stale_seasons, season_seconds):
        await _defer(tasks["season"], f"season/{station}", station=station)


async def _defer(task: Task[..., object, ...], lock: str, **arguments: str) -> None:
    with suppress(AlreadyEnqueued):
        await task.configure(lock=lock, queueing_lock=lock).defer_async(**arguments)


async def _release_stalled(app: procrastinate.App) -> None:
    """End the jobs of workers that died; what they left undone is still due and is queued afresh."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        if job.id is not None:
            log.warning("a worker died in job %s; it is free again", job.call_string)
            await app.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)


def run(settings: Settings, stop: threading.Event) -> None:
    """Work until ``stop`` is set; a database that goes away is waited for."""
    asyncio.run(_run(settings, stop))


async def _run(settings: Settings, stop: threading.Event) -> None:
    with Store(settings.store_dsn) as store:
        while not stop.is_set():
            try:
                await asyncio.to_thread(store.wait, 5.0)
                await _work(settings, store, stop)
            except (StoreUnavailable, procrastinate.exceptions.ConnectorException) as error:
                log.warning("the database is away: %s", error)
                await asyncio.sleep(1.0)


async def _work(settings: Settings, store: Store, stop: threading.Event) -> None:
    app = make_app(settings, store)
    async with app.open_async():
        worker = asyncio.create_task(
            app.run_worker_async(
                install_signal_handlers=False,
                delete_jobs="successful",
                fetch_job_polling_interval=settings.worker_seconds,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                shutdown_graceful_timeout=10.0,
            )
        )
        try:
            while not stop.is_set() and not worker.done():
                await enqueue_due(app, store, settings.season_seconds)
                await asyncio.wait([worker], timeout=settings.worker_seconds)
            if worker.done():
                await worker
        finally:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker
