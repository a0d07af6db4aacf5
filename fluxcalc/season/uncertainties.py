"""Steps of a season that estimate how uncertain its half-hours are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.filtering import in_the_dark
from fluxcalc.season.gapfill.mds import fill_mds
from fluxcalc.season.record import DRIVERS, FLUXES, LEARNED_FILL, Season, SeasonMethods
from fluxcalc.season.uncertainty.gaps import GapUncertainty, gap_uncertainty, uncertainty_of_sum
from fluxcalc.season.uncertainty.random import paired_day_uncertainty, random_uncertainty

ALIKE_WITHIN = {"NEE": 2.0, "LE": 10.0, "H": 10.0}
"""Fluxes that differ by less are alike, however small they are; others by a fifth of their median. [umol m-2 s-1],
[W m-2], [W m-2]"""


SUM_AND_YEAR = (
    "the uncertainty of a sum is not that of the tables of days to years: the sum has random errors of measured "
    "records, and of filled ones what gaps cost; _RANDUNC and _JOINTUNC of the tables have, as in FLUXNET, random "
    "errors of all records, filled ones too, as independent, and nothing of what gaps cost"
)
"""What is noted of the two."""


def random_of(
    season: Season, methods: SeasonMethods, name: str, measured: FloatArray, filled: FloatArray
) -> FloatArray:
    """Return the random uncertainty of a flux by the method that is asked for. [as the flux]"""
    light, warmth, dryness = (season.measured(driver) for driver in DRIVERS)
    if methods.uncertainty == "paired_days":
        wind = season.measured("WS") if season.has("WS") else None
        return paired_day_uncertainty(measured, filled, light, warmth, wind, per_day=season.per_day).sd
    alike = ALIKE_WITHIN.get(name, 0.2 * float(np.nanmedian(np.abs(measured))))
    return random_uncertainty(
        measured, filled, light, warmth, dryness,
        neighbours=methods.uncertainty, per_day=season.per_day, alike=alike,
    ).sd  # fmt: skip


def estimate_uncertainty(season: Season, methods: SeasonMethods, _progress: Progress) -> Season:
    """Estimate the random uncertainty of every half-hour of every flux."""
    if methods.uncertainty == "none":
        return season
    for name in _filled_fluxes(season):
        sd = random_of(season, methods, name, season.measured(name), season.results[f"{name}_F"])
        season = season.with_results(**{f"{name}_RANDUNC": sd})
    return season


def estimate_gap_errors(season: Season, methods: SeasonMethods, progress: Progress) -> Season:
    """Estimate how wrong filled values are, and what the uncertainty of sums consists of.

    Gaps are made on purpose for it; learning has left out blocks on its own.
    """
    if methods.uncertainty == "none":
        return season
    drivers = [season.measured(name) for name in DRIVERS]
    groups = in_the_dark(season).astype(np.int64)

    def fill(y: FloatArray) -> FloatArray:
        return fill_mds(y, *drivers, per_day=season.per_day, dialect=methods.dialect, every_record=False).value

    names = _filled_fluxes(season)
    for number, name in enumerate(names, start=1):
        measured = season.measured(name)
        if methods.fill == LEARNED_FILL:
            own = _left_out(measured, season.results[f"{name}_F_ALL"], season.results[f"{name}_F_SD"])
        else:
            own = gap_uncertainty(measured, fill, groups=groups, per_day=season.per_day, seed=methods.seed)
        parts = uncertainty_of_sum(season.results[f"{name}_RANDUNC"], own.sd, own.residuals)
        season = replace(season, parts={**season.parts, name: parts})
        season = season.with_results(**{f"{name}_GAPUNC": np.where(own.sd > 0, own.sd, np.nan)})
        progress(f"estimate errors of {name}", number, len(names))
    return season.noting(SUM_AND_YEAR) if names else season


def _left_out(measured: FloatArray, predicted: FloatArray, sd: FloatArray) -> GapUncertainty:
    residuals = predicted - measured
    known = np.isfinite(residuals)
    return GapUncertainty(np.where(known, 0.0, sd), residuals, float(residuals[known].mean()), int(known.sum()))


def _filled_fluxes(season: Season) -> list[str]:
    return [name for name in FLUXES if f"{name}_F" in season.results]
