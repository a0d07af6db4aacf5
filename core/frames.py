"""Column types of the data frames that rooms hand to each other; apart from ``core.records``, which stays light."""

from __future__ import annotations

import polars as pl

UTC_TIME = pl.Datetime("us", "UTC")

_INTEGER_SERIES = ("NEE_F_QC", "NEE_F_N", "NEE_F_METHOD", "NEE_F_WINDOW", "NEE_FLAG")
_SERIES = (
    *("NEE", "NEE_F", "NEE_F_QC", "NEE_F_SD", "NEE_F_N", "NEE_F_METHOD", "NEE_F_WINDOW", "NEE_FLAG", "NEE_RANDUNC"),
    *("USTAR", "USTAR_THRESHOLD", "RECO_NT", "GPP_NT", "RECO_DT", "RECO_DT_SD", "GPP_DT", "GPP_DT_SD"),
    *("LE", "LE_F", "LE_F_QC", "H", "H_F", "H_F_QC", "ET", "FCH4", "FCH4_F", "FCH4_F_QC"),
    *("SW_IN_F", "SW_IN_F_QC", "TA_F", "TA_F_QC", "VPD_F", "VPD_F_QC"),
)

PRODUCT_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "start": UTC_TIME,
    **{name: pl.Int64 if name in _INTEGER_SERIES or name.endswith("_QC") else pl.Float64 for name in _SERIES},
}
"""A season's half-hours, each a column of the table ``product`` in lower case: fluxes as used, filled (quality 0 =
measured), partitioned; why a record is not used; the drivers. Anything else that a season gave is further."""
