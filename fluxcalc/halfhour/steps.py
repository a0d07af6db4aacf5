"""The half-hour, as the list of its steps: read this first.

A step is ``(HalfHour, Station) -> HalfHour``: it changes nothing that it is given and touches nothing outside.
Where the field knows several methods for a step, the station file chooses one out of that step's registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from core.errors import ProcessingError
from core.extensions import Choices
from core.records import FluxRecord, Samples
from core.station import Station
from fluxcalc.halfhour.air import choose_sensors, describe_air
from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits
from fluxcalc.halfhour.flux.covariance import compute_covariances
from fluxcalc.halfhour.flux.density import DENSITY, correct_density
from fluxcalc.halfhour.flux.profile import integrate_profile
from fluxcalc.halfhour.flux.raw_fluxes import compute_raw_fluxes, judge_stability
from fluxcalc.halfhour.flux.storage import add_storage
from fluxcalc.halfhour.interval import HalfHour, Meteorology, Step, flux_of
from fluxcalc.halfhour.lag.time_lag import LAGS, align_gases
from fluxcalc.halfhour.quality.flags import QUALITY, flag_quality
from fluxcalc.halfhour.quality.footprint import FOOTPRINT, estimate_footprint
from fluxcalc.halfhour.quality.random_error import RANDOM_ERRORS, estimate_random_error
from fluxcalc.halfhour.quality.stationarity import check_stationarity
from fluxcalc.halfhour.raw.absolute_limits import remove_implausible, remove_implausible_gas, remove_impossible
from fluxcalc.halfhour.raw.channels import import_channels
from fluxcalc.halfhour.raw.despiking import DESPIKING, despike
from fluxcalc.halfhour.raw.detrending import DETRENDING, detrend
from fluxcalc.halfhour.raw.instrument_diagnostics import apply_instrument_diagnostics
from fluxcalc.halfhour.raw.mixing_ratio import dry_ratios
from fluxcalc.halfhour.raw.screening import SCREENING, screen_lags, screen_series
from fluxcalc.halfhour.record import build_record
from fluxcalc.halfhour.spectral.correction import SPECTRAL, correct_spectra
from fluxcalc.halfhour.wind.angle_of_attack import ANGLE_OF_ATTACK, correct_attack
from fluxcalc.halfhour.wind.crosswind import CROSS_WIND, correct_cross_wind
from fluxcalc.halfhour.wind.rotation import ROTATIONS, rotate_wind
from fluxcalc.halfhour.wind.sonic_axes import complete_wind

HALF_HOUR_STEPS: tuple[Step, ...] = (
    import_channels,
    apply_instrument_diagnostics,
    remove_impossible,
    despike,
    screen_series,
    remove_implausible,
    correct_cross_wind,
    correct_attack,
    dry_ratios,
    complete_wind,
    rotate_wind,
    align_gases,
    screen_lags,
    choose_sensors,
    remove_implausible_gas,
    check_stationarity,
    detrend,
    compute_covariances,
    describe_air,
    compute_raw_fluxes,
    estimate_random_error,
    correct_spectra,
    correct_density,
    judge_stability,
    flag_quality,
    estimate_footprint,
    integrate_profile,
)

REGISTRIES: Mapping[str, Choices[Step]] = {
    "despike": DESPIKING,
    "screening": SCREENING,
    "cross_wind": CROSS_WIND,
    "angle_of_attack": ANGLE_OF_ATTACK,
    "rotation": ROTATIONS,
    "lag": LAGS,
    "detrend": DETRENDING,
    "spectral": SPECTRAL,
    "density": DENSITY,
    "quality": QUALITY,
    "random_error": RANDOM_ERRORS,
    "footprint": FOOTPRINT,
}
"""Key of ``[flux.methods]`` in the station file -> its choices."""


def process(
    samples: Samples,
    station: Station,
    start: datetime,
    *,
    meteorology: Meteorology | None = None,
    fits: Fits = NOTHING_FITTED,
    previous: FluxRecord | None = None,
) -> FluxRecord:
    """Compute the fluxes of one averaging interval.

    Parameters
    ----------
    samples : Samples
        High-rate samples as stored, in the sender's channels and units; NaN, or not there at all, is missing.
    station : Station
        Says what is measured where, and which methods are used.
    start : datetime
        Start of the interval, UTC; its length is ``flux.averaging_minutes``.
    meteorology : Meteorology, optional
        Means of slow sensors over the interval.
    fits : Fits, optional
        What was fitted over a longer period, for the methods that need it.
    previous : FluxRecord, optional
        The interval before, for the storage terms.

    Returns
    -------
    FluxRecord
        FLUXNET names and units; positive is upward, so TAU is negative where momentum goes down.
        Bad data give NaN and a reason, never an exception.

    Raises
    ------
    ProcessingError
        A step failed in a way that it should not.
    """
    half = run_steps(samples, station, start, meteorology=meteorology, fits=fits)
    return make_record(half, station, previous)


def run_steps(
    samples: Samples,
    station: Station,
    start: datetime,
    *,
    meteorology: Meteorology | None = None,
    fits: Fits = NOTHING_FITTED,
) -> HalfHour:
    """Take an interval through all steps, for those who want its series; parameters and errors as for ``process``."""
    end = start + timedelta(minutes=flux_of(station).averaging_minutes)
    half = HalfHour(start, end, samples, meteorology or Meteorology(), fits)
    for step in HALF_HOUR_STEPS:
        try:
            half = step(half, station)
        except Exception as error:
            raise _failure(step.__name__, station, start, error) from error
    return half


def make_record(half: HalfHour, station: Station, previous: FluxRecord | None = None) -> FluxRecord:
    """Make the record of an interval that has been through all steps; ``previous`` and errors as for ``process``."""
    try:
        return add_storage(build_record(half, station), previous, station)
    except Exception as error:
        raise _failure(build_record.__name__, station, half.start, error) from error


def check_methods(station: Station, file: str) -> None:
    """Check that every method a station asks for exists, and that its package works if it is another's.

    Raises
    ------
    ConfigError
        Names the key, the choices and what was found.
    """
    if station.flux is not None:
        for key, registry in REGISTRIES.items():
            registry.check(getattr(station.flux.methods, key), file, f"flux.methods.{key}")


def outside_methods(station: Station) -> tuple[tuple[str, str], ...]:
    """Return the methods of a station that are other packages': (step and method, package with its version)."""
    if station.flux is None:
        return ()
    chosen = ((key, getattr(station.flux.methods, key), registry) for key, registry in REGISTRIES.items())
    found = ((f"{key} {name}", registry.package_of(name)) for key, name, registry in chosen)
    return tuple((method, package) for method, package in found if package)


def _failure(step: str, station: Station, start: datetime, error: Exception) -> ProcessingError:
    return ProcessingError(step, station.id, f"{start:%Y-%m-%dT%H:%MZ}", f"{type(error).__name__}: {error}")
