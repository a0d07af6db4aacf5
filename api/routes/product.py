"""Gap-filled NEE of the running season; provisional until a run is released."""

from __future__ import annotations

import polars as pl
from fastapi import APIRouter, Request, Response

from api.deps import From, StationDep, StoreDep, TableFormat, To
from api.exports.answers import csv_answer, file_name, json_answer
from api.exports.columns import json_columns
from api.exports.fluxnet import write_fluxnet
from api.models import ProductOut
from api.routes.fluxes import averaging_minutes, flux_period

router = APIRouter(tags=["fluxes"])

STATUS = "provisional"
UNITS = {
    "NEE": "umol m-2 s-1",
    "NEE_F": "umol m-2 s-1",
    "NEE_F_QC": "1",
    "NEE_F_SD": "umol m-2 s-1",
    "NEE_F_N": "1",
    "NEE_F_METHOD": "1",
    "NEE_F_WINDOW": "d",
}


@router.get(
    "/stations/{id}/product",
    summary="Gap-filled NEE, provisional",
    response_model=None,
    responses={200: {"model": ProductOut, "content": {"text/csv": {}}}},
)
def product(
    request: Request,
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    form: TableFormat = "json",
) -> Response:
    """Return NEE measured and filled for [from, to); default: the last 7 days that have fluxes.

    ``NEE_F_QC``: 0 measured, 1-3 filled, from good to poor. ``NEE_F_SD``, ``_N``, ``_METHOD``, ``_WINDOW``
    are the spread, the number of similar half-hours, the step of marginal distribution sampling and its window.
    """
    id = row.station.id
    period = flux_period(store, row, start, end)
    table = store.product(id, period.start, period.end)
    runs = table["run"].drop_nulls()
    minutes, offset = averaging_minutes(row), row.station.station.utc_offset
    values = table.select("start", *UNITS)
    if form == "csv":
        text = write_fluxnet(values, utc_offset=offset, minutes=minutes)
        name = file_name(id, f"nee-{STATUS}", period.start, period.end, offset)
        return csv_answer(request, text, name, {"X-Fluxtower-Status": STATUS})
    ends = values.with_columns((pl.col("start") + pl.duration(minutes=minutes)).alias("end"))
    return json_answer(
        request,
        {
            "station": id,
            "status": STATUS,
            "run": runs[0] if len(runs) else None,
            "from": period.start,
            "to": period.end,
            "averaging_minutes": minutes,
            "units": UNITS,
            "data": json_columns(ends.select("start", "end", *UNITS)),
        },
    )
