"""Records as a table: FLUXNET names, and in full every diagnostic and reason; pieces joined on disk."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import polars as pl

from api.exports.fluxnet import MISSING, write_fluxnet
from core.clock import fluxnet_stamp
from core.records import FloatArray, FluxRecord
from core.station import Station

REASONS = "REASONS"


def tabulate(records: Sequence[FluxRecord], station: Station, *, full: bool) -> pl.DataFrame:
    """Return one row a record: ``start`` (UTC), the station's columns, and in full diagnostics and reasons.

    Its ``weather_columns`` are there if a record has them.

    Flags are whole numbers; a diagnostic that a record lacks is NaN; reasons are JSON, empty where there is none.
    """
    columns: dict[str, pl.Series] = {
        "start": pl.Series([record.start for record in records], dtype=pl.Datetime("us", "UTC"))
    }
    weather = [name for name in station.weather_columns if any(name in record.values for record in records)]
    for name in (*station.flux_columns, *weather):
        series = pl.Series([record.values.get(name, math.nan) for record in records], dtype=pl.Float64)
        columns[name] = series.fill_nan(None).cast(pl.Int32) if name.endswith("_SSITC_TEST") else series
    if full:
        for name in sorted({name for record in records for name in record.diagnostics}):
            values = [record.diagnostics.get(name, float("nan")) for record in records]
            columns[name] = pl.Series(values, dtype=pl.Float64)
        texts = [orjson.dumps(record.reasons).decode() if record.reasons else "" for record in records]
        columns[REASONS] = pl.Series(texts, dtype=pl.String)
    return pl.DataFrame(columns)


def write_spectra(columns: Mapping[str, FloatArray], folder: Path, station: Station, record: FluxRecord) -> None:
    """Write the spectra of an interval as ``<station>_<start>.csv``, the start in local standard time.

    An interval without a series that can be used has no file; what is missing is -9999.
    """
    if not columns:
        return
    path = folder / f"{station.id}_{fluxnet_stamp(record.start, station.station.utc_offset)}.csv"
    unfinished = path.with_suffix(".part")
    table = pl.DataFrame(dict(columns)).fill_nan(None).with_columns(pl.all().round_sig_figs(7))
    table.write_csv(unfinished, null_value=MISSING)
    unfinished.replace(path)


def write_table(
    parts: Sequence[Path], output: Path, folder: Path, station: Station, minutes: int, *, full: bool
) -> None:
    """Join tables on disk, one after the other, into a FLUXNET CSV that appears whole or not at all.

    Parameters
    ----------
    parts : sequence of Path
        Tables of ``tabulate`` (Arrow IPC), in order of time.
    output : Path
        CSV; what stood there is replaced.
    folder : Path
        Place for the unfinished file, on the same file system as ``output``.
    station : Station
        Its ``utc_offset`` makes local standard time.
    minutes : int
        Length of an interval.
    full : bool
        Whether there are diagnostics and reasons.
    """
    present = {name for part in parts for name in pl.read_ipc_schema(part)}
    weather = [name for name in station.weather_columns if name in present]
    columns = (*station.flux_columns, *weather)
    diagnostics = sorted(present - {"start", REASONS, *columns})
    names = ["start", *columns, *diagnostics, *([REASONS] if full else [])]
    unfinished = folder / "table.csv"
    with unfinished.open("w", encoding="utf-8") as stream:
        for i, part in enumerate(parts):
            table = pl.read_ipc(part)
            absent = [
                pl.lit(float("nan")).alias(name) for name in (*weather, *diagnostics) if name not in table.columns
            ]
            whole = table.with_columns(absent).select(names)
            stream.write(write_fluxnet(whole, utc_offset=station.station.utc_offset, minutes=minutes, header=i == 0))
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(output)
