"""Background air of an analyser: which hours, their curve, what is above another station, comparisons with others."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import numpy as np
import polars as pl
from fastapi import APIRouter, Query, Request, Response

from api.air import after_last_hour, analyser_of, choose_gas, choose_intake, choose_method, scale_of
from api.answers import csv_answer, json_answer
from api.deps import DEFAULT_PERIOD, From, StationDep, To, choose_period
from api.errors import BadQuery
from api.exports.columns import json_columns, write_csv
from api.exports.encode import file_name
from api.models import BackgroundOut, ComparisonsOut, CurveOut, EnhancementOut
from api.principals import StoreDep
from api.readable import ReadableStore
from api.routes.mole_fractions import LONG_PERIOD, LONGEST, GasName, IntakeName
from core.clock import from_ns
from core.frames import UTC_TIME
from core.station.mole_fraction import GAS_UNITS
from core.store import StationRow
from qc.mole_fraction.background import BACKGROUND
from qc.stored_air import (
    MIN_CURVE_DAYS,
    STATES,
    BackgroundCurve,
    fit_background,
    other_value_of,
    read_comparisons,
    read_enhancement,
    select_hours,
)

router = APIRouter(tags=["mole fractions"])

TableFormat = Annotated[Literal["json", "csv"], Query(alias="format", description="json or csv")]
MethodName = Annotated[
    str, Query(description="noaa, conditions, rebs or the rule of a package; default: the station file's.")
]


@router.get(
    "/stations/{id}/background",
    summary="Which hours are background air",
    response_model=None,
    responses={200: {"model": BackgroundOut, "content": {"text/csv": {}}}},
)
def background(
    request: Request,
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    gas: GasName = None,
    intake: IntakeName = None,
    method: MethodName = "",
    form: TableFormat = "json",
) -> Response:
    """Return the hours of [from, to) and whether each is background; default: the last 7 days that have some.

    ``state``: kept, or why not: excluded (wind, time of day, no good value), variable, step (beside one), alone. The
    hours are selected by those of ``selected_by``, for other gases too, and do not depend on the period that is asked.
    """
    part = analyser_of(row)
    chosen, at = choose_gas(part, gas), choose_intake(part, intake)
    asked = choose_method(method)
    after = after_last_hour(store.mole_fractions, row.station.id) if end is None else None
    period = choose_period(start, end, after, DEFAULT_PERIOD, LONGEST)
    found = select_hours(store, row, chosen, at, period.start, period.end, asked)
    table = pl.DataFrame(
        {
            "time": _utc(found.time_ns),
            "value": found.value,
            "u": found.u,
            "state": [STATES[int(one)] for one in found.background.state],
            "baseline": found.background.baseline,
        },
        schema_overrides={"state": pl.String},
    )
    if form == "csv":
        name = file_name(
            row.station.id, f"{chosen}_{at}_background", period.start, period.end, row.station.station.utc_offset
        )
        return csv_answer(write_csv(table, dict.fromkeys(("value", "u", "baseline"), GAS_UNITS[chosen])), name)
    return json_answer(
        {
            "station": row.station.id,
            "gas": chosen,
            "intake": at,
            "unit": GAS_UNITS[chosen],
            "scale": scale_of(part, chosen),
            "method": found.method,
            "methods": sorted(BACKGROUND),
            "selected_by": found.gas,
            "wind_known": found.wind_known,
            "kept": int(found.background.kept.sum()),
            "from": period.start,
            "to": period.end,
            "data": json_columns(table),
        },
    )


@router.get(
    "/stations/{id}/curve",
    summary="Thoning curve of background air: smooth curve, trend and growth",
    response_model=None,
    responses={200: {"model": CurveOut, "content": {"text/csv": {}}}},
)
def curve(
    request: Request,
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    gas: GasName = None,
    intake: IntakeName = None,
    method: MethodName = "",
    form: TableFormat = "json",
) -> Response:
    """Return daily means of background air of [from, to) and the curve through them; default: all that there is.

    Two years are needed to tell a trend from a season: with less ``smooth`` and ``trend`` are null, and ``span_days``
    and ``days`` say how much there is. ``growth`` is by how much the trend grows in each whole calendar year.
    """
    part = analyser_of(row)
    chosen, at = choose_gas(part, gas), choose_intake(part, intake)
    asked = choose_method(method)
    first, last = _span(store, row, start, end)
    selected = select_hours(store, row, chosen, at, first, last, asked)
    found = fit_background(selected, row.station.station.utc_offset)
    table = _curve_table(found)
    if form == "csv":
        name = file_name(row.station.id, f"{chosen}_{at}_curve", first, last, row.station.station.utc_offset)
        return csv_answer(write_csv(table, dict.fromkeys(("value", "smooth", "trend"), GAS_UNITS[chosen])), name)
    return json_answer(
        {
            "station": row.station.id,
            "gas": chosen,
            "intake": at,
            "unit": GAS_UNITS[chosen],
            "scale": scale_of(part, chosen),
            "method": selected.method,
            "days": len(found.day_ns),
            "span_days": found.span,
            "needed_days": MIN_CURVE_DAYS,
            "residual_sd": None if found.curve is None else found.curve.residual_sd,
            "smooth_sd": None if found.curve is None else found.curve.smooth_sd,
            "growth": [{"year": year, "growth": grown} for year, grown in found.growth],
            "from": first,
            "to": last,
            "data": json_columns(table),
        },
    )


@router.get(
    "/stations/{id}/enhancement",
    summary="How much a station is above another one, hour by hour",
    response_model=None,
    responses={200: {"model": EnhancementOut, "content": {"text/csv": {}}}},
)
def enhancement(
    request: Request,
    row: StationDep,
    store: StoreDep,
    background: Annotated[str, Query(description="Id of the station whose air is the background.")],
    start: From = None,
    end: To = None,
    gas: GasName = None,
    intake: IntakeName = None,
    background_intake: IntakeName = None,
    form: TableFormat = "json",
) -> Response:
    """Return site minus background of the hours of [from, to) at which both are good; default: the last 7 days.

    ``u`` is that of both together, 1 sigma. ``afternoon`` marks 12 to 16 h local standard time, when the air is mixed
    best; what is published is of these hours. Both stations must be readable.
    """
    other = store.stations.read(background)
    part, theirs = analyser_of(row), analyser_of(other)
    chosen, at = choose_gas(part, gas), choose_intake(part, intake)
    their_intake = choose_intake(theirs, background_intake)
    choose_gas(theirs, chosen)
    after = after_last_hour(store.mole_fractions, row.station.id) if end is None else None
    period = choose_period(start, end, after, DEFAULT_PERIOD, LONGEST)
    try:
        found = read_enhancement(store, (row, at), (other, their_intake), chosen, period.start, period.end)
    except ValueError as error:
        raise BadQuery(str(error), "put both stations on one scale: `scale` of the gas in the station file") from None
    table = pl.DataFrame(
        {
            "time": _utc(found.time_ns),
            "difference": found.difference,
            "u": found.u,
            "afternoon": found.afternoon,
        }
    )
    if form == "csv":
        name = file_name(
            row.station.id,
            f"{chosen}_{at}_above_{background}",
            period.start,
            period.end,
            row.station.station.utc_offset,
        )
        return csv_answer(write_csv(table, dict.fromkeys(("difference", "u"), GAS_UNITS[chosen])), name)
    afternoon = found.difference[found.afternoon]
    return json_answer(
        {
            "station": row.station.id,
            "background": background,
            "gas": chosen,
            "intake": at,
            "background_intake": their_intake,
            "unit": GAS_UNITS[chosen],
            "scale": scale_of(part, chosen),
            "afternoon_mean": float(afternoon.mean()) if afternoon.size else None,
            "from": period.start,
            "to": period.end,
            "data": json_columns(table),
        },
    )


@router.get("/stations/{id}/comparisons", summary="Flasks and round-robin tanks: the station beside other laboratories")
def comparisons(row: StationDep, store: StoreDep, start: From = None, end: To = None) -> ComparisonsOut:
    """Return what other laboratories said of air and tanks in [from, to), and the station's value; default: 90 days.

    ``value`` and ``difference`` (ours minus theirs, on our scale) are null where the station has nothing for that time.
    """
    part = analyser_of(row)
    after = after_last_hour(store.mole_fractions, row.station.id) if end is None else None
    period = choose_period(start, end, after, LONG_PERIOD, LONGEST)
    found = []
    for event, one in read_comparisons(store.mole_fractions, row, period.start, period.end):
        other = other_value_of(event)
        found.append(
            {
                "kind": event.kind,
                "time": event.time,
                "end": event.ends,
                "gas": other.gas,
                "unit": GAS_UNITS[other.gas],
                "where": other.where,
                "laboratory": other.laboratory,
                "scale": other.scale,
                "their_value": other.value,
                "their_u": other.u,
                "value": one and one.value,
                "n": one and one.n,
                "difference": one and one.difference,
                "u": one and one.u,
                "goal": next((gas.accepted_bias for gas in part.gas if gas.name == other.gas), None),
                "within_goal": one and one.within_goal,
                "note": event.message,
            }
        )
    return ComparisonsOut.model_validate({"station": row.station.id, "comparisons": found})


def _span(
    store: ReadableStore, row: StationRow, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    span = store.mole_fractions.read_span(row.station.id)
    if span is not None:
        start, end = start or span[0], end or span[1] + timedelta(hours=1)
        start = max(start, end - LONGEST)
    period = choose_period(start, end, None, DEFAULT_PERIOD, LONGEST)
    return period.start, period.end


def _curve_table(found: BackgroundCurve) -> pl.DataFrame:
    """Return every day from the first to the last, with its mean if there is one, and the curve."""
    if not len(found.day_ns):
        nothing = dict.fromkeys(("value", "smooth", "trend"), pl.Float64)
        return pl.DataFrame(schema={"time": UTC_TIME, **nothing})
    day = 86_400 * 10**9
    days = found.day_ns[0] + day * np.arange((found.day_ns[-1] - found.day_ns[0]) // day + 1)
    value = np.full(len(days), np.nan)
    value[(found.day_ns - found.day_ns[0]) // day] = found.value
    since = (days - days[0]) / day
    nothing_yet = np.full(len(days), np.nan)
    smooth, trend = (nothing_yet, nothing_yet) if found.curve is None else found.curve.at(since)
    return pl.DataFrame({"time": _utc(days), "value": value, "smooth": smooth, "trend": trend})


def _utc(time_ns: np.ndarray) -> pl.Series:
    return pl.Series([from_ns(one) for one in time_ns.tolist()], dtype=UTC_TIME)
