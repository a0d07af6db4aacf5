"""From the last step to what is published: FLUXNET names and units, and a reason for whatever is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.constants import M_H2O
from core.records import FluxRecord
from core.station import Station
from core.variables import UNITS, WEATHER_COLUMNS, flux_column, flux_variable, fraction_column
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.quality.flags import tested_fluxes
from fluxcalc.halfhour.quality.footprint import FETCH_COLUMNS
from fluxcalc.halfhour.state import NO_BROADENING

NO_READING = "no slow sensor gave a believable value in the interval"
WATER_DENSITY = 1000.0  # of liquid water [kg m-3]

REQUIRED_SERIES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("TAU", "USTAR", "WS", "WS_MAX", "WD", "TKE", "U_SIGMA", "V_SIGMA", "W_SIGMA"), ("w",)),
    **dict.fromkeys(("H", "MO_LENGTH", "ZL", *FETCH_COLUMNS), ("w", "ts")),
    **dict.fromkeys(("LE", "ET", "FH2O"), ("w", "h2o", "ts")),
    **dict.fromkeys(("T_SONIC", "T_SONIC_SIGMA", "TA"), ("ts",)),
    **dict.fromkeys(("RH", "VPD", "H2O", "H2O_MIXING_RATIO"), ("h2o",)),
}
"""Series behind each column, in the order in which a missing one is named; those of other gases are like CO2's."""

SPECTRALLY_CORRECTED = ("TAU", "USTAR", "H", "LE", "ET", "FH2O", "MO_LENGTH", "ZL", *FETCH_COLUMNS)
"""Columns that hang on spectral factors, as the flux of every gas does."""


def build_record(half: HalfHour, station: Station) -> FluxRecord:
    """Make the record of an interval; every missing value gets a reason."""
    si = {**_fluxes(half), **_turbulence(half), **_air(half), **_footprint(half)}
    values = {name: in_fluxnet_unit(name, si.get(name, math.nan)) for name in station.flux_columns}
    weather = half.meteorology.published
    # the one value of the weather, in half-hours and seasons alike, is what the slow sensors measured
    values |= {name: value for name, value in weather.items() if name in values and math.isfinite(value)}
    if weather:
        values |= {name: weather.get(name, math.nan) for name in station.weather_columns}
    for name in tested_fluxes(half):
        if not math.isnan(values[name]) and name in half.flags:
            values[f"{name}_SSITC_TEST"] = float(half.flags[name])
    reasons = {name: why for name, why in half.reasons.items() if not math.isnan(values[name])}
    needs = _required_series(half)
    reasons |= {name: _why_missing(name, half, needs) for name, value in values.items() if math.isnan(value)}
    diagnostics = {name: float(value) for name, value in half.diagnostics.items()}
    return FluxRecord(station.id, half.start, half.end, values, reasons, diagnostics)


def in_fluxnet_unit(name: str, value: float) -> float:
    """Return a value in SI in the FLUXNET unit of its column; NaN and infinity become NaN."""
    if not math.isfinite(value):
        return math.nan
    unit = UNITS[flux_variable(name).unit]
    # a standard deviation is a difference: no zero point to move
    return value / unit.factor if name.endswith("_SIGMA") else (value - unit.offset) / unit.factor


def _fluxes(half: HalfHour) -> dict[str, float]:
    fluxes, air = half.fluxes, half.air
    values = {"USTAR": fluxes.ustar}
    if air is None:
        return values
    water = fluxes.h2o * M_H2O
    seconds = (half.end - half.start).total_seconds()
    return values | {
        "TAU": -air.density * fluxes.ustar**2,
        "H": fluxes.h,
        "LE": water * air.vaporisation,
        "ET": water * seconds / WATER_DENSITY,
        "FH2O": fluxes.h2o,
        **{flux_column(gas.upper()): flux for gas, flux in fluxes.gases.items() if gas != "h2o"},
        "MO_LENGTH": half.obukhov_length,
        "ZL": half.stability,
    }


def _turbulence(half: HalfHour) -> dict[str, float]:
    variances = {name: half.covariance(name) for name in ("uu", "vv", "ww")}
    return {
        "WS": half.wind_speed,
        "WS_MAX": half.sonic_wind.largest,
        "WD": math.radians(half.sonic_wind.direction),
        "U_SIGMA": math.sqrt(variances["uu"]),
        "V_SIGMA": math.sqrt(variances["vv"]),
        "W_SIGMA": math.sqrt(variances["ww"]),
        "T_SONIC_SIGMA": math.sqrt(half.covariance("ts_ts")),
        "TKE": 0.5 * sum(variances.values()),
    }


def _air(half: HalfHour) -> dict[str, float]:
    air = half.air
    if air is None:
        return {"PA": half.pressure}
    water = math.nan if math.isnan(air.vapour_pressure) else air.water
    amounts = {}
    for gas in half.gases:
        if gas != "h2o":
            moist, dry = fraction_column(gas.upper()), f"{gas.upper()}_MIXING_RATIO"
            amounts[moist], amounts[dry] = _mole_fractions(half, gas, air.molar_volume, water)
    return amounts | {
        "T_SONIC": air.sonic_temperature,
        "TA": air.temperature,
        "PA": air.pressure,
        "RH": air.relative_humidity,
        "VPD": air.saturation_pressure - air.vapour_pressure,
        "H2O": water,
        "H2O_MIXING_RATIO": water / (1.0 - water),
    }


def _mole_fractions(half: HalfHour, gas: str, volume: float, water: float) -> tuple[float, float]:
    """Return the mean mole fractions of a gas in moist and in dry air, the width of its line corrected. [1]"""
    mean = half.gas_mean(gas)
    if half.kinds.get(gas) != "density":
        return mean * (1.0 - water), mean
    moist = mean * volume * half.line_multipliers.get(gas, NO_BROADENING).a
    return moist, moist / (1.0 - water)


def _footprint(half: HalfHour) -> dict[str, float]:
    found = half.footprint
    if found is None:
        return {}
    return {"FETCH_MAX": found.peak, "FETCH_70": found.within(0.7), "FETCH_90": found.within(0.9)}


def _required_series(half: HalfHour) -> dict[str, tuple[str, ...]]:
    """Return ``REQUIRED_SERIES`` with the columns of the half-hour's gases."""
    needs = dict(REQUIRED_SERIES)
    for gas in half.gases:
        if gas != "h2o":
            name = gas.upper()
            needs[flux_column(name)] = ("w", gas, "h2o", "ts")
            needs[fraction_column(name)] = needs[f"{name}_MIXING_RATIO"] = (gas, "h2o")
    return needs


def _why_missing(name: str, half: HalfHour, needs: Mapping[str, tuple[str, ...]]) -> str:
    if name in WEATHER_COLUMNS:
        return NO_READING
    flux = name.removesuffix("_SSITC_TEST")
    if flux != name and flux not in half.flags and not any(series in half.absent for series in needs[flux]):
        return "there is no flux to judge"
    if flux in half.reasons:
        return half.reasons[flux]
    for series in needs.get(flux, ()):
        if series in half.absent:
            return f"{series}: {half.absent[series]}"
    if half.air is None and flux not in ("USTAR", "WS", "WD"):
        return "air temperature is not known"
    if flux == "WD":
        return "calm: no direction"
    factored = flux in SPECTRALLY_CORRECTED or flux in {flux_column(gas.upper()) for gas in half.gases}
    if factored and any(math.isnan(factor) for factor in half.factors.values()):
        return "sensors miss nearly all of the exchange in so weak a wind at this stability: no spectral correction"
    return "cannot be computed from these samples"
