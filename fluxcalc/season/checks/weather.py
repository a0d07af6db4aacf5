"""Weather and energy that contradict each other, the sun or what air can be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.constants import ZERO_CELSIUS
from core.records import FloatArray
from fluxcalc.season.checks.spread import MIN_COMMON_RECORDS, largest_of, range_of
from fluxcalc.season.filtering import deficit_of
from fluxcalc.season.plausible import MAX_FRACTION
from fluxcalc.season.record import Season
from fluxcalc.thermodynamics import saturation_pressure

MIN_DEFICIT = 1.0
"""Deficits below are too small for a ratio. [hPa]"""
MIN_FROSTY_DEFICIT, MAX_FROSTY_HUMIDITY = 0.2, 92.0
"""Smaller ones still tell a ratio of ten, where the error of RH is not most of them. [hPa], [%]"""
RATIOS = {0.1: "kPa: multiply it by 10", 100.0: "Pa: divide it by 100", 0.01: "a tenth of kPa: multiply it by 100",
          10.0: "ten times too large: divide it by 10"}  # fmt: skip
"""VPD over that of RH and TA, and what it is then in."""
OTHER_RATIO = 0.5
"""How far the ratio may be from 1 else."""
SIGNS = (("G", "NETRAD", -0.5), ("NETRAD", "SW_IN", -0.5), ("H", "NETRAD", -0.6), ("LE", "NETRAD", -0.6))
"""Variables that go up and down together, and the correlation from which on one of them has the other sign."""
SIGNS_BY_LIGHT = (("G", "SW_IN", -0.5), ("H", "SW_IN", -0.6), ("LE", "SW_IN", -0.6))
"""The same where there is no NETRAD."""
MIN_SPREAD = 1.0
"""Range of both from the 5th to the 95th percentile for a correlation. [W m-2]"""
MAX_DRY_SHARE, MIN_DRY_SHARE = 1.1, 0.1
"""Of VPD over that of dry air, the 99th percentile: no more can be; no less is, in full sun and mild air. [1]"""
FULL_SUN, MILD_TEMPERATURE = 300.0, 3.0
"""[W m-2], [deg C]"""
LOW_LIGHT, HIGH_LIGHT, ENOUGH_SUN = 0.15, 1.15, 50.0
"""The 99th percentile of SW_IN over that above the atmosphere, and how large the latter must be. [1], [1], [W m-2]"""
LOW_LIGHT_OF_PART = 0.03
"""As ``LOW_LIGHT`` for a part, which may lie in fog."""
MIN_LIGHT_DAYS = 5
"""Days of records that they need."""
CLEAREST_DAY, WHOLE_DAY = 0.95, 0.9
"""Share of the sun's radiation that no whole day has, and share of its records that such a day needs."""
MIN_PHOTONS, MAX_PHOTONS = 1.2, 3.2
"""Of a joule of radiation: 2, less a fifth in dust and more in fog. [umol J-1]"""
MAX_PPFD = 3000.0
"""Of the sun; more is a code. [umol m-2 s-1]"""
MAX_MEDIAN_TEMPERATURE = 45.0
"""No median of air temperature is higher. [deg C]"""


def tell_weather(season: Season, *, part: bool = False) -> Iterator[str]:
    """Tell what contradicts itself in radiation, temperature, humidity and heat; ``part``: in some days of a season."""
    yield from _deficit(season)
    yield from _saturation(season)
    if part:
        yield from _fraction(season)
    yield from _signs(season)
    yield from _light(season, LOW_LIGHT_OF_PART if part else LOW_LIGHT)
    yield from _photons(season)
    yield from _warmth(season)


def _fraction(season: Season) -> Iterator[str]:
    humidity = season.measured("RH")
    known = humidity[np.isfinite(humidity)]
    if known.size >= MIN_COMMON_RECORDS and known.max() <= MAX_FRACTION["RH"]:
        yield f"RH lies between {known.min():.3g} and {known.max():.3g}: it is a fraction; multiply it by 100"


def _deficit(season: Season) -> Iterator[str]:
    if not all(season.has(name) for name in ("VPD", "RH", "TA")):
        return
    given, expected = season.measured("VPD"), deficit_of(season)
    both = np.isfinite(given) & (expected > MIN_FROSTY_DEFICIT) & (season.measured("RH") < MAX_FROSTY_HUMIDITY)
    if both.sum() < MIN_COMMON_RECORDS:
        return
    ratio = _ratio(given, expected, both)
    unit = next((words for known, words in RATIOS.items() if abs(ratio / known - 1) < 0.2), "")
    large = both & (expected > MIN_DEFICIT)
    if unit:
        yield f"VPD is {ratio:.3g} times what RH and TA make: it is in {unit}, or leave it out; it was used as it is"
    elif large.sum() >= MIN_COMMON_RECORDS and abs((ratio := _ratio(given, expected, large)) - 1) > OTHER_RATIO:
        yield (
            f"VPD is {ratio:.3g} times what RH and TA make: check the units of VPD, RH and TA; they were used as they "
            "are"
        )


def _ratio(given: FloatArray, expected: FloatArray, where: NDArray[np.bool_]) -> float:
    return float(np.median(given[where] / expected[where]))


def _saturation(season: Season) -> Iterator[str]:
    """Hold VPD against the deficit of air without any vapour, where nothing tells its humidity."""
    deficit, warmth = season.measured("VPD"), season.measured("TA")
    both = np.isfinite(deficit) & np.isfinite(warmth)
    if season.has("RH") or both.sum() < 2 * MIN_COMMON_RECORDS:
        return
    share = float(np.percentile(100 * deficit[both] / saturation_pressure(warmth[both] + ZERO_CELSIUS), 99))
    sunny = season.has("SW_IN") and largest_of(season, "SW_IN") > FULL_SUN
    if share > MAX_DRY_SHARE:
        yield f"VPD is up to {share:.3g} times what dry air of that TA has: check the units of VPD (hPa) and TA (deg C)"
    elif share < MIN_DRY_SHARE and sunny and np.median(warmth[both]) > MILD_TEMPERATURE:
        yield (
            f"VPD is at most {share:.2g} of what dry air of that TA has, in full sun: is it in kPa? Then multiply it "
            "by 10"
        )


def _signs(season: Season) -> Iterator[str]:
    for name, other, limit in SIGNS if season.has("NETRAD") else SIGNS_BY_LIGHT:
        x, y = season.measured(name), season.measured(other)
        both = np.isfinite(x) & np.isfinite(y)
        if both.sum() < 2 * MIN_COMMON_RECORDS or min(range_of(x[both]), range_of(y[both])) < MIN_SPREAD:
            continue
        together = float(np.corrcoef(x[both], y[both])[0, 1])
        if together < limit:
            yield (
                f"{name} goes down when {other} goes up (correlation {together:.2f}): its sign is turned; multiply it "
                "by -1, or check which of the two it is; nothing was turned here"
            )


def _light(season: Season, low: float) -> Iterator[str]:
    # what lies outside the limits belongs to it: photons do
    light, above = season.variables.get("SW_IN", season.measured("SW_IN")), season.results["SW_IN_POT"]
    light = np.where(np.abs(light) < MAX_PPFD, light, np.nan)
    known = np.isfinite(light)
    if known.sum() < MIN_LIGHT_DAYS * season.per_day or np.percentile(above[known], 99) < ENOUGH_SUN:
        return
    ratio = float(np.percentile(light[known], 99) / np.percentile(above[known], 99))
    clear = _clearness(light, above, season.per_day)
    if ratio > HIGH_LIGHT:
        yield f"SW_IN is up to {ratio:.2g} times what comes from the sun: is it PPFD (umol m-2 s-1)? Call it PPFD_IN"
    elif clear.size > 1 and (second := float(np.sort(clear)[-2])) > CLEAREST_DAY:
        yield (
            f"SW_IN is up to {second:.2g} of what comes from the sun in whole days, more than air lets through: is it "
            "PPFD (umol m-2 s-1)? Call it PPFD_IN"
        )
    elif ratio < low:
        yield f"SW_IN is at most {ratio:.2g} of what comes from the sun: check its unit (W m-2)"


def _clearness(light: FloatArray, above: FloatArray, per_day: int) -> FloatArray:
    """Return the share of what comes from the sun in each whole day whose sun is high enough."""
    days = light.size // per_day
    measured, sun = (part[: days * per_day].reshape(days, per_day) for part in (light, above))
    known = np.isfinite(measured)
    sums = np.where(known, sun, 0.0).sum(axis=1)
    enough = (known.mean(axis=1) > WHOLE_DAY) & (sun.max(axis=1) > ENOUGH_SUN)
    clear: FloatArray = np.where(known, measured, 0.0).sum(axis=1)[enough] / sums[enough]
    return clear


def _photons(season: Season) -> Iterator[str]:
    """Hold PPFD_IN against SW_IN: there are two photons to a joule, whatever the weather."""
    light, photons = season.measured("SW_IN"), season.measured("PPFD_IN")
    both = np.isfinite(photons) & (season.results["SW_IN_POT"] > ENOUGH_SUN) & (light > 0) & (light < MAX_PPFD)
    if both.sum() < MIN_COMMON_RECORDS:
        return
    ratio = float(np.median(photons[both] / light[both]))
    if not MIN_PHOTONS < ratio < MAX_PHOTONS:
        yield f"SW_IN: PPFD_IN is {ratio:.3g} times as much, and not about 2 umol J-1: check the unit of both"


def _warmth(season: Season) -> Iterator[str]:
    warmth = season.measured("TA")
    if season.has("TA") and (middle := float(np.nanmedian(warmth))) > MAX_MEDIAN_TEMPERATURE:
        yield f"the median of TA is {middle:.3g} deg C: is it in degrees Fahrenheit? Convert it"
