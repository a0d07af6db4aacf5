"""A channel that begins to come in another unit: deg F, K, hPa for kPa, a fraction for percent."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median

from core.variables import convert, units_for, variable
from qc.codes import BAD
from qc.slow.finding import DAY_NS, ChannelSeries, Days, Finding

STEADY = frozenset({"TA", "T_DEW", "T_SONIC", "TS", "RH", "PA", "SWC"})
"""What changes little enough from day to day for a unit to show."""
PAST_DAYS, MEMORY_DAYS = 7, 14
"""Days that one is compared with; and from which on days in another unit are left out of these."""
CLOSENESS = 0.25
"""Converted, a day is at most this share as far from the days before as it is unconverted,"""
MIN_SPREADS = 2.5
"""which is more than so many times what the days before changed most,"""
MIN_ACCURACIES = 5.0
"""and more than so many accuracies."""


def find_units(series: ChannelSeries, utc_offset: float) -> list[Finding]:
    """Find days whose median fits to the week before only if it is taken for another unit.

    Returns
    -------
    list of Finding
        Of each such day, with the unit in ``unit``. Days in the other unit are no past of those that follow.
    """
    if series.base not in STEADY:
        return []
    days = Days.of(series.times_ns, utc_offset)
    medians = days.medians(series.values, series.quarter)
    units = _conversions(series)
    found = []
    for i in range(medians.size):
        unit = _unit_of_last(series, medians[max(i - MEMORY_DAYS, 0) : i + 1].tolist(), units)
        if unit:
            start = int(days.starts_ns[i])
            reason = f"unit: values fit to the days before only if they are in {unit}, not in {series.unit}"
            data: dict[str, float | str] = {"unit": unit, "median": float(medians[i])}
            found.append(Finding("unit", series.channel, start, start + DAY_NS, BAD, reason, data))
    return found


def _conversions(series: ChannelSeries) -> dict[str, tuple[float, float]]:
    """Return other units of the variable -> factor and offset that bring a value in it to the declared unit."""
    found = {}
    for unit in units_for(series.variable):
        zero, one = (convert(value, series.variable, unit, series.unit) for value in (0.0, 1.0))
        if unit != series.unit:
            found[unit] = (one - zero, zero)
    return found


def _unit_of_last(series: ChannelSeries, medians: list[float], units: dict[str, tuple[float, float]]) -> str:
    """Return the unit of the last of some days, empty if it is the declared one; days in another are no past."""
    own = variable(series.variable).unit
    zero, one = (convert(value, series.variable, own, series.unit) for value in (0.0, series.accuracy))
    kept = medians.copy()
    unit = ""
    for i, day in enumerate(medians):
        past = [it for it in kept[max(i - PAST_DAYS, 0) : i] if not math.isnan(it)]
        known = not math.isnan(day) and len(past) >= 2
        unit = _closer(day, past, MIN_ACCURACIES * abs(one - zero), units) if known else ""
        if unit:
            kept[i] = math.nan
    return unit


def _closer(day: float, past: list[float], least: float, units: dict[str, tuple[float, float]]) -> str:
    usual = median(past)
    away = abs(day - usual)
    spread = max(abs(b - a) for a, b in pairwise(past))
    if not away > max(MIN_SPREADS * spread, least):
        return ""
    distances = {unit: abs(day * factor + offset - usual) for unit, (factor, offset) in units.items()}
    best = min(distances, key=lambda unit: distances[unit], default="")
    return best if best and distances[best] < CLOSENESS * away else ""
