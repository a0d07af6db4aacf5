"""Fluxes of the averaging intervals, with flags, reasons and, on request, every intermediate value."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import orjson
import polars as pl
from fastapi import APIRouter, Query, Response

from api.answers import csv_answer, export_answer, json_answer
from api.deps import (
    DEFAULT_PERIOD,
    From,
    Period,
    StationDep,
    To,
    choose_period,
)
from api.errors import BadQuery
from api.export_tables import PROVENANCE, averaging_minutes, flux_names, fluxes_table
from api.exports.columns import json_columns
from api.exports.encode import file_name
from api.exports.fluxnet import write_fluxnet
from api.exports.formats import FORMATS, write_export
from api.models import FluxesOut
from api.principals import StoreDep
from api.readable import ReadableStore
from core.store import StationRow
from core.variables import flux_variable

router = APIRouter(tags=["fluxes"])

MAX_FLUXES_PERIOD = timedelta(days=366)
FluxFormat = Annotated[
    Literal["json", "csv", "csv-units", "parquet", "arrow", "netcdf", "ameriflux"],
    Query(alias="format", description="json, csv (FLUXNET), csv with units, Parquet, Arrow, netCDF, AmeriFlux upload."),
]
_FILES: dict[str, object] = {FORMATS[form].media_type: {} for form in ("parquet", "arrow", "netcdf")}
_CSV = {"text/csv": {"example": "TIMESTAMP_START,TIMESTAMP_END,FC,FC_SSITC_TEST\n201206071300,201206071315,-12.41,0\n"}}


@router.get(
    "/stations/{id}/fluxes",
    summary="Fluxes with flags (FLUXNET names and units)",
    response_model=None,
    responses={200: {"model": FluxesOut, "content": _CSV | _FILES}},
)
def fluxes(
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    variables: Annotated[
        str | None, Query(description="Comma separated; default: all.", examples=["FC,FC_SSITC_TEST,USTAR"])
    ] = None,
    diagnostics: Annotated[bool, Query(description="Also every intermediate value, by name (JSON only).")] = False,
    form: FluxFormat = "json",
) -> Response:
    """Return fluxes of [from, to); default: the last 7 days that have some, at most a year.

    Flags ``*_SSITC_TEST``: 0 good, 1 usable, 2 bad. ``reasons`` says why a flag is not 0 or a value is missing.
    CSV is in FLUXNET's form: local standard time, regular step, -9999; unfilled, not filtered by u*.
    """
    id = row.station.id
    period = flux_period(store, row, start, end)
    table = store.fluxes.read(id, period.start, period.end)
    known = flux_names(row, table)
    names = choose_variables(variables, known)
    table = table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in known if name not in table.columns)
    minutes = averaging_minutes(row)
    offset = row.station.station.utc_offset
    if form == "csv":
        flags = [name for name in names if name.endswith("_TEST")]
        values = table.select("start", *names).with_columns(pl.col(flags).fill_nan(None).cast(pl.Int64))
        text = write_fluxnet(values, utc_offset=offset, minutes=minutes)
        return csv_answer(text, file_name(id, "fluxes", period.start, period.end, offset))
    if form != "json":
        return export_answer(write_export(fluxes_table(store, row, period, table, names), form))
    data = json_columns(table.select("start", "end", *names, *PROVENANCE))
    for column in ("reasons", "diagnostics") if diagnostics else ("reasons",):
        data[column] = [orjson.loads(text) for text in table[column]]
    return json_answer(
        {
            "station": id,
            "from": period.start,
            "to": period.end,
            "averaging_minutes": minutes,
            "units": {name: flux_variable(name).unit for name in names},
            "data": data,
        },
    )


def choose_variables(names: str | None, known: list[str]) -> list[str]:
    """Return the asked variables, or all.

    Raises
    ------
    BadQuery
        A name that a half-hour does not have.
    """
    if not names:
        return known
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in wanted:
        if name not in known:
            raise BadQuery(f"variables: a half-hour here has no {name!r}", "one or more of " + ",".join(known))
    return wanted


def flux_period(store: ReadableStore, row: StationRow, start: From, end: To) -> Period:
    """Return the asked period, by default the last 7 days that have fluxes."""
    span = store.fluxes.read_span(row.station.id) if end is None else None
    return choose_period(start, end, span[1] if span else None, DEFAULT_PERIOD, MAX_FLUXES_PERIOD)
