"""Half-hours and readings: from the store, through the steps, back to the store."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.metadata import version
from itertools import pairwise

import polars as pl

from core.errors import FluxTowerError, StoreUnavailable
from core.station import Station
from core.store import Store
from fluxcalc.halfhour.air import AirPerVolume
from fluxcalc.halfhour.fits import read_fits
from fluxcalc.halfhour.flux.meteorology import mean_meteorology, weather
from fluxcalc.halfhour.flux.profile import average_levels, join_levels
from fluxcalc.halfhour.flux.storage import add_storage, storage_terms
from fluxcalc.halfhour.interval import Levels, Meteorology, flux_of
from fluxcalc.halfhour.steps import outside_methods, process
from qc.limits import flag_limits

CODE_VERSION = f"fluxtower {version('fluxtower')}"
READINGS_PER_BATCH = 20_000

log = logging.getLogger(__name__)


def compute_half_hour(store: Store, station_id: str, start: datetime) -> None:
    """Compute one interval from what is stored, and store the result; nothing to do if no data are new.

    What cannot be computed, for whatever reason, is marked with it, and the work goes on.
    """
    revision = store.intervals.read_pending_revision(station_id, start)
    if revision is None:
        return
    try:
        row = store.stations.read(station_id)
        flux = row.station.flux
        if flux is None:
            raise FluxTowerError(f"{station_id}: its present configuration has no [flux]")
        end = start + timedelta(minutes=flux.averaging_minutes)
        samples, contested = store.samples.read_uncontested(station_id, flux.stream, start, end)
        meteorology = read_meteorology(store, row.station, start, end)
        fits = store.fits.read_newest(station_id)
        in_force = read_fits({kind: fit.data for kind, fit in fits.items()})
        before = store.fluxes.read_records(station_id, start - (end - start), start)
        previous = before[-1] if before else None
        record = process(samples, row.station, start, meteorology=meteorology, fits=in_force, previous=previous)
        named = {f"fit_{kind}": float(fit.id) for kind, fit in fits.items()}
        if contested:
            named["contested_samples"] = float(contested)
            log.warning("%s %s: %d samples that two blocks claim are used from neither", station_id, start, contested)
        record = replace(record, diagnostics={**record.diagnostics, **named})
        store.fluxes.put(
            record, config_sha256=row.config_sha256, code_version=describe_code(row.station), revision=revision
        )
        # another worker may have stored a neighbour meanwhile, and late data may have changed what the next one needs
        for later in (start, end):
            join_storage(store, row.station, later, end - start)
    except StoreUnavailable:
        raise
    except Exception as error:  # an interval that stays due is computed again and again
        reason = describe_error(error)
        log.error("%s %s: %s", station_id, start, reason, exc_info=not isinstance(error, FluxTowerError))
        store.intervals.fail(station_id, start, revision, reason)


def describe_code(station: Station) -> str:
    """Return what makes a station's half-hours: Fluxtower, and methods of other packages, each with its version."""
    return ", ".join([CODE_VERSION, *(f"{package} ({method})" for method, package in outside_methods(station))])


def describe_error(error: Exception) -> str:
    """Return an error in words; one that nobody has foreseen with its kind."""
    return str(error) if isinstance(error, FluxTowerError) else f"{type(error).__name__}: {error}"


def read_meteorology(store: Store, station: Station, start: datetime, end: datetime) -> Meteorology:
    """Average the station's slow sensors over [start, end), and the levels of its profile before either end."""
    stream = flux_of(station).meteorology
    means = Meteorology()
    if stream is not None:
        means = mean_meteorology(weather(read_checked(store, station.id, stream, start, end), station.streams[stream]))
    return replace(means, levels=_read_levels(store, station, start, end))


def _read_levels(store: Store, station: Station, start: datetime, end: datetime) -> Mapping[str, Levels]:
    profile = flux_of(station).profile
    if profile is None:
        return {}
    stream, window = station.streams[profile.stream], timedelta(seconds=profile.seconds)
    before, after = (
        average_levels(read_checked(store, station.id, stream.name, time - window, time), stream, profile)
        for time in (start, end)
    )
    return join_levels(before, after, stream, profile)


def join_storage(store: Store, station: Station, start: datetime, length: timedelta) -> None:
    """Bring the storage terms of an interval up to date with the one before, if both are stored."""
    records = store.fluxes.read_records(station.id, start - length, start + length)
    for before, after in pairwise(records):
        joined = add_storage(after, before, station)
        changed = any(
            not _is_same(joined.values[name], after.values.get(name, math.nan)) for name in storage_terms(station)
        )
        if changed and before.end == after.start and AirPerVolume.read(after) is not None:
            store.fluxes.put_storage(joined)


def _is_same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9) or (math.isnan(a) and math.isnan(b))


def read_checked(store: Store, station_id: str, stream: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Read the readings of [start, end) with their flags; those that no check has seen are checked first."""
    found = store.readings.read(station_id, stream, start, end)
    if found["flags"].null_count() == 0:
        return found
    while flag_readings(store) == READINGS_PER_BATCH:
        pass
    return store.readings.read(station_id, stream, start, end)


def flag_readings(store: Store) -> int:
    """Flag readings that no check has seen; return how many."""
    groups = store.readings.find_unflagged(READINGS_PER_BATCH)
    for group in groups:
        store.readings.put_flags(group, flag_limits(group.values, group.stream.variables, group.stream.units))
    return sum(len(group.times) for group in groups)
