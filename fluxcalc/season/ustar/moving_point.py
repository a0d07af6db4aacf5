"""Thresholds of the friction velocity: below them the night's exchange is not all seen by the sonic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.kernels.ustar import season_thresholds

IntArray = NDArray[np.int64]

CLASSES = 7
"""Temperature classes of a season."""
NIGHT_RADIATION = 10.0
"""It is night below this incoming radiation. [W m-2]"""
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Night:
    """Night records that have everything the test needs, in the order of time.

    Attributes
    ----------
    temperature, ustar, flux : ndarray, shape (n,), float64
        None missing. [deg C], [m s-1], [umol m-2 s-1]
    season : ndarray, shape (n,), int64
        Number of each record's season (``fluxcalc.season.ustar.season_labels``).
    years : mapping of int to int
        Every season -> its year, those without a record of the night, too.
    """

    temperature: FloatArray
    ustar: FloatArray
    flux: FloatArray
    season: IntArray
    years: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Rules:
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


REDDYPROC = Rules(
    growing=True, factor=0.95, least_season=160, least_year=3000, least_class=100, least_share=0.2, pool=True
)
"""Wutzler et al. (2018), doi:10.5194/bg-15-5015-2018, and its program's defaults."""
ONEFLUX = Rules(
    growing=False, factor=1.0, least_season=700, least_year=3000, least_class=100, least_share=0.0, pool=True
)
"""Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3, and its program's defaults."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds by season, by year and over all; NaN where there is none. [m s-1]

    Attributes
    ----------
    season : mapping of int to float
        As the test gives them.
    classes : mapping of int to ndarray
        Of each season's temperature classes.
    year : mapping of int to float
        The largest of the year's seasons, or of the year as one season; a year without one takes ``overall``.
    overall : float
        Median over the years that have one of their own.
    used : mapping of int to float
        Of each season, its own or its year's.
    """

    season: Mapping[int, float]
    classes: Mapping[int, FloatArray]
    year: Mapping[int, float]
    overall: float
    used: Mapping[int, float]

    def of_records(self, season: IntArray, years: Mapping[int, int], *, annual: bool = False) -> FloatArray:
        """Return the threshold of each record: its season's, or its season's year's."""
        table = {key: self.year[years[key]] for key in years} if annual else self.used
        keys, places = np.unique(season, return_inverse=True)
        values: FloatArray = np.array([table[key] for key in keys.tolist()], float)[places]
        return values


def select_night(
    flux: FloatArray, temperature: FloatArray, ustar: FloatArray, radiation: FloatArray, season: IntArray,
    years: Mapping[int, int],
) -> Night:  # fmt: skip
    """Take the records of the night that miss nothing.

    Parameters
    ----------
    flux, temperature, ustar, radiation : ndarray, shape (n,), float64
        Measured; NaN is missing. [umol m-2 s-1], [deg C], [m s-1], [W m-2]
    season : ndarray, shape (n,), int64
        Number of the season.
    years : mapping of int to int
        Season -> year.
    """
    night = radiation < NIGHT_RADIATION  # missing radiation is no night
    for values in (flux, temperature, ustar):
        night &= np.isfinite(values)
    return Night(temperature[night], ustar[night], flux[night], season[night], years)


def moving_point(night: Night, rules: Rules = REDDYPROC) -> Thresholds:
    """Estimate thresholds by the moving point test.

    In each temperature class of a season, records are put into bins of u*; the threshold is the first bin whose flux
    reaches the mean flux of the bins after it. A season's is the median of its classes', a year's the largest of its
    seasons', as turbulence that is enough in one season may not be in another.

    References
    ----------
    Papale et al. (2006), doi:10.5194/bg-3-571-2006
    """

    def test(records: NDArray[np.bool_] | IntArray) -> FloatArray:
        return season_thresholds(
            night.temperature[records], night.ustar[records], night.flux[records], CLASSES, rules.growing, rules.factor
        )

    return _aggregate(night, rules, {key: night.season == key for key in night.years}, test)


def _aggregate(
    night: Night,
    rules: Rules,
    records: Mapping[int, NDArray[np.bool_] | IntArray],
    test: Callable[[NDArray[np.bool_] | IntArray], FloatArray],
) -> Thresholds:
    """Test every season of a set of records, and bring the results together."""
    places = {key: np.flatnonzero(some) if some.dtype == np.bool_ else some for key, some in records.items()}
    classes: dict[int, FloatArray] = {}
    season: dict[int, float] = {}
    for key, some in places.items():
        enough = some.size >= max(rules.least_season, rules.least_class * CLASSES)
        classes[key] = test(some) if enough else np.full(CLASSES, np.nan)
        season[key] = _median(classes[key], rules)
    own: dict[int, float] = {}
    for year in dict.fromkeys(night.years.values()):
        keys = [key for key in night.years if night.years[key] == year]
        values = [season[key] for key in keys if np.isfinite(season[key])]
        whole = np.concatenate([places[key] for key in keys])
        if rules.pool and (not values or whole.size < rules.least_year):
            enough = whole.size >= max(rules.least_season, rules.least_class * CLASSES)
            pooled = _median(test(whole), rules) if enough else np.nan
            values = [pooled] if np.isfinite(pooled) else []
        own[year] = max(values, default=np.nan)
    found = [value for value in own.values() if np.isfinite(value)]
    overall = float(np.median(found)) if found else np.nan
    years = {year: value if np.isfinite(value) else overall for year, value in own.items()}
    used = {key: value if np.isfinite(value) else years[night.years[key]] for key, value in season.items()}
    return Thresholds(season, classes, years, overall, used)


def _median(classes: FloatArray, rules: Rules) -> float:
    found = classes[np.isfinite(classes)]
    return float(np.median(found)) if len(found) and len(found) >= rules.least_share * len(classes) else np.nan


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Thresholds of resampled records.

    Attributes
    ----------
    estimate : Thresholds
        Of the records as they are.
    samples : tuple of Thresholds
        The first is ``estimate``.
    """

    estimate: Thresholds
    samples: tuple[Thresholds, ...] = field(repr=False)

    def quantiles(
        self, of: Callable[[Thresholds], float], at: tuple[float, ...] = QUANTILES, least: float = 0.4
    ) -> FloatArray:
        """Return quantiles of one threshold over the samples; NaN if less than a share ``least`` of them has one."""
        values = np.array([of(sample) for sample in self.samples])
        values = values[np.isfinite(values)]
        if len(values) < least * len(self.samples):
            return np.full(len(at), np.nan)
        quantiles: FloatArray = np.quantile(values, at)
        return quantiles


def bootstrap(night: Night, samples: int = 200, *, seed: int = 0, rules: Rules = REDDYPROC) -> Scenarios:
    """Estimate thresholds of records drawn with replacement within each season; the first sample is the original.

    Parameters
    ----------
    night : Night
    samples : int
        How many, with the original.
    seed : int
        The same seed gives the same thresholds.
    rules : Rules
    """
    generator = np.random.default_rng(seed)

    def test(records: NDArray[np.bool_] | IntArray) -> FloatArray:
        return season_thresholds(
            night.temperature[records], night.ustar[records], night.flux[records], CLASSES, rules.growing, rules.factor
        )

    own = {key: np.flatnonzero(night.season == key) for key in night.years}
    drawn = [_aggregate(night, rules, own, test)]
    for _ in range(samples - 1):
        some = {key: generator.choice(places, places.size) if places.size else places for key, places in own.items()}
        drawn.append(_aggregate(night, rules, some, test))
    return Scenarios(drawn[0], tuple(drawn))


KEPT, NO_THRESHOLD, NO_USTAR, LOW = 0, 3, 4, 1
"""What the filter says of a record."""


def flag_low_turbulence(
    ustar: FloatArray, threshold: FloatArray, radiation: FloatArray, *, day_too: bool = False
) -> IntArray:
    """Flag records whose u* is below the threshold, at night, or by day, too.

    Parameters
    ----------
    ustar, threshold, radiation : ndarray, shape (n,), float64
        NaN is missing; a record without radiation counts as night. [m s-1], [m s-1], [W m-2]
    day_too : bool
        Whether the threshold holds by day.

    Returns
    -------
    ndarray, shape (n,), int64
        ``KEPT``, ``LOW``, or where one cannot tell ``NO_USTAR`` (first) or ``NO_THRESHOLD``.
    """
    flags = np.where(ustar < threshold, LOW, KEPT)
    flags[np.isnan(threshold)] = NO_THRESHOLD
    flags[np.isnan(ustar)] = NO_USTAR
    if not day_too:
        flags[radiation >= NIGHT_RADIATION] = KEPT
    return flags
