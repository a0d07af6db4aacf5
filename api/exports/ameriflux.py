"""The file that AmeriFlux takes as an upload (FP-Standard): checked, not filled, not filtered by u*."""

from __future__ import annotations

import polars as pl

from api.exports.fluxnet import write_fluxnet
from api.exports.series import SSITC, ExportTable
from core.clock import fluxnet_stamp
from core.errors import ExportError
from core.variables import GASES, WEATHER_COLUMNS

RESOLUTIONS = {30: "HH", 60: "HR"}
BAD = next(value for value, meaning in SSITC.items() if meaning == "bad")
POSITION = "_1_1_1"
"""Horizontal place, height from the top down, replicate: a half-hour has one of each variable."""
KNOWN = (
    *("FC", "FC_SSITC_TEST", "SC", "H", "H_SSITC_TEST", "SH", "LE", "LE_SSITC_TEST", "SLE", "TAU", "TAU_SSITC_TEST"),
    *("USTAR", "MO_LENGTH", "ZL", "WS", "WS_MAX", "WD", "U_SIGMA", "V_SIGMA", "W_SIGMA", "T_SONIC", "T_SONIC_SIGMA"),
    *("TA", "PA", "RH", "VPD", *WEATHER_COLUMNS, "FETCH_MAX", "FETCH_70", "FETCH_90"),
    *(name for gas in GASES for name in (gas, f"{gas}_MIXING_RATIO")),
    *(name for gas in ("CH4", "N2O") for name in (f"F{gas}", f"F{gas}_SSITC_TEST", f"S{gas}")),
)
"""Those of our half-hours' variables that FP-Standard names; what it does not know makes it refuse a file."""


def write_ameriflux(export: ExportTable) -> str:
    """Return the CSV: TIMESTAMP_START, TIMESTAMP_END in local standard time, variables with ``_H_V_R``, -9999.

    A flux whose SSITC test says bad is missing; its flag stays.

    Raises
    ------
    ExportError
        The station has no AmeriFlux id, or intervals that AmeriFlux does not take.
    """
    ameriflux_id(export)
    values = export.values
    names = [name for name in KNOWN if name in values.columns and not values[name].is_null().all()]
    checked = values.with_columns(
        pl.when(pl.col(f"{name}_SSITC_TEST") == BAD).then(None).otherwise(pl.col(name)).alias(name)
        for name in names
        if f"{name}_SSITC_TEST" in names
    )
    table = checked.select("start", *(pl.col(name).alias(name + POSITION) for name in names))
    return write_fluxnet(table, utc_offset=export.station.station.utc_offset, minutes=export.minutes)


def ameriflux_name(export: ExportTable) -> str:
    """Return what AmeriFlux wants the file to be called: ``US-XXX_HH_201201010000_201301010000.csv``.

    Raises
    ------
    ExportError
        As ``write_ameriflux``.
    """
    site, resolution = ameriflux_id(export)
    offset, values = export.station.station.utc_offset, export.values
    first, last = (export.start, export.end) if values.is_empty() else (values["start"].min(), values["end"].max())
    return f"{site}_{resolution}_{'_'.join(fluxnet_stamp(time, offset) for time in (first, last))}.csv"  # type: ignore[arg-type]


def ameriflux_id(export: ExportTable) -> tuple[str, str]:
    """Return the site's id and the resolution's name.

    Raises
    ------
    ExportError
        The station has no AmeriFlux id, or intervals that AmeriFlux does not take.
    """
    site = export.station.metadata.ameriflux_id
    if site is None:
        raise ExportError(
            f"{export.station.id} has no AmeriFlux id, by which an upload is named",
            'give metadata.ameriflux_id = "US-Xxx" in the station file and add it again; AmeriFlux gives ids',
        )
    resolution = RESOLUTIONS.get(export.minutes)
    if resolution is None:
        raise ExportError(
            f"{export.station.id} has intervals of {export.minutes} minutes; AmeriFlux takes half-hours and hours",
            "ask for another format, or set flux.averaging_minutes to 30 or 60",
        )
    return site, resolution
