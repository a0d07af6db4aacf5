"""What is told of a season: its half-hours as one table, and what was done to them."""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import polars as pl
from numpy.typing import NDArray

from fluxcalc.season.record import FLUXES, Methods, Season
from fluxcalc.season.uncertainties import sum_season

EVERY = slice(None)
MADE_BY = ("fluxtower", "numpy", "numba", "scipy", "polars", "lightgbm")


def half_hours(season: Season, rows: slice = EVERY) -> pl.DataFrame:
    """Return half-hours: ``start``, ``end``, what is measured and may be used, and every result."""
    starts = season.starts[rows]
    columns: dict[str, pl.Series] = {"start": starts, "end": starts + timedelta(minutes=season.minutes)}
    columns |= {name: pl.Series(values[rows]) for name, values in half_hour_series(season).items()}
    return pl.DataFrame([series.alias(name) for name, series in columns.items()])


def half_hour_series(season: Season) -> dict[str, NDArray[Any]]:
    """Return the series of ``half_hours``, shape (n,) each, without copies of the results."""
    measured = {name: season.measured(name) for name in (*FLUXES, "USTAR") if name in season.variables}
    return {**measured, **season.results}


def describe_season(season: Season, methods: Methods) -> dict[str, object]:
    """Return what was done: methods, versions, thresholds, sums, notes, what was not done and why, problems."""
    return {
        "methods": asdict(methods),
        "versions": {name: importlib.metadata.version(name) for name in MADE_BY},
        "thresholds": {name: float(value) for name, value in season.thresholds.items()},
        "cross_validated": season.skill,
        "sums": {name: asdict(total) for name, total in sum_season(season).items()},
        "energy_balance": None if season.closure is None else asdict(season.closure),
        "notes": season.notes,
        "not_done": season.reasons,
        "problems": season.problems,
    }
