"""The slow and obvious twin of what the API computes fast."""

from __future__ import annotations

import math


def decimate(values: list[float], size: int) -> list[tuple[float, float, float]]:
    """(mean, min, max) of each group."""
    groups = []
    for start in range(0, len(values), size):
        finite = [value for value in values[start : start + size] if not math.isnan(value)]
        if finite:
            groups.append((math.fsum(finite) / len(finite), min(finite), max(finite)))
        else:
            groups.append((math.nan, math.nan, math.nan))
    return groups
