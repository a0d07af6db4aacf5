"""Seasons of stored half-hours: out of the store, through the steps, back as a run."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from core.errors import FluxTowerError
from core.frames import PRODUCT_COLUMNS, UTC_TIME
from core.station import Station
from core.store import ON_DEMAND, PROVISIONAL, Store
from fluxcalc.halfhour.flux.meteorology import average_weather, weather
from fluxcalc.season.grid import lay_grid
from fluxcalc.season.products import half_hours
from fluxcalc.season.record import USUAL_METHODS, Season
from fluxcalc.season.report import SeasonReport, report_season
from fluxcalc.season.steps import process_season
from fluxcalc.worker.halfhours import CODE_VERSION, describe_error, read_checked

RUNNING_SEASON = timedelta(days=366)
"""Longest season of a provisional run."""
READ_AT_ONCE = timedelta(days=31)
"""Is read at once: a year of readings each minute need not be in memory together."""
SEASON_WEATHER = ("TA", "RH", "PA", "SW_IN", "VPD", "NETRAD", "G", "TS", "P")
"""Weather that a season takes."""
INPUT_COLUMNS = (
    *("FC", "SC", "LE", "H", "FCH4", "FC_SSITC_TEST", "LE_SSITC_TEST", "H_SSITC_TEST", "FCH4_SSITC_TEST"),
    *("USTAR", "WS", *SEASON_WEATHER),
)
"""Columns of stored half-hours that a season takes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredHalfHours:
    """Half-hours of a station for a season, as the store has them.

    Attributes
    ----------
    frame : pl.DataFrame
        ``start`` (local standard time) and FLUXNET variables; ascending, holes allowed.
    minutes : int
        Length of an interval.
    origin : mapping
        What they were read from.
    """

    frame: pl.DataFrame
    minutes: int
    origin: Mapping[str, object]


def read_inputs(store: Store, station_id: str, station: Station, start: datetime, end: datetime) -> StoredHalfHours:
    """Read a station's half-hours and its meteorology of [start, end).

    A variable that the slow sensors measured counts before the half-hour's own (a temperature of the sonic, or what
    another program left). Intervals that have readings only are there, too: gaps are filled by their weather.

    Parameters
    ----------
    store : Store
    station_id : str
    station : Station
        Its configuration: says which stream has the meteorology.
    start, end : datetime
        UTC, on the station's grid.

    Raises
    ------
    UnknownStation, StoreError
        The store does not know it, or is away.
    """
    flux = station.flux
    minutes = flux.averaging_minutes if flux else 30
    stream = flux.meteorology if flux else None
    fluxes = store.fluxes.read_origin(station_id, start, end)
    parts, readings = [], 0
    for begin, stop in _slices(start, end):
        part = store.fluxes.read_series(station_id, begin, stop, INPUT_COLUMNS)
        if stream is not None:
            slow = read_checked(store, station_id, stream, begin, stop)
            readings += slow.height
            part = _join(part, weather(slow, station.streams[stream]), minutes)
        parts.append(part)
    frame = pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema={"start": UTC_TIME})
    empty = [name for name in frame.columns if frame[name].null_count() == frame.height]
    offset = timedelta(hours=station.station.utc_offset)
    local = pl.col("start").dt.replace_time_zone(None) + offset
    origin: dict[str, object] = {
        "station": station_id,
        "begin": start,
        "end": end,
        "fluxes": asdict(fluxes),
        "meteorology": None if stream is None else {"stream": stream, "readings": readings},
    }
    return StoredHalfHours(
        frame.drop(empty, strict=False).with_columns(local) if frame.height else frame, minutes, origin
    )


def store_season(
    store: Store,
    station_id: str,
    season: Season,
    report: SeasonReport,
    origin: Mapping[str, object],
    *,
    started: datetime,
    config_sha256: str,
    kind: str = ON_DEMAND,
) -> int:
    """Store a season as a run of a station; return its id.

    ``report`` says how it was made, ``origin`` of which inputs. A provisional run, which tomorrow's supersedes, keeps
    ``PRODUCT_COLUMNS``; another one every series.
    """
    product = season_product(season)
    if kind == PROVISIONAL:
        product = product.select(name for name in PRODUCT_COLUMNS if name in product.columns)
    return store.runs.put(
        station_id,
        kind=kind,
        config_sha256=config_sha256,
        code_version=CODE_VERSION,
        methods=asdict(report.methods),
        started=started,
        product=product,
        minutes=season.minutes,
        provenance={
            "inputs": {**origin, "sha256": _digest(season)},
            **report.described(),
            "course": report.described_course(),
        },
    )


def season_product(season: Season) -> pl.DataFrame:
    """Return a season's half-hours for the store: ``start`` in UTC; why a flux of CO2 is not used; NaN is missing."""
    table = half_hours(season).drop("end")
    start = (pl.col("start") - timedelta(hours=season.utc_offset)).dt.replace_time_zone("UTC")
    if "NEE" in season.flags:
        judged = np.where(np.isfinite(season.variables["NEE"]), season.flags["NEE"], np.nan)
        table = table.with_columns(NEE_FLAG=pl.Series(judged))
    return table.with_columns(start)


def fill_season(store: Store, station_id: str) -> int | None:
    """Make the running season's provisional run and store it; return its id, None without two intervals with fluxes.

    The methods are those of every season; what a young season, or a station without meteorology, does not allow is left
    out, and the run says why.
    """
    started = datetime.now(UTC)
    row = store.stations.read(station_id)
    span = store.fluxes.read_span(station_id)
    if span is None:
        return None
    inputs = read_inputs(store, station_id, row.station, max(span[0], span[1] - RUNNING_SEASON), span[1])
    if inputs.frame.height < 2:
        return None
    place = row.station.station
    grid = lay_grid(inputs.frame, minutes=inputs.minutes, what="half-hour")
    season = process_season(grid, place.latitude, place.longitude, place.utc_offset, USUAL_METHODS)
    return store_season(
        store,
        station_id,
        season,
        report_season(season, USUAL_METHODS),
        inputs.origin,
        started=started,
        config_sha256=row.config_sha256,
        kind=PROVISIONAL,
    )


def try_season(store: Store, station_id: str, seconds: float) -> int | None:
    """Make a station's provisional run if it is due; return its id, None if it is not, or fails.

    A failure is stored with its reason, and the next attempt waits: a minute, then twice as long each time, up to
    ``seconds``, the time between two runs.

    Raises
    ------
    StoreUnavailable
        Not even the reason can be stored.
    """
    if not store.attempts.begin(station_id, seconds):
        return None
    try:
        return fill_season(store, station_id)
    except Exception as error:  # whatever it is, the other stations' seasons must go on
        reason = describe_error(error)
        log.error("the season of %s: %s", station_id, reason, exc_info=not isinstance(error, FluxTowerError))
        store.attempts.fail(station_id, reason)
        return None


def _slices(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    begin = start
    while begin < end:
        yield begin, min(begin + READ_AT_ONCE, end)
        begin += READ_AT_ONCE


def _join(fluxes: pl.DataFrame, slow: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Add the weather of slow sensors to half-hours, also where there is none; what they measured counts first."""
    averages = average_weather(slow, minutes).select("start", *SEASON_WEATHER)
    joined = fluxes.join(averages, on="start", how="full", coalesce=True, suffix="_SLOW").sort("start")
    first = (pl.coalesce(f"{name}_SLOW", name).alias(name) for name in SEASON_WEATHER)
    return joined.with_columns(first).drop([f"{name}_SLOW" for name in SEASON_WEATHER])


def _digest(season: Season) -> str:
    """Return the SHA-256 of what the season was made of: names and values (little-endian doubles) by name."""
    digest = hashlib.sha256(f"{season.starts[0]} {season.minutes}".encode())
    for name in sorted(season.variables):
        digest.update(name.encode())
        digest.update(season.variables[name].astype("<f8").tobytes())
    return digest.hexdigest()
