"""Chunks of intervals out of raw files, each in one process: how work is cut, and spread over several cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from core.clock import to_ns
from core.station import Station
from fluxcalc.halfhour.interval import Meteorology, flux_of
from ingest.files.records import Span

MAX_INTERVALS_PER_CHUNK = 48
"""Most intervals that a process takes at once."""

T = TypeVar("T")


class Chunk(NamedTuple):
    """Consecutive intervals (their starts, UTC), the files that touch them or the one before, and their meteorology."""

    starts: Sequence[datetime]
    spans: Sequence[Span]
    meteorology: Mapping[datetime, Meteorology]


def cut_chunks(
    spans: Sequence[Span],
    starts: Sequence[datetime],
    meteorology: Mapping[datetime, Meteorology],
    station: Station,
    workers: int,
) -> list[Chunk]:
    """Cut intervals into chunks, several for each process."""
    flux = flux_of(station)
    length = max(1, min(MAX_INTERVALS_PER_CHUNK, -(-len(starts) // (4 * workers))))
    margin = timedelta(minutes=flux.averaging_minutes)
    reach = 2 * station.streams[flux.stream].dt_ns

    def touching(some: Sequence[datetime]) -> list[Span]:
        first, last = to_ns(some[0] - margin), to_ns(some[-1] + margin)
        return [span for span in spans if span.start_ns - reach < last and span.end_ns + reach > first]

    def known(some: Sequence[datetime]) -> dict[datetime, Meteorology]:
        return {start: meteorology[start] for start in (some[0] - margin, *some) if start in meteorology}

    parts = (starts[i : i + length] for i in range(0, len(starts), length))
    return [Chunk(some, touching(some), known(some)) for some in parts]


def call_each(
    executor: Executor | None, task: Callable[..., T], calls: Sequence[tuple[object, ...]]
) -> Iterator[tuple[int, T]]:
    """Yield the number and the result of each call as they come; without an executor one after the other.

    Parameters
    ----------
    executor : Executor or None
        Processes.
    task : callable
        A function of a module.
    calls : sequence of tuple
        Its arguments.
    """
    if executor is None:
        for number, arguments in enumerate(calls):
            yield number, task(*arguments)
        return
    waiting: dict[Future[T], int] = {executor.submit(task, *arguments): i for i, arguments in enumerate(calls)}
    for future in as_completed(waiting):
        yield waiting.pop(future), future.result()


@contextmanager
def open_executor(workers: int) -> Iterator[Executor | None]:
    """Yield a pool of fresh interpreters, for threads do not survive a fork; none for one worker."""
    if workers == 1:
        yield None
        return
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"  # the processes share the cores already
    try:
        pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before
