"""The queue: jobs live in PostgreSQL, so several workers share the work.

A lock per interval keeps two workers from computing the same one at once, and a result names the revision of its data.
A worker that dies leaves nothing behind: what it left undone is still due.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from datetime import UTC, datetime

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Status
from procrastinate.tasks import Task

from core.errors import StoreUnavailable
from core.settings import Settings
from core.store import Store
from fluxcalc.worker.halfhours import compute_half_hour
from fluxcalc.worker.seasons import try_season

JOBS_AT_ONCE = 200
"""Most jobs queued in one look: the rest is found by the next."""
HEARTBEAT_SECONDS = 2.0
STALLED_SECONDS = 10.0
"""A worker that has not been heard of for so long is dead, and its job is free again. [s]"""

log = logging.getLogger(__name__)


def make_app(settings: Settings, store: Store) -> procrastinate.App:
    """Return the job queue with the worker's tasks."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=settings.store_dsn, max_size=4))

    @app.task(name="half_hour")
    def half_hour(station: str, start: str) -> None:
        compute_half_hour(store, station, datetime.fromisoformat(start))

    @app.task(name="season")
    def season(station: str) -> None:
        try_season(store, station, settings.season_seconds)

    return app


async def enqueue_due(app: procrastinate.App, store: Store, season_seconds: float) -> None:
    """Queue everything that is due; what is queued already is left alone."""
    await _release_stalled(app)
    tasks = app.tasks
    for due in await asyncio.to_thread(store.intervals.find_due, datetime.now(UTC), JOBS_AT_ONCE):
        start = due.start.isoformat()
        await _defer(tasks["half_hour"], f"half_hour/{due.station}/{start}", station=due.station, start=start)
    for station in await asyncio.to_thread(store.attempts.find_due, season_seconds):
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
