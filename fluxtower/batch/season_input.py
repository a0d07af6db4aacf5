"""What a season is made of: a table of half-hours or a station's in the store, on its grid."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from core.errors import ConfigError
from core.settings import read_settings
from core.station import Station, read_station
from core.store import Store
from fluxcalc.season.grid import TimeGrid, lay_grid
from fluxcalc.worker import read_inputs
from ingest.files.halfhours import read_halfhours


@dataclass(frozen=True, slots=True)
class SeasonInput:
    """Half-hours of a season, and where they come from.

    Attributes
    ----------
    station : Station
    grid : TimeGrid
        The half-hours.
    origins : tuple of mapping
        What they were read from: files, or a station of the store.
    notes : tuple of str
        What was assumed.
    """

    station: Station
    grid: TimeGrid
    origins: tuple[Mapping[str, object], ...]
    notes: tuple[str, ...] = ()


def read_input(source: str, station_file: Path | None, begin: datetime | None, end: datetime | None) -> SeasonInput:
    """Read half-hours of [begin, end), local standard time, and lay them on their grid.

    Parameters
    ----------
    source : str
        A table, if there is a file of that name, else a station of the store.
    station_file : Path or None
        The station's file; a table needs one.
    begin, end : datetime or None
        None: from the first, to the last.

    Raises
    ------
    ConfigError
        There is no station file for a table, no half-hour, or no grid.
    """
    if Path(source).is_file():
        return _read_table(Path(source), station_file, begin, end)
    return _read_store(source, station_file, begin, end)


def file_digest(path: Path) -> dict[str, object]:
    """Return the name and the SHA-256 of a file."""
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _read_table(path: Path, station_file: Path | None, begin: datetime | None, end: datetime | None) -> SeasonInput:
    if station_file is None:
        raise ConfigError("command line", "--station", "the station's file, for a table", "nothing")
    station = read_station(station_file, streams=False)
    table = read_halfhours(path)
    frame = _cut(table.frame, begin, end)
    origins = (
        file_digest(path) | {"maker": table.maker, "columns": dict(table.sources)},
        file_digest(station_file),
    )
    return SeasonInput(station, _lay(frame, str(path), "line", table.first_line, None), origins, table.notes)


def _read_store(name: str, station_file: Path | None, begin: datetime | None, end: datetime | None) -> SeasonInput:
    with Store(read_settings().store_dsn) as store:
        store.wait(10)
        row = store.stations.read(name)
        station = read_station(station_file) if station_file else row.station
        span = store.fluxes.read_span(name)
        if span is None:
            raise ConfigError(name, "(fluxes)", "half-hours in the store, or a file that is there", "none")
        inputs = read_inputs(store, name, station, *span)
    origin = {**inputs.origin, "config_sha256": row.config_sha256}
    grid = _lay(_cut(inputs.frame, begin, end), name, "half-hour", 1, inputs.minutes)
    return SeasonInput(station, grid, (origin,))


def _cut(frame: pl.DataFrame, begin: datetime | None, end: datetime | None) -> pl.DataFrame:
    """Empty rows outside a period of their stamps: numbers of lines stay those of the file."""
    if begin is None and end is None:
        return frame
    inside = pl.lit(value=True)
    inside = inside & (pl.col("start") >= begin) if begin else inside
    inside = inside & (pl.col("start") < end) if end else inside
    return frame.with_columns(pl.when(inside).then("start").alias("start"))


def _lay(frame: pl.DataFrame, source: str, what: str, first_line: int, minutes: int | None) -> TimeGrid:
    try:
        return lay_grid(frame, first_line=first_line, what=what, minutes=minutes)
    except ValueError as error:
        raise ConfigError(source, "(stamps)", "half-hours one after the other", str(error)) from None
