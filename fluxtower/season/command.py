"""From a table or a station to a folder with its season; what `fluxtower season` says."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
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
from fluxcalc.grid import Grid, lay_grid
from fluxcalc.season import process_season
from fluxcalc.season_products import sum_season
from fluxcalc.season_record import FLUXES, Methods, Season
from fluxcalc.weather import weather
from fluxtower.season.figures import draw_figures
from fluxtower.season.tables import write_tables
from ingest.files.halfhours import read_halfhours

COUNTED = ("measured", "filled good", "filled medium", "filled poor")


@dataclass(frozen=True, slots=True)
class Source:
    """Where half-hours come from: the station, the half-hours, and what they were read from."""

    station: Station
    frame: pl.DataFrame
    first_line: int
    inputs: tuple[Mapping[str, object], ...]


def make_season(
    source: str,
    station_file: Path | None,
    output: Path,
    methods: Methods,
    begin: datetime | None,
    end: datetime | None,
    *,
    figures: bool,
) -> bool:
    """Make a season with a progress bar and a summary; return whether nothing was wrong with the input."""
    output.mkdir(parents=True, exist_ok=True)
    read = _read_file(Path(source), station_file) if Path(source).is_file() else _read_store(source, station_file)
    grid = _lay(read, begin, end, source)
    place = read.station.station
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("reading", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        season = _process(grid, read.station, methods, tell)
        stem = place.id
        provenance = _provenance(read, season, methods)
        files = write_tables(season, output, stem, provenance)
        if figures:
            files += draw_figures(season, output, stem)
    manifest = _manifest(read, season, methods, files)
    unfinished = output / "manifest.part"
    unfinished.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    unfinished.replace(output / "manifest.json")
    for problem in season.problems:
        errors.print(f"problem: {problem}", markup=False, highlight=False, soft_wrap=True)
    _summarise(season, output)
    return not season.problems


def _read_file(path: Path, station_file: Path | None) -> Source:
    if station_file is None:
        raise ConfigError("command line", "--station", "the station's file, for a table", "nothing")
    station = read_station(station_file)
    table = read_halfhours(path)
    inputs = (_sha(path) | {"maker": table.maker, "columns": dict(table.sources)}, _sha(station_file))
    return Source(station, table.frame, table.first_line, inputs)


def _read_store(name: str, station_file: Path | None) -> Source:
    with Store(read_settings().store_dsn) as store:
        store.wait(10)
        row = store.station(name)
        station = read_station(station_file) if station_file else row.station
        span = store.flux_span(name)
        if span is None or station.flux is None:
            raise ConfigError(name, "(fluxes)", "half-hours in the store, or a file that is there", "none")
        offset = timedelta(hours=station.station.utc_offset)
        frame = store.fluxes(name, *span)
        names = [column for column, kind in frame.schema.items() if kind.is_numeric()]
        frame = frame.select("start", *names)
        if station.flux.meteorology is not None:
            readings = store.readings(name, station.flux.meteorology, *span)
            slow = weather(readings, station.streams[station.flux.meteorology])
            means = (
                slow.with_columns(pl.col("start").dt.truncate(timedelta(minutes=station.flux.averaging_minutes)))
                .group_by("start")
                .agg(pl.exclude("start").cast(pl.Float64).fill_nan(None).mean())
            )
            frame = frame.drop([column for column in means.columns if column != "start"], strict=False)
            frame = frame.join(means, on="start", how="left", maintain_order="left")
        frame = frame.with_columns(pl.col("start").dt.replace_time_zone(None) + offset)
    inputs = ({"station": name, "config_sha256": row.config_sha256, "begin": span[0], "end": span[1]},)
    return Source(station, frame, 1, inputs)


def _lay(read: Source, begin: datetime | None, end: datetime | None, source: str) -> Grid:
    frame = read.frame
    if begin is not None or end is not None:
        # numbers of lines stay those of the file: rows outside are emptied of their stamps
        inside = pl.lit(value=True)
        inside = inside & (pl.col("start") >= begin) if begin else inside
        inside = inside & (pl.col("start") < end) if end else inside
        frame = frame.with_columns(pl.when(inside).then("start").alias("start"))
    try:
        return lay_grid(frame, first_line=read.first_line, what="line" if Path(source).is_file() else "half-hour")
    except ValueError as error:
        raise ConfigError(source, "(stamps)", "half-hours one after the other", str(error)) from None


def _process(grid: Grid, station: Station, methods: Methods, tell: Callable[[str, int, int], None]) -> Season:
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
    names = ("fluxtower", "numpy", "numba", "scipy", "polars")
    return {
        "station": read.station.station.id,
        "made": datetime.now(UTC),
        "inputs": read.inputs,
        "begin": season.starts[0],
        "end": season.starts[-1] + timedelta(minutes=season.minutes),
        "methods": asdict(methods),
        "versions": {name: importlib.metadata.version(name) for name in names},
        "thresholds": {name: float(value) for name, value in season.thresholds.items()},
        "sums": {name: asdict(total) for name, total in sum_season(season).items()},
        "notes": season.notes,
        "not_done": season.reasons,
        "problems": season.problems,
        "files": [_sha(file) for file in files],
    }


def _summarise(season: Season, output: Path) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=160)
    table = Table("flux", *COUNTED, "gaps that stay")
    for name in FLUXES:
        quality = season.results.get(f"{name}_F_QC")
        if quality is not None:
            counts = [int((quality == code).sum()) for code in range(4)]
            table.add_row(name, *map(str, counts), str(int(np.isnan(quality).sum())))
    console.print(table)
    sums = Table("sum", "value", "random", "u*", "joint", "unit")
    for name, total in sum_season(season).items():
        values = (total.value, total.random, total.ustar, total.joint)
        sums.add_row(name, *("-" if np.isnan(x) else f"{x:.1f}" for x in values), "mm" if name == "ET" else "gC m-2")
    if sums.row_count:
        console.print(sums)
    lines = [f"{name}: {value:.3f}" for name, value in season.thresholds.items() if "%" not in name]
    if lines:
        lines = ["thresholds of u* (m s-1), and E0 (K): " + ", ".join(lines)]
    lines += list(season.notes)
    lines += [f"not done: {name}: {why}" for name, why in season.reasons.items()]
    lines.append(f"{len(season.starts)} intervals: {output}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _sha(path: Path) -> dict[str, object]:
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
