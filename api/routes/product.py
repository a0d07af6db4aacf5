"""A station's season: the newest run that was kept on demand, else that of the running season; or one of a kind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import polars as pl
from fastapi import APIRouter, Query, Response

from api.answers import csv_answer, export_answer, json_answer
from api.deps import From, Period, StationDep, To, longest_table
from api.errors import BadQuery
from api.export_tables import averaging_minutes, season_table
from api.exports.columns import json_columns
from api.exports.encode import file_name
from api.exports.fluxnet import write_fluxnet
from api.exports.formats import FORMATS, write_export
from api.models import ProductOut
from api.principals import StoreDep
from api.readable import ReadableStore
from api.routes.fluxes import choose_variables, flux_period
from core.frames import PRODUCT_COLUMNS
from core.store import PROVISIONAL, RunRow, StationRow
from core.variables import season_unit

router = APIRouter(tags=["seasons"])

Kind = Annotated[
    Literal["provisional", "season"] | None,
    Query(
        description="provisional: made daily of the running season; season: made on demand. Default: the run that the "
        "station's page shows, the newest made on demand and, without one, the provisional one."
    ),
]
Series = Annotated[str | None, Query(description="Comma separated; default: all.", examples=["NEE_F,NEE_F_QC,GPP_NT"])]
SeasonFormat = Annotated[
    Literal["json", "csv", "csv-units", "parquet", "arrow", "netcdf", "fluxnet"],
    Query(alias="format", description="json, csv (FLUXNET), csv with units, Parquet, Arrow, netCDF, FLUXNET zip."),
]
_FILES: dict[str, object] = {FORMATS[form].media_type: {} for form in ("parquet", "arrow", "netcdf", "fluxnet")}
PRODUCT_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"model": ProductOut, "content": {"text/csv": {}, **_FILES}}
}
_, *NAMED = PRODUCT_COLUMNS


@router.get(
    "/stations/{id}/product",
    summary="The season: filtered, gap-filled, partitioned half-hours",
    response_model=None,
    responses=PRODUCT_RESPONSES,
)
def product(
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    variables: Series = None,
    kind: Kind = None,
    form: SeasonFormat = "json",
) -> Response:
    """Return a run's half-hours of [from, to); default: from the run's first to its last.

    The run is the one that the station's page shows: the newest made on demand, without one the provisional one;
    ``kind`` asks for the other. ``newer`` (header ``X-Fluxtower-Newer-Run``) names a provisional run that is newer.

    ``NEE``, ``LE``, ``H``: as measured and used; ``NEE_FLAG`` says why a flux of CO2 is not: 1 its quality, 2 outside
    its limits, 3 a spike, 4 u* below ``USTAR_THRESHOLD``, or missing. ``_F``: gaps filled; ``_F_QC``: 0 measured, 1-3
    filled, from good to poor. ``NEE_F_SD``, ``_N``, ``_METHOD``, ``_WINDOW``: spread and number of similar half-hours,
    the step of marginal distribution sampling (4: machine learning, ``_SD`` that of its error), its window. ``RECO``,
    ``GPP``: by night-time (``_NT``) and day-time (``_DT``) partitioning. ``not_done`` says what is not there, and why.
    """
    run = store.runs.read_newest(row.station.id, kind) if kind else store.runs.read_shown(row.station.id)
    period = flux_period(store, row, start, end) if run is None else run_period(run, start, end)
    status = run.kind if run else kind or PROVISIONAL
    return answer_product(store, row, run, status, period, variables, form)


def answer_product(
    store: ReadableStore,
    row: StationRow,
    run: RunRow | None,
    kind: str,
    period: Period,
    variables: str | None,
    form: str,
) -> Response:
    """Return a run's half-hours of a period in one of its formats; no row without a run."""
    names = choose_variables(variables, [*NAMED, *(run.further if run else ())])
    minutes = (run.minutes if run else None) or averaging_minutes(row)
    longest = longest_table(minutes * 60, len(names))
    if period.length > longest:
        raise BadQuery(
            f"the period is {period.length} long, at most {longest} of {len(names)} series can be answered at once",
            "ask for shorter periods one after the other, or for fewer `variables`",
        )
    offset = row.station.station.utc_offset
    newer = store.runs.read_newer_provisional(run)
    headers = {"X-Fluxtower-Status": kind}
    headers |= {"X-Fluxtower-Run": str(run.id)} if run else {}
    headers |= {"X-Fluxtower-Newer-Run": str(newer.id)} if newer else {}
    if form not in ("json", "csv"):
        return export_answer(write_export(season_table(store, row, run, kind, period, names), form), headers)
    schema = {"start": PRODUCT_COLUMNS["start"], **dict.fromkeys(names, pl.Float64)}
    table = store.runs.read_product(run, period.start, period.end, names) if run else pl.DataFrame(schema=schema)
    if form == "csv":
        what = kind if run is None else f"{kind}-run{run.id}"
        name = file_name(row.station.id, what, period.start, period.end, offset)
        return csv_answer(write_fluxnet(table, utc_offset=offset, minutes=minutes), name, headers)
    return json_answer(
        {
            "station": row.station.id,
            "status": kind,
            "run": run.id if run else None,
            "newer": newer.id if newer else None,
            "not_done": run.provenance.get("not_done", {}) if run else {},
            "from": period.start,
            "to": period.end,
            "averaging_minutes": minutes,
            "units": {name: season_unit(name) for name in names},
            "data": json_columns(_with_ends(table, minutes)),
        },
    )


def run_period(run: RunRow, start: datetime | None, end: datetime | None) -> Period:
    """Return the asked period of a run, by default the whole of it.

    Raises
    ------
    BadQuery
        An empty period.
    """
    length = timedelta(minutes=run.minutes or 30)
    begin = start or run.first or run.started
    stop = end or (run.last + length if run.last else begin + length)
    if begin >= stop:
        raise BadQuery(f"from {begin.isoformat()} is not before to {stop.isoformat()}", "ask for from < to")
    return Period(begin, stop)


def _with_ends(table: pl.DataFrame, minutes: int) -> pl.DataFrame:
    ends = (pl.col("start") + pl.duration(minutes=minutes)).alias("end")
    return table.select("start", ends, pl.exclude("start"))
