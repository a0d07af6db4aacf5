"""Why a series cannot be used: the mistakes of station files that its samples give away."""

from __future__ import annotations

import math

import numpy as np

from core.station import Channel, Station
from core.variables import base_name, gas_of, si_scale, units_for
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.raw.channels import SERIES_NAMES, came, gas_kind
from fluxcalc.halfhour.raw.screening import absolute_limits

ORDINARY_MOLAR_VOLUME = 0.024
"""Of air near the ground; tells the units of a density apart. [m3 mol-1]"""

REGULAR_SHARE = 0.95
"""Part of the steps between records that are equal where a rate is wrong. [1]"""


def likely_cause(half: HalfHour, name: str, station: Station) -> str:
    """Return in words what the station file may say wrong about a series that has lost its samples.

    Parameters
    ----------
    half : HalfHour
        With the samples as sent.
    name : str
        Of the series.
    station : Station
        Declares its channel.

    Returns
    -------
    str
        Empty if the samples give nothing away.
    """
    return wrong_rate(half) or wrong_unit(half, name, station)


def wrong_rate(half: HalfHour) -> str:
    """Return what tells a rate that is declared too high: records come at every second, third... place alone."""
    steps = np.diff(np.flatnonzero(came(half)))
    if len(steps) < 10:
        return ""
    usual = int(np.median(steps))
    if usual < 2 or np.count_nonzero(steps == usual) < REGULAR_SHARE * len(steps):
        return ""
    rate = 1.0 / half.dt
    return f"records come {usual} places apart: is rate {rate / usual:g} instead of {rate:g}?"


def wrong_unit(half: HalfHour, name: str, station: Station) -> str:
    """Return in which other unit the channel's median would be what the variable can be, as it is not in its own."""
    channel = next((one for one in station.streams[flux_of(station).stream].channels if _series(one) == name), None)
    values = None if channel is None else half.samples.channels.get(channel.name)
    if channel is None or values is None or np.isnan(values).all():
        return ""
    median = float(np.nanmedian(np.abs(values) if name in ("u", "v", "w") else values))
    low, high = _limits(name, channel, station)
    fitting = [unit for unit in units_for(channel.variable) if low <= _in_si(median, channel, unit) <= high]
    if channel.unit in fitting or not fitting:
        return ""
    shown = f"{median:.4g} {channel.unit}"
    return f"the median of {channel.name} is {shown}: is its unit {' or '.join(fitting[:2])}?"


def _series(channel: Channel) -> str | None:
    variable = base_name(channel.variable)
    gas = gas_of(variable)
    return gas.lower() if gas else SERIES_NAMES.get(variable)


def _limits(name: str, channel: Channel, station: Station) -> tuple[float, float]:
    """Return what a series may be. [SI]"""
    options = flux_of(station).options.screening
    if name in ("u", "v", "w"):
        return 0.0, options.limit_wind
    low, high = absolute_limits(name, options)
    if gas_of(channel.variable) and gas_kind(base_name(channel.variable)) == "density":
        return low / ORDINARY_MOLAR_VOLUME, high / ORDINARY_MOLAR_VOLUME
    return low, high if math.isfinite(high) else math.inf


def _in_si(value: float, channel: Channel, unit: str) -> float:
    factor, offset = si_scale(channel.variable, unit)
    return value * factor + offset
