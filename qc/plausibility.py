"""Whether a variable's values can be, and what unit they would be plausible in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.constants import M_CO2
from core.records import FloatArray
from core.variables import VARIABLES, convert, units_for

PLAUSIBLE_SHARE = 0.95
"""Share of the values that must be plausible in another unit for it to be named as the cause."""
LARGE_SHARE = 0.5
"""Larger share of implausible values is a problem of the whole column."""
SMALL_SHARE = 1e-3
"""Values within this share of the limits' range are too small to be of that unit."""
MG_PER_HOUR = M_CO2 * 3600
"""A CO2 flux of 1 umol m-2 s-1 in mg m-2 h-1. [mg m-2 h-1]"""


def outside_limits(name: str, values: FloatArray) -> NDArray[np.bool_]:
    """Tell values that lie outside the plausible limits of a variable; a missing one does not."""
    limits = VARIABLES[name]
    outside: NDArray[np.bool_] = (values < limits.low) | (values > limits.high)
    return outside


def likely_unit(name: str, values: FloatArray) -> str:
    """Return the unit in which values outside a variable's limits would be plausible; empty if there is none.

    Parameters
    ----------
    name : str
        Variable of ``core.variables``.
    values : ndarray, float64
        As given, all of them; NaN is missing.
    """
    limits = VARIABLES[name]
    present = values[np.isfinite(values)]
    for unit in units_for(name):
        if unit == limits.unit or not present.size:
            continue
        zero, one = (convert(value, name, unit, limits.unit) for value in (0.0, 1.0))
        shown = present * (one - zero) + zero
        # what is much too small would be plausible of anything around 0
        visible = max(np.ptp(shown), abs(np.median(shown))) > SMALL_SHARE * (limits.high - limits.low)
        if visible and (~outside_limits(name, shown)).mean() >= PLAUSIBLE_SHARE:
            return unit
    if name in ("FC", "NEE", "SC") and present.size:
        hourly = present / MG_PER_HOUR
        if (~outside_limits(name, hourly)).mean() >= PLAUSIBLE_SHARE:
            return "mg CO2 m-2 h-1"
    return ""


def describe_rejected(name: str, values: FloatArray, outside: NDArray[np.bool_]) -> str:
    """Say that more than half of a variable's values are implausible, and of what that is likely; empty if not so."""
    present = int(np.isfinite(values).sum())
    count = int(outside.sum())
    if not present or count <= LARGE_SHARE * present:
        return ""
    limits = VARIABLES[name]
    unit = likely_unit(name, values)
    middle = float(np.nanmedian(values))
    cause = (
        f"they would be plausible in {unit}: convert them to {limits.unit}"
        if unit
        else (f"their median is {middle:.4g}: check the column and its unit")
    )
    return (
        f"{name}: {count} of {present} records lie outside {limits.low:g} to {limits.high:g} {limits.unit} and are not "
        f"used: {cause}"
    )
