"""Fits over a longer period: planes and lags from stored half-hours, cut-off frequencies from stored samples."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from core.errors import ProcessingError
from core.store import Store
from fluxcalc.halfhour.fits import read_fits, write_fits
from fluxcalc.halfhour.fitters import FITTERS, assess_by_dialect, fit_kind
from fluxcalc.halfhour.interval import flux_of
from fluxcalc.halfhour.steps import run_steps
from fluxcalc.worker.halfhours import describe_code, read_meteorology

log = logging.getLogger(__name__)


def fit_station(store: Store, station_id: str, kind: str, start: datetime, end: datetime) -> int:
    """Fit planes or lags to the stored half-hours of [start, end), apply them live from now on; return the fit's id.

    Raises
    ------
    UnknownStation
        It is not registered.
    ProcessingError
        There are too few half-hours.
    """
    row = store.stations.read(station_id)
    kept = [
        FITTERS[kind].keep(None, record, row.station) for record in store.fluxes.read_records(station_id, start, end)
    ]
    fitted = write_fits(fit_kind(kind, kept, row.station, start, end))
    return store.fits.put(
        station_id,
        kind,
        fitted[kind],
        period=(start, end),
        config_sha256=row.config_sha256,
        code_version=describe_code(row.station),
    )


def assess_station(store: Store, station_id: str, start: datetime, end: datetime) -> dict[str, int]:
    """Fit cut-off frequencies to the spectra of the stored samples of [start, end); from now on they are applied live.

    Every half-hour is computed once more, for its spectra are not stored.

    Returns
    -------
    dict of str to int
        Kind -> the fit's id, of ``cutoffs`` and ``attenuation``; at least one.

    Raises
    ------
    UnknownStation
        It is not registered.
    ProcessingError
        There are too few half-hours with large fluxes, or no gas falls behind temperature.
    """
    row = store.stations.read(station_id)
    flux = flux_of(row.station)
    length = timedelta(minutes=flux.averaging_minutes)
    in_force = read_fits({kind: fit.data for kind, fit in store.fits.read_newest(station_id).items()})
    assessed = []
    for i in range((end - start) // length):
        begin = start + i * length
        samples = store.samples.read(station_id, flux.stream, begin, begin + length)
        meteorology = read_meteorology(store, row.station, begin, begin + length)
        try:
            half = run_steps(samples, row.station, begin, meteorology=meteorology, fits=in_force)
        except ProcessingError as error:
            log.warning("%s %s: not assessed: %s", station_id, begin, error)
            continue
        one = assess_by_dialect(half, row.station)
        if one is not None:
            assessed.append(one)
    fitted = write_fits(fit_kind("spectra", assessed, row.station, start, end))
    made_by = describe_code(row.station)
    return {
        kind: store.fits.put(
            station_id, kind, data, period=(start, end), config_sha256=row.config_sha256, code_version=made_by
        )
        for kind, data in fitted.items()
    }
