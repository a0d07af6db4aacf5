"""How large a variable of a season is, and how far it spreads, whatever its outliers."""

from __future__ import annotations

import numpy as np

from core.records import FloatArray
from fluxcalc.season.record import Season

MIN_COMMON_RECORDS = 48
"""Records in common that two variables need."""


def largest_of(season: Season, name: str) -> float:
    """Return the 99th percentile of a variable's size, of what may be used; in its unit."""
    return float(np.nanpercentile(np.abs(season.measured(name)), 99))


def range_of(x: FloatArray) -> float:
    """Return the range from the 5th to the 95th percentile of values without gaps; in their unit."""
    low, high = np.percentile(x, (5, 95))
    return float(high - low)
