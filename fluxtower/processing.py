"""`fluxtower process`: raw files to a table of half-hours, on several cores."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import to_ns
from core.errors import ConfigError, PayloadError, SetupError
from core.records import FluxRecord
from core.station import Station
from fluxcalc.batch import compute
from fluxcalc.interval import flux_of
from fluxcalc.spectra import tabulate_spectra
from fluxtower.outcome import Outcome
from fluxtower.table import tabulate, write_spectra, write_table
from ingest.files.gathering import Gathered, gather, grid_starts
from ingest.files.raw import Span, find_span

RUN = 48
"""Most intervals that a process takes at once."""
MOST_INTERVALS = 2_000_000
Progress = Callable[[int, int], None]
"""Takes half-hours done and half-hours in all."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be computed.

    Attributes
    ----------
    station : Station
        With ``[flux]``; its ``[files]`` says what the files look like.
    files : sequence of Path
        Raw files, in any order.
    output : Path
        CSV to be written.
    begin, end : datetime or None
        Only intervals within [begin, end), UTC.
    workers : int
        Processes.
    full : bool
        Whether every diagnostic and the reasons are written too.
    spectra : Path or None
        Directory for a table of spectra an interval.
    bins : int
        Logarithmic bins of a spectrum; 0 writes every frequency.
    """

    station: Station
    files: Sequence[Path]
    output: Path
    begin: datetime | None = None
    end: datetime | None = None
    workers: int = 1
    full: bool = False
    spectra: Path | None = None
    bins: int = 50


def find_files(places: Sequence[Path], pattern: str) -> list[Path]:
    """Return the files named, and those in the directories named that fit a pattern; hidden ones are left out.

    Raises
    ------
    ConfigError
        One is not there, or there is none at all.
    """
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            inside = (file for file in sorted(place.rglob(pattern)) if file.is_file())
            found |= dict.fromkeys(
                file for file in inside if not any(part.startswith(".") for part in file.relative_to(place).parts)
            )
        elif place.exists():
            found[place] = None
        else:
            raise ConfigError(str(place), "(file)", "a raw file or a directory of raw files", "nothing there")
    if not found:
        raise ConfigError(", ".join(map(str, places)), "(files)", f"raw files named {pattern}", "none")
    return list(found)


def local_to_utc(time: datetime | None, station: Station) -> datetime | None:
    """Return a time of the command line, which is local standard time, in UTC."""
    return time and time.replace(tzinfo=UTC) - timedelta(hours=station.station.utc_offset)


def process_files(job: Job, progress: Progress) -> Outcome:
    """Compute every interval that the files cover, and write the table in one go.

    Returns
    -------
    Outcome
        What was done, and what is wrong with which file.

    Raises
    ------
    ConfigError
        No file is usable, or none reaches into the time asked for.
    SetupError
        A process was killed, or the table cannot be written.
    """
    began = time.perf_counter()
    minutes = flux_of(job.station).averaging_minutes
    outcome = Outcome(averaging_minutes=minutes)
    try:
        with (
            tempfile.TemporaryDirectory(dir=job.output.resolve().parent, prefix=".fluxtower-") as folder,
            _executor(job) as executor,
        ):
            spans = _find_spans(job, executor, outcome)
            starts = grid_starts(spans, minutes, job.begin, job.end)
            _check_extent(starts, spans, job)
            parts = _compute_runs(job, spans, starts, Path(folder), executor, outcome, progress)
            write_table(parts, job.output, Path(folder), job.station, minutes, full=job.full)
    except BrokenProcessPool:
        raise SetupError(
            "a working process was killed, perhaps for want of memory", "try again with fewer: --workers 1"
        ) from None
    except OSError as error:
        raise SetupError(f"{job.output} cannot be written: {error}", "choose another --output") from None
    outcome.seconds = time.perf_counter() - began
    return outcome


def _find_spans(job: Job, executor: Executor | None, outcome: Outcome) -> list[Span]:
    stream = flux_of(job.station).stream
    size = max(1, min(64, len(job.files) // (4 * job.workers)))
    groups = [job.files[i : i + size] for i in range(0, len(job.files), size)]
    spans = []
    answers = (
        executor.map(_spans_of, groups, *_repeated(len(groups), job.station, stream))
        if executor
        else (_spans_of(group, job.station, stream) for group in groups)
    )
    for found, problems in answers:
        spans += found
        outcome.add_problems(problems)
    outcome.files, outcome.refused = len(job.files), len(job.files) - len(spans)
    if not spans:
        raise ConfigError(
            str(job.files[0]),
            "(files)",
            "a usable raw file",
            f"none of {len(job.files)}: " + "; ".join(list(outcome.problems)[:3]),
        )
    return spans


def _repeated(count: int, *values: object) -> list[list[object]]:
    return [[value] * count for value in values]


def _spans_of(files: Sequence[Path], station: Station, stream: str) -> tuple[list[Span], list[str]]:
    spans, problems = [], []
    for file in files:
        try:
            spans.append(find_span(file, station, stream))
        except PayloadError as error:
            problems.append(str(error))
    return spans, problems


def _check_extent(starts: Sequence[datetime], spans: Sequence[Span], job: Job) -> None:
    first = min(spans, key=lambda span: span.start_ns)
    last = max(spans, key=lambda span: span.end_ns)
    if not starts:
        raise ConfigError("--from, --to", "(time)", "a time that the files cover", "no interval within it")
    if len(starts) > MOST_INTERVALS:
        raise ConfigError(
            first.path.name,
            "(time)",
            f"files whose times are within {MOST_INTERVALS} intervals",
            f"{len(starts)} from it to {last.path.name}: correct the clock's stamps or use --from and --to",
        )


def _compute_runs(
    job: Job,
    spans: Sequence[Span],
    starts: Sequence[datetime],
    folder: Path,
    executor: Executor | None,
    outcome: Outcome,
    progress: Progress,
) -> list[Path]:
    """Compute runs of intervals, each in one process; return a table on disk for each, in order of time."""
    minutes = outcome.averaging_minutes
    length = max(1, min(RUN, -(-len(starts) // (4 * job.workers))))
    runs = [starts[i : i + length] for i in range(0, len(starts), length)]
    parts = [folder / f"{i:08d}.arrow" for i in range(len(runs))]
    progress(0, len(starts))

    def touching(run: Sequence[datetime]) -> list[Span]:
        first, last = to_ns(run[0] - timedelta(minutes=minutes)), to_ns(run[-1] + timedelta(minutes=minutes))
        reach = job.station.streams[flux_of(job.station).stream].dt_ns
        return [span for span in spans if span.start_ns - reach < last and span.end_ns + reach > first]

    for result in _results(executor, job, [(run, touching(run)) for run in runs], parts):
        outcome.merge(result)
        progress(outcome.intervals, len(starts))
    return parts


def _results(
    executor: Executor | None, job: Job, runs: Sequence[tuple[Sequence[datetime], list[Span]]], parts: Sequence[Path]
) -> Iterator[Outcome]:
    if executor is None:
        for (run, spans), part in zip(runs, parts, strict=True):
            yield _compute_run(job, spans, run, part)
        return
    bare = replace(job, files=())
    waiting: list[Future[Outcome]] = [
        executor.submit(_compute_run, bare, spans, run, part) for (run, spans), part in zip(runs, parts, strict=True)
    ]
    for future in as_completed(waiting):
        yield future.result()


def _compute_run(job: Job, spans: Sequence[Span], starts: Sequence[datetime], part: Path) -> Outcome:
    """Compute consecutive intervals and leave their table on disk."""
    station = job.station
    flux = flux_of(station)
    outcome = Outcome(averaging_minutes=flux.averaging_minutes)
    records = []
    report = outcome.add_problem
    # the interval before is computed again, because the first one's storage terms need it
    before = starts[0] - timedelta(minutes=flux.averaging_minutes)
    previous: FluxRecord | None = None
    for gathered in gather(spans, station, flux.stream, [before, *starts], flux.averaging_minutes, report):
        half, record = compute(gathered.samples, station, gathered.start, previous)
        previous = record
        if gathered.start == before:
            continue
        if half is not None and job.spectra is not None:
            write_spectra(tabulate_spectra(half, bins=job.bins or None), job.spectra, station, record)
        records.append(_with_counts(record, gathered))
        outcome.count(record, gathered.duplicates, gathered.contested, empty=gathered.samples is None)
    tabulate(records, full=job.full).write_ipc(part)
    return outcome


def _with_counts(record: FluxRecord, gathered: Gathered) -> FluxRecord:
    counts = {
        "records": float(gathered.records),
        "records_duplicate": float(gathered.duplicates),
        "records_contested": float(gathered.contested),
    }
    return replace(record, diagnostics=counts | dict(record.diagnostics))


@contextmanager
def _executor(job: Job) -> Iterator[Executor | None]:
    """Yield a pool of fresh interpreters, for threads do not survive a fork; none for one worker."""
    if job.workers == 1:
        yield None
        return
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = "1"  # the processes share the cores already
    try:
        pool = ProcessPoolExecutor(job.workers, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
    finally:
        if before is None:
            del os.environ["POLARS_MAX_THREADS"]
        else:
            os.environ["POLARS_MAX_THREADS"] = before
