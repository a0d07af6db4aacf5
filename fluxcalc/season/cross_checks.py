"""Step of a season that holds its variables against each other, and tells what contradicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.constants import ZERO_CELSIUS
from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.changes import tell_changes
from fluxcalc.season.filtering import deficit_of
from fluxcalc.season.plausible import MAX_FRACTION
from fluxcalc.season.record import Season, SeasonMethods
from fluxcalc.thermodynamics import saturation_pressure

MIN_COMMON_RECORDS = 48
"""Records in common that two variables need."""
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
TURNED_EXCHANGE = 0.6
"""Correlation of NEE with SW_IN from which on uptake has the other sign."""
MAX_DRY_SHARE, MIN_DRY_SHARE = 1.1, 0.1
"""Of VPD over that of dry air, the 99th percentile: no more can be; no less is, in full sun and mild air. [1]"""
FULL_SUN, MILD_TEMPERATURE = 300.0, 3.0
"""[W m-2], [deg C]"""
MAX_TEMPERATURE_STEP, MAX_RANGE_RATIO = 25.0, 12.0
"""By which no median of 10 days changes from one to the next but one, and how many times no range does. [K], [1]"""
DARK_ERRORS = 3.0
"""Standard errors by which the mean of NEE in the dark lies below 0 to be told."""
HARD_FROST, MIN_FROST_DAYS, FROST_ERRORS = -5.0, 10, 4.0
"""No plant takes up CO2 below; days that tell; standard errors by which their mean lies below 0. [deg C], [-], [-]"""
PART_DAYS = 10
"""Length of the parts of a season that are looked at on their own."""
LOW_LIGHT_OF_PART = 0.03
"""As ``LOW_LIGHT`` for a part, which may lie in fog."""
DARK_UPTAKE = 0.75
"""Share of NEE below 0 while the sun is down from which on its sign is turned: nothing takes CO2 up in the dark."""
LOW_LIGHT, HIGH_LIGHT, ENOUGH_SUN = 0.15, 1.15, 50.0
"""The 99th percentile of SW_IN over that above the atmosphere, and how large the latter must be. [1], [1], [W m-2]"""
MIN_LIGHT_DAYS = 5
"""Days of records that they need."""
CLEAREST_DAY, WHOLE_DAY = 0.95, 0.9
"""Share of the sun's radiation that no whole day has, and share of its records that such a day needs."""
MIN_PHOTONS, MAX_PHOTONS = 1.2, 3.2
"""Of a joule of radiation: 2, less a fifth in dust and more in fog. [umol J-1]"""
MAX_MIDDLE_RANGE = 70.0
"""From the first to the third quartile of a flux of CO2: maize in its best weeks has 40. [umol m-2 s-1]"""
MAX_PPFD = 3000.0
"""Of the sun; more is a code. [umol m-2 s-1]"""
MAX_MEDIAN_TEMPERATURE = 45.0
"""No median of air temperature is higher. [deg C]"""
CHANGING_VARIABLES = ("NEE", "FC", "LE", "H", "USTAR", "TA")
"""Variables that do not stand still for a day."""
COMMON_VALUE_SHARES = ((0.05, 5), (0.005, 10))
"""A value of a flux in more than such a share of its records, and so many times more often than any other, is none."""
MIN_DIFFERENT_VALUES = 20
"""Different values of a flux; fewer are no measurement."""
GAPLESS_SHARE = 0.995
"""Share of NEE from which on it has no gaps, over at least so many days:"""
GAPLESS_DAYS = 20
SMALL_EXCHANGE, LARGE_LATENT = 1.5, 100.0
"""NEE whose 99th percentile is below, beside latent heat whose is above, may be in mg CO2. [umol m-2 s-1], [W m-2]"""
NO_EXCHANGE = 0.25
"""No measured NEE has a smaller 99th percentile, for its random error alone is larger. [umol m-2 s-1]"""
NO_HEAT, SOME_SUN = 2.0, 100.0
"""The same of H and LE, where the 99th percentile of SW_IN is above the other. [W m-2]"""


def cross_check(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Tell what contradicts itself: VPD and humidity, signs, values that stand still, an NEE that has no gap."""
    problems = [
        *_deficit(season),
        *_saturation(season),
        *_signs(season),
        *_exchange_sign(season),
        *_dark(season),
        *_light(season, LOW_LIGHT),
        *_photons(season),
        *_warmth(season),
        *_standing(season),
        *_common(season),
        *_no_heat(season),
        *_scattered(season),
    ]
    problems += [*_in_parts(season, problems), *_jump_of_warmth(season)]
    problems += tell_changes(season, _told(problems))
    for problem in problems:
        season = season.with_problem(problem)
    return season.noting(
        *_without_gaps(season), *_small(season), *_dark_mean(season), *_frost_mean(season), *_jump_of_exchange(season)
    )


def _in_parts(season: Season, whole: list[str]) -> Iterator[str]:
    """Tell what contradicts itself in a part of a season only, as after another program of the logger."""
    told = _told(whole)
    found: dict[str, tuple[int, int, str]] = {}
    size = PART_DAYS * season.per_day
    for first in range(0, len(season.starts) - size + 1, size):
        part = _part(season, slice(first, first + size))
        # respiration of bare soil goes up with the sun of some days, too
        exchange = (*_exchange_sign(part), *_dark(part))
        contradictions = (
            *_deficit(part),
            *_saturation(part),
            *_fraction(part),
            *_signs(part),
            *(exchange if len(exchange) > 1 else ()),
            *_light(part, LOW_LIGHT_OF_PART),
            *_photons(part),
            *_warmth(part),
        )
        for problem in contradictions:
            name = problem.split()[0]
            begin, _, words = found.get(name, (first, 0, problem))
            found[name] = (begin, first + size, words)
    for name, (first, end, words) in found.items():
        if name not in told:
            yield f"{season.starts[first]:%Y-%m-%d} to {season.starts[end - 1]:%Y-%m-%d}: {words}"


def _told(problems: list[str]) -> set[str]:
    """Return the variables that problems are of: they stand first, or after the days."""
    return {word for problem in problems for word in (problem.split()[0], problem.split(": ")[-2].split()[0])}


def _jump_of_warmth(season: Season) -> Iterator[str]:
    """Tell where the temperature leaps, as from deg C to deg F, which both can be."""
    yield from _jump(
        season, "TA", lambda x: float(np.median(x)), lambda one, other: abs(one - other) > MAX_TEMPERATURE_STEP,
        "its median leaps from {:.3g} to {:.3g} deg C: does its unit change? Convert it",
    )  # fmt: skip


def _jump_of_exchange(season: Season) -> Iterator[str]:
    """Tell where the exchange becomes many times larger or smaller at once."""
    name = "FC" if season.has("FC") else "NEE"
    yield from _jump(
        season, name, _range, lambda one, other: max(one, other) > MAX_RANGE_RATIO * min(one, other),
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


def _part(season: Season, part: slice) -> Season:
    return replace(
        season,
        starts=season.starts[part],
        variables={name: values[part] for name, values in season.variables.items()},
        flags={name: flags[part] for name, flags in season.flags.items()},
        results={name: values[part] for name, values in season.results.items()},
    )


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
    sunny = season.has("SW_IN") and _largest(season, "SW_IN") > FULL_SUN
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
        if both.sum() < 2 * MIN_COMMON_RECORDS or min(_range(x[both]), _range(y[both])) < MIN_SPREAD:
            continue
        together = float(np.corrcoef(x[both], y[both])[0, 1])
        if together < limit:
            yield (
                f"{name} goes down when {other} goes up (correlation {together:.2f}): its sign is turned; multiply it "
                "by -1, or check which of the two it is; nothing was turned here"
            )


def _exchange_sign(season: Season) -> Iterator[str]:
    nee, light = season.measured("NEE"), season.measured("SW_IN")
    both = np.isfinite(nee) & np.isfinite(light)
    if both.sum() >= 2 * MIN_COMMON_RECORDS and min(_range(nee[both]), _range(light[both])) > 0:
        together = float(np.corrcoef(nee[both], light[both])[0, 1])
        if together > TURNED_EXCHANGE:
            yield (
                f"NEE goes up with SW_IN (correlation {together:.2f}): uptake must be negative; multiply it by -1, if "
                "it is; nothing was turned here"
            )


def _dark(season: Season) -> Iterator[str]:
    dark = _exchange_of_night(season)
    if dark.size >= MIN_COMMON_RECORDS and (share := float((dark < 0).mean())) > DARK_UPTAKE:
        yield (
            f"NEE is negative in {share:.0%} of {dark.size} records while the sun is down, as if CO2 were taken up in "
            "the dark: if its sign is turned, multiply it by -1; nothing was turned here"
        )


def _dark_mean(season: Season) -> Iterator[str]:
    dark = _exchange_of_night(season)
    if dark.size < 5 * MIN_COMMON_RECORDS:
        return
    mean, share = float(dark.mean()), float((dark < 0).mean())
    # neighbours are alike: as if there were a tenth of the records
    if mean < -DARK_ERRORS * float(dark.std()) / np.sqrt(dark.size / 10) and share <= DARK_UPTAKE:
        yield (
            f"the mean of NEE while the sun is down is {mean:.2g} umol m-2 s-1, as if CO2 were taken up in the dark: "
            "is its sign turned, or does an open-path analyser warm its air?"
        )


def _frost_mean(season: Season) -> Iterator[str]:
    """Tell an uptake in hard frost, of the means of its days, so that storage cancels."""
    name = "FC" if season.has("FC") else "NEE"
    exchange, days = season.measured(name), np.arange(len(season.starts)) // season.per_day
    cold = np.isfinite(exchange) & (season.measured("TA") < HARD_FROST)
    counts = np.bincount(days[cold])
    whole = counts >= season.per_day // 2
    if whole.sum() < MIN_FROST_DAYS:
        return
    means = np.bincount(days[cold], exchange[cold])[whole] / counts[whole]
    mean, error = float(means.mean()), float(means.std(ddof=1)) / np.sqrt(means.size)
    if mean < -FROST_ERRORS * error:
        yield (
            f"the mean of {name} in frost below {HARD_FROST:g} deg C is {mean:.2g} umol m-2 s-1 of {means.size} days, "
            "as if CO2 were taken up: is its sign turned, or does an open-path analyser warm its air?"
        )


def _exchange_of_night(season: Season) -> FloatArray:
    exchange = season.measured("NEE")
    return exchange[np.isfinite(exchange) & (season.results["SW_IN_POT"] <= 0)]


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
    for name in ("NEE", "LE", "H"):
        x = season.measured(name)
        values, counts = np.unique(x[np.isfinite(x)], return_counts=True)
        if values.size < 2 or counts.sum() < 5 * MIN_COMMON_RECORDS:
            continue
        second, first = np.sort(counts)[-2:]
        often = any(first > share * counts.sum() and first > times * second for share, times in COMMON_VALUE_SHARES)
        if often or values.size < MIN_DIFFERENT_VALUES:
            yield (
                f"{name} is {values[counts.argmax()]:g} in {first} of {counts.sum()} records: a fill value, or a "
                "sensor that stands still; take them out, or their spread, which is 0, tells nothing"
            )


def _without_gaps(season: Season) -> Iterator[str]:
    x = season.measured("NEE")
    if x.size >= GAPLESS_DAYS * season.per_day and np.isfinite(x).mean() > GAPLESS_SHARE:
        yield (
            f"NEE has {'no gap' if np.isfinite(x).all() else 'hardly a gap'} in {x.size} records: is it filled "
            "already? Give what was measured; thresholds, spikes and uncertainty of filled values say nothing"
        )


def _small(season: Season) -> Iterator[str]:
    if not season.has("NEE"):
        return
    # storage may be in another unit
    exchange = _largest(season, "FC" if season.has("FC") else "NEE")
    latent = _largest(season, "LE") if season.has("LE") else 0.0
    if exchange < NO_EXCHANGE or (exchange < SMALL_EXCHANGE and latent > LARGE_LATENT):
        beside = f" while LE reaches {latent:.3g} W m-2" if latent > LARGE_LATENT else ""
        yield (
            f"NEE hardly ever exceeds {exchange:.2g} umol m-2 s-1{beside}: is it in mg CO2 m-2 s-1? Then multiply it "
            "by 22.72"
        )


def _scattered(season: Season) -> Iterator[str]:
    name = "FC" if season.has("FC") else "NEE"
    # what lies outside the limits belongs to it
    values = season.variables.get(name, season.measured(name))
    known = values[np.isfinite(values)]
    if known.size >= MIN_COMMON_RECORDS:
        low, high = np.percentile(known, (25, 75))
        if high - low > MAX_MIDDLE_RANGE:
            yield (
                f"{name}: half of it lies between {low:.3g} and {high:.3g} umol m-2 s-1, further apart than any "
                "exchange: is it in mg CO2 m-2 h-1 (divide it by 158.4), or in nmol m-2 s-1 (divide it by 1000)?"
            )


def _no_heat(season: Season) -> Iterator[str]:
    if not season.has("SW_IN") or _largest(season, "SW_IN") < SOME_SUN:
        return
    for name in ("H", "LE"):
        if (
            np.isfinite(season.measured(name)).sum() >= 5 * MIN_COMMON_RECORDS
            and (most := _largest(season, name)) < NO_HEAT
        ):
            yield (
                f"{name} hardly ever exceeds {most:.2g} W m-2 in full sun: check its unit (W m-2); kW m-2, MJ m-2 or "
                "mm h-1 look so"
            )


def _largest(season: Season, name: str) -> float:
    return float(np.nanpercentile(np.abs(season.measured(name)), 99))


def _range(x: FloatArray) -> float:
    low, high = np.percentile(x, (5, 95))
    return float(high - low)
