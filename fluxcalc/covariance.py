"""Variances and covariances of the interval."""

from __future__ import annotations

from dataclasses import replace

from core.station import Station
from fluxcalc.interval import HalfHour
from fluxcalc.kernels.statistics import covariance

PAIRS: dict[str, tuple[str, str]] = {
    "uu": ("u", "u"),
    "vv": ("v", "v"),
    "ww": ("w", "w"),
    "uv": ("u", "v"),
    "uw": ("u", "w"),
    "vw": ("v", "w"),
    "ts_ts": ("ts", "ts"),
    "co2_co2": ("co2", "co2"),
    "h2o_h2o": ("h2o", "h2o"),
    "w_ts": ("w", "ts"),
    "w_co2": ("w", "co2"),
    "w_h2o": ("w", "h2o"),
}


def compute_covariances(half: HalfHour, _: Station) -> HalfHour:
    """Compute the covariances of all pairs whose series can be used, over the samples valid in both; divisor N."""
    found = {
        name: covariance(half.series[first], half.series[second])
        for name, (first, second) in PAIRS.items()
        if half.has(first, second)
    }
    return replace(half, covariances=found).noting(**{f"cov_{name}": value for name, value in found.items()})
