"""Values that cannot be, and series that cannot be used."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from core.records import FloatArray
from core.station import Station
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.raw.instrument_diagnostics import explain_losses
from fluxcalc.halfhour.raw.likely_causes import likely_cause
from fluxcalc.halfhour.raw.screening import absolute_limits
from fluxcalc.kernels.screening import count_faster, count_outside
from fluxcalc.kernels.statistics import moments

PHYSICAL_LIMITS: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("u", "v", "w"), (-50.0, 50.0)),
    "ts": (200.0, 350.0),
    "ta": (200.0, 350.0),
    "pa": (4e4, 1.2e5),
    "t_cell": (200.0, 350.0),
    "pa_cell": (2e4, 1.2e5),
}
"""Outside these a sample is missing from the start; likewise of a second cell. [m s-1], [K], [Pa]"""

NON_NEGATIVE_GASES = ("co2", "ch4", "n2o")
"""Gases of which there is always far more than noise; little of another may well be measured as less than nothing."""

# a short dip of the vapour below zero is a spike, to be bridged by despiking, not a gap
MIN_VAPOUR = {"density": -0.3, "fraction": -0.007, "ratio": -0.007}
"""Below this a vapour sample is missing from the start. [mol m-3], [mol mol-1]"""


_CELL_NUMBER = re.compile(r"_\d+$")  # of a second cell


def remove_impossible(half: HalfHour, _: Station) -> HalfHour:
    """Make samples missing that cannot be meant: wind above 50 m s-1, sonic outside 200-350 K, gas below zero."""
    limits = {**PHYSICAL_LIMITS, **dict.fromkeys(NON_NEGATIVE_GASES, (0.0, np.inf))}
    if half.has("h2o"):
        limits["h2o"] = (MIN_VAPOUR[half.kinds["h2o"]], np.inf)
    series = dict(half.series)
    for name, values in half.series.items():
        known = limits.get(_CELL_NUMBER.sub("", name))
        if known is not None:
            series[name] = _within(values, *known)
    return replace(half, series=series)


def remove_implausible(half: HalfHour, station: Station) -> HalfHour:
    """Make wind and sonic temperature missing outside their absolute limits, then set aside what cannot be used.

    u and v go together, by the speed of the horizontal wind, so that nothing depends on how the sonic stands.
    """
    options = flux_of(station).options.screening
    bounded = {
        name: _within(half.series[name], *absolute_limits(name, options)) for name in ("w", "ts") if half.has(name)
    }
    if half.has("u", "v"):
        u, v = half.series["u"], half.series["v"]
        if count_faster(u, v, options.limit_wind):
            too_fast = np.hypot(u, v) > options.limit_wind
            bounded |= {"u": np.where(too_fast, np.nan, u), "v": np.where(too_fast, np.nan, v)}
    half = replace(half, series={**half.series, **bounded})
    return exclude_unusable(half, station, ("u", "v", "w", "ts"))


def remove_implausible_gas(half: HalfHour, station: Station) -> HalfHour:
    """Make gas samples missing outside their absolute limits, then set aside what cannot be used.

    The limits are mole fractions; a density is compared with their densities in the mean air.
    """
    options = flux_of(station).options.screening
    bounded = {}
    for gas in half.gases:
        if half.has(gas):
            low, high = absolute_limits(gas, options)
            per_unit = half.molar_volume if half.kinds[gas] == "density" else 1.0
            bounded[gas] = _within(half.series[gas], low / per_unit, high / per_unit)
    half = replace(half, series={**half.series, **bounded})
    return exclude_unusable(half, station, half.gases)


def exclude_unusable(half: HalfHour, station: Station, names: tuple[str, ...]) -> HalfHour:
    """Set aside series with too many gaps, or without any movement.

    Wind is one thing: a component that cannot be used takes the other two with it.
    """
    allowed = flux_of(station).max_missing_percent
    absent: dict[str, str] = {}
    counts: dict[str, float] = {}
    for name in names:
        if not half.has(name):
            continue
        count, _mean, _variance, low, high = moments(half.series[name])
        missing = 100.0 * (1.0 - count / half.n)
        counts[f"valid_{name}"] = count
        if count == 0:
            absent[name] = _join("no usable sample", *_explain(half, name, station))
        elif missing > allowed:
            gaps = f"{missing:.1f} % of the samples are missing, {allowed:g} % may be"
            absent[name] = _join(gaps, *_explain(half, name, station))
        elif low == high:
            absent[name] = "the signal does not move: the sensor is frozen or not connected"
    wind = ("u", "v", "w")
    fault = next(((name, why) for name in wind if (why := absent.get(name) or half.absent.get(name))), None)
    if fault is not None:
        absent.update({name: f"wind component {fault[0]}: {fault[1]}" for name in wind if half.has(name)})
    return half.with_diagnostics(**counts).without(absent)


def _explain(half: HalfHour, name: str, station: Station) -> tuple[str, str]:
    return explain_losses(half, name, station), likely_cause(half, name, station)


def _within(values: FloatArray, low: float, high: float) -> FloatArray:
    if not count_outside(values, low, high):
        return values
    return np.where((values < low) | (values > high), np.nan, values)


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
