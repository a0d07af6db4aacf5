"""Column types of the data frames that rooms hand to each other; apart from ``core.records``, which stays light."""

from __future__ import annotations

import polars as pl

UTC_TIME = pl.Datetime("us", "UTC")

PRODUCT_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "start": UTC_TIME,
    "NEE": pl.Float64,
    "NEE_F": pl.Float64,
    "NEE_F_QC": pl.Int64,
    "NEE_F_SD": pl.Float64,
    "NEE_F_N": pl.Int64,
    "NEE_F_METHOD": pl.Int64,
    "NEE_F_WINDOW": pl.Int64,
}
"""A season's half-hours: measured NEE, filled NEE, and how it was filled (quality 0 = measured)."""
