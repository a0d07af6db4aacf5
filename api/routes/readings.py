"""Slow readings as sent, and the statistics per minute of everything that is sampled fast."""

from __future__ import annotations

import polars as pl
from fastapi import APIRouter, Request, Response

from api.answers import csv_answer, json_answer
from api.deps import DEFAULT_PERIOD, longest_table
from api.exports.columns import ISO_MILLIS, iso_times, json_columns, write_csv
from api.models import MinutesOut, ReadingsOut
from api.principals import StoreDep
from api.stream_query import ReadingsQuery, SamplesQuery

router = APIRouter(tags=["data"])

_CSV = {"text/csv": {"example": "time,TA\nUTC,deg C\n2026-07-01T00:00:00.000Z,21.3\n"}}


@router.get(
    "/stations/{id}/readings",
    summary="Slow readings (weather, soil, mole fractions) as sent",
    response_model=None,
    responses={200: {"model": ReadingsOut, "content": _CSV}},
)
def readings(request: Request, store: StoreDep, asked: ReadingsQuery) -> Response:
    """Return readings of [from, to) in the sender's units; default: the last 7 days that the station has."""
    longest = longest_table(asked.stream.dt_ns / 1e9, len(asked.channels))
    period = asked.period(store, DEFAULT_PERIOD, longest)
    table = store.readings.read(asked.id, asked.stream.name, period.start, period.end).select("time", *asked.units)
    if asked.form == "csv":
        return csv_answer(request, write_csv(table, asked.units), asked.file_name(period))
    return json_answer(request, {**asked.describe(period), "data": json_columns(table, ISO_MILLIS)})


@router.get(
    "/stations/{id}/minutes",
    summary="n, mean, min, max and sd per minute and channel of samples",
    response_model=None,
    responses={200: {"model": MinutesOut, "content": {"text/csv": {}}}},
)
def minutes(request: Request, store: StoreDep, asked: SamplesQuery) -> Response:
    """Return the minutes of [from, to), long form, in the sender's units; default: the last day there is."""
    longest = longest_table(60.0 / len(asked.channels))
    period = asked.period(store, DEFAULT_PERIOD / 7, longest)
    table = store.minutes.read(asked.id, asked.stream.name, period.start, period.end)
    table = table.filter(pl.col("channel").is_in(list(asked.units)))
    if asked.form == "csv":
        with_unit = table.with_columns(pl.col("channel").replace_strict(asked.units, default="").alias("unit"))
        return csv_answer(request, iso_times(with_unit).write_csv(), asked.file_name(period, "-minutes"))
    return json_answer(request, {**asked.describe(period), "data": json_columns(table)})
