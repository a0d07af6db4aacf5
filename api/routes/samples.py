"""The raw trace: samples as sent, summarised so far that a chart can draw them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import numpy as np
import polars as pl
from fastapi import APIRouter, Query, Request, Response

from api.decimate import Decimated, decimate, group_size
from api.deps import (
    From,
    Period,
    StationDep,
    StoreDep,
    TableFormat,
    To,
    after_newest,
    choose_period,
    find_channels,
    find_stream,
)
from api.exports.answers import csv_answer, file_name, json_answer
from api.exports.columns import write_csv
from api.models import SamplesOut
from api.routes.readings import ChannelNames, StreamName
from api.routes.stations import describe_channel
from core.clock import from_ns
from core.records import Float32Array, FloatArray, Samples
from core.station import Channel

router = APIRouter(tags=["data"])

MAX_POINTS = 5000
DEFAULT_TRACE = timedelta(minutes=5)
LONGEST_TRACE = timedelta(hours=6)


@router.get(
    "/stations/{id}/samples",
    summary="Raw trace of fast channels, at most 5000 points",
    response_model=None,
    responses={200: {"model": SamplesOut, "content": {"text/csv": {}}}},
)
def samples(
    request: Request,
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    stream: StreamName = None,
    channels: ChannelNames = None,
    max_points: Annotated[int, Query(ge=10, le=MAX_POINTS, description="Most points of a channel.")] = 2000,
    form: TableFormat = "json",
) -> Response:
    """Return mean, min and max of consecutive samples of [from, to) in the sender's units.

    With few samples each point is one sample. Default: the newest 5 minutes; at most 6 hours (longer: minutes).
    """
    id = row.station.id
    found = find_stream(row, stream, "block")
    wanted = find_channels(row, found, channels)
    period = choose_period(start, end, after_newest(store, id, found), DEFAULT_TRACE, LONGEST_TRACE)
    trace = store.samples(id, found.name, period.start, period.end)
    size = group_size(trace.n, max_points)
    points = {channel.name: decimate(trace.channels[channel.name], size) for channel in wanted}
    if form == "csv":
        units = {f"{c.name}_{part}": c.unit for c in wanted for part in Decimated._fields}
        name = file_name(id, found.name, period.start, period.end, row.station.station.utc_offset)
        return csv_answer(request, write_csv(_table(trace, size, points), units), name)
    return json_answer(request, _columns(id, found.name, period, trace, size, wanted, points))


def _table(trace: Samples, size: int, points: dict[str, Decimated]) -> pl.DataFrame:
    count = -(-trace.n // size)
    time = (trace.start_ns + np.arange(count) * trace.dt_ns * size).astype("datetime64[ns]")
    values = {f"{name}_{part}": series for name, all in points.items() for part, series in all._asdict().items()}
    return pl.DataFrame({"time": time, **values}).with_columns(pl.col("time").dt.replace_time_zone("UTC"))


def _columns(
    id: str,
    stream: str,
    period: Period,
    trace: Samples,
    size: int,
    wanted: list[Channel],
    points: dict[str, Decimated],
) -> dict[str, object]:
    return {
        "station": id,
        "stream": stream,
        "from": from_ns(trace.start_ns),
        "to": period.end,
        "step_s": trace.dt_ns * size / 1e9,
        "samples_per_point": size,
        "points": -(-trace.n // size),
        "channels": [
            {
                **describe_channel(channel).model_dump(),
                **{part: _short(series) for part, series in points[channel.name]._asdict().items()},
            }
            for channel in wanted
        ],
    }


def _short(series: FloatArray) -> Float32Array:
    # what was sent is float32: its shortest form keeps the answer small
    return series.astype(np.float32)
