"""Calibrated mole fractions of an analyser: minutes and hours of each intake, runs of targets, tanks, events."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from api.air import after_last_hour, analyser_of, choose_gas, choose_intake, goal_of, read_series, scale_of
from api.air_words import remedy_of
from api.answers import csv_answer, file_answer, json_answer
from api.deps import DEFAULT_PERIOD, From, Period, StationDep, To, choose_period, longest_table
from api.errors import BadQuery
from api.exports.columns import json_columns, write_csv
from api.exports.encode import file_name
from api.exports.mole_fractions import icos_name, obspack_name, write_icos, write_obspack
from api.models import MoleFractionsOut, StationEventsOut, TanksOut, TargetsOut
from api.principals import StoreDep
from api.readable import ReadableStore
from core.station.mole_fraction import GAS_UNITS
from core.store import StationRow
from core.store.mole_fractions import HOUR_S, MINUTE_S

router = APIRouter(tags=["mole fractions"])

STEPS = {"minute": MINUTE_S, "hour": HOUR_S}
LONGEST = timedelta(days=3660)
LONG_PERIOD = timedelta(days=90)
GasName = Annotated[str | None, Query(description="CO2, CH4, CO or N2O; default: the station's first.")]
IntakeName = Annotated[str | None, Query(description="Name of the intake; default: the station's first.")]
MoleFractionFormat = Annotated[
    Literal["json", "csv", "icos", "obspack"],
    Query(alias="format", description="json, csv; hours also in the columns of icos' CSV and as obspack netCDF"),
]


@router.get(
    "/stations/{id}/mole-fractions",
    summary="Calibrated dry mole fractions with uncertainty and flag",
    response_model=None,
    responses={200: {"model": MoleFractionsOut, "content": {"text/csv": {}, "application/x-netcdf": {}}}},
)
def mole_fractions(
    request: Request,
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    gas: GasName = None,
    intake: IntakeName = None,
    step: Annotated[Literal["minute", "hour"], Query(description="Means over a minute or an hour.")] = "hour",
    form: MoleFractionFormat = "json",
) -> Response:
    """Return means of one gas at one intake in [from, to); default: the last 7 days that have some.

    ``flag``: 1 good, 2 provisional (not between two runs of the reference, or not yet), 3 suspect, 4 bad; ``reasons``
    says why it is not 1. ``u`` is 1 sigma. CSV, ``icos`` and ``obspack`` name the scale.
    """
    part = analyser_of(row)
    chosen, at = choose_gas(part, gas), choose_intake(part, intake)
    if form in ("icos", "obspack") and step != "hour":
        raise BadQuery(f"format {form} has hours", "step=hour, or format=csv")
    period = _period(store, row, start, end, longest_table(STEPS[step]))
    if form in ("icos", "obspack"):
        series = read_series(store.mole_fractions, row, chosen, at, period.start, period.end)
        if form == "icos":
            return csv_answer(write_icos(series), icos_name(series))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / obspack_name(series)
            write_obspack(series, path)
            return file_answer(path.read_bytes(), "application/x-netcdf", path.name)
    table = store.mole_fractions.read(
        row.station.id, period.start, period.end, step_s=STEPS[step], gases=[chosen], intakes=[at]
    )
    unit = GAS_UNITS[chosen]
    if form == "csv":
        name = file_name(
            row.station.id, f"{chosen}_{at}_{step}", period.start, period.end, row.station.station.utc_offset
        )
        units = dict.fromkeys(("value", "sd", "u"), unit) | {"n": "1", "flag": "1"}
        shown = table.drop("gas", "intake").with_columns(pl.col("reasons").list.join("; "))
        return csv_answer(write_csv(shown, units), name)
    return json_answer(
        {
            "station": row.station.id,
            "gas": chosen,
            "intake": at,
            "height": part.heights[at],
            "unit": unit,
            "scale": scale_of(part, chosen),
            "step_s": STEPS[step],
            "from": period.start,
            "to": period.end,
            "data": json_columns(table.drop("gas", "intake")),
        },
    )


@router.get(
    "/stations/{id}/targets",
    summary="Runs of target tanks: measured against assigned",
    response_model=None,
    responses={200: {"model": TargetsOut}},
)
def targets(
    request: Request, row: StationDep, store: StoreDep, start: From = None, end: To = None, gas: GasName = None
) -> Response:
    """Return runs of targets of [from, to), with ``goal``, the largest bias that is accepted; default: 90 days."""
    part = analyser_of(row)
    chosen = choose_gas(part, gas)
    period = _period(store, row, start, end, LONGEST, LONG_PERIOD)
    table = store.mole_fractions.read_targets(row.station.id, period.start, period.end)
    table = table.filter(pl.col("gas") == chosen).with_columns(bias=pl.col("value") - pl.col("assigned"))
    return json_answer(
        {
            "station": row.station.id,
            "gas": chosen,
            "unit": GAS_UNITS[chosen],
            "goal": goal_of(part, chosen),
            "from": period.start,
            "to": period.end,
            "data": json_columns(table.drop("gas")),
        },
    )


@router.get("/stations/{id}/tanks", summary="Tanks at the ports of an analyser, with their assignments and history")
def tanks(row: StationDep, store: StoreDep) -> TanksOut:
    """Return which tank is at which port, for what, since when, and what it was assigned."""
    part = analyser_of(row)
    known = store.tanks.read(part.tanks)
    return TanksOut.model_validate(
        {
            "station": row.station.id,
            "tanks": [
                {
                    "serial": port.tank,
                    "port": port.number,
                    "role": port.role,
                    "start": port.start,
                    "end": port.end,
                    "assignments": [one.model_dump() for one in known[port.tank].assignment]
                    if port.tank in known
                    else [],
                    "history": [one.model_dump() for one in known[port.tank].history] if port.tank in known else [],
                }
                for port in part.port
                if port.tank
            ],
        }
    )


@router.get("/stations/{id}/mole-fraction-events", summary="Tests, checks, visits, alarms and recomputations")
def events(row: StationDep, store: StoreDep, start: From = None, end: To = None) -> StationEventsOut:
    """Return what was done at an analyser and what was found, in [from, to); default: 90 days."""
    analyser_of(row)
    period = _period(store, row, start, end, LONGEST, LONG_PERIOD)
    found = store.mole_fractions.read_events(row.station.id, period.start, period.end)
    return StationEventsOut.model_validate(
        {
            "station": row.station.id,
            "events": [
                {
                    "kind": one.kind,
                    "severity": one.severity,
                    "message": one.message,
                    "time": one.time,
                    "end": one.ends,
                    "data": dict(one.data),
                    "remedy": remedy_of(one.kind, one.severity, "en"),
                }
                for one in found
            ],
        }
    )


def _period(
    store: ReadableStore,
    row: StationRow,
    start: From,
    end: To,
    longest: timedelta,
    default: timedelta = DEFAULT_PERIOD,
) -> Period:
    after = after_last_hour(store.mole_fractions, row.station.id) if end is None else None
    return choose_period(start, end, after, default, longest)
