"""Thresholds of u* by change-point detection, after Barr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import stdtrit

from core.records import FloatArray
from fluxcalc.kernels.change_point import FIELDS, season_change_points
from fluxcalc.season.ustar.estimates import (
    BootstrappedThresholds,
    IntArray,
    Night,
    ThresholdEstimates,
    complete_estimates,
)

MIN_CLASSES, MOST_CLASSES, RECORDS_PER_CLASS = 4, 8, 250
"""Temperature classes of a season, and records that one has at least where there are more than four."""
OUTLIER_RANGES = 5.0
"""Change points are left out that are farther from the median than this many interquartile ranges."""

CRITICAL_LEVEL = (
    (10, 9.1471), (15, 7.8770), (20, 7.4426), (30, 7.0306), (50, 6.8758), (70, 6.8883), (100, 6.9184), (150, 6.9811),
    (200, 7.0624), (300, 7.2005), (500, 7.3421), (700, 7.5627), (1000, 7.7834),
)  # fmt: skip
"""Bins, and the largest F that one in twenty series without a change point exceeds; the second line is level.

Barr's table, as his program in ONEFlux has it (github.com/fluxnet/ONEFlux, oneflux_steps/ustar_cp, cpdFmax2pCp2)."""
CRITICAL_SLOPE = (
    (10, 15.559), (20, 11.948), (30, 11.396), (40, 11.148), (50, 11.068), (60, 11.072), (70, 11.059), (80, 11.072),
    (90, 11.080), (100, 11.085), (150, 11.127), (200, 11.208), (250, 11.310), (300, 11.406), (350, 11.392),
    (400, 11.416), (450, 11.474), (500, 11.537), (600, 11.552), (800, 11.549), (1000, 11.673), (2500, 12.064),
)  # fmt: skip
"""The same where the second line may slope: Wang (2003), J. Climate 16, 3383-3385, in cpdFmax2pCp3 of the same
program."""


@dataclass(frozen=True, slots=True)
class ChangePointRules:
    """How change points are found and chosen.

    Attributes
    ----------
    slope_after : bool
        Three parameters (Barr's diagnostic model); else two, level above the change point (the operational one).
    least_year : int
        Night records that a year needs.
    least_share : float
        Share of the classes that must have a change point of the prevailing kind. [1]
    least_points : int
        Chosen change points that a year needs, on average over the samples.
    per_bin : int
        Records in a bin of u*; 3 for hourly ones.
    """

    slope_after: bool = False
    least_year: int = 4000
    least_share: float = 0.1
    least_points: int = 4
    per_bin: int = 5


BARR = ChangePointRules()


@cache
def critical_score(bins: int, slope_after: bool) -> float:
    """Return the F that one series in twenty exceeds by chance.

    Parameters
    ----------
    bins : int
        Between the rows of the table by monotone cubic interpolation, beyond its ends as at them.
    slope_after : bool
        Which table.
    """
    sizes, scores = np.array(CRITICAL_SLOPE if slope_after else CRITICAL_LEVEL).T
    return float(PchipInterpolator(sizes, scores)(np.clip(bins, sizes[0], sizes[-1])))


def seasons_by_count(starts: pl.Series, night: NDArray[np.bool_], seasons: int = 4) -> IntArray:
    """Number Barr's seasons: each year's night records, December's first, in equal parts.

    Parameters
    ----------
    starts : pl.Series of datetime
        START of each record, local standard time, ascending.
    night : ndarray, shape (n,), bool
        Records of the night that miss nothing.
    seasons : int
        Of a year.

    Returns
    -------
    ndarray, shape (n,), int64
        Year times 1000 plus the season's number from 1. December is that of the same calendar year.
    """
    year, december = starts.dt.year().cast(pl.Int64).to_numpy(), starts.dt.month().to_numpy() == 12
    labels = np.empty(year.size, dtype=np.int64)
    for own in np.unique(year).tolist():
        places = np.flatnonzero(year == own)
        places = np.concatenate((places[december[places]], places[~december[places]]))
        before: IntArray = np.cumsum(night[places]) - night[places]
        part = before * seasons // max(int(night[places].sum()), 1)
        labels[places] = own * 1000 + 1 + np.minimum(part, seasons - 1)
    return labels


def change_points(
    night: Night, samples: int = 1, *, seed: int = 0, rules: ChangePointRules = BARR
) -> BootstrappedThresholds:
    """Estimate thresholds by change-point detection, of the records and of bootstraps of them.

    In each temperature class of a season the flux of bins of u* is fitted by a rising line that ends in a level one (or
    a second one that slopes). A change point counts if its F is larger than chance makes it, and if it is of the
    kind that prevails in the year: rising before (a deficit at low u*) or falling. The mean of those of a
    season or year, without outliers, is its threshold.

    Parameters
    ----------
    night : Night
        Barr's seasons are those of ``seasons_by_count``; others work as well.
    samples : int
        How many, with the original, which is the first; the others draw within each season with replacement.
    seed : int
        The same seed gives the same thresholds.
    rules : ChangePointRules

    Returns
    -------
    BootstrappedThresholds
        A year with too few records, or too few change points over all its samples, takes the median of the others, NaN
        without any.

    References
    ----------
    Barr et al. (2013), doi:10.1016/j.agrformet.2012.09.023
    """
    generator = np.random.default_rng(seed)
    years = dict.fromkeys(night.years.values())
    places = {key: np.flatnonzero(night.season == key) for key in night.years}
    points: dict[int, dict[int, FloatArray]] = {}
    for year in years:
        own = {key: places[key] for key in night.years if night.years[key] == year}
        fits = np.full((samples, len(own), MOST_CLASSES, FIELDS), np.nan)
        if sum(some.size for some in own.values()) >= rules.least_year:
            for sample in range(samples):
                for row, some in enumerate(own.values()):
                    drawn = generator.choice(some, some.size) if sample and some.size else some
                    fits[sample, row] = _fit(night, drawn, rules)
        chosen = _choose(fits, rules)
        points[year] = {key: chosen[:, row] for row, key in enumerate(own)}
    drawn_thresholds = tuple(_estimate(points, night.years, sample) for sample in range(samples))
    return BootstrappedThresholds(drawn_thresholds[0], drawn_thresholds)


def _fit(night: Night, some: IntArray, rules: ChangePointRules) -> FloatArray:
    if some.size == 0:
        return np.full((MOST_CLASSES, FIELDS), np.nan)
    classes = min(max(some.size // RECORDS_PER_CLASS, MIN_CLASSES), MOST_CLASSES)
    return season_change_points(
        night.temperature[some], night.ustar[some], night.flux[some],
        classes, MOST_CLASSES, rules.per_bin, rules.slope_after,
    )  # fmt: skip


def _choose(fits: FloatArray, rules: ChangePointRules) -> FloatArray:
    """Return the change points that count, NaN elsewhere; all of a year are judged together."""
    point, score, bins, before, after, error, bend_error = np.moveaxis(fits, -1, 0)
    fitted = np.isfinite(score)
    nothing = np.full(point.shape, np.nan)
    if not fitted.any():
        return nothing
    needed = np.full(score.shape, np.inf)
    needed[fitted] = [critical_score(int(n), rules.slope_after) for n in bins[fitted]]
    sure = fitted & (score >= needed)
    rising = sure & (before >= after)
    chosen = rising if 2 * rising.sum() >= sure.sum() else sure & ~rising
    # classes whose change point lies at an end have none, but count
    if not chosen.any() or chosen.sum() < rules.least_share * np.isfinite(bins).sum():
        return nothing
    freedom = bins - (3 if rules.slope_after else 2)
    width = stdtrit(freedom, 0.975)
    measures = [np.where(sure, point, np.nan), before, error * width]
    if rules.slope_after:
        measures += [after, bend_error * width]
    for values in measures:
        low, middle, high = np.nanpercentile(values, (25, 50, 75), method="hazen")
        chosen = chosen & ~(np.abs(values - middle) > OUTLIER_RANGES * (high - low))
    if chosen.sum() < rules.least_points * len(fits):
        return nothing
    return np.where(chosen, point, np.nan)


def _estimate(
    points: Mapping[int, Mapping[int, FloatArray]], years: Mapping[int, int], sample: int
) -> ThresholdEstimates:
    """Return the thresholds of one sample."""
    classes = {key: values[sample] for own in points.values() for key, values in own.items()}
    season = {key: _mean(values) for key, values in classes.items()}
    year = {year: _mean(np.concatenate([classes[key] for key in some])) for year, some in points.items()}
    return complete_estimates(season, classes, year, years)


def _mean(values: FloatArray) -> float:
    found = values[np.isfinite(values)]
    return float(found.mean()) if found.size else np.nan
