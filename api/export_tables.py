"""From the store to the one table that every format takes: fluxes, seasons, readings, samples.

Routes hand in the store of what their principal may read, commands the whole one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from api.deps import Period
from api.exports.encode import json_bytes
from api.exports.flagged import Quality, flag_columns, keep_quality
from api.exports.formats import ExportFile
from api.exports.raw import raw_file
from api.exports.series import Column, ExportTable, State, channel_columns, flux_columns, season_columns, without_nan
from api.readable import ReadableStore
from core.clock import intervals
from core.review import FLUXES
from core.station import Channel, Stream
from core.store import PROVISIONAL, RunRow, StationRow, Store
from core.variables import FLUX_COLUMNS
from qc.review import read_states

AnyStore = ReadableStore | Store
PROVENANCE = ("config_sha256", "code_version", "computed")
REVIEW_DAYS = 45
"""Says when a review is overdue, which no file says."""


def flux_names(row: StationRow, table: pl.DataFrame) -> list[str]:
    """Return what half-hours of a station have: by its present configuration, and by an earlier one in ``table``."""
    others = {"start", "end", "reasons", "diagnostics", *PROVENANCE}
    earlier = (name for name in table.columns if name not in others)
    declared = row.station.flux_columns if row.station.flux else FLUX_COLUMNS
    return list(dict.fromkeys((*declared, *row.station.weather_columns, *earlier)))


def averaging_minutes(row: StationRow) -> int:
    """Return the length of the station's intervals; 30 where it makes no fluxes."""
    return row.station.flux.averaging_minutes if row.station.flux else 30


def fluxes_table(
    store: AnyStore, row: StationRow, period: Period, table: pl.DataFrame, names: Sequence[str]
) -> ExportTable:
    """Return half-hours as they are published: not filled, not filtered by u*, with the meteorology.

    Parameters
    ----------
    table : pl.DataFrame
        The stored half-hours of the period, with every one of ``names``.
    names : sequence of str
        Variables that are wanted.
    """
    columns = flux_columns(names)
    newest = table["computed"].max()
    return ExportTable(
        station=row.station,
        what="fluxes",
        title=f"Fluxes of {row.station.station.name}: as computed, not filled, not filtered by u*",
        values=without_nan(table, columns),
        columns=columns,
        start=period.start,
        end=period.end,
        step=timedelta(minutes=averaging_minutes(row)),
        state=state_of(store, row, period, [FLUXES]),
        made=newest if isinstance(newest, datetime) else None,
        provenance={key: ", ".join(sorted(table[key].unique())) for key in PROVENANCE[:2]},
    )


def season_table(
    store: AnyStore, row: StationRow, run: RunRow | None, kind: str, period: Period, names: Sequence[str]
) -> ExportTable:
    """Return a run's half-hours; no row without a run."""
    columns = season_columns(names)
    minutes = (run.minutes if run else None) or averaging_minutes(row)
    if run is None:
        table = pl.DataFrame(schema={"start": pl.Datetime("us", "UTC"), **dict.fromkeys(names, pl.Float64)})
    else:
        table = store.runs.read_product(run, period.start, period.end, names)
    ends = (pl.col("start") + pl.duration(minutes=minutes)).alias("end")
    return ExportTable(
        station=row.station,
        what=f"{kind}-run{run.id}" if run else kind,
        title=f"Season of {row.station.station.name}: filtered, gap-filled, partitioned",
        values=without_nan(table.with_columns(ends), columns),
        columns=columns,
        start=period.start,
        end=period.end,
        step=timedelta(minutes=minutes),
        state=_state_of_run(store, row, run, period),
        made=run.finished if run else None,
        provenance=_provenance_of(run) if run else {},
    )


def readings_table(
    store: AnyStore,
    row: StationRow,
    stream: Stream,
    channels: Sequence[Channel],
    period: Period,
    quality: Quality = "all",
) -> ExportTable:
    """Return readings as sent, in the sender's units, each channel with its flags; missing where not of the quality."""
    names = [channel.name for channel in channels]
    found = store.readings.read(row.station.id, stream.name, period.start, period.end)
    flags = flag_columns(found, names)
    columns = [found["time"]]
    for name in names:
        columns += [keep_quality(found[name], flags[name], quality), flags[name].alias(f"{name}_FLAG")]
    subjects = [f"{stream.name}.{name}" for name in names]
    said = channel_columns(channels, flagged=True)
    return _stream_table(row, stream, said, period, pl.DataFrame(columns), state_of(store, row, period, subjects))


def samples_table(
    store: AnyStore, row: StationRow, stream: Stream, channels: Sequence[Channel], period: Period
) -> ExportTable:
    """Return every sample as sent, in the sender's units, on the stream's regular grid, in single precision."""
    samples = store.samples.read(row.station.id, stream.name, period.start, period.end)
    times = (samples.start_ns + np.arange(samples.n) * samples.dt_ns).astype("datetime64[ns]")
    values = {channel.name: samples.channels[channel.name].astype(np.float32) for channel in channels}
    table = pl.DataFrame({"time": times, **values}).with_columns(pl.col("time").dt.replace_time_zone("UTC"))
    return _stream_table(row, stream, channel_columns(channels), period, table, "provisional")


def raw_files(store: AnyStore, row: StationRow, stream: Stream, period: Period, form: str) -> Iterator[ExportFile]:
    """Yield the half-hours of a period in one of ``RAW_FORMATS``; none where there is no sample."""
    minutes = averaging_minutes(row)
    for start in intervals(period.start, period.end, minutes):
        end = start + timedelta(minutes=minutes)
        part = Period(max(start, period.start), min(end, period.end))
        export = samples_table(store, row, stream, stream.channels, part)
        if any(export.values[name].is_not_null().any() for name in export.units):
            yield raw_file(export, form)


def state_of(store: AnyStore, row: StationRow, period: Period, subjects: Sequence[str]) -> State:
    """Return ``reviewed`` if the centre has signed all subjects of a whole period and nothing changed since.

    Who may not read readings may not read reviews either: he is told the state that promises less.
    """
    id = row.station.id
    if isinstance(store, ReadableStore) and not store.may_read(id, "readings"):
        return "provisional"
    signed = store.reviews.find(id, period.start, period.end)
    if not all(any(subject in one.subjects for one in signed) for subject in subjects):
        return "provisional"
    months = read_states(store.reviews, row, period.start, period.end, REVIEW_DAYS)
    ours = [month for month in months if month.subject in subjects]
    covered = ours and min(one.start for one in ours) <= period.start and max(one.end for one in ours) >= period.end
    return "reviewed" if covered and all(month.state == "centre" for month in ours) else "provisional"


def _state_of_run(store: AnyStore, row: StationRow, run: RunRow | None, period: Period) -> State:
    if run is None or run.kind == PROVISIONAL:
        return "provisional"
    signed = store.reviews if not isinstance(store, ReadableStore) or store.may_read(run.station, "readings") else None
    reviews = signed.find(run.station, period.start, period.end) if signed else []
    # a run knows nothing of what was signed after it
    late = any(FLUXES in one.subjects and one.made > run.started for one in reviews)
    return "provisional" if late else state_of(store, row, period, [FLUXES])


def _stream_table(
    row: StationRow, stream: Stream, columns: tuple[Column, ...], period: Period, table: pl.DataFrame, state: State
) -> ExportTable:
    return ExportTable(
        station=row.station,
        what=stream.name,
        title=f"{stream.name} of {row.station.station.name}: as sent",
        values=without_nan(table, columns),
        columns=columns,
        start=period.start,
        end=period.end,
        step=timedelta(microseconds=stream.dt_ns / 1000),
        state=state,
        made=None,
        provenance={"config_sha256": row.config_sha256},
    )


def _provenance_of(run: RunRow) -> dict[str, str]:
    return {
        "run": str(run.id),
        "kind": run.kind,
        "code_version": run.code_version,
        "config_sha256": run.config_sha256,
        "provenance": json_bytes(run.provenance).decode(),
    }
