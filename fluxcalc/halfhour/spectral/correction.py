"""Spectral corrections: what slow sensors, long paths and short intervals take from the covariances."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from core.station import Station
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.spectral.eddypro_factors import (
    GasFactor,
    correct_as_eddypro,
    heat_factor,
    peak_factor,
    wind_factor,
)
from fluxcalc.halfhour.spectral.in_situ import (
    LowPassFactor,
    correct_in_situ,
    factor_by_heat,
    factor_by_peak,
    factor_by_wind,
)
from fluxcalc.halfhour.spectral.massman import correct_by_peaks
from fluxcalc.halfhour.spectral.moncrieff import correct_analytically


def correct_spectra(half: HalfHour, station: Station) -> HalfHour:
    """Find the factors of momentum, heat and gas fluxes by the station's method and publish them as ``factor_*``."""
    half = SPECTRAL[flux_of(station).methods.spectral](half, station)
    return half.with_diagnostics(**{f"factor_{name}": value for name, value in half.factors.items()})


def keep_fluxes(half: HalfHour, _: Station) -> HalfHour:
    """Take every covariance as complete: all factors are 1."""
    return replace(half, factors=dict.fromkeys(("tau", "h", *half.gases), 1.0))


def correct_by_fits(half: HalfHour, station: Station, *, low_pass: LowPassFactor, eddypro: GasFactor) -> HalfHour:
    """Correct gases by what was fitted for their analysers, in the dialect of the station's ``assessment``."""
    if flux_of(station).options.assessment == "eddypro":
        return correct_as_eddypro(half, station, factor=eddypro)
    return correct_in_situ(half, station, low_pass=low_pass)


SPECTRAL = choices(
    "spectral",
    {
        "none": keep_fluxes,
        "moncrieff_1997": partial(correct_analytically, sensors=True, averaging=True),
        "moncrieff_1997_fast": partial(correct_analytically, sensors=True, averaging=False),
        "moncrieff_1997_slow": partial(correct_analytically, sensors=False, averaging=True),
        "massman_2000": correct_by_peaks,
        "horst_1997": partial(correct_by_fits, low_pass=factor_by_peak, eddypro=peak_factor),
        "ibrom_2007": partial(correct_by_fits, low_pass=factor_by_wind, eddypro=wind_factor),
        "fratini_2012": partial(correct_by_fits, low_pass=factor_by_heat, eddypro=heat_factor),
    },
)
