"""Leaps of the temperature and of the exchange, as from one unit to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from core.records import FloatArray
from fluxcalc.season.checks.spread import MIN_COMMON_RECORDS, range_of
from fluxcalc.season.record import Season

MAX_TEMPERATURE_STEP, MAX_RANGE_RATIO = 25.0, 12.0
"""By which no median of 10 days changes from one to the next but one, and how many times no range does. [K], [1]"""
MAX_LEAP, LEAP_HOURS, LASTING_SHARE = 14.0, 3, 0.6
"""Leap of temperature within so many hours, of which such a share lasts a day, that no weather makes. [K], [h], [1]"""
PART_DAYS = 10
"""Length of the parts of a season that are looked at on their own."""


def tell_leaps(season: Season) -> Iterator[str]:
    """Tell leaps of the temperature."""
    yield from _jump_of_warmth(season)
    yield from _leap_of_warmth(season)


def _jump_of_warmth(season: Season) -> Iterator[str]:
    """Tell where the temperature leaps, as from deg C to deg F, which both can be."""
    yield from _jump(
        season, "TA", lambda x: float(np.median(x)), lambda one, other: abs(one - other) > MAX_TEMPERATURE_STEP,
        "its median leaps from {:.3g} to {:.3g} deg C: does its unit change? Convert it",
    )  # fmt: skip


def _leap_of_warmth(season: Season) -> Iterator[str]:
    """Tell where the temperature leaps from one record to the next, and stays there: no front does so."""
    warmth = season.measured("TA")
    known = np.flatnonzero(np.isfinite(warmth))
    x = warmth[known]
    leaps = np.diff(x)
    near = np.diff(known) <= LEAP_HOURS * season.per_day // 24
    for i in np.flatnonzero((np.abs(leaps) > MAX_LEAP) & near):
        before, after = x[max(0, i + 1 - season.per_day) : i + 1], x[i + 1 : i + 1 + season.per_day]
        stays = (np.median(after) - np.median(before)) / leaps[i]
        if min(before.size, after.size) == season.per_day and stays > LASTING_SHARE:
            moment = f"{season.starts[int(known[i + 1])]:%Y-%m-%d %H:%M}"
            yield (
                f"TA leaps from {x[i]:.3g} to {x[i + 1]:.3g} deg C at {moment} and stays there: does its unit change "
                "(deg F, K)? Convert it"
            )
            return


def note_jumps(season: Season) -> Iterator[str]:
    """Note where the exchange becomes many times larger or smaller at once, which may be harvest."""
    name = "FC" if season.has("FC") else "NEE"
    yield from _jump(
        season, name, range_of, lambda one, other: max(one, other) > MAX_RANGE_RATIO * min(one, other),
        "its range leaps from {:.3g} to {:.3g} umol m-2 s-1: does its unit change (mg CO2 m-2 s-1 times 22.72)?",
    )  # fmt: skip


def _jump(
    season: Season, name: str, of: Callable[[FloatArray], float], apart: Callable[[float, float], bool], words: str
) -> Iterator[str]:
    size = PART_DAYS * season.per_day
    x = season.measured(name)
    parts = [part[np.isfinite(part)] for part in np.split(x, range(size, x.size, size))]
    shown = [of(part) if part.size >= MIN_COMMON_RECORDS else np.nan for part in parts]
    for i, one in enumerate(shown):
        # a change within a part shows in the one after it
        for place, other in enumerate(shown[i + 1 : i + 3], start=i + 2):
            if apart(one, other):
                first, last = season.starts[i * size], season.starts[min(place * size, x.size) - 1]
                yield f"{name} between {first:%Y-%m-%d} and {last:%Y-%m-%d}: {words.format(one, other)}"
                return
