"""FLUXNET CSV: interval stamps in local standard time, a regular step, -9999 for what is missing."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

MISSING = "-9999"
STAMP = "%Y%m%d%H%M"


def write_fluxnet(table: pl.DataFrame, *, utc_offset: float, minutes: int, header: bool = True) -> str:
    """Return the CSV of half-hours.

    Parameters
    ----------
    table : DataFrame
        ``start`` (UTC) and one numeric column a variable, in FLUXNET units; NaN or null is missing.
    utc_offset : float
        Local standard time minus UTC. [h]
    minutes : int
        Length of an interval; intervals absent between the first and the last become rows of -9999.
    header : bool
        Whether the first line has the names; not for what is appended to a file.

    Returns
    -------
    str
        ``TIMESTAMP_START,TIMESTAMP_END`` (YYYYMMDDHHMM), then the variables with up to 7 significant digits.
    """
    step, offset = timedelta(minutes=minutes), timedelta(hours=utc_offset)
    regular = _on_grid(table, step)
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    stamped = regular.select(
        (pl.col("start") + offset).dt.strftime(STAMP).alias("TIMESTAMP_START"),
        (pl.col("start") + offset + step).dt.strftime(STAMP).alias("TIMESTAMP_END"),
        pl.exclude("start"),
    )
    rounded = stamped.fill_nan(None).with_columns(pl.col(floats).round_sig_figs(7))
    return rounded.write_csv(include_header=header, null_value=MISSING, float_scientific=False)


def _on_grid(table: pl.DataFrame, step: timedelta) -> pl.DataFrame:
    if table.is_empty():
        return table
    grid = table.select(pl.datetime_range(pl.col("start").min(), pl.col("start").max(), step))
    return grid.join(table, on="start", how="left", maintain_order="left")
