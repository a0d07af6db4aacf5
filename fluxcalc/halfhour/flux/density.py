"""Density corrections: heat and vapour move air, and an open path takes the moving air for a flux of the gas."""

from __future__ import annotations

import math
from dataclasses import replace

from core.constants import M_H2O, MU, SONIC_HUMIDITY
from core.station import Spectroscopy, Station
from core.variables import flux_column
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.flux.line_broadening import line_multipliers
from fluxcalc.halfhour.flux.surface_heating import instrument_heat
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.state import Air, Fluxes
from fluxcalc.sun import is_daytime

OUTSIDE_TABLE = "the weather is outside of the table by which the widening of the analyser's line is corrected"


def correct_density(half: HalfHour, station: Station) -> HalfHour:
    """Apply spectral factors, take humidity out of the sonic's heat flux, and correct gas densities.

    Without the water vapour flux the heat flux keeps that part of humidity in it, which its quality says.
    """
    raw, air = half.raw_fluxes, half.air
    ustar = raw.ustar * math.sqrt(half.factors["tau"])
    if air is None:
        return replace(half, fluxes=Fluxes(ustar=ustar))
    heat = sensible_heat(air, raw, half.covariance("w_ts")) * half.factors["h"]
    gases = {gas: raw.of(gas) * half.factors[gas] for gas in half.gases}
    half = replace(half, fluxes=Fluxes(ustar, heat, gases))
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


def webb_pearman_leuning(half: HalfHour, station: Station) -> HalfHour:
    """Correct fluxes of gases measured as densities; ratios to dry air need nothing.

    Where the analyser has a table ``spectroscopy``, the widening of its line is corrected as well; the multipliers are
    published as ``line_a_<gas>``, ``line_b_<gas>``, ``line_c_<gas>``.

    References
    ----------
    Webb et al. (1980), eqs 24 and 25, doi:10.1002/qj.49710644707
    """
    return _correct_expansion(half, station, 0.0)


def webb_with_instrument_heat(half: HalfHour, station: Station) -> HalfHour:
    """Correct as ``wpl`` does, with the heat that the analyser itself gives to the air in its open path.

    For cold sites with an LI-7500 of the first series, taken to be the analyser of CO2; gases of others are left alone.
    H stays what it is; what is added to it for the gases is published as ``instrument_heat``, in W m-2. By day and by
    night the instrument is warmed differently.

    References
    ----------
    Burba et al. (2008), doi:10.1111/j.1365-2486.2008.01606.x
    """
    if half.air is None:
        return half
    daytime = is_daytime(half.start, half.end, station)
    heat = instrument_heat(half.air.temperature, half.wind_speed, daytime=daytime)
    return _correct_expansion(half, station, heat).with_diagnostics(instrument_heat=heat, daytime=float(daytime))


def _correct_expansion(half: HalfHour, station: Station, added_heat: float) -> HalfHour:
    if half.air is None:
        return half
    air, fluxes = half.air, half.fluxes

    def expansion(gas: str) -> float:  # per unit of density [m s-1]
        # the heat that an analyser gives to its path is nothing to the path of another
        heat = fluxes.h + added_heat if _is_warmed(gas, station) else fluxes.h
        return heat / (air.heat_capacity * air.temperature)

    dilution = 1.0 + MU * air.vapour_density / air.dry_density
    water = fluxes.h2o
    if half.kinds.get("h2o") == "density":
        water = dilution * (water + expansion("h2o") * air.vapour_density / M_H2O)
    by_vapour = MU * water * M_H2O / (dilution * air.dry_density)  # [m s-1]
    gases = {**fluxes.gases, "h2o": water}
    for gas in half.gases:
        if gas == "h2o" or not half.has(gas) or half.kinds[gas] != "density":
            continue
        by_heat = expansion(gas)
        mean = half.gas_mean(gas)
        table = _line_table(gas, station)
        if table is None:
            gases[gas] = fluxes.of(gas) + (by_vapour + by_heat) * mean
            continue
        lines = line_multipliers(table, air.temperature, air.pressure, air.water)
        if lines is None:
            gases[gas] = math.nan
            half = replace(half, reasons={**half.reasons, flux_column(gas.upper()): OUTSIDE_TABLE})
            continue
        # of by_vapour the covariance of vapour density itself: the rest is heat's
        by_density = by_vapour - (dilution - 1.0) * by_heat
        gases[gas] = lines.a * (fluxes.of(gas) + (lines.b * by_density + lines.c * dilution * by_heat) * mean)
        half = replace(
            half,
            line_multipliers={**half.line_multipliers, gas: lines},
            diagnostics=half.diagnostics_with(**lines.published(gas)),
        )
    return replace(half, fluxes=replace(fluxes, gases=gases))


def _is_warmed(gas: str, station: Station) -> bool:
    return station.analyzer_of(gas.upper()) is station.analyzer_of("CO2")


def _line_table(gas: str, station: Station) -> Spectroscopy | None:
    analyzer = station.analyzer_of(gas.upper())
    return None if analyzer is None else analyzer.spectroscopy


DENSITY = choices(
    "density",
    {
        "none": keep_densities,
        "wpl": webb_pearman_leuning,
        "burba_2008": webb_with_instrument_heat,
    },
)
