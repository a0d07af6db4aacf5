"""A season as tables: FLUXNET CSVs of every resolution, Parquet, netCDF."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from fluxcalc.season.aggregates import SIZES
from fluxcalc.season.columns import unit
from fluxcalc.season.products import coarser, half_hours
from fluxcalc.season.record import Season
from fluxtower.batch.season_netcdf import write_netcdf

STAMPS = {"HH": "%Y%m%d%H%M", "DD": "%Y%m%d", "WW": "%Y%m%d", "MM": "%Y%m", "YY": "%Y"}
ROWS_AT_ONCE = 17_520
"""Lines of a table that are written at a time."""


def write_csv(portions: Iterable[pl.DataFrame], path: Path, size: str) -> None:
    """Write a FLUXNET CSV: stamps in local standard time, -9999 for what is missing; portion after portion."""
    stamp = STAMPS[size]
    if size in ("HH", "WW"):
        stamps = [pl.col("start").dt.strftime(stamp).alias("TIMESTAMP_START")]
        stamps.append(pl.col("end").dt.strftime(stamp).alias("TIMESTAMP_END"))
    else:
        stamps = [pl.col("start").dt.strftime(stamp).alias("TIMESTAMP")]
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as stream:
        for number, table in enumerate(portions):
            _numbers(table, stamps, size).write_csv(
                stream, null_value="-9999", float_scientific=False, include_header=number == 0
            )
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)


def _numbers(table: pl.DataFrame, stamps: list[pl.Expr], size: str) -> pl.DataFrame:
    whole = [name for name in table.columns if size == "HH" and unit(name) == "1"]
    numbers = table.select(*stamps, pl.exclude("start", "end").fill_nan(None))
    return numbers.with_columns(
        pl.col(whole).cast(pl.Int64), pl.col(pl.Float32, pl.Float64).exclude(whole).cast(pl.Float64).round_sig_figs(7)
    )


def write_parquet(season: Season, path: Path, provenance: Mapping[str, str]) -> None:
    """Write the half-hours with what is known of their making."""
    unfinished = path.with_suffix(".part")
    with warnings.catch_warnings():
        # polars calls metadata of files unstable
        warnings.simplefilter("ignore")
        half_hours(season).fill_nan(None).write_parquet(unfinished, metadata=dict(provenance))
    unfinished.replace(path)


def write_tables(season: Season, folder: Path, stem: str, provenance: Mapping[str, str]) -> list[Path]:
    """Write every table of a season, one after the other, as each takes memory; return their files."""
    files = [folder / f"{stem}_HH.csv"]
    portions = (
        half_hours(season, slice(at, at + ROWS_AT_ONCE)) for at in range(0, max(len(season.starts), 1), ROWS_AT_ONCE)
    )
    write_csv(portions, files[0], "HH")
    for size in SIZES:
        files.append(folder / f"{stem}_{size}.csv")
        write_csv([coarser(season, size)], files[-1], size)
    files += [folder / f"{stem}_HH.parquet", folder / f"{stem}_HH.nc"]
    write_parquet(season, files[-2], provenance)
    write_netcdf(season, files[-1], provenance)
    return files
