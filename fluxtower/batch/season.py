"""From a table or a station to a folder with its season; what `fluxtower season` says."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import polars as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from core.errors import ConfigError
from core.settings import read_settings
from core.station import Station, read_station
from core.store import Store
from fluxcalc.season.grid import Grid, lay_grid
from fluxcalc.season.record import FLUXES, Methods, Season
from fluxcalc.season.report import describe_season
from fluxcalc.season.steps import process_season
from fluxcalc.season.uncertainties import sum_season
from fluxcalc.worker import read_inputs, store_season
from fluxtower.batch.season_figures import draw_figures
from fluxtower.batch.season_tables import write_tables
from ingest.files.halfhours import read_halfhours

COUNTED = ("measured", "filled good", "filled medium", "filled poor")


@dataclass(frozen=True, slots=True)
class Source:
    """Where half-hours come from: the station, the half-hours, what they were read from, and what was assumed."""

    station: Station
    frame: pl.DataFrame
    first_line: int
    inputs: tuple[Mapping[str, object], ...]
    minutes: int | None = None
    notes: tuple[str, ...] = ()


def make_season(
    source: str,
    station_file: Path | None,
    output: Path | None,
    methods: Methods,
    begin: datetime | None,
    end: datetime | None,
    *,
    figures: bool,
    keep: bool = False,
) -> bool:
    """Make a season with a progress bar and a summary; return whether nothing was wrong with the input.

    ``output`` is the folder to write, None for none; ``keep`` stores the season as a run of the station.
    """
    started = datetime.now(UTC)
    is_file = Path(source).is_file()
    if keep and (is_file or station_file is not None):
        got = "a table" if is_file else "--station: register that file first"
        raise ConfigError("command line", "--store", "a station of the store under its own configuration", got)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    read = _read_file(Path(source), station_file) if is_file else _read_store(source, station_file)
    grid = _lay(read, begin, end, source)
    read = replace(read, frame=read.frame.clear())  # the grid has it
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("reading", total=None)

        def tell(what: str, done: float, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        season = _process(grid, read.station, methods, tell).noting(*read.notes)
        if output is not None:
            _write(read, season, methods, output, figures=figures)
    for problem in season.problems:
        errors.print(f"problem: {problem}", markup=False, highlight=False, soft_wrap=True)
    outcome = [str(output)] if output is not None else []
    if keep:
        outcome.append(f"run {_keep(source, read, season, methods, started)}")
    _summarise(season, ", ".join(outcome))
    return not season.problems


def _write(read: Source, season: Season, methods: Methods, output: Path, *, figures: bool) -> None:
    stem = read.station.station.id
    files = write_tables(season, output, stem, _provenance(read, season, methods))
    if figures:
        files += draw_figures(season, output, stem)
    manifest = _manifest(read, season, methods, files)
    unfinished = output / "manifest.part"
    unfinished.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    unfinished.replace(output / "manifest.json")


def _keep(name: str, read: Source, season: Season, methods: Methods, started: datetime) -> int:
    (origin,) = read.inputs
    with Store(read_settings().store_dsn) as store:
        return store_season(
            store, name, season, methods, origin, started=started, config_sha256=str(origin["config_sha256"])
        )


def _read_file(path: Path, station_file: Path | None) -> Source:
    if station_file is None:
        raise ConfigError("command line", "--station", "the station's file, for a table", "nothing")
    station = read_station(station_file, streams=False)
    table = read_halfhours(path)
    inputs = (_sha(path) | {"maker": table.maker, "columns": dict(table.sources)}, _sha(station_file))
    return Source(station, table.frame, table.first_line, inputs, notes=table.notes)


def _read_store(name: str, station_file: Path | None) -> Source:
    with Store(read_settings().store_dsn) as store:
        store.wait(10)
        row = store.stations.read(name)
        station = read_station(station_file) if station_file else row.station
        span = store.fluxes.read_span(name)
        if span is None:
            raise ConfigError(name, "(fluxes)", "half-hours in the store, or a file that is there", "none")
        inputs = read_inputs(store, name, station, *span)
    origin = {**inputs.origin, "config_sha256": row.config_sha256}
    return Source(station, inputs.frame, 1, (origin,), inputs.minutes)


def _lay(read: Source, begin: datetime | None, end: datetime | None, source: str) -> Grid:
    frame = read.frame
    if begin is not None or end is not None:
        # numbers of lines stay those of the file: rows outside are emptied of their stamps
        inside = pl.lit(value=True)
        inside = inside & (pl.col("start") >= begin) if begin else inside
        inside = inside & (pl.col("start") < end) if end else inside
        frame = frame.with_columns(pl.when(inside).then("start").alias("start"))
    try:
        what = "line" if Path(source).is_file() else "half-hour"
        return lay_grid(frame, first_line=read.first_line, what=what, minutes=read.minutes)
    except ValueError as error:
        raise ConfigError(source, "(stamps)", "half-hours one after the other", str(error)) from None


def _process(grid: Grid, station: Station, methods: Methods, tell: Callable[[str, float, int], None]) -> Season:
    place = station.station
    try:
        return process_season(grid, place.latitude, place.longitude, place.utc_offset, methods, tell)
    except ValueError as error:
        raise ConfigError("command line", "(methods)", "methods that are known", str(error)) from None


def _provenance(read: Source, season: Season, methods: Methods) -> dict[str, str]:
    place = read.station.station
    return {
        "title": f"Half-hours of {place.id}: filtered, gap-filled, partitioned",
        "institution": place.name,
        "source": orjson.dumps(read.inputs, default=str).decode(),
        "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} fluxtower season {importlib.metadata.version('fluxtower')}",
        "methods": orjson.dumps(asdict(methods)).decode(),
        "comment": " ".join((*season.notes, *(f"{name}: {why}." for name, why in season.reasons.items()))),
    }


def _manifest(read: Source, season: Season, methods: Methods, files: list[Path]) -> dict[str, object]:
    return {
        "station": read.station.station.id,
        "made": datetime.now(UTC),
        "inputs": read.inputs,
        "begin": season.starts[0],
        "end": season.starts[-1] + timedelta(minutes=season.minutes),
        **describe_season(season, methods),
        "files": [_sha(file) for file in files],
    }


def _summarise(season: Season, outcome: str) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=160)
    table = Table("flux", *COUNTED, "gaps that stay")
    for name in FLUXES:
        quality = season.results.get(f"{name}_F_QC")
        if quality is not None:
            counts = [int((quality == code).sum()) for code in range(4)]
            table.add_row(name, *map(str, counts), str(int(np.isnan(quality).sum())))
    console.print(table)
    parts = ("random", "filling", "ustar", "joint")
    sums = Table("sum", "value", *("u*" if part == "ustar" else part for part in parts), "unit")
    for name, total in sum_season(season).items():
        values = (total.value, *(getattr(total, part) for part in parts))
        sums.add_row(name, *("-" if np.isnan(x) else f"{x:.1f}" for x in values), total.unit)
    if sums.row_count:
        console.print(sums)
    lines = [f"{name}: {value:.3f}" for name, value in season.thresholds.items() if "%" not in name]
    if lines:
        lines = ["thresholds of u* (m s-1), and E0 (K): " + ", ".join(lines)]
    if season.closure is not None and season.closure.count:
        lines.append(f"energy balance: slope {season.closure.slope:.2f}, sums {season.closure.ratio:.2f}")
    lines += list(season.notes)
    lines += [f"not done: {name}: {why}" for name, why in season.reasons.items()]
    lines.append(f"{len(season.starts)} intervals: {outcome}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _sha(path: Path) -> dict[str, object]:
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
