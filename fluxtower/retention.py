"""`fluxtower keep`: compaction and retention, once or as a program of the group."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.console import Console

from core.errors import FluxTowerError
from core.progress import Progress, no_progress
from core.settings import Settings
from core.store import Compacted, Dropped, Store
from fluxtower.progress_bar import progress_bar
from fluxtower.webhooks import run_deliveries

RETRY_SECONDS = 60.0
"""How long to wait after a pass that failed, at most. [s]"""

log = logging.getLogger(__name__)


def run_retention(settings: Settings, stop: threading.Event) -> None:
    """Keep the store in order, and tell webhooks, until ``stop`` is set; a pass that fails is repeated."""
    telling = threading.Thread(target=run_deliveries, args=(settings, stop), name="webhooks")
    telling.start()
    try:
        _keep(settings, stop)
    finally:
        stop.set()
        telling.join()


def _keep(settings: Settings, stop: threading.Event) -> None:
    with Store(settings.store_dsn) as store:
        while not stop.is_set():
            wait = settings.keep_seconds
            try:
                # between two half-hours a stop is heeded; what is done is done
                for line in apply_retention(store, settings, progress=lambda *_: _check_stop(stop)):
                    log.info(line)
            except _Stopped:
                return
            except FluxTowerError as error:
                log.error("%s", error)
                wait = min(wait, RETRY_SECONDS)
            stop.wait(wait)


class _Stopped(Exception):
    """Somebody asked the program to end."""


def _check_stop(stop: threading.Event) -> None:
    if stop.is_set():
        raise _Stopped


def apply_once(store: Store, settings: Settings, *, dry_run: bool) -> None:
    """Do what is due now with a progress bar, and print what was done."""
    with progress_bar("half-hours", transient=True) as progress:
        lines = list(apply_retention(store, settings, dry_run=dry_run, progress=progress))
    console = Console()
    for line in lines or ["nothing to do"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def apply_retention(
    store: Store, settings: Settings, *, dry_run: bool = False, progress: Progress = no_progress
) -> Iterator[str]:
    """Drop what is too old, compact what is old, and say what was done, or would be; each line as it is done."""
    now = datetime.now(UTC)
    ages = {
        "samples": settings.keep_samples_days,
        "minutes": settings.keep_minutes_days,
        "readings": settings.keep_readings_days,
        "rejects": settings.keep_rejects_days,
        "runs": settings.keep_provisional_days,
    }
    # first, so that nothing is compacted that is dropped right after
    for kind, days in ages.items():
        if days:
            dropped = store.retention.drop(kind, now - timedelta(days=days), dry_run=dry_run)
            yield from _describe_dropped(dropped, f"{'would be ' * dry_run}dropped after {days:g} days")
    if settings.compact_days:
        before = now - timedelta(days=settings.compact_days)
        done = store.compaction.count(before) if dry_run else store.compaction.compact(before, progress)
        yield from _describe_compacted(done, "would be compacted" if dry_run else "compacted")


def _describe_dropped(dropped: Dropped, what: str) -> Iterator[str]:
    if dropped.kind == "runs" and dropped.rows:
        yield f"{dropped.rows} superseded provisional runs with {dropped.half_hours} half-hours {what}"
    elif dropped.rows:
        yield f"{dropped.rows} {dropped.kind} {what}"
    if dropped.chunks:
        yield f"{dropped.kind} in {dropped.chunks} chunks {what}: {_megabytes(dropped.size)}"
    if dropped.waiting:
        yield f"{dropped.kind} in {dropped.waiting} older chunks stay: half-hours in them are not yet computed"


def _describe_compacted(done: Compacted, what: str) -> Iterator[str]:
    if done.half_hours or done.chunks:
        yield f"{done.half_hours} half-hours with {done.samples} samples {what}, in {done.chunks} chunks of rows"
    if done.bytes_blobs:
        yield f"{_megabytes(done.bytes_before)} of rows have become {_megabytes(done.bytes_blobs)} of blobs"
    if done.left:
        yield f"{done.left} half-hours stay in rows: the log says why"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
