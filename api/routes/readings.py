"""Slow readings as sent, and the statistics per minute of everything that is sampled fast."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from fastapi import APIRouter, Query, Response

from api.answers import csv_answer, export_answer, json_answer
from api.deps import DEFAULT_PERIOD, longest_table
from api.errors import BadQuery
from api.export_tables import readings_table
from api.exports.columns import ISO_MILLIS, iso_times, json_columns, write_csv
from api.exports.flagged import Quality, flag_columns, keep_quality, reason_columns, with_flags
from api.exports.formats import write_export
from api.models import MinutesOut, ReadingsOut
from api.principals import StoreDep
from api.stream_query import ReadingsQuery, SamplesQuery

router = APIRouter(tags=["data"])

_CSV = {
    "text/csv": {
        "example": "time,TA,TA_FLAG,TA_REASON\nUTC,deg C,,\n"
        "2026-07-01T00:00:00.000Z,285,4,range: 285 deg C is above 60\n"
    }
}


@router.get(
    "/stations/{id}/readings",
    summary="Slow readings (weather, soil, mole fractions) as sent, with their flags",
    response_model=None,
    responses={200: {"model": ReadingsOut, "content": _CSV}},
)
def readings(
    store: StoreDep,
    asked: ReadingsQuery,
    quality: Annotated[
        Quality, Query(description="Values to return: all; good (flag 1); not_bad (not flag 4). Others are missing.")
    ] = "all",
) -> Response:
    """Return readings of [from, to) in the sender's units with flags; default: the last 7 days that the station has."""
    longest = longest_table(asked.stream.dt_ns / 1e9, len(asked.channels))
    period = asked.period(store, DEFAULT_PERIOD, longest)
    if asked.form not in ("json", "csv"):
        made = readings_table(store, asked.row, asked.stream, asked.channels, period, quality)
        return export_answer(write_export(made, asked.form))
    found = store.readings.read(asked.id, asked.stream.name, period.start, period.end)
    flags, reasons = flag_columns(found, list(asked.units)), reason_columns(found, list(asked.units))
    table = found.select("time", *(keep_quality(found[name], flags[name], quality) for name in asked.units))
    if asked.form == "csv":
        text = write_csv(with_flags(table, flags, reasons), asked.units)
        return csv_answer(text, asked.file_name(period))
    answer = {
        **asked.describe(period),
        "quality": quality,
        "data": json_columns(table, ISO_MILLIS),
        "flags": {name: column.to_list() for name, column in flags.items()},
        "reasons": {name: {str(i): texts for i, texts in said.items()} for name, said in reasons.items()},
    }
    return json_answer(answer)


@router.get(
    "/stations/{id}/minutes",
    summary="n, mean, min, max and sd per minute and channel of samples",
    response_model=None,
    responses={200: {"model": MinutesOut, "content": {"text/csv": {}}}},
)
def minutes(store: StoreDep, asked: SamplesQuery) -> Response:
    """Return the minutes of [from, to), long form, in the sender's units; default: the last day there is."""
    if asked.form not in ("json", "csv"):
        raise BadQuery(f"format: minutes are not written as {asked.form}", "ask for json or csv, or for samples")
    longest = longest_table(60.0 / len(asked.channels))
    period = asked.period(store, DEFAULT_PERIOD / 7, longest)
    table = store.minutes.read(asked.id, asked.stream.name, period.start, period.end)
    table = table.filter(pl.col("channel").is_in(list(asked.units)))
    if asked.form == "csv":
        with_unit = table.with_columns(pl.col("channel").replace_strict(asked.units, default="").alias("unit"))
        return csv_answer(iso_times(with_unit).write_csv(), asked.file_name(period, "-minutes"))
    return json_answer({**asked.describe(period), "data": json_columns(table)})
