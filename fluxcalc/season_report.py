"""What is told of a season: its half-hours as one table, and what was done to them."""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict
from datetime import timedelta

import polars as pl

from fluxcalc.season_record import FLUXES, Methods, Season
from fluxcalc.season_uncertainty import sum_season

MADE_BY = ("fluxtower", "numpy", "numba", "scipy", "polars")


def half_hours(season: Season) -> pl.DataFrame:
    """Return the half-hours: ``start``, ``end``, what is measured and may be used, and every result."""
    step = timedelta(minutes=season.minutes)
    columns: dict[str, pl.Series] = {"start": season.starts, "end": season.starts + step}
    for name in (*FLUXES, "USTAR"):
        if name in season.variables:
            columns[name] = pl.Series(season.measured(name))
    columns |= {name: pl.Series(values) for name, values in season.results.items()}
    return pl.DataFrame([series.alias(name) for name, series in columns.items()])


def describe_season(season: Season, methods: Methods) -> dict[str, object]:
    """Return what was done: methods, versions, thresholds, sums, notes, what was not done and why, problems."""
    return {
        "methods": asdict(methods),
        "versions": {name: importlib.metadata.version(name) for name in MADE_BY},
        "thresholds": {name: float(value) for name, value in season.thresholds.items()},
        "sums": {name: asdict(total) for name, total in sum_season(season).items()},
        "energy_balance": None if season.closure is None else asdict(season.closure),
        "notes": season.notes,
        "not_done": season.reasons,
        "problems": season.problems,
    }
