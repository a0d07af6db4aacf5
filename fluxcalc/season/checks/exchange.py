"""An exchange of CO2 that contradicts light, dark and frost, or is of a size that none has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.records import FloatArray
from fluxcalc.season.checks.spread import MIN_COMMON_RECORDS, largest_of, range_of
from fluxcalc.season.record import Season

TURNED_EXCHANGE = 0.6
"""Correlation of NEE with SW_IN from which on uptake has the other sign."""
DARK_ERRORS = 3.0
"""Standard errors by which the mean of NEE in the dark lies below 0 to be told."""
HARD_FROST, MIN_FROST_DAYS, FROST_ERRORS = -5.0, 10, 4.0
"""No plant takes up CO2 below; days that tell; standard errors by which their mean lies below 0. [deg C], [-], [-]"""
DARK_UPTAKE = 0.75
"""Share of NEE below 0 while the sun is down from which on its sign is turned: nothing takes CO2 up in the dark."""
MAX_MIDDLE_RANGE = 70.0
"""From the first to the third quartile of a flux of CO2: maize in its best weeks has 40. [umol m-2 s-1]"""
GAPLESS_SHARE = 0.995
"""Share of NEE from which on it has no gaps, over at least so many days:"""
GAPLESS_DAYS = 20
SMALL_EXCHANGE, LARGE_LATENT = 1.5, 100.0
"""NEE whose 99th percentile is below, beside latent heat whose is above, may be in mg CO2. [umol m-2 s-1], [W m-2]"""
NO_EXCHANGE = 0.25
"""No measured NEE has a smaller 99th percentile, for its random error alone is larger. [umol m-2 s-1]"""


def tell_exchange(season: Season) -> Iterator[str]:
    """Tell an NEE that goes up with light, or is uptake in the dark."""
    yield from _exchange_sign(season)
    yield from _dark(season)


def note_exchange(season: Season) -> Iterator[str]:
    """Note what is out of the ordinary of an NEE, but may be right."""
    yield from _without_gaps(season)
    yield from _small(season)
    yield from _dark_mean(season)
    yield from _frost_mean(season)


def _exchange_sign(season: Season) -> Iterator[str]:
    nee, light = season.measured("NEE"), season.measured("SW_IN")
    both = np.isfinite(nee) & np.isfinite(light)
    if both.sum() >= 2 * MIN_COMMON_RECORDS and min(range_of(nee[both]), range_of(light[both])) > 0:
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


def _exchange_of_night(season: Season) -> FloatArray:
    exchange = season.measured("NEE")
    return exchange[np.isfinite(exchange) & (season.results["SW_IN_POT"] <= 0)]


def tell_scatter(season: Season) -> Iterator[str]:
    """Tell a flux of CO2 that scatters more than any exchange."""
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
    exchange = largest_of(season, "FC" if season.has("FC") else "NEE")
    latent = largest_of(season, "LE") if season.has("LE") else 0.0
    if exchange < NO_EXCHANGE or (exchange < SMALL_EXCHANGE and latent > LARGE_LATENT):
        beside = f" while LE reaches {latent:.3g} W m-2" if latent > LARGE_LATENT else ""
        yield (
            f"NEE hardly ever exceeds {exchange:.2g} umol m-2 s-1{beside}: is it in mg CO2 m-2 s-1? Then multiply it "
            "by 22.72"
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
