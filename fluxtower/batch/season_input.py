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
from ingest.files.halfhour_table import HalfHours
from ingest.files.halfhours import join_biomet, read_biomet, read_halfhours

WANTED = {
    "NEE": ("nee", "fc", "fco2", "co2flux"), "SW_IN": ("swin", "rg", "ppfd", "par", "global", "solar", "radiation"),
    "TA": ("ta", "tair", "airt", "temp"), "VPD": ("vpd",), "RH": ("rh", "relhum", "hum"), "USTAR": ("ustar", "u*"),
}  # fmt: skip
"""Variables that a season wants, and how names of other columns of their kind begin, in small letters without marks."""
NAMED_COLUMNS = 12
"""Most columns that a line names."""


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
    notes, problems : tuple of str
        What was assumed; what is wrong.
    """

    station: Station
    grid: TimeGrid
    origins: tuple[Mapping[str, object], ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_input(
    source: str, station_file: Path | None, begin: datetime | None, end: datetime | None, biomet: Path | None = None
) -> SeasonInput:
    """Read half-hours of [begin, end), local standard time, and lay them on their grid.

    Parameters
    ----------
    source : str
        A table, if there is a file of that name, else a station of the store.
    station_file : Path or None
        The station's file; a table needs one.
    begin, end : datetime or None
        None: from the first, to the last.
    biomet : Path or None
        A second table, with the meteorology of a table.

    Raises
    ------
    ConfigError
        There is no station file for a table, no half-hour, or no grid.
    """
    if Path(source).is_file():
        return _read_table(Path(source), station_file, begin, end, biomet)
    check_not_a_path(source)
    if biomet is not None:
        raise ConfigError("command line", "--biomet", "a table of fluxes beside it", f"the station {source}")
    return _read_store(source, station_file, begin, end)


def check_not_a_path(source: str) -> None:
    """Refuse what looks like the name of a file that is not there, before the database is asked for such a station.

    Raises
    ------
    ConfigError
        It has a dot or a slash, which no station's id has.
    """
    if Path(source).suffix or "/" in source or "\\" in source:
        what = "a directory" if Path(source).is_dir() else "no such file"
        raise ConfigError("command line", "FILE", "a table of half-hours, or a station's id", f"{source}: {what}")


def file_digest(path: Path) -> dict[str, object]:
    """Return the name and the SHA-256 of a file."""
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _read_table(
    path: Path, station_file: Path | None, begin: datetime | None, end: datetime | None, biomet: Path | None
) -> SeasonInput:
    if station_file is None:
        raise ConfigError("command line", "--station", "the station's file, for a table", "nothing")
    station = read_station(station_file, streams=False)
    table = read_halfhours(path)
    origins = [_origin(path, table), file_digest(station_file)]
    if biomet is not None:
        second = read_biomet(biomet)
        table = join_biomet(table, second, biomet.name)
        origins.append(_origin(biomet, second))
    grid = _lay(_cut(table.frame, begin, end), str(path), "line", table.lines, None)
    return SeasonInput(
        station, grid, tuple(origins), (*table.notes, *columns_left_out(table)), (*table.problems, *_rivals(table))
    )


def _origin(path: Path, table: HalfHours) -> dict[str, object]:
    return file_digest(path) | {
        "maker": table.maker, "columns": dict(table.sources), "not_taken": dict(table.left_out)
    }  # fmt: skip


def columns_left_out(table: HalfHours) -> list[str]:
    """Say which columns of a table are not taken, a line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for name, why in table.left_out.items():
        by_reason.setdefault(why, []).append(name)
    return [f"not taken: {_some(names)}: {why}" for why, names in by_reason.items()]


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED_COLUMNS
    return ", ".join(names[:NAMED_COLUMNS]) + (f" and {rest} more (manifest.json has all)" if rest > 0 else "")


def _rivals(table: HalfHours) -> list[str]:
    """Name the columns of a wanted kind, where none was taken for it."""
    there = {name for name in table.frame.columns if table.frame[name].null_count() < table.frame.height}
    problems = []
    for variable, begins in WANTED.items():
        if variable in there or (variable == "NEE" and "FC" in there) or (variable == "SW_IN" and "PPFD_IN" in there):
            continue
        alike = [name for name in table.left_out if _bare(name).startswith(begins) and "error" not in name.lower()]
        if alike:
            problems.append(
                f"{variable}: no column of it has a value, but there is {_some(alike)}: rename it {variable} (in "
                f"{'umol m-2 s-1' if variable == 'NEE' else 'its FLUXNET unit'}) if it is that"
            )
    return problems


def _bare(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(".", "")


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
    grid = _lay(_cut(inputs.frame, begin, end), name, "half-hour", None, inputs.minutes)
    return SeasonInput(station, grid, (origin,))


def _cut(frame: pl.DataFrame, begin: datetime | None, end: datetime | None) -> pl.DataFrame:
    """Empty rows outside a period of their stamps: numbers of lines stay those of the file."""
    if begin is None and end is None:
        return frame
    inside = pl.lit(value=True)
    inside = inside & (pl.col("start") >= begin) if begin else inside
    inside = inside & (pl.col("start") < end) if end else inside
    return frame.with_columns(pl.when(inside).then("start").alias("start"))


def _lay(frame: pl.DataFrame, source: str, what: str, lines: pl.Series | None, minutes: int | None) -> TimeGrid:
    try:
        return lay_grid(frame, lines=lines, what=what, minutes=minutes)
    except ValueError as error:
        raise ConfigError(source, "(stamps)", "half-hours one after the other", str(error)) from None
