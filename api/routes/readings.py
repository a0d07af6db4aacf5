"""Slow readings as sent, and the statistics per minute of everything that is sampled fast."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from api.deps import (
    DEFAULT_PERIOD,
    From,
    StationDep,
    StoreDep,
    TableFormat,
    To,
    after_newest,
    choose_period,
    find_channels,
    find_stream,
    longest_table,
)
from api.exports.answers import csv_answer, file_name, json_answer
from api.exports.columns import ISO_MILLIS, iso_times, json_columns, write_csv
from api.models import MinutesOut, ReadingsOut

router = APIRouter(tags=["data"])

StreamName = Annotated[str | None, Query(description="Name of the stream; default: the station's first of that kind.")]
ChannelNames = Annotated[str | None, Query(description="Channels, comma separated; default: all.", examples=["TA,RH"])]
_CSV = {"text/csv": {"example": "time,TA\nUTC,deg C\n2026-07-01T00:00:00.000Z,21.3\n"}}


@router.get(
    "/stations/{id}/readings",
    summary="Slow readings (weather, soil, mole fractions) as sent",
    response_model=None,
    responses={200: {"model": ReadingsOut, "content": _CSV}},
)
def readings(
    request: Request,
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    stream: StreamName = None,
    channels: ChannelNames = None,
    form: TableFormat = "json",
) -> Response:
    """Return readings of [from, to) in the sender's units; default: the last 7 days that the station has."""
    id = row.station.id
    found = find_stream(row, stream, "reading")
    wanted = find_channels(row, found, channels)
    longest = longest_table(found.dt_ns / 1e9, len(wanted))
    period = choose_period(start, end, after_newest(store, id, found), DEFAULT_PERIOD, longest)
    names = [channel.name for channel in wanted]
    table = store.readings(id, found.name, period.start, period.end).select("time", *names)
    units = {channel.name: channel.unit for channel in wanted}
    if form == "csv":
        name = file_name(id, found.name, period.start, period.end, row.station.station.utc_offset)
        return csv_answer(request, write_csv(table, units), name)
    return json_answer(
        request,
        {
            "station": id,
            "stream": found.name,
            "from": period.start,
            "to": period.end,
            "units": units,
            "data": json_columns(table, ISO_MILLIS),
        },
    )


@router.get(
    "/stations/{id}/minutes",
    summary="n, mean, min, max and sd per minute and channel of samples",
    response_model=None,
    responses={200: {"model": MinutesOut, "content": {"text/csv": {}}}},
)
def minutes(
    request: Request,
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    stream: StreamName = None,
    channels: ChannelNames = None,
    form: TableFormat = "json",
) -> Response:
    """Return the minutes of [from, to), long form, in the sender's units; default: the last day there is."""
    id = row.station.id
    found = find_stream(row, stream, "block")
    wanted = find_channels(row, found, channels)
    longest = longest_table(60.0 / len(wanted))
    period = choose_period(start, end, after_newest(store, id, found), DEFAULT_PERIOD / 7, longest)
    names = [channel.name for channel in wanted]
    table = store.minutes(id, found.name, period.start, period.end).filter(pl.col("channel").is_in(names))
    units = {channel.name: channel.unit for channel in wanted}
    if form == "csv":
        with_unit = table.with_columns(pl.col("channel").replace_strict(units, default="").alias("unit"))
        name = file_name(id, f"{found.name}-minutes", period.start, period.end, row.station.station.utc_offset)
        return csv_answer(request, iso_times(with_unit).write_csv(), name)
    return json_answer(
        request,
        {
            "station": id,
            "stream": found.name,
            "from": period.start,
            "to": period.end,
            "units": units,
            "data": json_columns(table),
        },
    )
