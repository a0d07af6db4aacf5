"""What `fluxtower process` says while it works and at its end."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from rich.console import Console

from core.errors import ConfigError
from core.station import read_station
from fluxcalc.halfhour.steps import check_methods
from fluxtower.batch.find_files import find_files
from fluxtower.batch.fits import read_fits_file
from fluxtower.batch.process import Job, local_to_utc, process_files
from fluxtower.progress_bar import progress_bar
from fluxtower.station_files import outside_parts
from ingest.formats import check_formats

MIN_BYTES_PER_WORKER = 1 << 26
"""Raw bytes for which starting a process pays. [bytes]"""
GZIP_RATIO = 4
"""Raw bytes in a byte of gzip, about."""


def process_raw(
    paths: list[Path],
    station_file: Path,
    output: Path,
    begin: datetime | None,
    end: datetime | None,
    workers: int,
    *,
    full: bool,
    pattern: str,
    spectra: Path | None,
    bins: int,
    fits: Path | None,
    fit_begin: datetime | None,
    fit_end: datetime | None,
    meteorology: list[Path],
    report: Path | None,
) -> bool:
    """Compute the half-hours of raw files with a progress bar and a summary; return whether no file had a problem."""
    station = read_station(station_file)
    check_formats(station, station_file.name)
    check_methods(station, station_file.name)
    if station.flux is None:
        raise ConfigError(station_file.name, "flux", "a part [flux]", "nothing")
    if meteorology and station.flux.meteorology is None:
        raise ConfigError(station_file.name, "flux.meteorology", "a stream of readings, for --meteorology", "nothing")
    if not output.resolve().parent.is_dir():
        raise ConfigError(str(output), "--output", "a file in a directory that is there", "no such directory")
    if spectra is not None:
        _make_folder(spectra)
    files = find_files(paths, pattern)
    job = Job(
        station,
        files,
        output,
        local_to_utc(begin, station),
        local_to_utc(end, station),
        workers or _choose_workers(files),
        full,
        spectra,
        bins,
        read_fits_file(fits, station) if fits else None,
        local_to_utc(fit_begin, station),
        local_to_utc(fit_end, station),
        find_files(meteorology, "*") if meteorology else (),
        report,
    )
    with progress_bar("looking at the files", transient=True) as progress:
        summary = process_files(job, progress)
    errors = Console(stderr=True)
    for problem in summary.problems:
        errors.print(f"problem: {problem}", markup=False, highlight=False, soft_wrap=True)
    console = Console()
    console = console if console.is_terminal else Console(width=160)
    quality, why = summary.tables()
    console.print(quality)
    if why.row_count:
        console.print(why)
    for line in summary.notes:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for what, package in outside_parts(station):
        console.print(f"{what}: {package}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{summary.sentence()}: {output}", markup=False, highlight=False, soft_wrap=True)
    return not summary.problems


def _choose_workers(files: list[Path]) -> int:
    """One process a core, but fewer where there is too little to do for starting them."""
    size = sum(file.stat().st_size * (GZIP_RATIO if file.suffix == ".gz" else 1) for file in files)
    return max(1, min(len(os.sched_getaffinity(0)), size // MIN_BYTES_PER_WORKER))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(str(folder), "--spectra", "a directory", str(error)) from None
