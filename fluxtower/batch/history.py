"""`fluxtower history`: half-hours that another program made, taken over into the database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

from core.errors import ConfigError, PayloadError
from core.records import FluxRecord
from core.station import Station
from core.store import StationRow, Store
from core.variables import FLUX_COLUMNS, TRACE_COLUMNS, WEATHER_COLUMNS
from ingest.files.halfhours import HalfHours, read_halfhours

TAKEN_OVER = (*FLUX_COLUMNS, *TRACE_COLUMNS, *WEATHER_COLUMNS)
"""Variables that are taken over."""
BATCH_ROWS = 2000
"""Half-hours of a transaction."""


@dataclass(frozen=True, slots=True)
class HistorySummary:
    """What was taken over of one file.

    Attributes
    ----------
    file, maker : str
        What it is called, and what made it.
    intervals, stored : int
        Half-hours with a value in the file, and those that are new in the database.
    columns : tuple of str
        Variables taken over.
    left_out : tuple of str
        The file's columns that are not kept.
    """

    file: str
    maker: str
    intervals: int
    stored: int
    columns: tuple[str, ...]
    left_out: tuple[str, ...]


def take_over(store: Store, station_id: str, files: Sequence[Path]) -> tuple[list[HistorySummary], list[str]]:
    """Store the half-hours of files where the station has none of its own.

    Returns
    -------
    summaries : list of HistorySummary
        A file each.
    failed : list of str
        What is wrong with a file, in words; the others are taken.

    Raises
    ------
    ConfigError
        The station has no [flux], and so no intervals.
    UnknownStation, StoreError
        The store does not know the station, or is away.
    """
    row = store.stations.read(station_id)
    if row.station.flux is None:
        raise ConfigError(station_id, "flux", "a station with [flux], whose intervals these are", "none")
    with store.attempts.importing(station_id):
        return _take_over(store, row, files)


def _take_over(store: Store, row: StationRow, files: Sequence[Path]) -> tuple[list[HistorySummary], list[str]]:
    summaries, failed = [], []
    for file in files:
        try:
            table = read_halfhours(file)
            records = as_records(table, row.station, file.name)
        except PayloadError as error:
            failed.append(str(error))
            continue
        made = f"{table.maker}: {file.name}"
        stored = sum(
            store.fluxes.put_history(records[i : i + BATCH_ROWS], config_sha256=row.config_sha256, code_version=made)
            for i in range(0, len(records), BATCH_ROWS)
        )
        kept = tuple(name for name in table.sources if name in TAKEN_OVER)
        rest = (*(source for name, source in table.sources.items() if name not in TAKEN_OVER), *table.left_out)
        summaries.append(HistorySummary(file.name, table.maker, len(records), stored, kept, rest))
    return summaries, failed


def as_records(table: HalfHours, station: Station, file: str) -> list[FluxRecord]:
    """Turn a table into records of a station; rows without any value are left out.

    The net exchange of a table (``NEE``) is no flux of the sonic's height, and is not taken for ``FC``.

    Raises
    ------
    PayloadError
        Its intervals are not the station's.
    """
    flux = station.flux
    minutes = flux.averaging_minutes if flux else 30
    frame = table.frame
    lengths = (frame["end"] - frame["start"]).dt.total_minutes()
    off = (lengths != minutes) | (frame["start"].dt.epoch("s") % (minutes * 60) != 0)
    if off.any():
        first = off.arg_max() or 0
        raise PayloadError(
            f"{file}: row {first + 1}: an interval of {lengths[first]} minutes from {frame['start'][first]}; the "
            f"station's have {minutes} minutes: set `averaging_minutes`, or average the table first"
        )
    shift = timedelta(hours=station.station.utc_offset)
    names = [name for name in frame.columns if name in TAKEN_OVER]
    records = []
    for start, end, *values in frame.select("start", "end", *names).iter_rows():
        present = {name: float(value) for name, value in zip(names, values, strict=True) if value is not None}
        if present:
            reasons = {} if "FC" in present else {"FC": f"missing in {file}"}
            known = {**dict.fromkeys(FLUX_COLUMNS, math.nan), **present}
            records.append(
                FluxRecord(
                    station.station.id,
                    start.replace(tzinfo=UTC) - shift,
                    end.replace(tzinfo=UTC) - shift,
                    known,
                    reasons,
                )
            )
    return records
