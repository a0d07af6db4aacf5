"""Step of a season that holds its variables against each other, and tells what contradicts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.filtering import deficit_of
from fluxcalc.season.record import Season, SeasonMethods

FEWEST = 48
"""Records in common that two variables need."""
LEAST_DEFICIT = 1.0
"""Deficits below are too small for a ratio. [hPa]"""
RATIOS = {0.1: "kPa: multiply it by 10", 100.0: "Pa: divide it by 100", 0.01: "a tenth of kPa: multiply it by 100",
          10.0: "ten times too large: divide it by 10"}  # fmt: skip
"""VPD over that of RH and TA, and what it is then in."""
OTHER_RATIO = 0.5
"""How far the ratio may be from 1 else."""
SIGNS = (("G", "NETRAD", -0.5), ("NETRAD", "SW_IN", -0.5), ("H", "NETRAD", -0.6), ("LE", "NETRAD", -0.6))
"""Variables that go up and down together, and the correlation from which on one of them has the other sign."""
LEAST_SPREAD = 1.0
"""Range of both from the 5th to the 95th percentile for a correlation. [W m-2]"""
TURNED_EXCHANGE = 0.6
"""Correlation of NEE with SW_IN from which on uptake has the other sign."""
LOW_LIGHT, HIGH_LIGHT, ENOUGH_SUN = 0.15, 1.15, 200.0
"""The 99th percentile of SW_IN over that above the atmosphere, and how large the latter must be. [1], [1], [W m-2]"""
HOT = 45.0
"""No median of air temperature is higher. [deg C]"""
REPEATING = ("NEE", "FC", "LE", "H", "USTAR", "TA")
"""Variables that do not stand still for a day."""
COMMON_SHARE, COMMON_TIMES = 0.05, 5
"""A value of a flux in more than this share of its records, and so many times more often than any other, is none."""
FEWEST_VALUES = 20
"""Different values of a flux; fewer are no measurement."""
NO_GAP = 0.995
"""Share of NEE from which on it has no gaps, over at least so many days:"""
NO_GAP_DAYS = 20
SMALL_EXCHANGE, LARGE_LATENT = 1.5, 100.0
"""NEE whose 99th percentile is below, beside latent heat whose is above, may be in mg CO2. [umol m-2 s-1], [W m-2]"""


def cross_check(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Tell what contradicts itself: VPD and humidity, signs, values that stand still, an NEE that has no gap."""
    for problem in (
        *_deficit(season),
        *_signs(season),
        *_light(season),
        *_warmth(season),
        *_standing(season),
        *_common(season),
    ):
        season = season.with_problem(problem)
    return season.noting(*_without_gaps(season), *_small(season))


def _deficit(season: Season) -> Iterator[str]:
    if not all(season.has(name) for name in ("VPD", "RH", "TA")):
        return
    given, expected = season.measured("VPD"), deficit_of(season)
    both = np.isfinite(given) & (expected > LEAST_DEFICIT)
    if both.sum() < FEWEST:
        return
    ratio = float(np.median(given[both] / expected[both]))
    unit = next((words for known, words in RATIOS.items() if abs(ratio / known - 1) < 0.2), "")
    if unit:
        yield f"VPD is {ratio:.3g} times what RH and TA make: it is in {unit}, or leave it out; it was used as it is"
    elif abs(ratio - 1) > OTHER_RATIO:
        yield (
            f"VPD is {ratio:.3g} times what RH and TA make: check the units of VPD, RH and TA; they were used as they "
            "are"
        )


def _signs(season: Season) -> Iterator[str]:
    for name, other, limit in SIGNS:
        x, y = season.measured(name), season.measured(other)
        both = np.isfinite(x) & np.isfinite(y)
        if both.sum() < 5 * FEWEST or min(_range(x[both]), _range(y[both])) < LEAST_SPREAD:
            continue
        together = float(np.corrcoef(x[both], y[both])[0, 1])
        if together < limit:
            yield (
                f"{name} goes down when {other} goes up (correlation {together:.2f}): its sign is turned; multiply it "
                "by -1, or check which of the two it is; nothing was turned here"
            )

    nee, light = season.measured("NEE"), season.measured("SW_IN")
    both = np.isfinite(nee) & np.isfinite(light)
    if both.sum() >= 5 * FEWEST and min(_range(nee[both]), _range(light[both])) > 0:
        together = float(np.corrcoef(nee[both], light[both])[0, 1])
        if together > TURNED_EXCHANGE:
            yield (
                f"NEE goes up with SW_IN (correlation {together:.2f}): uptake must be negative; multiply it by -1, if "
                "it is; nothing was turned here"
            )


def _light(season: Season) -> Iterator[str]:
    light, above = season.measured("SW_IN"), season.results["SW_IN_POT"]
    known = np.isfinite(light)
    if known.sum() < 5 * FEWEST or np.percentile(above[known], 99) < ENOUGH_SUN:
        return
    ratio = float(np.percentile(light[known], 99) / np.percentile(above[known], 99))
    if ratio > HIGH_LIGHT:
        yield f"SW_IN is up to {ratio:.2g} times what comes from the sun: is it PPFD (umol m-2 s-1)? Call it PPFD_IN"
    elif ratio < LOW_LIGHT:
        yield f"SW_IN is at most {ratio:.2g} of what comes from the sun: check its unit (W m-2)"


def _warmth(season: Season) -> Iterator[str]:
    warmth = season.measured("TA")
    if season.has("TA") and (middle := float(np.nanmedian(warmth))) > HOT:
        yield f"the median of TA is {middle:.3g} deg C: is it in degrees Fahrenheit? Convert it"


def _standing(season: Season) -> Iterator[str]:
    for name in REPEATING:
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
    for name in ("NEE", "LE", "H"):
        x = season.measured(name)
        values, counts = np.unique(x[np.isfinite(x)], return_counts=True)
        if values.size < 2 or counts.sum() < 5 * FEWEST:
            continue
        second, first = np.sort(counts)[-2:]
        often = first > COMMON_SHARE * counts.sum() and first > COMMON_TIMES * second
        if often or values.size < FEWEST_VALUES:
            yield (
                f"{name} is {values[counts.argmax()]:g} in {first} of {counts.sum()} records: a fill value, or a "
                "sensor that stands still; take them out, or their spread, which is 0, tells nothing"
            )


def _without_gaps(season: Season) -> Iterator[str]:
    x = season.measured("NEE")
    if x.size >= NO_GAP_DAYS * season.per_day and np.isfinite(x).mean() > NO_GAP:
        yield (
            f"NEE has {'no gap' if np.isfinite(x).all() else 'hardly a gap'} in {x.size} records: is it filled "
            "already? Give what was measured; thresholds, spikes and uncertainty of filled values say nothing"
        )


def _small(season: Season) -> Iterator[str]:
    if not (season.has("NEE") and season.has("LE")):
        return
    exchange, latent = (np.nanpercentile(np.abs(season.measured(name)), 99) for name in ("NEE", "LE"))
    if exchange < SMALL_EXCHANGE and latent > LARGE_LATENT:
        yield (
            f"NEE hardly ever exceeds {exchange:.2g} umol m-2 s-1 while LE reaches {latent:.3g} W m-2: is it in mg CO2 "
            "m-2 s-1? Then multiply it by 22.72"
        )


def _range(x: FloatArray) -> float:
    low, high = np.percentile(x, (5, 95))
    return float(high - low)
