"""What can be fitted over a longer period: what a fit keeps of a half-hour, and what it makes of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.errors import ProcessingError
from core.records import FluxRecord
from core.station import Station
from fluxcalc.halfhour.fits import Fits, read_fits, write_fits
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.lag.lag_fit import fit_lag_windows, observe_lags
from fluxcalc.halfhour.spectral.cutoff_fit import SpectralAssessment, assess_spectra, fit_spectra
from fluxcalc.halfhour.spectral.eddypro_assessment import EddyproAssessment, assess_as_eddypro, fit_as_eddypro
from fluxcalc.halfhour.wind.planar_fit import fit_periods, observe_wind


@dataclass(frozen=True, slots=True)
class Fitter:
    """One kind of fit.

    Attributes
    ----------
    step : str
        Key of ``[flux.methods]``.
    methods : tuple of str
        Its choices that need the fit.
    keep : callable
        ``(half, record, station) -> what the fit needs of a half-hour``, small; None if it says nothing. Where only the
        record is stored ``half`` is None, which is enough for planes and lags.
    fit : callable
        ``(all that was kept, station) -> Fits``; empty where it is too little.
    too_few : str
        What to say then; ``{n}`` is how many were kept.
    """

    step: str
    methods: tuple[str, ...]
    keep: Callable[[HalfHour | None, FluxRecord, Station], Any]
    fit: Callable[[Sequence[Any], Station], Fits]
    too_few: str = "too few of {n} half-hours can be used: choose a longer period"


def assess_by_dialect(half: HalfHour, station: Station) -> SpectralAssessment | EddyproAssessment | None:
    """Keep the spectra of an interval in the dialect of the station's ``assessment``; None if it says nothing."""
    if flux_of(station).options.assessment == "eddypro":
        return assess_as_eddypro(half)
    return assess_spectra(half)


def fit_by_dialect(assessed: Sequence[Any], station: Station) -> Fits:
    """Fit to what ``assess_by_dialect`` kept."""
    if flux_of(station).options.assessment == "eddypro":
        return fit_as_eddypro(assessed, Fits())
    return fit_spectra(assessed, Fits())


FITTERS: Mapping[str, Fitter] = {
    "planes": Fitter(
        "rotation",
        ("planar_fit", "planar_fit_no_bias"),
        lambda _, record, __: observe_wind(record),
        lambda periods, station: Fits(planes=fit_periods(periods, station)),
    ),
    "lags": Fitter(
        "lag",
        ("optimised",),
        lambda _, record, __: observe_lags(record),
        lambda observed, station: Fits(
            lags=fit_lag_windows(observed, 1e-9 * station.streams[flux_of(station).stream].dt_ns)
        ),
    ),
    "spectra": Fitter(
        "spectral",
        ("horst_1997", "ibrom_2007", "fratini_2012"),
        lambda half, _, station: None if half is None else assess_by_dialect(half, station),
        fit_by_dialect,
        "{n} half-hours with large fluxes show nothing to correct: choose a longer period",
    ),
}
"""Kind -> how it is fitted. Each kind is fitted with those before it applied."""


def kinds_needed(station: Station) -> tuple[str, ...]:
    """Return the kinds of fit that the station's methods need, in the order of fitting."""
    methods = flux_of(station).methods
    return tuple(kind for kind, one in FITTERS.items() if getattr(methods, one.step) in one.methods)


def fit_kind(kind: str, kept: Sequence[Any], station: Station, start: datetime, end: datetime) -> Fits:
    """Make one kind of fit.

    Parameters
    ----------
    kind : str
        Key of ``FITTERS``.
    kept : sequence
        What its ``keep`` kept.
    station : Station
        Says the numbers of the fit.
    start, end : datetime
        The period, for the message. UTC

    Raises
    ------
    ProcessingError
        There are too few half-hours; says the remedy.
    """
    fits = FITTERS[kind].fit(kept, station)
    if not write_fits(fits):
        period = f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"
        raise ProcessingError(f"fit {kind}", station.id, period, FITTERS[kind].too_few.format(n=len(kept)))
    return fits


def join_fits(first: Fits, second: Fits) -> Fits:
    """Return both; of a kind that both have, the second."""
    return read_fits({**write_fits(first), **write_fits(second)})
