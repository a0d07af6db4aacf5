"""The raw trace: samples as sent, summarised so far that a chart can draw them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import numpy as np
import polars as pl
from fastapi import APIRouter, Query, Response

from api.answers import csv_answer, export_answer, json_answer
from api.decimate import Decimated, decimate, group_size
from api.deps import Period
from api.export_tables import samples_table
from api.exports.columns import write_csv
from api.exports.formats import write_export
from api.models import SamplesOut
from api.principals import StoreDep
from api.routes.stations import describe_channel
from api.stream_query import SamplesQuery, StreamQuery
from core.clock import from_ns
from core.records import Float32Array, FloatArray, Samples

router = APIRouter(tags=["data"])

MAX_POINTS = 5000
DEFAULT_TRACE = timedelta(minutes=5)
MAX_TRACE_PERIOD = timedelta(hours=6)
MAX_WHOLE_PERIOD = timedelta(days=1)
MAX_VALUES = 20_000_000
"""Samples of all channels that a file has at most."""


@router.get(
    "/stations/{id}/samples",
    summary="Raw trace of fast channels, at most 5000 points",
    response_model=None,
    responses={200: {"model": SamplesOut, "content": {"text/csv": {}}}},
)
def samples(
    store: StoreDep,
    asked: SamplesQuery,
    max_points: Annotated[int, Query(ge=10, le=MAX_POINTS, description="Most points of a channel.")] = 2000,
) -> Response:
    """Return mean, min and max of consecutive samples of [from, to) in the sender's units.

    With few samples each point is one sample. Default: the newest 5 minutes; at most 6 hours (longer: minutes).
    Parquet, Arrow and netCDF have every sample, of a day at most.
    """
    if asked.form not in ("json", "csv"):
        values = timedelta(microseconds=asked.stream.dt_ns / 1000) * (MAX_VALUES / len(asked.channels))
        period = asked.period(store, DEFAULT_TRACE, min(MAX_WHOLE_PERIOD, values))
        made = samples_table(store, asked.row, asked.stream, asked.channels, period)
        return export_answer(write_export(made, asked.form))
    period = asked.period(store, DEFAULT_TRACE, MAX_TRACE_PERIOD)
    trace = store.samples.read(asked.id, asked.stream.name, period.start, period.end)
    size = group_size(trace.n, max_points)
    points = {name: decimate(trace.channels[name], size) for name in asked.units}
    if asked.form == "csv":
        units = {f"{name}_{part}": unit for name, unit in asked.units.items() for part in Decimated._fields}
        return csv_answer(write_csv(_table(trace, size, points), units), asked.file_name(period))
    return json_answer(_columns(asked, period, trace, size, points))


def _table(trace: Samples, size: int, points: dict[str, Decimated]) -> pl.DataFrame:
    count = -(-trace.n // size)
    time = (trace.start_ns + np.arange(count) * trace.dt_ns * size).astype("datetime64[ns]")
    values = {f"{name}_{part}": series for name, all in points.items() for part, series in all._asdict().items()}
    return pl.DataFrame({"time": time, **values}).with_columns(pl.col("time").dt.replace_time_zone("UTC"))


def _columns(
    asked: StreamQuery, period: Period, trace: Samples, size: int, points: dict[str, Decimated]
) -> dict[str, object]:
    return {
        "station": asked.id,
        "stream": asked.stream.name,
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
            for channel in asked.channels
        ],
    }


def _short(series: FloatArray) -> Float32Array:
    # what was sent is float32: its shortest form keeps the answer small
    return series.astype(np.float32)
