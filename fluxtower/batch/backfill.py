"""`fluxtower ingest`: raw files into the store, once or as they come into a watched folder."""

from __future__ import annotations

import fnmatch
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import watchfiles

from core.errors import ConfigError, StoreError
from core.progress import Progress, no_progress
from core.station import Station
from core.store import Store
from fluxtower.batch.report import write_report
from fluxtower.progress_bar import progress_bar
from ingest.backfill import BackfillSummary, backfill
from ingest.hj212.receiving.files import holds_frames, take_files

SETTLE_MS = 2000
"""How long a folder must have been quiet before its new files are read. [ms]"""
RETRY_SECONDS = 10.0
"""Wait before a store that was away is tried again. [s]"""

log = logging.getLogger(__name__)
Target = tuple[str, str]
"""Station and stream."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be ingested.

    Attributes
    ----------
    station : str
        Whose files these are; empty finds it by `[files] pattern` of the registered stations.
    stream : str
        What they hold; empty is the stream of the fluxes.
    block_seconds : float
        Length of a block. [s]
    again : bool
        Read files again that were read wholly before.
    """

    station: str = ""
    stream: str = ""
    block_seconds: float = 10.0
    again: bool = False


def ingest_files(
    store: Store, request: Request, files: Sequence[Path], report: Path | None = None
) -> BackfillSummary:  # fmt: skip
    """Ingest files with a progress bar, and write a report of what became of their records.

    Raises
    ------
    ConfigError
        It is not clear which station or stream is meant, or whose a file is.
    StoreError
        The store is away; what was stored stays, and the same command goes on.
    """
    total = BackfillSummary()
    frames, tables = split_frames(files)
    if frames:
        with progress_bar(f"{len(frames)} files of frames", percent=True) as progress:
            total.add(take_files(store, frames, station=request.station, progress=progress))
    stations = _stations(store, request) if tables or not frames else {}
    owners, unassigned = assign_files(tables, stations, request)
    total.failed += unassigned
    for (id, stream), paths in owners.items():
        what = f"{id}/{stream}, {len(paths)} files"
        with progress_bar(what, percent=True) as progress:
            total.add(_ingest(store, stations[id], stream, paths, request, progress))
            progress(what, 1, 1)
    if report is not None:
        write_report(report, total.as_json())
    return total


def watch_folders(store: Store, request: Request, folders: Sequence[Path], pattern: str, stop: threading.Event) -> None:
    """Ingest what comes into folders until ``stop`` is set; of a file that grows the new records are stored.

    Raises
    ------
    ConfigError
        As ``ingest_files``, at the start.
    """
    _stations(store, request)
    for changes in watchfiles.watch(*folders, debounce=SETTLE_MS, stop_event=stop, raise_interrupt=False):
        changed = {Path(name) for change, name in changes if change is not watchfiles.Change.deleted}
        files = sorted(file for file in changed if fnmatch.fnmatch(file.name, pattern) and is_raw(file))
        if files:
            _retry_while_away(partial(ingest_quietly, store, request, files), stop)


def ingest_quietly(store: Store, request: Request, files: Sequence[Path]) -> None:
    """Ingest files that are still there, and log what was done."""
    total = BackfillSummary()
    frames, tables = split_frames([file for file in files if file.exists()])
    if frames:
        total.add(take_files(store, frames, station=request.station))
    stations = _stations(store, request) if tables else {}
    owners, unassigned = assign_files(tables, stations, request)
    total.failed += unassigned
    for (id, stream), paths in owners.items():
        total.add(_ingest(store, stations[id], stream, paths, request, no_progress))
    for line in total.lines():
        log.info("%s", line)
    for what in total.failed:
        log.warning("%s", what)


def split_frames(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files of frames of HJ 212, which say themselves whose they are, and the others."""
    frames: list[Path] = []
    tables: list[Path] = []
    for file in files:
        (frames if holds_frames(file) else tables).append(file)
    return frames, tables


def assign_files(
    files: Iterable[Path], stations: Mapping[str, Station], request: Request
) -> tuple[dict[Target, list[Path]], list[str]]:
    """Return which file belongs to which station and stream, and which to none or to several."""
    owners: dict[Target, list[Path]] = defaultdict(list)
    unassigned = []
    for file in files:
        targets = [(id, stream) for id, station in stations.items() for stream in _streams_of(file, station, request)]
        if len(targets) == 1:
            owners[targets[0]].append(file)
        else:
            whose = "no station" if not targets else f"several stations ({', '.join(id for id, _ in targets)})"
            unassigned.append(f"{file.name}: it fits [files] pattern of {whose}: name the station with --station")
    return dict(owners), unassigned


def is_raw(file: Path) -> bool:
    """Whether a file is one to look at: no directory, and not hidden, as files are while they are copied."""
    return file.is_file() and not any(part.startswith(".") for part in file.parts if part not in (".", ".."))


def _ingest(
    store: Store, station: Station, stream: str, paths: Sequence[Path], request: Request,
    progress: Progress,
) -> BackfillSummary:  # fmt: skip
    with store.attempts.importing(station.id):
        return backfill(
            store, station, stream, paths,
            block_seconds=request.block_seconds, again=request.again, progress=progress,
        )  # fmt: skip


def _stations(store: Store, request: Request) -> dict[str, Station]:
    """Return the stations that files may belong to."""
    if request.station:
        station = store.stations.read(request.station).station
        _stream(station, request)
        return {request.station: station}
    rows = {row.station.id: row.station for row in store.stations.read_all() if _patterns(row.station)}
    if not rows:
        raise ConfigError(
            "(stations)", "files.pattern", "a registered station that says what its files are called, or --station ID",
            "none",
        )  # fmt: skip
    return rows


def _streams_of(file: Path, station: Station, request: Request) -> list[str]:
    """Return the streams of a station that a file may hold."""
    if request.station:
        return [_stream(station, request)]
    patterns = _patterns(station)
    if request.stream:
        patterns = {stream: pattern for stream, pattern in patterns.items() if stream == request.stream}
    return [stream for stream, pattern in patterns.items() if fnmatch.fnmatch(file.name, pattern)]


def _patterns(station: Station) -> dict[str, str]:
    """Return what the files of the streams of ``[flux]`` are called, where the station file says it."""
    flux = station.flux
    if flux is None:
        return {}
    patterns = {flux.stream: station.files.pattern, flux.meteorology: station.files.meteorology.pattern}
    return {stream: pattern for stream, pattern in patterns.items() if stream and pattern}


def _stream(station: Station, request: Request) -> str:
    stream = request.stream or (station.flux.stream if station.flux else "")
    if stream not in station.streams:
        got = repr(stream) if stream else "nothing"
        raise ConfigError(station.station.id, "--stream", f"one of {', '.join(station.streams)}", got)
    return stream


def _retry_while_away(work: Callable[[], None], stop: threading.Event) -> None:
    """Do work that needs the store, again and again until the store is there."""
    while not stop.is_set():
        try:
            work()
            return
        except StoreError as error:
            log.warning("the store does not take data, trying again in %g s: %s", RETRY_SECONDS, error)
            stop.wait(RETRY_SECONDS)
