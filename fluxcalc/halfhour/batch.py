"""Many half-hours, one after the other: none stops the others."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from core.errors import ProcessingError
from core.records import FluxRecord, Samples
from core.station import Station
from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits
from fluxcalc.halfhour.interval import HalfHour, Meteorology, flux_of
from fluxcalc.halfhour.steps import make_record, run_steps

NO_RECORDS = "no file has a record of this interval"


def compute(
    samples: Samples | None,
    station: Station,
    start: datetime,
    previous: FluxRecord | None = None,
    *,
    meteorology: Meteorology | None = None,
    fits: Fits = NOTHING_FITTED,
) -> tuple[HalfHour | None, FluxRecord]:
    """Compute one interval of many: a record comes out whatever goes in.

    Parameters
    ----------
    samples : Samples or None
        None where nothing was recorded.
    station, start, previous, meteorology, fits
        As for ``fluxcalc.halfhour.steps.process``.

    Returns
    -------
    half : HalfHour or None
        The interval after the last step, with its series; None where there are no samples, or a step failed.
    record : FluxRecord
        Without samples, or where a step failed, every value is NaN and has that reason.
    """
    if samples is None:
        return None, without_values(station, start, NO_RECORDS)
    try:
        half = run_steps(samples, station, start, meteorology=meteorology, fits=fits)
        return half, make_record(half, station, previous)
    except ProcessingError as error:
        return None, without_values(station, start, str(error))


def without_values(station: Station, start: datetime, reason: str) -> FluxRecord:
    """Return the record of an interval about which nothing can be said."""
    end = start + timedelta(minutes=flux_of(station).averaging_minutes)
    columns = station.flux_columns
    return FluxRecord(station.id, start, end, dict.fromkeys(columns, math.nan), dict.fromkeys(columns, reason))
