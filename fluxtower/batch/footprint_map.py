"""`fluxtower footprint`: a table of half-hours to the map of where their fluxes come from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
import polars as pl
from rich.console import Console

from core.errors import ConfigError
from core.station import Station, read_station
from fluxcalc.footprint_map.climatology import (
    CONTOUR_SHARES,
    FootprintMap,
    Turbulence,
    map_footprint,
    to_geojson,
    to_tiff,
    turbulence_of,
)
from fluxtower.progress_bar import progress_bar

COLUMNS = ("TIMESTAMP_START", "USTAR", "WS", "WD", "V_SIGMA", "MO_LENGTH")
MISSING = -9999.0
BAD_FLAG = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """Which half-hours make the map, and its grid.

    Attributes
    ----------
    begin, end : datetime or None
        Only those that start within [begin, end), local standard time.
    flux : str
        Only those that have this flux, not flagged bad; empty takes all.
    reach, cell : float or None
        As for ``map_footprint``. [m]
    """

    begin: datetime | None = None
    end: datetime | None = None
    flux: str = ""
    reach: float | None = None
    cell: float | None = None


def map_table(table: Path, station_file: Path, output: Path, choice: Choice) -> None:
    """Make the map with a progress bar, write ``<output>.geojson`` and ``<output>.tif``, and say what is behind it.

    Raises
    ------
    ConfigError
        Station or table cannot be used, no half-hour has a footprint, or the grid has too many cells.
    """
    station = read_station(station_file)
    for key in ("sonic", "site"):
        if getattr(station, key) is None:
            raise ConfigError(station_file.name, key, f"a part [{key}]", "nothing")
    if not output.resolve().parent.is_dir():
        raise ConfigError(str(output), "--output", "a file in a directory that is there", "no such directory")
    with progress_bar("footprints", transient=True) as progress:
        try:
            footprint = map_footprint(
                read_turbulence(table, choice),
                station,
                reach=choice.reach,
                cell=choice.cell,
                progress=progress,
            )
        except ValueError as error:
            raise ConfigError("command line", "--reach, --cell", "a grid that can be held", str(error)) from None
    if not footprint.used:
        why = "; ".join(f"{count}: {reason}" for reason, count in footprint.left_out.items())
        raise ConfigError(table.name, "(rows)", "half-hours with a footprint", why or "no row that was asked for")
    stem = output.with_suffix("") if output.suffix in (".geojson", ".tif") else output
    written = {
        Path(f"{stem}.geojson"): orjson.dumps(to_geojson(footprint, station)),
        Path(f"{stem}.tif"): to_tiff(footprint, station),
    }
    for path, content in written.items():
        unfinished = path.with_suffix(f"{path.suffix}.part")
        unfinished.write_bytes(content)
        unfinished.replace(path)
    console = Console()
    for line in _describe(footprint, station, list(written)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def read_turbulence(table: Path, choice: Choice) -> Iterator[Turbulence]:
    """Yield what the map needs of each row of a FLUXNET table, as `fluxtower process` or the API writes it.

    Raises
    ------
    ConfigError
        It cannot be read, or lacks a column.
    """
    flag = f"{choice.flux}_SSITC_TEST"
    wanted = [*COLUMNS, *([choice.flux, flag] if choice.flux else [])]
    kinds = dict.fromkeys(wanted[1:], pl.Float64()) | {COLUMNS[0]: pl.String()}
    try:
        frame = pl.read_csv(table, columns=wanted, schema_overrides=kinds, infer_schema=False)
        frame = frame.with_columns(pl.col(COLUMNS[0]).str.to_datetime("%Y%m%d%H%M"))
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(str(table), "(table)", f"a CSV with {', '.join(wanted)}", reason) from None
    within = pl.lit(value=True)
    if choice.begin is not None:
        within &= pl.col(COLUMNS[0]) >= choice.begin
    if choice.end is not None:
        within &= pl.col(COLUMNS[0]) < choice.end
    numbers = frame.filter(within).with_columns(
        pl.when(pl.col(name) == MISSING).then(None).otherwise(pl.col(name)).alias(name) for name in wanted[1:]
    )
    if choice.flux:
        numbers = numbers.filter(pl.col(choice.flux).is_not_null() & (pl.col(flag) < BAD_FLAG))
    return map(turbulence_of, numbers.iter_rows(named=True))


def _describe(footprint: FootprintMap, station: Station, files: list[Path]) -> Iterator[str]:
    for reason, count in footprint.left_out.items():
        yield f"left out {count}: {reason}"
    areas = {
        feature["properties"]["share"]: feature["properties"]["area_m2"]
        for feature in to_geojson(footprint, station)["features"]
    }
    for share in (0.5, CONTOUR_SHARES[-1]):
        area = areas.get(share, math.nan)
        yield f"{share:.0%} of the flux comes from {area / 1e4:.3g} ha" if area == area else f"{share:.0%} is not held"
    yield f"{footprint.used} half-hours of {station.id}: {', '.join(map(str, files))}"
