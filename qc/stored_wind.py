"""The wind of a station's readings, hour by hour."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.records import FloatArray
from core.station import Station
from core.store.readings import StoredReadings
from qc.codes import BAD
from qc.mole_fraction.background import HOUR_NS


def hourly_wind(
    stored: StoredReadings, station: Station, hours: NDArray[np.int64], start: datetime, end: datetime
) -> tuple[FloatArray, FloatArray]:
    """Return mean speed and mean direction of the wind in each hour; NaN where nothing was measured."""
    found = _wind_channels(station)
    speed, direction = np.full(len(hours), np.nan), np.full(len(hours), np.nan)
    for stream, names in found.items():
        table = stored.read(station.id, stream, start, end)
        of = times_of(table) // HOUR_NS * HOUR_NS
        for variable, channel in names.items():
            if channel not in table.columns:
                continue
            values = _without_bad(table, channel)
            if variable == "WS":
                speed = _hourly(hours, of, values)
            else:
                angle = np.deg2rad(values)
                east, north = _hourly(hours, of, np.sin(angle)), _hourly(hours, of, np.cos(angle))
                direction = np.rad2deg(np.arctan2(east, north)) % 360
    return speed, direction


def _wind_channels(station: Station) -> dict[str, dict[str, str]]:
    """Return the first stream of readings with the most of WS and WD, and the channels of them."""
    streams = [
        (stream.name, {one.variable: one.name for one in stream.channels if one.variable in ("WS", "WD")})
        for stream in station.stream
        if stream.kind == "reading"
    ]
    best = max(streams, key=lambda one: len(one[1]), default=None)
    return {} if best is None or not best[1] else {best[0]: best[1]}


def _without_bad(table: pl.DataFrame, channel: str) -> FloatArray:
    """Return a channel's values without those that are flagged bad."""
    values = table[channel].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
    place = [name for name in table.columns if name not in ("time", "flags", "reasons")].index(channel)
    flags = table["flags"].to_list()
    bad = [one is not None and place < len(one) and one[place] == BAD for one in flags]
    values[np.array(bad, bool)] = np.nan
    return np.asarray(values, np.float64)


def _hourly(hours: NDArray[np.int64], of: NDArray[np.int64], values: FloatArray) -> FloatArray:
    present = np.isfinite(values)
    found, group = np.unique(of[present], return_inverse=True)
    means = np.bincount(group, values[present], len(found)) / np.maximum(np.bincount(group, minlength=len(found)), 1)
    result = np.full(len(hours), np.nan)
    _, to, where = np.intersect1d(hours, found, assume_unique=True, return_indices=True)
    result[to] = means[where]
    return result


def times_of(table: pl.DataFrame) -> NDArray[np.int64]:
    """Return the times of a table. [ns since 1970 UTC]"""
    return table["time"].dt.epoch("us").to_numpy().astype(np.int64) * 1000
