"""The running season of a station: from flagged half-hours to a series without holes, afresh every day.

A step is ``pl.DataFrame -> pl.DataFrame`` on the season's regular grid, column ``start`` (UTC).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import numpy as np
import polars as pl

from core.frames import PRODUCT_COLUMNS, UTC_TIME
from fluxcalc.gapfill import UNFILLED, fill_mds

SeasonStep = Callable[[pl.DataFrame], pl.DataFrame]

DRIVERS = ("SW_IN", "TA", "VPD")
WORST_FLAG = 1  # Mauder & Foken: 2 is not to be used
METHODS = {"storage": "none", "filter": "ssitc_below_2", "gapfill": "mds_reddyproc"}
"""What a run of this season says about itself."""


def provisional_season(
    fluxes: pl.DataFrame, drivers: pl.DataFrame | None, *, averaging_minutes: int = 30
) -> pl.DataFrame:
    """Make the provisional product of a running season.

    Parameters
    ----------
    fluxes : pl.DataFrame
        ``start`` (UTC), ``FC`` [umol m-2 s-1], ``FC_SSITC_TEST``; any order, holes allowed.
    drivers : pl.DataFrame or None
        ``start`` (UTC), ``SW_IN`` [W m-2], ``TA`` [deg C], ``VPD`` [hPa]; averaged to the grid; columns, records and
        values may be missing. Without any, the mean diurnal course fills alone.
    averaging_minutes : int
        Step of the grid; divides the day.

    Returns
    -------
    pl.DataFrame
        ``PRODUCT_COLUMNS`` from the first interval to the last. What cannot be filled is null, with null quality.
    """
    if fluxes.is_empty():
        return pl.DataFrame(schema=PRODUCT_COLUMNS)
    steps: tuple[SeasonStep, ...] = (
        partial(lay_on_grid, averaging_minutes=averaging_minutes),
        partial(add_drivers, drivers=drivers, averaging_minutes=averaging_minutes),
        take_exchange,
        partial(fill_exchange, per_day=1440 // averaging_minutes),
    )
    season = fluxes
    for step in steps:
        season = step(season)
    return season.select(pl.col(name).cast(dtype) for name, dtype in PRODUCT_COLUMNS.items())


def lay_on_grid(fluxes: pl.DataFrame, *, averaging_minutes: int) -> pl.DataFrame:
    """Put intervals on a regular grid from the first to the last; the later row of two for one interval wins."""
    step = timedelta(minutes=averaging_minutes)
    rows = fluxes.with_columns(pl.col("start").cast(UTC_TIME).dt.truncate(step))
    rows = rows.unique("start", keep="last", maintain_order=True)
    first, last = rows.select(pl.col("start").min().alias("first"), pl.col("start").max().alias("last")).row(0)
    grid = pl.DataFrame({"start": pl.datetime_range(first, last, step, eager=True).cast(UTC_TIME)})
    return grid.join(rows, on="start", how="left", maintain_order="left")


def add_drivers(season: pl.DataFrame, *, drivers: pl.DataFrame | None, averaging_minutes: int) -> pl.DataFrame:
    """Add the mean of each driver in each interval; null where there is none."""
    season = season.drop(DRIVERS, strict=False)
    if drivers is not None and not drivers.is_empty():
        step = timedelta(minutes=averaging_minutes)
        present = [name for name in DRIVERS if name in drivers.columns]
        means = (
            drivers.with_columns(pl.col("start").cast(UTC_TIME).dt.truncate(step))
            .group_by("start")
            .agg(pl.col(present).cast(pl.Float64).fill_nan(None).mean())
        )
        season = season.join(means, on="start", how="left", maintain_order="left")
    absent = [name for name in DRIVERS if name not in season.columns]
    return season.with_columns(pl.lit(None, pl.Float64).alias(name) for name in absent)


def take_exchange(season: pl.DataFrame) -> pl.DataFrame:
    """Take the CO2 flux of usable quality for the net exchange. Storage below the sensor is not measured: not added."""
    usable = (pl.col("FC_SSITC_TEST") <= WORST_FLAG) & pl.col("FC").is_finite()
    return season.with_columns(NEE=pl.when(usable).then(pl.col("FC")))


def fill_exchange(season: pl.DataFrame, *, per_day: int) -> pl.DataFrame:
    """Fill the net exchange by marginal distribution sampling; measured values stay as they are."""
    y, *drivers = (season[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("NEE", *DRIVERS))
    filled = fill_mds(y, *drivers, per_day=per_day)
    found = pl.col("NEE_F_N") > 0
    return season.with_columns(
        NEE_F=pl.Series(filled.value).fill_nan(None),
        NEE_F_QC=pl.Series(filled.qc).replace(UNFILLED, None),
        NEE_F_SD=pl.Series(filled.sd).fill_nan(None),
        NEE_F_N=pl.Series(filled.count),
        NEE_F_METHOD=pl.Series(filled.method),
        NEE_F_WINDOW=pl.Series(filled.window),
    ).with_columns(pl.when(found).then(pl.col(f"NEE_F_{name}")).alias(f"NEE_F_{name}") for name in ("METHOD", "WINDOW"))
