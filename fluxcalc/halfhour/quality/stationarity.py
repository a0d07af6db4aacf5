"""Stationarity: does the interval's flux agree with the mean flux of its parts?"""

from __future__ import annotations

import math
from dataclasses import replace

from core.station import Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.kernels.statistics import covariance, mean_block_covariance

STATIONARITY_BLOCKS = 6


def check_stationarity(half: HalfHour, _: Station) -> HalfHour:
    """Compare covariances of the interval with the mean of those of its six parts, before any detrending.

    Momentum is compared as friction velocity. Publishes ``stationarity_<name>``, in percent, cut to whole numbers.

    References
    ----------
    Foken & Wichura (1996), doi:10.1016/0168-1923(95)02248-1
    """
    if not half.has("u", "v", "w"):
        return half
    w = half.series["w"]

    def both(name: str) -> tuple[float, float]:
        return covariance(w, half.series[name]), mean_block_covariance(w, half.series[name], STATIONARITY_BLOCKS)

    (uw, uw_parts), (vw, vw_parts) = both("u"), both("v")
    results = {"ustar": difference(friction_velocity(uw, vw), friction_velocity(uw_parts, vw_parts))}
    results |= {f"w_{name}": difference(*both(name)) for name in ("ts", *half.gases) if half.has(name)}
    published = half.diagnostics_with(**{f"stationarity_{name}": value for name, value in results.items()})
    return replace(half, stationarity=results, diagnostics=published)


def difference(whole: float, parts: float) -> float:
    """Return |whole - parts| in percent of the whole, cut to a whole number; NaN where there is nothing to compare."""
    if math.isnan(whole) or math.isnan(parts) or whole == 0:
        return math.nan
    return float(math.trunc(100.0 * abs((whole - parts) / whole)))


def friction_velocity(uw: float, vw: float) -> float:
    """Return u* from the covariances of vertical with horizontal wind. [m s-1]"""
    return math.sqrt(math.hypot(uw, vw))
