"""From the store to a file that others read; what `fluxtower export` does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from api.deps import Period
from api.export_tables import flux_names, fluxes_table, readings_table, samples_table, season_table
from api.exports.badm import write_badm
from api.exports.formats import FORMATS, ExportFile, write_export
from api.exports.series import ExportTable
from core.errors import ConfigError, UnknownRun
from core.frames import PRODUCT_COLUMNS
from core.station import Stream
from core.store import RunRow, StationRow, Store

BADM = "badm"
DATA = ("fluxes", "season", "readings", "samples")
OF_DATA = {
    "fluxes": ("csv", "csv-units", "parquet", "arrow", "netcdf", "ameriflux"),
    "season": ("csv", "csv-units", "parquet", "arrow", "netcdf", "fluxnet"),
    "readings": ("csv-units", "parquet", "arrow", "netcdf"),
    "samples": ("csv-units", "parquet", "arrow", "netcdf"),
}
"""Which data can be written in which format."""
USUAL_DATA = {"fluxnet": "season"}
"""Data of which a format is, where nobody says it; of others the fluxes."""


def export_station(
    store: Store,
    station: str,
    form: str,
    data: str | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
    *,
    stream: str | None = None,
    variables: Sequence[str] = (),
    run: int | None = None,
) -> ExportFile:
    """Make a file of a station.

    Parameters
    ----------
    form : str
        One of ``FORMATS``, or ``badm`` for the station's metadata.
    data : str, optional
        One of ``DATA``.
    begin, end : datetime, optional
        Local standard time, without a zone; by default all that there is. Readings and samples need both.
    stream, variables, run
        Which stream; which of its channels or of the variables, by default all; which season's run, by default the one
        that the station's page shows.

    Raises
    ------
    ConfigError
        Data, format, stream or variables that do not fit together: says which do.
    ExportError
        The station lacks what the format needs.
    """
    row = store.stations.read(station)
    if form == BADM:
        return ExportFile(f"{station}_BADM.csv", "text/csv", write_badm(row.station).encode())
    data = data or USUAL_DATA.get(form, "fluxes")
    _require("--format", form, (*FORMATS, BADM))
    _require("--data", data, DATA)
    _require(f"--format of {data}", form, OF_DATA[data])
    asked = _Asked(row, _utc(begin, row), _utc(end, row), list(variables))
    if data == "fluxes":
        return write_export(_fluxes(store, asked), form)
    if data == "season":
        return write_export(_season(store, asked, run), form)
    return write_export(_stream(store, asked, data, stream), form)


def write_file(file: ExportFile, output: Path) -> Path:
    """Write a file, under its own name where ``output`` is a directory; it is there whole or not at all."""
    path = output / file.name if output.is_dir() else output
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(file.content)
    return unfinished.replace(path)


class _Asked:
    """A station, a period (UTC) of which either end may be open, variables."""

    def __init__(self, row: StationRow, start: datetime | None, end: datetime | None, variables: list[str]) -> None:
        self.row, self.start, self.end, self.variables = row, start, end, variables

    def period(self, first: datetime | None, last: datetime | None) -> Period:
        """Return the period; an open end is that of the data."""
        now = datetime.now(UTC)
        start, end = self.start or first or now, self.end or last or now
        if start >= end:
            raise ConfigError(
                "command line", "--to", f"a time after {start:%Y-%m-%d %H:%M} UTC", f"{end:%Y-%m-%d %H:%M} UTC"
            )
        return Period(start, end)

    def names(self, known: Sequence[str]) -> list[str]:
        """Return the variables that are wanted, by default all that there are."""
        for name in self.variables:
            _require("--variable", name, known)
        return self.variables or list(known)


def _fluxes(store: Store, asked: _Asked) -> ExportTable:
    id = asked.row.station.id
    first, last = store.fluxes.read_span(id) or (None, None)
    period = asked.period(first, last)
    table = store.fluxes.read(id, period.start, period.end)
    known = flux_names(asked.row, table)
    whole = table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in known if name not in table.columns)
    return fluxes_table(store, asked.row, period, whole, asked.names(known))


def _season(store: Store, asked: _Asked, number: int | None) -> ExportTable:
    id = asked.row.station.id
    run = store.runs.read_shown(id) if number is None else store.runs.read(number)
    if run is None:
        raise ConfigError(
            "command line", "--data", f"a season of {id}: `fluxtower season {id} --store` makes one", "none"
        )
    if run.station != id:
        raise UnknownRun(run.id, f"it is one of {run.station}")
    _, *named = PRODUCT_COLUMNS
    period = asked.period(run.first, run.last + _length(run) if run.last else None)
    return season_table(store, asked.row, run, run.kind, period, asked.names([*named, *run.further]))


def _stream(store: Store, asked: _Asked, data: str, name: str | None) -> ExportTable:
    kind = "reading" if data == "readings" else "block"
    streams: dict[str, Stream] = {one.name: one for one in asked.row.station.stream if one.kind == kind}
    if name is None:
        name = next(iter(streams), None)
    _require("--stream", name or "none", tuple(streams))
    if asked.start is None or asked.end is None:
        raise ConfigError("command line", "--from and --to", f"both, for {data}", "not both")
    stream = streams[name or ""]
    channels = [stream.channels[stream.channel_index[one]] for one in asked.names(list(stream.channel_index))]
    table_of = readings_table if data == "readings" else samples_table
    return table_of(store, asked.row, stream, channels, asked.period(None, None))


def _require(key: str, got: str, allowed: Sequence[str]) -> None:
    if got not in allowed:
        raise ConfigError("command line", key, f"one of {', '.join(allowed)}", got)


def _utc(time: datetime | None, row: StationRow) -> datetime | None:
    offset = timedelta(hours=row.station.station.utc_offset)
    return None if time is None else (time - offset).replace(tzinfo=UTC)


def _length(run: RunRow) -> timedelta:
    return timedelta(minutes=run.minutes or 30)
