"""`fluxtower process`: raw files to a table of half-hours, on several cores."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import NS, to_ns
from core.errors import ConfigError, SetupError
from core.progress import Progress
from core.records import FluxRecord
from core.station import Station
from fluxcalc.halfhour.batch import compute
from fluxcalc.halfhour.fits import NOTHING_FITTED
from fluxcalc.halfhour.fitters import kinds_needed
from fluxcalc.halfhour.interval import flux_of
from fluxcalc.halfhour.spectral.spectra import tabulate_spectra
from fluxtower.batch.chunks import Chunk, call_each, cut_chunks, open_executor
from fluxtower.batch.fits import StoredFits, fit_files, write_fits_file
from fluxtower.batch.meteorology import NO_METEOROLOGY, IntervalMeteorology, read_meteorology
from fluxtower.batch.report import write_report
from fluxtower.batch.summary import ProcessSummary
from fluxtower.batch.table import tabulate, write_spectra, write_table
from fluxtower.station_files import find_doubts
from ingest.files.examination import Examined, choose_spans, examine
from ingest.files.gathering import Gathered, gather, grid_starts
from ingest.files.records import Span

MAX_INTERVALS = 2_000_000


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
    fits : StoredFits or None
        None makes what the methods need in a first pass, and writes it to ``fits_path``.
    fit_begin, fit_end : datetime or None
        Only intervals within [fit_begin, fit_end), UTC, count for that.
    meteorology : sequence of Path
        Files of slow readings, in any order.
    report : Path or None
        JSON of what became of each file's records.
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
    fits: StoredFits | None = None
    fit_begin: datetime | None = None
    fit_end: datetime | None = None
    meteorology: Sequence[Path] = ()
    report: Path | None = None

    @property
    def fits_path(self) -> Path:
        """Where fits of a first pass are kept."""
        return self.output.with_suffix(".fits.json")


def local_to_utc(time: datetime | None, station: Station) -> datetime | None:
    """Return a time of the command line, which is local standard time, in UTC."""
    return time and time.replace(tzinfo=UTC) - timedelta(hours=station.station.utc_offset)


def process_files(job: Job, progress: Progress) -> ProcessSummary:
    """Compute every interval that the files cover, and write the table in one go.

    Returns
    -------
    ProcessSummary
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
    summary = ProcessSummary(averaging_minutes=minutes)
    summary.notes += [f"station file: {doubt}" for doubt in find_doubts(job.station)]
    try:
        with (
            tempfile.TemporaryDirectory(dir=job.output.resolve().parent, prefix=".fluxtower-") as folder,
            open_executor(job.workers) as executor,
        ):
            spans = _find_spans(job, executor, summary)
            starts = grid_starts(spans, minutes, job.begin, job.end)
            _check_extent(starts, spans, "--from, --to")
            fitted_starts = _starts_to_fit(job, spans)
            meteorology = _read_meteorology(job, starts, fitted_starts, summary)
            first_pass, chunks = (
                cut_chunks(spans, some, meteorology.means, job.station, job.workers) for some in (fitted_starts, starts)
            )
            fitted = replace(job, fits=_choose_fits(job, first_pass, executor, summary, progress))
            parts = _compute_chunks(fitted, chunks, Path(folder), executor, summary, progress)
            write_table(parts, job.output, Path(folder), job.station, minutes, full=job.full)
    except BrokenProcessPool:
        raise SetupError(
            "a working process was killed, perhaps for want of memory", "try again with fewer: --workers 1"
        ) from None
    except OSError as error:
        raise SetupError(f"{job.output} cannot be written: {error}", "choose another --output") from None
    finally:
        summary.finish_accounts()
        if job.report is not None:
            write_report(job.report, summary.as_json())
    summary.seconds = time.perf_counter() - began
    return summary


def _find_spans(job: Job, executor: Executor | None, summary: ProcessSummary) -> list[Span]:
    stream = flux_of(job.station).stream
    size = max(1, min(64, len(job.files) // (4 * job.workers)))
    groups = [job.files[i : i + size] for i in range(0, len(job.files), size)]
    window = _asked_window(job, summary.averaging_minutes)
    calls = [(group, job.station, stream, *window) for group in groups]
    answers = dict(call_each(executor, _examine_files, calls))
    files = [one for number in sorted(answers) for one in answers[number]]
    spans = choose_spans(files, windowed=None not in window)
    for one in files:
        summary.accounts[one.path] = one.account
        summary.add_problems(one.problems)
    summary.files, summary.refused = len(job.files), len(job.files) - len({span.path for span in spans})
    if not spans:
        raise ConfigError(
            str(job.files[0]),
            "(files)",
            "a usable raw file",
            f"none of {len(job.files)}: " + "; ".join(list(summary.problems)[:3]),
        )
    return spans


def _asked_window(job: Job, minutes: int) -> tuple[int | None, int | None]:
    """Return the time asked for, in whole intervals. [ns since 1970 UTC]"""
    step = minutes * 60 * NS
    begin_ns = None if job.begin is None else -(-to_ns(job.begin) // step) * step
    end_ns = None if job.end is None else to_ns(job.end) // step * step
    return begin_ns, end_ns


def _examine_files(
    files: Sequence[Path], station: Station, stream: str, begin_ns: int | None, end_ns: int | None
) -> list[Examined]:
    return [examine(file, station, stream, begin_ns, end_ns) for file in files]


def _check_extent(starts: Sequence[datetime], spans: Sequence[Span], options: str) -> None:
    first = min(spans, key=lambda span: span.start_ns)
    last = max(spans, key=lambda span: span.end_ns)
    if not starts:
        raise ConfigError(options, "(time)", "a time that the files cover", "no interval within it")
    if len(starts) > MAX_INTERVALS:
        raise ConfigError(
            first.path.name,
            "(time)",
            f"files whose times are within {MAX_INTERVALS} intervals",
            f"{len(starts)} from it to {last.path.name}: correct the clock's stamps or use {options}",
        )


def _starts_to_fit(job: Job, spans: Sequence[Span]) -> list[datetime]:
    """Return the intervals that a first pass has to see; none where fits are given or not needed."""
    if job.fits is not None or not kinds_needed(job.station):
        return []
    starts = grid_starts(spans, flux_of(job.station).averaging_minutes, job.fit_begin, job.fit_end)
    _check_extent(starts, spans, "--fit-from, --fit-to")
    return starts


def _read_meteorology(
    job: Job, starts: Sequence[datetime], fitted_starts: Sequence[datetime], summary: ProcessSummary
) -> IntervalMeteorology:
    if not job.meteorology:
        return NO_METEOROLOGY
    length = timedelta(minutes=summary.averaging_minutes)
    asked = (*starts, *fitted_starts)
    meteorology = read_meteorology(
        job.meteorology, job.station, min(asked) - length, max(asked) + length, summary.add_problem
    )
    summary.notes.append(meteorology.explain(starts))
    summary.meteorology = dict(meteorology.accounts)
    return meteorology


def _choose_fits(
    job: Job, chunks: Sequence[Chunk], executor: Executor | None, summary: ProcessSummary, progress: Progress
) -> StoredFits | None:
    """Return the fits that were given, or else make those that the methods need and write them."""
    stored, where = job.fits, "read"
    if chunks:
        stored = fit_files(job.station, chunks, executor, summary, progress)
        where = f"stored in {job.fits_path}"
        if stored.made_from:
            write_fits_file(stored, job.fits_path)
    if stored is not None:
        summary.notes += [stored.explain(kind, where) for kind in kinds_needed(job.station)]
    return stored


def _compute_chunks(
    job: Job,
    chunks: Sequence[Chunk],
    folder: Path,
    executor: Executor | None,
    summary: ProcessSummary,
    progress: Progress,
) -> list[Path]:
    """Compute chunks of intervals, each in one process; return a table on disk for each, in order of time."""
    parts = [folder / f"{i:08d}.arrow" for i in range(len(chunks))]
    count = sum(len(chunk.starts) for chunk in chunks)
    bare = replace(job, files=(), meteorology=())
    calls = [(bare, chunk, part) for chunk, part in zip(chunks, parts, strict=True)]
    progress("half-hours", 0, count)
    for _, result in call_each(executor, _compute_chunk, calls):
        summary.merge(result)
        progress("half-hours", summary.intervals, count)
    return parts


def _compute_chunk(job: Job, chunk: Chunk, part: Path) -> ProcessSummary:
    """Compute consecutive intervals and leave their table on disk."""
    station = job.station
    flux = flux_of(station)
    fits = NOTHING_FITTED if job.fits is None else job.fits.fits
    summary = ProcessSummary(averaging_minutes=flux.averaging_minutes)
    records = []
    report = summary.add_problem
    # the interval before is computed again, because the first one's storage terms need it
    before = chunk.starts[0] - timedelta(minutes=flux.averaging_minutes)
    previous: FluxRecord | None = None
    for gathered in gather(chunk.spans, station, flux.stream, [before, *chunk.starts], flux.averaging_minutes, report):
        slow = chunk.meteorology.get(gathered.start)
        half, record = compute(gathered.samples, station, gathered.start, previous, meteorology=slow, fits=fits)
        previous = record
        if gathered.start == before:
            continue
        if half is not None and job.spectra is not None:
            write_spectra(tabulate_spectra(half, bins=job.bins or None), job.spectra, station, record)
        records.append(_with_counts(record, gathered))
        summary.count(record, gathered)
    tabulate(records, job.station, full=job.full).write_ipc(part)
    return summary


def _with_counts(record: FluxRecord, gathered: Gathered) -> FluxRecord:
    counts = {
        "records": float(gathered.records),
        "records_duplicate": float(gathered.duplicates),
        "records_contested": float(gathered.contested),
    }
    return replace(record, diagnostics=counts | dict(record.diagnostics))
