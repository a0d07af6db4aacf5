"""What methods of finding thresholds of u* are given and give: records of the night, estimates, bootstraps of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.season.ustar.low_turbulence import NIGHT_RADIATION

IntArray = NDArray[np.int64]

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


@dataclass(frozen=True, slots=True)
class ThresholdEstimates:
    """Thresholds by season, by year and over all; NaN where there is none. [m s-1]

    Attributes
    ----------
    season : mapping of int to float
        As the test gives them.
    classes : mapping of int to ndarray
        Of each season's temperature classes.
    year : mapping of int to float
        As the test gives them; a year without one takes ``overall``.
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


def complete_estimates(
    season: Mapping[int, float], classes: Mapping[int, FloatArray], year: Mapping[int, float], years: Mapping[int, int]
) -> ThresholdEstimates:
    """Let years without a threshold take the median of the others, and seasons without one their year's.

    Parameters
    ----------
    season, year : mapping of int to float
        As the test gives them; NaN is none. [m s-1]
    classes : mapping of int to ndarray
        Of each season's temperature classes. [m s-1]
    years : mapping of int to int
        Season -> year.
    """
    found = [value for value in year.values() if np.isfinite(value)]
    overall = float(np.median(found)) if found else np.nan
    completed = {key: value if np.isfinite(value) else overall for key, value in year.items()}
    used = {key: value if np.isfinite(value) else completed[years[key]] for key, value in season.items()}
    return ThresholdEstimates(season, classes, completed, overall, used)


@dataclass(frozen=True, slots=True)
class BootstrappedThresholds:
    """Thresholds of resampled records.

    Attributes
    ----------
    estimate : ThresholdEstimates
        Of the records as they are.
    samples : tuple of ThresholdEstimates
        The first is ``estimate``.
    """

    estimate: ThresholdEstimates
    samples: tuple[ThresholdEstimates, ...] = field(repr=False)

    def quantiles(
        self, of: Callable[[ThresholdEstimates], float], at: tuple[float, ...] = QUANTILES, least: float = 0.4
    ) -> FloatArray:
        """Return quantiles of one threshold over the samples; NaN if less than a share ``least`` of them has one."""
        values = np.array([of(sample) for sample in self.samples])
        values = values[np.isfinite(values)]
        if len(values) < least * len(self.samples):
            return np.full(len(at), np.nan)
        quantiles: FloatArray = np.quantile(values, at)
        return quantiles
