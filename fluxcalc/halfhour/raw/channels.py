"""From the sender's channels and units to named series in SI on the interval's regular grid."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.clock import to_ns
from core.records import FloatArray, Samples
from core.station import Channel, Station
from core.variables import base_name, gas_of, si_scale
from fluxcalc.halfhour.interval import GasKind, HalfHour, flux_of

SERIES_NAMES: dict[str, str] = {
    "U": "u",
    "V": "v",
    "W": "w",
    "T_SONIC": "ts",
    "SOS": "ts",
    "TA": "ta",
    "PA": "pa",
}
CELL_SERIES: dict[str, str] = {"T_CELL": "t_cell", "PA_CELL": "pa_cell"}

SPEED_SQUARED_PER_KELVIN = 403.0
"""Speed of sound in dry air squared over temperature. [m2 s-2 K-1]"""
AXIS_ANGLE = math.radians(30.0)
"""From a Gill's north spar to its transducers' axis, anticlockwise. [rad]"""


def import_channels(half: HalfHour, station: Station) -> HalfHour:
    """Bring each channel that a half-hour uses to SI; the first channel of a variable wins.

    Only cells have several: the first ``T_CELL`` and ``PA_CELL`` are those of the first closed path, and so on.
    A channel that is not declared, or was never received, is set aside with its reason.
    """
    stream = station.streams[flux_of(station).stream]
    gases = tuple(gas.lower() for gas in station.gases)
    half = replace(half, dt=half.samples.dt_ns * 1e-9, gases=gases)
    series: dict[str, FloatArray] = {}
    kinds: dict[str, GasKind] = {}
    absent = dict.fromkeys(("u", "v", "w", "ts", *gases), "no channel of the station measures it")
    cells = dict.fromkeys(CELL_SERIES, 0)
    for channel in stream.channels:
        variable = base_name(channel.variable)
        gas = gas_of(variable)
        name = gas.lower() if gas else SERIES_NAMES.get(variable)
        if variable in CELL_SERIES:
            cells[variable] += 1
            name = cell_series(CELL_SERIES[variable], cells[variable])
        if variable == "SOS" and stream.channel_of("T_SONIC") is not None:
            continue
        if name is None or name in series or absent.get(name, "").startswith("channel"):
            continue
        values = half.samples.channels.get(channel.name)
        if values is None:
            absent[name] = f"channel {channel.name} has no samples"
            continue
        absent.pop(name, None)
        values = to_si(values, channel)
        values = sonic_temperature(values) if variable == "SOS" else values
        series[name] = on_grid(values, half.samples, half)
        if gas:
            kinds[name] = gas_kind(variable)
    if station.sonic is not None and station.sonic.axes == "axis" and {"u", "v"} <= series.keys():
        series["u"], series["v"] = turn_to_spar(series["u"], series["v"])
    return replace(half, series=series, kinds=kinds, absent=absent)


def sonic_temperature(speed: FloatArray) -> FloatArray:
    """Return the sonic temperature of a speed of sound, c**2 / 403.

    Parameters
    ----------
    speed : ndarray, shape (n,)
        Speed of sound; NaN stays NaN. [m s-1]

    Returns
    -------
    ndarray, shape (n,)
        [K]

    References
    ----------
    Kaimal & Gaynor (1991), doi:10.1007/BF00119215: c**2 = 403 T (1 + 0.32 e / p)
    """
    return speed * speed / SPEED_SQUARED_PER_KELVIN


def turn_to_spar(u: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn wind of a Gill whose u is along its transducers (``AXIS``) to the axes of its spar (``SPAR``).

    The transducers' axis lies 30 deg anticlockwise of the north spar, seen from above, as an R2 always has it.

    Parameters
    ----------
    u, v : ndarray, shape (n,)
        Right-handed wind; a sample that is missing in one is missing in both. [m s-1]
    """
    cos, sin = math.cos(AXIS_ANGLE), math.sin(AXIS_ANGLE)
    return cos * u - sin * v, sin * u + cos * v


def cell_series(name: str, number: int) -> str:
    """Return what ``t_cell`` or ``pa_cell`` of the number-th closed path is called: the first has no number."""
    return name if number == 1 else f"{name}_{number}"


def gas_kind(variable: str) -> GasKind:
    """Return what a gas variable is: ``CO2_DENSITY`` a density, ``CO2_MIXING_RATIO`` a ratio, ``CO2`` a fraction."""
    if variable.endswith("_DENSITY"):
        return "density"
    return "ratio" if variable.endswith("_MIXING_RATIO") else "fraction"


def to_si(values: FloatArray, channel: Channel) -> FloatArray:
    """Bring samples from a channel's unit to SI."""
    factor, offset = si_scale(channel.variable, channel.unit)
    return np.asarray(values, dtype=np.float64) * factor + offset


def on_grid(values: FloatArray, samples: Samples, half: HalfHour) -> FloatArray:
    """Place samples on the interval's grid: what lies outside is cut off, what is not there is NaN."""
    offset = round((samples.start_ns - to_ns(half.start)) / samples.dt_ns)
    if offset == 0 and len(values) == half.n:
        return values
    grid = np.full(half.n, np.nan)
    first, last = max(0, offset), min(half.n, offset + len(values))
    if first < last:
        grid[first:last] = values[first - offset : last - offset]
    return grid


def came(half: HalfHour) -> NDArray[np.bool_]:
    """Return at which places of the interval's grid there is a record: any channel of it."""
    there = np.zeros(half.n, dtype=np.bool_)
    for values in half.samples.channels.values():
        there |= ~np.isnan(on_grid(values, half.samples, half))
    return there
