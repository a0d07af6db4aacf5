"""A season as tables: FLUXNET CSVs of every resolution, Parquet, netCDF."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.io import netcdf_file

from core.variables import VARIABLES, season_unit
from fluxcalc.aggregates import SIZES, aggregate, unit_of
from fluxcalc.season_record import SHOWN_PERCENTILES, Season
from fluxcalc.season_report import half_hours

MISSING = -9999.0
STAMPS = {"HH": "%Y%m%d%H%M", "DD": "%Y%m%d", "WW": "%Y%m%d", "MM": "%Y%m", "YY": "%Y"}
NO_MEAN = ("NEE_F_SD", "NEE_F_N", "NEE_F_METHOD", "NEE_F_WINDOW", "NEE_F_ALL", "NEE_RANDUNC", "LE_F_SD", "H_F_SD")
"""Series of half-hours that have no mean which says something."""
WORDS = {
    "F": "gap-filled", "QC": "quality of the filled value: 0 measured, 1 good, 2 medium, 3 poor",
    "SD": "standard deviation of the values looked up", "N": "number of the values looked up",
    "METHOD": "how it was filled: 1 all drivers, 2 radiation alone, 3 mean diurnal course",
    "WINDOW": "window of the values looked up, in days", "ALL": "value looked up for every record",
    "NT": "by the night-time method", "DT": "by the day-time method", "RANDUNC": "random uncertainty, one sd",
}  # fmt: skip
NAMES = {
    "USTAR": "friction velocity", "SW": "shortwave radiation", "NEE": "net ecosystem exchange of CO2",
}  # fmt: skip
STANDARD_NAMES = {
    "TA_F": "air_temperature", "PA_F": "air_pressure", "RH_F": "relative_humidity", "WS_F": "wind_speed",
    "SW_IN_F": "surface_downwelling_shortwave_flux_in_air", "LE_F": "surface_upward_latent_heat_flux",
    "H_F": "surface_upward_sensible_heat_flux",
}  # fmt: skip
CF_UNITS = {"deg C": "degree_Celsius"}


def coarser(season: Season, size: str) -> pl.DataFrame:
    """Return days, weeks, months or years."""
    results = {name: values for name, values in season.results.items() if name not in NO_MEAN}
    quality = {name: values for name, values in results.items() if name.endswith("_QC")}
    values = {name: values for name, values in results.items() if name not in quality}
    if "P" in season.variables:
        values["P"] = season.variables["P"]
    table = aggregate(values, season.starts, size, season.per_day, quality)
    if any(name.startswith("NEE_VUT_") for name in values):
        # percentiles of the sums, not sums of the percentiles
        sums = [aggregate({"NEE": one}, season.starts, size, season.per_day, {})["NEE"] for one in season.scenarios]
        shown = np.percentile(np.array(sums), SHOWN_PERCENTILES, axis=0)
        names = (f"NEE_VUT_{p:02d}" for p in SHOWN_PERCENTILES)
        table = table.with_columns(pl.Series(name, shown[i]) for i, name in enumerate(names))
    return table


def unit(name: str, size: str = "HH") -> str:
    """Return the unit of a column."""
    own = season_unit(name)
    return own if size == "HH" else unit_of(name, size) or own


def describe(name: str) -> str:
    """Return what a column is, in words."""
    base, *parts = name.split("_")
    if name in VARIABLES:
        return VARIABLES[name].en
    if name == "SW_IN_POT":
        return "radiation above the atmosphere on a horizontal plane"
    if name == "USTAR_THRESHOLD":
        return "threshold of the friction velocity"
    stem = "SW_IN" if name.startswith("SW_IN") else base
    text = NAMES.get(stem) or (VARIABLES[stem].en if stem in VARIABLES else stem)
    if parts and parts[-1][1:].isdigit():
        return f"{text}, filled, threshold of u* at its {parts[-1][1:]} % quantile"
    if "VUT" in parts:
        return f"{text}, filled, {parts[-1]} % percentile over 41 thresholds of u* by year"
    return ", ".join([text, *(WORDS[part] for part in parts if part in WORDS)])


def write_csv(table: pl.DataFrame, path: Path, size: str) -> None:
    """Write a FLUXNET CSV: stamps in local standard time, -9999 for what is missing."""
    stamp = STAMPS[size]
    if size in ("HH", "WW"):
        stamps = [pl.col("start").dt.strftime(stamp).alias("TIMESTAMP_START")]
        stamps.append(pl.col("end").dt.strftime(stamp).alias("TIMESTAMP_END"))
    else:
        stamps = [pl.col("start").dt.strftime(stamp).alias("TIMESTAMP")]
    whole = [name for name in table.columns if size == "HH" and unit(name) == "1"]
    numbers = table.select(*stamps, pl.exclude("start", "end").fill_nan(None))
    numbers = numbers.with_columns(pl.col(whole).cast(pl.Int64), pl.col(pl.Float64).exclude(whole).round_sig_figs(7))
    _replace(path, numbers.write_csv(null_value="-9999", float_scientific=False).encode())


def write_parquet(table: pl.DataFrame, path: Path, provenance: Mapping[str, str]) -> None:
    """Write the half-hours with what is known of their making."""
    unfinished = path.with_suffix(".part")
    with warnings.catch_warnings():
        # polars calls metadata of files unstable
        warnings.simplefilter("ignore")
        table.fill_nan(None).write_parquet(unfinished, metadata=dict(provenance))
    unfinished.replace(path)


def write_netcdf(season: Season, table: pl.DataFrame, path: Path, provenance: Mapping[str, str]) -> None:
    """Write the half-hours as a classic netCDF file (64-bit offsets) under CF-1.11.

    Time is UTC, of the starts, with bounds.
    """
    unfinished = path.with_suffix(".part")
    epoch = np.datetime64("1970-01-01T00:00:00", "us")
    local = table["start"].to_numpy().astype("datetime64[us]")
    seconds = (local - epoch) / np.timedelta64(1, "s") - season.utc_offset * 3600
    with netcdf_file(unfinished, "w", version=2) as file:
        file.Conventions = "CF-1.11"
        file.featureType = "timeSeries"
        for key, value in provenance.items():
            setattr(file, key, value)
        file.createDimension("time", table.height)
        file.createDimension("bounds", 2)
        _variable(file, "time", "f8", ("time",), seconds, standard_name="time", bounds="time_bounds",
                  units="seconds since 1970-01-01 00:00:00", calendar="standard", axis="T")  # fmt: skip
        bounds = np.stack((seconds, seconds + season.minutes * 60), axis=1)
        _variable(file, "time_bounds", "f8", ("time", "bounds"), bounds)
        place = {"latitude": (season.latitude, "degrees_north"), "longitude": (season.longitude, "degrees_east")}
        for name, (degrees, units) in place.items():
            _variable(file, name, "f8", (), np.array(degrees), standard_name=name, units=units)
        for name in table.columns[2:]:
            own = unit(name)
            more: dict[str, Any] = {"standard_name": STANDARD_NAMES[name]} if name in STANDARD_NAMES else {}
            if name.endswith("_QC"):
                more |= {"flag_meanings": "measured good medium poor", "flag_values": np.array([0, 1, 2, 3], "f4")}
            values = np.nan_to_num(table[name].to_numpy(), nan=MISSING)
            _variable(file, name, "f4", ("time",), values, units=CF_UNITS.get(own, own), long_name=describe(name),
                      coordinates="latitude longitude", _FillValue=np.float32(MISSING), **more)  # fmt: skip
    unfinished.replace(path)


def write_tables(season: Season, folder: Path, stem: str, provenance: Mapping[str, str]) -> list[Path]:
    """Write every table of a season; return their files."""
    table = half_hours(season)
    files = [folder / f"{stem}_HH.csv"]
    write_csv(table, files[0], "HH")
    for size in SIZES:
        files.append(folder / f"{stem}_{size}.csv")
        write_csv(coarser(season, size), files[-1], size)
    files += [folder / f"{stem}_HH.parquet", folder / f"{stem}_HH.nc"]
    write_parquet(table, files[-2], provenance)
    write_netcdf(season, table, files[-1], provenance)
    return files


def _variable(file: Any, name: str, kind: str, dimensions: tuple[str, ...], values: Any, **attributes: Any) -> None:
    variable = file.createVariable(name, kind, dimensions)
    variable[...] = values
    for key, attribute in attributes.items():
        setattr(variable, key, attribute)


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)
