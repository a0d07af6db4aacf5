"""Values that stand still, come far too often, or have no size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.records import FloatArray
from fluxcalc.season.checks.spread import MIN_COMMON_RECORDS, largest_of, range_of
from fluxcalc.season.record import BALANCE, FLUXES, Season

CHANGING_VARIABLES = ("NEE", "FC", "LE", "H", "USTAR", "TA")
"""Variables that do not stand still for a day."""
COMMON_VALUE_SHARES = ((0.05, 5), (0.005, 10))
"""A value of a flux in more than such a share of its records, and so many times more often than any other, is none."""
APART_SHARE = 0.03
"""Of the range of all others, by which such a value of radiation, soil heat or storage lies outside them."""
MIN_DIFFERENT_VALUES = 20
"""Different values of a flux; fewer are no measurement."""
NO_HEAT, SOME_SUN = 2.0, 100.0
"""The same of H and LE, where the 99th percentile of SW_IN is above the other. [W m-2]"""


def tell_values(season: Season) -> Iterator[str]:
    """Tell sensors that stand still, fill values, and heat fluxes of another unit."""
    yield from _standing(season)
    yield from _common(season)
    yield from _no_heat(season)


def _standing(season: Season) -> Iterator[str]:
    for name in CHANGING_VARIABLES:
        x = season.measured(name)
        if name == "FC" and season.has("NEE"):
            continue
        same = np.concatenate(([False], x[1:] == x[:-1], [False]))
        edges = np.flatnonzero(same[1:] != same[:-1])
        lengths = edges[1::2] - edges[::2] + 1
        if lengths.size and lengths.max() > season.per_day:
            first = int(edges[::2][lengths.argmax()])
            yield (
                f"{name} is {x[first]:g} in {int(lengths.max())} records one after the other from "
                f"{season.starts[first]:%Y-%m-%d %H:%M}: a sensor that stands still, or a fill value; take them out"
            )


def _common(season: Season) -> Iterator[str]:
    for name in ("NEE", "LE", "H", "SC", *BALANCE):
        x = season.measured(name)
        values, counts = np.unique(x[np.isfinite(x)], return_counts=True)
        if values.size < 2 or counts.sum() < 5 * MIN_COMMON_RECORDS:
            continue
        second, first = np.sort(counts)[-2:]
        often = any(first > share * counts.sum() and first > times * second for share, times in COMMON_VALUE_SHARES)
        if name not in FLUXES:
            # the night may be even, a code stands apart
            often = often and _stands_apart(values, int(counts.argmax()))
        if often or (values.size < MIN_DIFFERENT_VALUES and name in FLUXES):
            yield (
                f"{name} is {values[counts.argmax()]:g} in {first} of {counts.sum()} records: a fill value, or a "
                "sensor that stands still; take them out, or their spread, which is 0, tells nothing"
            )


def _stands_apart(values: FloatArray, place: int) -> bool:
    """Tell whether one of ascending values lies outside all others, by a share of their range."""
    if 0 < place < values.size - 1:
        return False
    nearest = values[1] - values[0] if place == 0 else values[-1] - values[-2]
    return bool(nearest > APART_SHARE * range_of(np.delete(values, place)))


def _no_heat(season: Season) -> Iterator[str]:
    if not season.has("SW_IN") or largest_of(season, "SW_IN") < SOME_SUN:
        return
    for name in ("H", "LE"):
        if (
            np.isfinite(season.measured(name)).sum() >= 5 * MIN_COMMON_RECORDS
            and (most := largest_of(season, name)) < NO_HEAT
        ):
            yield (
                f"{name} hardly ever exceeds {most:.2g} W m-2 in full sun: check its unit (W m-2); kW m-2, MJ m-2 or "
                "mm h-1 look so"
            )
