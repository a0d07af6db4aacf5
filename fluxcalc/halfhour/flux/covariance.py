"""Variances and covariances of the interval."""

from __future__ import annotations

from dataclasses import replace

from core.station import Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.kernels.statistics import covariance

SERIES_PAIRS: dict[str, tuple[str, str]] = {
    "uu": ("u", "u"),
    "vv": ("v", "v"),
    "ww": ("w", "w"),
    "uv": ("u", "v"),
    "uw": ("u", "w"),
    "vw": ("v", "w"),
    "ts_ts": ("ts", "ts"),
    "w_ts": ("w", "ts"),
}
"""Pairs of any half-hour; each gas makes two more, with itself and with w."""


def compute_covariances(half: HalfHour, _: Station) -> HalfHour:
    """Compute the covariances of all pairs whose series can be used, over the samples valid in both; divisor N."""
    pairs = {**SERIES_PAIRS, **{f"{x}_{gas}": (x, gas) for gas in half.gases for x in (gas, "w")}}
    found = {
        name: covariance(half.series[first], half.series[second])
        for name, (first, second) in pairs.items()
        if half.has(first, second)
    }
    published = half.diagnostics_with(**{f"cov_{name}": value for name, value in found.items()})
    return replace(half, covariances=found, diagnostics=published)
