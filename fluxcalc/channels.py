"""From the sender's channels and units to named series in SI on the interval's regular grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.clock import to_ns
from core.records import FloatArray, Samples
from core.station import Channel, Station
from core.variables import base_name, si_scale
from fluxcalc.interval import GASES, GasKind, HalfHour, flux_of

SERIES: dict[str, str] = {
    "U": "u",
    "V": "v",
    "W": "w",
    "T_SONIC": "ts",
    "TA": "ta",
    "PA": "pa",
    "T_CELL": "t_cell",
    "PA_CELL": "pa_cell",
    "CO2_DENSITY": "co2",
    "CO2": "co2",
    "CO2_MIXING_RATIO": "co2",
    "H2O_DENSITY": "h2o",
    "H2O": "h2o",
    "H2O_MIXING_RATIO": "h2o",
}
NEEDED = ("u", "v", "w", "ts", *GASES)


def import_channels(half: HalfHour, station: Station) -> HalfHour:
    """Bring each channel that a half-hour uses to SI; the first channel of a variable wins.

    A channel that is not declared, or was never received, is set aside with its reason.
    """
    stream = station.streams[flux_of(station).stream]
    half = replace(half, dt=half.samples.dt_ns * 1e-9)
    series: dict[str, FloatArray] = {}
    kinds: dict[str, GasKind] = {}
    absent = dict.fromkeys(NEEDED, "no channel of the station measures it")
    for channel in stream.channels:
        variable = base_name(channel.variable)
        name = SERIES.get(variable)
        if name is None or name in series or absent.get(name, "").startswith("channel"):
            continue
        values = half.samples.channels.get(channel.name)
        if values is None:
            absent[name] = f"channel {channel.name} has no samples"
            continue
        absent.pop(name, None)
        series[name] = on_grid(to_si(values, channel), half.samples, half)
        if name in GASES:
            kinds[name] = gas_kind(variable)
    return replace(half, series=series, kinds=kinds, absent=absent)


def gas_kind(variable: str) -> GasKind:
    """Tell what a gas variable is: ``CO2_DENSITY`` a density, ``CO2_MIXING_RATIO`` a ratio, ``CO2`` a fraction."""
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
