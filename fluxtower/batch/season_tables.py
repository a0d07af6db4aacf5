"""A season as tables: FLUXNET CSVs of every resolution, Parquet, netCDF."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.io import netcdf_file, netcdf_variable

from core.records import FloatArray
from core.variables import VARIABLES, season_unit
from fluxcalc.season.aggregates import SIZES, aggregate, factor_of, find_periods, unit_of
from fluxcalc.season.partitioning import BETWEEN_QUARTILES
from fluxcalc.season.record import Season
from fluxcalc.season.report import half_hour_series, half_hours
from fluxcalc.season.uncertainty.random import joint_uncertainty
from fluxcalc.season.versions import shown_of

MISSING = -9999.0
STAMPS = {"HH": "%Y%m%d%H%M", "DD": "%Y%m%d", "WW": "%Y%m%d", "MM": "%Y%m", "YY": "%Y"}
NO_MEAN = ("SD", "LOWER", "UPPER", "N", "METHOD", "WINDOW", "ALL", "GAPUNC", "JOINTUNC", "SE")
"""Ends of names of half-hours' series that have no mean which says something."""
ROWS = 17_520
"""Lines of a table that are written at a time."""
WORDS = {
    "F": "gap-filled", "QC": "quality of the filled value: 0 measured, 1 good, 2 medium, 3 poor",
    "SD": "standard deviation of the values looked up, or of the error of a learned one",
    "N": "number of the values looked up",
    "METHOD": "how it was filled: 1 all drivers, 2 radiation alone, 3 mean diurnal course, 4 learned",
    "WINDOW": "window of the values looked up, in days", "ALL": "value looked up or learned for every record",
    "LOWER": "lower end of the 90 % interval", "UPPER": "upper end of the 90 % interval",
    "NT": "by the night-time method", "DT": "by the day-time method", "RANDUNC": "random uncertainty, one sd",
    "JOINTUNC": "joint uncertainty, one sd", "GAPUNC": "error of the filled value, one sd",
    "CORR": "corrected to close the energy balance", "25": "25 % percentile", "75": "75 % percentile",
    "REF": "the version most like all others", "USTAR50": "median threshold of u*", "MEAN": "mean of forty versions",
    "SE": "standard error over forty versions", "VUT": "thresholds of u* by year", "CUT": "thresholds of all years",
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
    """Return days, weeks, months or years.

    Of versions these are percentiles, means and spread of the versions' own means.
    """
    results = {
        name: values
        for name, values in season.results.items()
        if name.split("_")[-1] not in NO_MEAN and (name.endswith("_RANDUNC") or not {"VUT", "CUT"} & {*name.split("_")})
    }
    quality = {name: values for name, values in results.items() if name.endswith("_QC")}
    values = {name: values for name, values in results.items() if name not in quality}
    if "P" in season.variables:
        values["P"] = season.variables["P"]
    table = aggregate(values, season.starts, size, season.per_day, quality)
    columns = _versions(season, size, table)
    for name in ("LE", "H"):
        if f"{name}_CORR_JOINTUNC" in season.results:
            spread = (table[f"{name}_CORR_75"] - table[f"{name}_CORR_25"]).to_numpy() / BETWEEN_QUARTILES
            columns[f"{name}_CORR_JOINTUNC"] = joint_uncertainty(table[f"{name}_RANDUNC"].to_numpy(), spread)
    return table.with_columns(pl.Series(name, column) for name, column in columns.items())


def _versions(season: Season, size: str, table: pl.DataFrame) -> dict[str, FloatArray]:
    """Return what is published of the versions' means, and the joint uncertainty of those of NEE."""
    columns: dict[str, FloatArray] = {}
    periods = find_periods(season.starts, size, season.per_day)
    for stem, days in season.versions.items():
        if stem.endswith("_U"):
            continue  # three versions are three columns, and no more
        judged = stem.startswith("NEE")
        means = days.over(periods)
        means = replace(means, value=means.value * factor_of(stem, size, periods, season.per_day))
        columns |= shown_of(means, stem, judged=judged)
        for name in ("REF", "USTAR50") if judged else ():
            random = table[f"{stem}_{name}_RANDUNC"].to_numpy()
            columns[f"{stem}_{name}_JOINTUNC"] = joint_uncertainty(random, means.half_spread())
    return columns


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
    if parts and parts[-1][0] == "U" and parts[-1][1:].isdigit():
        return f"{text}, filled, threshold of u* at its {parts[-1][1:]} % quantile"
    if {"VUT", "CUT"} & {*parts}:
        percents = [f"{part} % percentile of forty versions" for part in parts if part.isdigit()]
        parts = [part for part in parts if not part.isdigit()]
        return ", ".join([text, *(WORDS[part] for part in parts if part in WORDS), *percents])
    return ", ".join([text, *(WORDS[part] for part in parts if part in WORDS)])


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


def write_netcdf(season: Season, path: Path, provenance: Mapping[str, str]) -> None:
    """Write the half-hours as a classic netCDF file (64-bit offsets) under CF-1.11.

    Time is UTC, of the starts, with bounds.
    """
    unfinished = path.with_suffix(".part")
    epoch = np.datetime64("1970-01-01T00:00:00", "us")
    local = season.starts.to_numpy().astype("datetime64[us]")
    seconds = (local - epoch) / np.timedelta64(1, "s") - season.utc_offset * 3600
    with netcdf_file(unfinished, "w", version=2) as file:
        file.Conventions = "CF-1.11"
        file.featureType = "timeSeries"
        for key, value in provenance.items():
            setattr(file, key, value)
        file.createDimension("time", seconds.size)
        file.createDimension("bounds", 2)
        _variable(file, "time", "f8", ("time",), seconds, standard_name="time", bounds="time_bounds",
                  units="seconds since 1970-01-01 00:00:00", calendar="standard", axis="T")  # fmt: skip
        bounds = np.stack((seconds, seconds + season.minutes * 60), axis=1)
        _variable(file, "time_bounds", "f8", ("time", "bounds"), bounds)
        place = {"latitude": (season.latitude, "degrees_north"), "longitude": (season.longitude, "degrees_east")}
        for name, (degrees, units) in place.items():
            _variable(file, name, "f8", (), np.array(degrees), standard_name=name, units=units)
        for name, series in half_hour_series(season).items():
            own = unit(name)
            more: dict[str, Any] = {"standard_name": STANDARD_NAMES[name]} if name in STANDARD_NAMES else {}
            if name.endswith("_QC"):
                more |= {"flag_meanings": "measured good medium poor", "flag_values": np.array([0, 1, 2, 3], "f4")}
            file.variables[name] = netcdf_variable(_Late(series), "f", 4, series.shape, ("time",))
            _describe(file.variables[name], units=CF_UNITS.get(own, own), long_name=describe(name),
                      coordinates="latitude longitude", _FillValue=np.float32(MISSING), **more)  # fmt: skip
    unfinished.replace(path)


def write_tables(season: Season, folder: Path, stem: str, provenance: Mapping[str, str]) -> list[Path]:
    """Write every table of a season, one after the other, as each takes memory; return their files."""
    files = [folder / f"{stem}_HH.csv"]
    portions = (half_hours(season, slice(at, at + ROWS)) for at in range(0, max(len(season.starts), 1), ROWS))
    write_csv(portions, files[0], "HH")
    for size in SIZES:
        files.append(folder / f"{stem}_{size}.csv")
        write_csv([coarser(season, size)], files[-1], size)
    files += [folder / f"{stem}_HH.parquet", folder / f"{stem}_HH.nc"]
    write_parquet(season, files[-2], provenance)
    write_netcdf(season, files[-1], provenance)
    return files


class _Late:
    """What is asked of an array to be written, made when it is: all series in single precision at once are large."""

    dtype = np.dtype(">f4")
    itemsize = dtype.itemsize

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values
        self.shape, self.size = values.shape, values.size

    def tobytes(self) -> bytes:
        """Return the values as the file has them."""
        content: bytes = np.nan_to_num(self._values, nan=MISSING).astype(self.dtype).tobytes()
        return content


def _variable(file: Any, name: str, kind: str, dimensions: tuple[str, ...], values: Any, **attributes: Any) -> None:
    variable = file.createVariable(name, kind, dimensions)
    variable[...] = values
    _describe(variable, **attributes)


def _describe(variable: Any, **attributes: Any) -> None:
    for key, attribute in attributes.items():
        setattr(variable, key, attribute)
