"""Calibration scales: what a value on one scale is on another, each conversion with its source."""

from __future__ import annotations

from typing import NamedTuple

from core.tanks import Tank


class Conversion(NamedTuple):
    """new = slope old + offset, within [low, high] of the old scale; ``u`` is what it adds to an uncertainty."""

    gas: str
    old: str
    new: str
    slope: float
    offset: float
    low: float
    high: float
    u: float
    source: str


CONVERSIONS: tuple[Conversion, ...] = (
    Conversion(
        *("CO2", "WMO-CO2-X2007", "WMO-CO2-X2019", 1.00079, -0.142, 250.0, 520.0, 0.01),
        "Hall et al. (2021), doi:10.5194/amt-14-3015-2021; slope and offset as NOAA/CCL publishes them",
    ),
)
"""X2019 is 0.18 ppm above X2007 at 400 ppm. The line stands for a conversion without the tank's own calibrations."""


def conversion_between(gas: str, old: str, new: str) -> Conversion | None:
    """Return how values go from one scale to another, None if that is not known."""
    for one in CONVERSIONS:
        if (one.gas, one.old, one.new) == (gas, old, new):
            return one
        if (one.gas, one.new, one.old) == (gas, old, new):
            low, high = (one.slope * limit + one.offset for limit in (one.low, one.high))
            return Conversion(gas, old, new, 1 / one.slope, -one.offset / one.slope, low, high, one.u, one.source)
    return None


def convert_scale(value: float, gas: str, old: str, new: str) -> float:
    """Return a mole fraction on another scale.

    Raises
    ------
    ValueError
        There is no conversion between these scales, or the value is outside what it covers.
    """
    if old == new:
        return value
    conversion = conversion_between(gas, old, new)
    if conversion is None:
        raise ValueError(f"{gas}: no conversion from {old} to {new} is known")
    if not conversion.low <= value <= conversion.high:
        raise ValueError(
            f"{gas}: {value:g} is outside {conversion.low:g} to {conversion.high:g}, where {old} is converted"
        )
    return conversion.slope * value + conversion.offset


class Assigned(NamedTuple):
    """What a tank holds on a wanted scale; ``converted_from`` is empty where it was assigned on that."""

    value: float
    u: float
    converted_from: str


def assigned_on(tank: Tank, gas: str, scale: str, time_ns: int) -> Assigned | None:
    """Return what a tank holds of a gas on a scale at a time, converted if need be; None if nothing tells."""
    direct = tank.assignment_at(gas, scale, time_ns)
    if direct is not None:
        return Assigned(*direct.at(time_ns), "")
    for other in tank.scales_of(gas):
        found, conversion = tank.assignment_at(gas, other, time_ns), conversion_between(gas, other, scale)
        if found is None or conversion is None:
            continue
        value, u = found.at(time_ns)
        if conversion.low <= value <= conversion.high:
            u = float(((conversion.slope * u) ** 2 + conversion.u**2) ** 0.5)
            return Assigned(convert_scale(value, gas, other, scale), u, other)
    return None
