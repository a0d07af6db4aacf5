"""From a table or a station to a folder with its season, and a stored run; what `fluxtower season` does."""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from rich.console import Console

from core.errors import ConfigError
from core.progress import Progress
from core.settings import read_settings
from core.store import Store
from fluxcalc.season.record import Season, SeasonMethods
from fluxcalc.season.report import SeasonReport, report_season
from fluxcalc.season.steps import process_season
from fluxcalc.worker import store_season
from fluxtower.batch.season_figures import draw_figures
from fluxtower.batch.season_input import SeasonInput, file_digest, read_input
from fluxtower.batch.season_summary import print_summary
from fluxtower.batch.season_tables import write_tables
from fluxtower.progress_bar import progress_bar


def make_season(
    source: str,
    station_file: Path | None,
    output: Path | None,
    methods: SeasonMethods,
    begin: datetime | None,
    end: datetime | None,
    *,
    figures: bool,
    keep: bool = False,
    biomet: Path | None = None,
) -> bool:
    """Make a season with a progress bar and a summary; return whether nothing was wrong with the input.

    ``output`` is the folder to write, None for none; ``keep`` stores the season as a run of the station; ``biomet``
    is a second table, with the meteorology of the first.
    """
    started = datetime.now(UTC)
    if keep:
        _check_storable(source, station_file)
    given = read_input(source, station_file, begin, end, biomet)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    errors = Console(stderr=True)
    with progress_bar("season", percent=True, transient=True) as progress:
        season = _process(given, methods, progress)
        report = report_season(season, methods)
        if output is not None:
            _write(given, season, report, output, figures=figures)
    for problem in report.problems:
        errors.print(f"problem: {problem}", markup=False, highlight=False, soft_wrap=True)
    products = [str(output)] if output is not None else []
    if keep:
        products.append(f"run {_store(source, given, season, report, started)}")
    print_summary(season, report, ", ".join(products))
    return not report.problems


def _check_storable(source: str, station_file: Path | None) -> None:
    is_file = Path(source).is_file()
    if is_file or station_file is not None:
        got = "a table" if is_file else "--station: register that file first"
        raise ConfigError("command line", "--store", "a station of the store under its own configuration", got)


def _process(given: SeasonInput, methods: SeasonMethods, progress: Progress) -> Season:
    place = given.station.station
    try:
        season = process_season(given.grid, place.latitude, place.longitude, place.utc_offset, methods, progress)
    except ValueError as error:
        raise ConfigError("command line", "(methods)", "methods that are known", str(error)) from None
    return replace(season.noting(*given.notes), problems=(*given.problems, *season.problems))


def _write(given: SeasonInput, season: Season, report: SeasonReport, output: Path, *, figures: bool) -> None:
    """Write tables and figures, and last the manifest that names them."""
    stem = given.station.station.id
    files = write_tables(season, output, stem, _attributes(given, report))
    if figures:
        files += draw_figures(season, report, output, stem)
    manifest = {
        "station": stem,
        "made": datetime.now(UTC),
        "inputs": given.origins,
        "begin": season.starts[0],
        "end": season.starts[-1] + timedelta(minutes=season.minutes),
        **report.described(),
        "files": [file_digest(file) for file in files],
    }
    unfinished = output / "manifest.part"
    unfinished.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    unfinished.replace(output / "manifest.json")


def _attributes(given: SeasonInput, report: SeasonReport) -> dict[str, str]:
    """Return what Parquet and netCDF files say of their making."""
    place = given.station.station
    return {
        "title": f"Half-hours of {place.id}: filtered, gap-filled, partitioned",
        "institution": place.name,
        "source": orjson.dumps(given.origins, default=str).decode(),
        "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} fluxtower season {importlib.metadata.version('fluxtower')}",
        "methods": orjson.dumps(asdict(report.methods)).decode(),
        "comment": " ".join((*report.notes, *(f"{name}: {why}." for name, why in report.reasons.items()))),
    }


def _store(name: str, given: SeasonInput, season: Season, report: SeasonReport, started: datetime) -> int:
    (origin,) = given.origins
    with Store(read_settings().store_dsn) as store:
        return store_season(
            store, name, season, report, origin, started=started, config_sha256=str(origin["config_sha256"])
        )
