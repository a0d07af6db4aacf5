"""Step of a season that takes out what cannot be, of every variable, before anything is combined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.progress import Progress
from core.records import FloatArray
from core.variables import VARIABLES
from fluxcalc.season.checks.jumps import PART_DAYS
from fluxcalc.season.checks.spread import MIN_COMMON_RECORDS
from fluxcalc.season.record import IMPLAUSIBLE, Season, SeasonMethods
from qc.plausibility import describe_rejected, outside_limits


def reject_implausible(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Take values outside their plausible limits out of use, of each variable; flags are judged on their own."""
    for name in season.variables:
        if name in VARIABLES and not name.endswith("_SSITC_TEST"):
            season = reject_outside(season, name)
    return season


def reject_outside(season: Season, name: str) -> Season:
    """Take a variable's values outside its limits out of use; tell if that is more than half of them."""
    limits, values = VARIABLES[name], season.measured(name)
    outside = outside_limits(name, values)
    problem = describe_rejected(name, values, outside) or _in_some_days(season, name, values, outside)
    season = season.rejecting(name, outside, IMPLAUSIBLE, f"outside {limits.low:g} to {limits.high:g} {limits.unit}")
    # a fraction lies within the limits of a percentage
    present = values[np.isfinite(values)]
    if limits.unit == "%" and present.size and 0 < present.max() <= MAX_FRACTION[name]:
        problem = (
            f"{name} lies between {present.min():.3g} and {present.max():.3g}: it is a fraction, and not used; "
            "multiply it by 100"
        )
        season = season.rejecting(name, np.isfinite(values), IMPLAUSIBLE, "a fraction and no percentage")
    return replace(season, problems=(*season.problems, problem)) if problem else season


def _in_some_days(season: Season, name: str, values: FloatArray, outside: NDArray[np.bool_]) -> str:
    """Say of which days more than half of a variable is implausible, as after another program of the logger."""
    size = PART_DAYS * season.per_day
    first, end, words = 0, 0, ""
    for start in range(0, len(values), size):
        part = slice(start, start + size)
        described = describe_rejected(name, values[part], outside[part])
        if described and np.isfinite(values[part]).sum() >= MIN_COMMON_RECORDS:
            first, end, words = (first if words else start), min(start + size, len(values)), words or described
    return f"{season.starts[first]:%Y-%m-%d} to {season.starts[end - 1]:%Y-%m-%d}: {words}" if words else ""


MAX_FRACTION = {"RH": 1.05, "SWC": 1.0, "SIGNAL_IRGA": 0.0, "AGC_IRGA": 0.0}
"""Percentages that are never larger than this in a whole table are fractions; 0 where that may be."""
