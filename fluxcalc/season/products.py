"""The tables of a season: its half-hours, and days, weeks, months and years."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.season.aggregates import aggregate
from fluxcalc.season.partitioning import BETWEEN_QUARTILES
from fluxcalc.season.record import FLUXES, Season
from fluxcalc.season.uncertainty.random import joint_uncertainty
from fluxcalc.season.versions import shown_of

ALL_ROWS = slice(None)
ENDS_WITHOUT_MEAN = ("SD", "LOWER", "UPPER", "N", "METHOD", "WINDOW", "ALL", "GAPUNC", "JOINTUNC", "SE")
"""Ends of names of half-hours' series that have no mean which says something."""


def half_hours(season: Season, rows: slice = ALL_ROWS) -> pl.DataFrame:
    """Return half-hours: ``start``, ``end``, what is measured and may be used, and every result."""
    starts = season.starts[rows]
    columns: dict[str, pl.Series] = {"start": starts, "end": starts + timedelta(minutes=season.minutes)}
    columns |= {name: pl.Series(values[rows]) for name, values in half_hour_series(season).items()}
    return pl.DataFrame([series.alias(name) for name, series in columns.items()])


def half_hour_series(season: Season) -> dict[str, NDArray[Any]]:
    """Return the series of ``half_hours``, shape (n,) each, without copies of the results."""
    measured = {name: season.measured(name) for name in (*FLUXES, "USTAR") if name in season.variables}
    return {**measured, **season.results}


def coarser(season: Season, size: str) -> pl.DataFrame:
    """Return days, weeks, months or years.

    Of versions these are percentiles, means and spread of the versions' own means.
    """
    results = {**season.results, **({"P": season.measured("P")} if "P" in season.variables else {})}
    table = _means(results, season.starts, size, season.per_day)
    columns = {**_versions(season, size), **_closure_uncertainty(table, season.results)}
    return table.with_columns(pl.Series(name, column) for name, column in columns.items())


def coarser_results(results: Mapping[str, FloatArray], starts: pl.Series, size: str, per_day: int) -> pl.DataFrame:
    """Return days, weeks, months or years of half-hourly results alone, without versions.

    Parameters
    ----------
    results : mapping of str to ndarray, shape (n,), float64
        Results of a season by FLUXNET name; those of which a mean says nothing are left out.
    starts, size, per_day
        As of ``aggregate``.
    """
    table = _means(results, starts, size, per_day)
    columns = _closure_uncertainty(table, results)
    return table.with_columns(pl.Series(name, column) for name, column in columns.items())


def has_mean(name: str) -> bool:
    """Tell whether a mean of a half-hourly result over a longer period says something."""
    return name.split("_")[-1] not in ENDS_WITHOUT_MEAN and not {"VUT", "CUT"} & {*name.split("_")}


def _means(results: Mapping[str, FloatArray], starts: pl.Series, size: str, per_day: int) -> pl.DataFrame:
    values = {name: series for name, series in results.items() if has_mean(name)}
    quality = {name: values.pop(name) for name in [*values] if name.endswith("_QC")}
    return aggregate(values, starts, size, per_day, quality)


def _closure_uncertainty(table: pl.DataFrame, results: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    columns = {}
    for name in ("LE", "H"):
        needed = {f"{name}_CORR_75", f"{name}_CORR_25", f"{name}_RANDUNC"}
        if f"{name}_CORR_JOINTUNC" in results and needed <= {*table.columns}:
            spread = (table[f"{name}_CORR_75"] - table[f"{name}_CORR_25"]).to_numpy() / BETWEEN_QUARTILES
            columns[f"{name}_CORR_JOINTUNC"] = joint_uncertainty(table[f"{name}_RANDUNC"].to_numpy(), spread)
    return columns


def _versions(season: Season, size: str) -> dict[str, FloatArray]:
    """Return what is published of the versions' means, with the uncertainty of those of NEE."""
    columns: dict[str, FloatArray] = {}
    for stem, days in season.versions.items():
        if stem.endswith("_U"):
            continue  # three versions are three columns, and no more
        judged = stem.startswith("NEE")
        means = days.of_size(stem, size, season.starts, season.per_day)
        columns |= shown_of(means, stem, judged=judged)
        for name, row in (("REF", means.reference), ("USTAR50", -1)) if judged else ():
            random = days.random(row, stem, size, season.starts, season.per_day)
            columns[f"{stem}_{name}_RANDUNC"] = random
            columns[f"{stem}_{name}_JOINTUNC"] = joint_uncertainty(random, means.half_spread())
    return columns
