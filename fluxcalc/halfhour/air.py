"""The mean state of the air: which sensor says it, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from core.constants import M_H2O, R_DRY, R_UNIVERSAL, R_VAPOUR, SONIC_HUMIDITY, ZERO_CELSIUS
from core.records import FluxRecord
from core.station import Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.state import Air
from fluxcalc.kernels.statistics import moments
from fluxcalc.thermodynamics import saturation_pressure

SEA_LEVEL_PRESSURE = 101.3e3  # [Pa]
SCALE_HEIGHT = 8200.0  # [m]


class AirPerVolume(NamedTuple):
    """What a stored half-hour says of a volume of its air: all that a storage term needs.

    Attributes
    ----------
    molar_volume : float
        [m3 mol-1]
    heat_capacity : float
        rho cp of moist air. [J m-3 K-1]
    vaporisation : float
        Latent heat of vaporisation. [J kg-1]
    """

    molar_volume: float
    heat_capacity: float
    vaporisation: float

    @staticmethod
    def read(record: FluxRecord) -> AirPerVolume | None:
        """Read back what ``choose_sensors`` and ``describe_air`` published; None without the state of the air."""
        if "heat_capacity" not in record.diagnostics:
            return None
        return AirPerVolume(*(record.diagnostics[name] for name in AirPerVolume._fields))


def choose_sensors(half: HalfHour, station: Station) -> HalfHour:
    """Take the mean air temperature and pressure from the best sensor there is.

    Temperature: slow thermometer, else a TA channel of the stream, else the sonic's own. Pressure: slow barometer, else
    a PA channel of the stream, else the standard atmosphere at the station's altitude.
    Publishes ``temperature_source`` (0 slow, 1 stream, 2 sonic), ``pressure_source`` (0 slow, 1 stream, 2 altitude)
    and ``molar_volume``.
    """
    temperatures = (half.meteorology.air_temperature, _mean(half, "ta"), _mean(half, "ts"))
    standard = SEA_LEVEL_PRESSURE * math.exp(-station.station.altitude / SCALE_HEIGHT)
    pressures = (half.meteorology.pressure, _mean(half, "pa"), standard)
    temperature_source = next((i for i, value in enumerate(temperatures) if math.isfinite(value)), 2)
    pressure_source = next(i for i, value in enumerate(pressures) if math.isfinite(value))
    temperature, pressure = temperatures[temperature_source], pressures[pressure_source]
    published = half.diagnostics_with(
        temperature_source=temperature_source,
        pressure_source=pressure_source,
        molar_volume=R_UNIVERSAL * temperature / pressure,
    )
    return replace(
        half,
        temperature=temperature,
        pressure=pressure,
        thermometer=temperature_source < 2,
        diagnostics=published,
    )


def describe_air(half: HalfHour, _: Station) -> HalfHour:
    """Work out the mean state of the air; without any temperature there is none.

    Publishes ``heat_capacity``, ``vaporisation`` and ``relative_humidity`` [1]: that of the samples' air, where RH is
    the slow hygrometer's if there is one.
    """
    means = {gas: _mean(half, gas) for gas in half.gases}
    published = half.diagnostics_with(**{f"mean_{gas}": mean for gas, mean in means.items()})
    half = replace(half, gas_means=means, diagnostics=published)
    if not math.isfinite(half.temperature):
        return half
    sonic = _mean(half, "ts")
    water = water_fraction(half)
    air = moist_air(half.temperature, sonic, half.pressure, water if math.isfinite(water) else 0.0, half.thermometer)
    if not math.isfinite(water):
        # dry air stands in where density and heat capacity are needed; what is humidity itself stays unknown
        air = replace(air, vapour_pressure=math.nan, relative_humidity=math.nan)
    published = half.diagnostics_with(
        heat_capacity=air.heat_capacity, vaporisation=air.vaporisation, relative_humidity=air.relative_humidity
    )
    return replace(half, air=air, diagnostics=published)


def water_fraction(half: HalfHour) -> float:
    """Return the mean mole fraction of water vapour: the analyser's, else the slow hygrometer's, else NaN. [1]"""
    if half.has("h2o"):
        mean = _mean(half, "h2o")
        return mean * half.molar_volume if half.kinds["h2o"] == "density" else mean / (1.0 + mean)
    return half.meteorology.relative_humidity * saturation_pressure(half.temperature) / half.pressure


def moist_air(temperature: float, sonic: float, pressure: float, water: float, thermometer: bool) -> Air:
    """Derive the state of moist air.

    Parameters
    ----------
    temperature, sonic : float
        Air temperature and sonic temperature. [K]
    pressure : float
        [Pa]
    water : float
        Mole fraction of water vapour. [1]
    thermometer : bool
        False: ``temperature`` is the sonic's, and the air's is worked out of it and the humidity, in two rounds;
        molar volume and vapour density stay at the sonic's.

    Returns
    -------
    Air
    """
    molar_volume = R_UNIVERSAL * temperature / pressure
    vapour_density = water / molar_volume * M_H2O
    air = _state(temperature, sonic, pressure, molar_volume, vapour_density)
    if thermometer:
        return air
    corrected = temperature / (1.0 + SONIC_HUMIDITY * air.specific_humidity)
    air = _state(corrected, sonic, pressure, molar_volume, vapour_density)
    corrected = temperature / (1.0 + SONIC_HUMIDITY * air.specific_humidity)
    return replace(
        air, temperature=corrected, heat_capacity=_heat_capacity(air, corrected), vaporisation=_vaporisation(corrected)
    )


def _state(temperature: float, sonic: float, pressure: float, molar_volume: float, vapour_density: float) -> Air:
    vapour_pressure = vapour_density * R_VAPOUR * temperature
    saturation = saturation_pressure(temperature)
    dry_density = (pressure - vapour_pressure) / (R_DRY * temperature)
    density = dry_density + vapour_density
    air = Air(
        temperature=temperature,
        sonic_temperature=sonic,
        pressure=pressure,
        molar_volume=molar_volume,
        dry_molar_volume=pressure * molar_volume / (pressure - vapour_pressure),
        vapour_pressure=vapour_pressure,
        saturation_pressure=saturation,
        vapour_density=vapour_density,
        dry_density=dry_density,
        density=density,
        specific_humidity=vapour_density / density,
        relative_humidity=vapour_pressure / saturation,
        heat_capacity=math.nan,
        vaporisation=_vaporisation(temperature),
    )
    return replace(air, heat_capacity=_heat_capacity(air, temperature))


def _heat_capacity(air: Air, temperature: float) -> float:
    """Volumetric heat capacity of moist air, from those of dry air and of vapour, which know t in deg C and RH in %."""
    t = temperature - ZERO_CELSIUS
    humidity = 100.0 * air.relative_humidity
    dry = 1005.0 + (t + 23.12) ** 2 / 3364.0
    vapour = 1859.0 + 0.13 * humidity + (0.193 + 0.0056 * humidity) * t + (0.001 + 5e-5 * humidity) * t**2
    return air.dry_density * dry + air.vapour_density * vapour


def _vaporisation(temperature: float) -> float:
    return (3147.5 - 2.37 * temperature) * 1e3


def _mean(half: HalfHour, name: str) -> float:
    return moments(half.series[name])[1] if half.has(name) else math.nan
