"""Density corrections: heat and vapour move air, and an open path takes the moving air for a flux of the gas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from core.constants import M_H2O, MU, SONIC_HUMIDITY
from core.station import Station
from fluxcalc.heating import instrument_heat
from fluxcalc.interval import Air, Fluxes, HalfHour, Step, flux_of
from fluxcalc.sun import is_daytime


def correct_density(half: HalfHour, station: Station) -> HalfHour:
    """Apply spectral factors, take humidity out of the sonic's heat flux, and correct gas densities.

    Without the water vapour flux the heat flux keeps that part of humidity in it, which its quality says.
    """
    raw, air = half.raw_fluxes, half.air
    ustar = raw.ustar * math.sqrt(half.factors["tau"])
    if air is None:
        return replace(half, fluxes=Fluxes(ustar=ustar))
    heat = sensible_heat(air, raw, half.covariance("w_ts")) * half.factors["h"]
    half = replace(half, fluxes=Fluxes(ustar, heat, raw.h2o * half.factors["h2o"], raw.co2 * half.factors["co2"]))
    return DENSITY[flux_of(station).methods.density](half, station)


def sensible_heat(air: Air, raw: Fluxes, w_ts: float) -> float:
    """Return the sensible heat flux without the part of humidity in sonic temperature.

    Parameters
    ----------
    air : Air
        Mean state.
    raw : Fluxes
        Uncorrected; the water vapour flux may be NaN and is then taken as none.
    w_ts : float
        Covariance of vertical wind and sonic temperature. [K m s-1]

    Returns
    -------
    float
        [W m-2]

    References
    ----------
    van Dijk et al. (2004), doi:10.1175/1520-0426(2004)021<0822:TPOSHF>2.0.CO;2
    """
    vapour = 0.0 if math.isnan(raw.h2o) else raw.h2o * M_H2O
    by_vapour = air.heat_capacity * SONIC_HUMIDITY * air.sonic_temperature * vapour / air.density
    by_humidity = air.heat_capacity * SONIC_HUMIDITY * air.specific_humidity * w_ts
    return raw.h - by_vapour - by_humidity


def keep_densities(half: HalfHour, _: Station) -> HalfHour:
    """Leave gas fluxes as they are."""
    return half


def webb_pearman_leuning(half: HalfHour, _: Station) -> HalfHour:
    """Correct fluxes of gases measured as densities; ratios to dry air need nothing.

    References
    ----------
    Webb et al. (1980), eqs 24 and 25, doi:10.1002/qj.49710644707
    """
    return _correct_expansion(half, 0.0)


def webb_with_instrument_heat(half: HalfHour, station: Station) -> HalfHour:
    """Correct as ``wpl`` does, with the heat that the analyser itself gives to the air in its open path.

    For cold sites with an LI-7500 of the first series. H stays what it is; what is added to it for the gases is noted
    as ``instrument_heat``, in W m-2. By day and by night the instrument is warmed differently.

    References
    ----------
    Burba et al. (2008), doi:10.1111/j.1365-2486.2008.01606.x
    """
    if half.air is None:
        return half
    daytime = is_daytime(half.start, half.end, station)
    heat = instrument_heat(half.air.temperature, half.diagnostics.get("wind_speed", math.nan), daytime=daytime)
    return _correct_expansion(half, heat).noting(instrument_heat=heat, daytime=float(daytime))


def _correct_expansion(half: HalfHour, added_heat: float) -> HalfHour:
    if half.air is None:
        return half
    air, fluxes = half.air, half.fluxes
    expansion = (fluxes.h + added_heat) / (air.heat_capacity * air.temperature)  # per unit of density [m s-1]
    dilution = 1.0 + MU * air.vapour_density / air.dry_density
    water, carbon = fluxes.h2o, fluxes.co2
    if half.kinds.get("h2o") == "density":
        water = dilution * (water + expansion * air.vapour_density / M_H2O)
    if half.kinds.get("co2") == "density":
        by_vapour = MU * water * M_H2O / (dilution * air.dry_density)  # [m s-1]
        carbon = carbon + (by_vapour + expansion) * half.diagnostics["mean_co2"]
    return replace(half, fluxes=replace(fluxes, h2o=water, co2=carbon))


DENSITY: Mapping[str, Step] = {
    "none": keep_densities,
    "wpl": webb_pearman_leuning,
    "burba_2008": webb_with_instrument_heat,
}
