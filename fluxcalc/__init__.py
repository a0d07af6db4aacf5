"""From samples to half-hour fluxes, and from half-hours to seasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from core.records import FluxRecord, Samples
    from core.station import Station
    from fluxcalc.halfhour.fits import Fits
    from fluxcalc.halfhour.interval import Meteorology


def process(
    samples: Samples,
    station: Station,
    start: datetime | None = None,
    *,
    meteorology: Meteorology | None = None,
    fits: Fits | None = None,
    previous: FluxRecord | None = None,
) -> FluxRecord:
    """Compute the fluxes of one averaging interval: ``fluxcalc.halfhour.steps.process`` for a notebook.

    Parameters
    ----------
    samples : Samples
        High-rate samples in the channels and units that the station declares; NaN is missing.
    station : Station
        Says what is measured where, and which methods are used.
    start : datetime, optional
        Start of the interval, UTC; default: of the first sample.
    meteorology : Meteorology, optional
        Means of slow sensors over the interval.
    fits : Fits, optional
        What was fitted over a longer period.
    previous : FluxRecord, optional
        The interval before, for the storage terms.

    Returns
    -------
    FluxRecord
        FLUXNET names and units. Bad data give NaN and a reason, never an exception.

    Raises
    ------
    ConfigError
        The station asks for a method that is not there.
    ProcessingError
        A step failed in a way that it should not.
    """
    # the chain and its compiler load when they are first needed: `import fluxcalc` stays light
    from core.clock import from_ns
    from fluxcalc.halfhour import steps
    from fluxcalc.halfhour.fits import NOTHING_FITTED

    steps.check_methods(station, station.id)
    begin = start or from_ns(samples.start_ns)
    return steps.process(
        samples, station, begin, meteorology=meteorology, fits=fits or NOTHING_FITTED, previous=previous
    )


__all__ = ["process"]
