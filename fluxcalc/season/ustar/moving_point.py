"""Thresholds of the friction velocity by the moving point test, in the dialects of REddyProc and ONEFlux."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.records import FloatArray
from fluxcalc.kernels.ustar import season_thresholds
from fluxcalc.season.ustar.estimates import (
    BootstrappedThresholds,
    IntArray,
    Night,
    ThresholdEstimates,
    complete_estimates,
)

TEMPERATURE_CLASSES = 7
"""Of a season."""


@dataclass(frozen=True, slots=True)
class MovingPointRules:
    """A dialect of the moving point test.

    Attributes
    ----------
    growing : bool
        How bins treat equal u* (``fluxcalc.kernels.ustar``).
    factor : float
        How much of the plateau must be reached. [1]
    least_season, least_year : int
        Records that a season and a year need.
    least_class : int
        Records that a temperature class needs.
    least_share : float
        Share of the classes that must have a threshold. [1]
    pool : bool
        Whether a year without a season's threshold, or with too few records, is treated as one season.
    """

    growing: bool
    factor: float
    least_season: int
    least_year: int
    least_class: int
    least_share: float
    pool: bool


REDDYPROC = MovingPointRules(
    growing=True, factor=0.95, least_season=160, least_year=3000, least_class=100, least_share=0.2, pool=True
)
"""Wutzler et al. (2018), doi:10.5194/bg-15-5015-2018, and its program's defaults."""
ONEFLUX = MovingPointRules(
    growing=False, factor=1.0, least_season=700, least_year=3000, least_class=100, least_share=0.0, pool=True
)
"""Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3, and its program's defaults."""


def moving_point(night: Night, rules: MovingPointRules = REDDYPROC) -> ThresholdEstimates:
    """Estimate thresholds by the moving point test.

    In each temperature class of a season, records are put into bins of u*; the threshold is the first bin whose flux
    reaches the mean flux of the bins after it. A season's is the median of its classes', a year's the largest of its
    seasons', as turbulence that is enough in one season may not be in another, or that of the year as one season.

    References
    ----------
    Papale et al. (2006), doi:10.5194/bg-3-571-2006
    """
    return _estimate(night, rules, {key: np.flatnonzero(night.season == key) for key in night.years})


def bootstrap(
    night: Night, samples: int = 200, *, seed: int = 0, rules: MovingPointRules = REDDYPROC
) -> BootstrappedThresholds:
    """Estimate thresholds of records drawn with replacement within each season; the first sample is the original.

    Parameters
    ----------
    night : Night
    samples : int
        How many, with the original.
    seed : int
        The same seed gives the same thresholds.
    rules : MovingPointRules
    """
    generator = np.random.default_rng(seed)
    own = {key: np.flatnonzero(night.season == key) for key in night.years}
    drawn = [_estimate(night, rules, own)]
    for _ in range(samples - 1):
        some = {key: generator.choice(places, places.size) if places.size else places for key, places in own.items()}
        drawn.append(_estimate(night, rules, some))
    return BootstrappedThresholds(drawn[0], tuple(drawn))


def _estimate(night: Night, rules: MovingPointRules, records: Mapping[int, IntArray]) -> ThresholdEstimates:
    """Test every season of a set of records, and bring the results together."""
    classes = {key: _class_thresholds(night, rules, some) for key, some in records.items()}
    season = {key: _median(values, rules) for key, values in classes.items()}
    year = {year: _year_threshold(night, rules, records, season, year) for year in dict.fromkeys(night.years.values())}
    return complete_estimates(season, classes, year, night.years)


def _class_thresholds(night: Night, rules: MovingPointRules, some: IntArray) -> FloatArray:
    """Test records as one season; NaN if they are too few."""
    if some.size < max(rules.least_season, rules.least_class * TEMPERATURE_CLASSES):
        return np.full(TEMPERATURE_CLASSES, np.nan)
    return season_thresholds(
        night.temperature[some], night.ustar[some], night.flux[some], TEMPERATURE_CLASSES, rules.growing, rules.factor
    )


def _year_threshold(
    night: Night, rules: MovingPointRules, records: Mapping[int, IntArray], season: Mapping[int, float], year: int
) -> float:
    """Return the largest threshold of a year's seasons, or that of the year as one season."""
    keys = [key for key, own in night.years.items() if own == year]
    whole = np.concatenate([records[key] for key in keys])
    values = [season[key] for key in keys if np.isfinite(season[key])]
    if rules.pool and (not values or whole.size < rules.least_year):
        return _median(_class_thresholds(night, rules, whole), rules)
    return max(values, default=np.nan)


def _median(classes: FloatArray, rules: MovingPointRules) -> float:
    found = classes[np.isfinite(classes)]
    return float(np.median(found)) if len(found) and len(found) >= rules.least_share * len(classes) else np.nan
