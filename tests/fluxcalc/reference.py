"""Recorded and synthetic 20 Hz data with the results of another program, kept beside the repository."""

from __future__ import annotations

import csv
import gzip
import math
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.clock import to_ns
from core.records import Samples
from core.station import Station, parse_station

STATIONS = Path(__file__).parent / "stations"
REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
HALFHOUR = REFERENCE / "halfhour"
SEASON = REFERENCE / "season"

needs_halfhour = pytest.mark.skipif(not HALFHOUR.is_dir(), reason="no reference half-hours in ../shared/reference")
needs_season = pytest.mark.skipif(not SEASON.is_dir(), reason="no reference seasons in ../shared/reference")

MISSING = -9999.0


@cache
def station(name: str, **methods: str) -> Station:
    """Read a station file; methods stand in for what it says."""
    text = (STATIONS / f"{name}.toml").read_text()
    if methods:
        text += "\n[flux.methods]\n" + "".join(f'{key} = "{value}"\n' for key, value in methods.items())
    return parse_station(text, f"{name}.toml")


def read_toa5(path: Path, start: datetime, minutes: int, dt: timedelta, *, stamps_end: bool) -> Samples:
    """Read a logger file onto the regular grid of its interval; lost records and -9999 are NaN."""
    with gzip.open(path, "rb") as stream:
        header, body = [next(stream) for _ in range(4)], stream.read()
    names = next(csv.reader([header[1].decode()]))
    table = pl.read_csv(body, has_header=False, new_columns=names, null_values=["NAN"])
    stamps = table["TIMESTAMP"].str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", time_zone="UTC")
    first = start + dt if stamps_end else start
    slots = ((stamps - first).dt.total_microseconds() / (dt / timedelta(microseconds=1))).round().cast(pl.Int64)
    n = round(timedelta(minutes=minutes) / dt)
    channels = {}
    for name in names[2:]:
        values = table[name].cast(pl.Float64).to_numpy()
        channels[name] = np.full(n, np.nan)
        channels[name][slots.to_numpy()] = np.where(values == MISSING, np.nan, values)
    return Samples(to_ns(start), round(dt.total_seconds() * 1e9), channels)


def read_csv(path: Path, start: datetime, dt_ns: int) -> Samples:
    """Read a table of consecutive samples; a column that is not numeric is their time."""
    with gzip.open(path, "rb") as stream:
        table = pl.read_csv(stream.read(), infer_schema_length=None)
    columns = [name for name in table.columns if table[name].dtype.is_numeric()]
    channels = {name: table[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in columns}
    return Samples(to_ns(start), dt_ns, channels)


def read_results(path: Path) -> list[dict[str, float]]:
    """Read a full-output table, one mapping a row; empty is NaN, texts are left out."""
    with path.open() as stream:
        return [
            {name: number for name, text in row.items() if (number := _number(text)) is not None}
            for row in csv.DictReader(stream)
        ]


def _number(text: str) -> float | None:
    if not text:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return None
