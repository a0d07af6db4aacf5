"""Steps of a season that tell how uncertain its half-hours are, and its sums."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.records import FloatArray
from fluxcalc.season.aggregates import MOLAR_CARBON
from fluxcalc.season.energy_balance import evapotranspiration
from fluxcalc.season.filtering import in_the_dark
from fluxcalc.season.gapfill.mds import fill_mds
from fluxcalc.season.record import DRIVERS, FLUXES, LEARNED_FILL, Methods, Season
from fluxcalc.season.uncertainty.day_sums import DaySums
from fluxcalc.season.uncertainty.gaps import GapUncertainty, gap_uncertainty, uncertainty_of_sum
from fluxcalc.season.uncertainty.random import paired_day_uncertainty, random_uncertainty

LIKE = {"NEE": 2.0, "LE": 10.0, "H": 10.0}
"""Fluxes that differ by less are alike, however small they are; others by a fifth of their median. [umol m-2 s-1],
[W m-2], [W m-2]"""


def random_of(season: Season, methods: Methods, name: str, measured: FloatArray, filled: FloatArray) -> FloatArray:
    """Return the random uncertainty of a flux by the method that is asked for. [as the flux]"""
    light, warmth, dryness = (season.measured(driver) for driver in DRIVERS)
    if methods.uncertainty == "paired_days":
        wind = season.measured("WS") if season.has("WS") else None
        return paired_day_uncertainty(measured, filled, light, warmth, wind, per_day=season.per_day).sd
    alike = LIKE.get(name, 0.2 * float(np.nanmedian(np.abs(measured))))
    return random_uncertainty(
        measured, filled, light, warmth, dryness,
        neighbours=methods.uncertainty, per_day=season.per_day, alike=alike,
    ).sd  # fmt: skip


def estimate_uncertainty(season: Season, methods: Methods) -> Season:
    """Estimate the random uncertainty of every half-hour of every flux."""
    if methods.uncertainty == "none":
        return season
    for name in _filled_fluxes(season):
        sd = random_of(season, methods, name, season.measured(name), season.results[f"{name}_F"])
        season = season.with_results(**{f"{name}_RANDUNC": sd})
    return season


def estimate_gap_errors(season: Season, methods: Methods) -> Season:
    """Tell how wrong filled values are, and what the uncertainty of sums consists of.

    Gaps made on purpose tell it; learning has left out blocks on its own.
    """
    if methods.uncertainty == "none":
        return season
    drivers = [season.measured(name) for name in DRIVERS]
    groups = in_the_dark(season).astype(np.int64)

    def fill(y: FloatArray) -> FloatArray:
        return fill_mds(y, *drivers, per_day=season.per_day, dialect=methods.dialect, every_record=False).value

    names = _filled_fluxes(season)
    for number, name in enumerate(names):
        measured = season.measured(name)
        if methods.fill == LEARNED_FILL:
            own = _left_out(measured, season.results[f"{name}_F_ALL"], season.results[f"{name}_F_SD"])
        else:
            own = gap_uncertainty(measured, fill, groups=groups, per_day=season.per_day, seed=methods.seed)
        parts = uncertainty_of_sum(season.results[f"{name}_RANDUNC"], own.sd, own.residuals)
        season = replace(season, parts={**season.parts, name: parts})
        season = season.with_results(**{f"{name}_GAPUNC": np.where(own.sd > 0, own.sd, np.nan)})
        season.tell((number + 1) / len(names))
    return season


def _left_out(measured: FloatArray, predicted: FloatArray, sd: FloatArray) -> GapUncertainty:
    residuals = predicted - measured
    known = np.isfinite(residuals)
    return GapUncertainty(np.where(known, 0.0, sd), residuals, float(residuals[known].mean()), int(known.sum()))


def _filled_fluxes(season: Season) -> list[str]:
    return [name for name in FLUXES if f"{name}_F" in season.results]


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over all records, with its uncertainty.

    Attributes
    ----------
    value : float
        NaN if a record is missing.
    unit : str
    random, filling, ustar, joint : float
        One standard deviation each: of measured values, of filled ones, of the threshold of u*, and of all that are
        known; NaN where it is not known.
    """

    value: float
    unit: str
    random: float = np.nan
    filling: float = np.nan
    ustar: float = np.nan
    joint: float = np.nan


SUMS = {
    "NEE_F": ("gC m-2", MOLAR_CARBON), "RECO_NT": ("gC m-2", MOLAR_CARBON), "GPP_NT": ("gC m-2", MOLAR_CARBON),
    "RECO_DT": ("gC m-2", MOLAR_CARBON), "GPP_DT": ("gC m-2", MOLAR_CARBON), "FCH4_F": ("gC m-2", MOLAR_CARBON / 1000),
    "LE_F": ("MJ m-2", 1e-6), "H_F": ("MJ m-2", 1e-6), "LE_CORR": ("MJ m-2", 1e-6), "H_CORR": ("MJ m-2", 1e-6),
    "ET": ("mm", 1.0),
}  # fmt: skip
"""What is summed: its unit, and what a second of it is in that unit (of ET: an interval)."""


def sum_season(season: Season) -> dict[str, Total]:
    """Sum the season's fluxes.

    Uncertainty of NEE, LE, H and the flux of CH4: random, measured records being independent, and of filling, records
    being worth as few as the autocorrelation of the residuals makes of them. ET has that of LE. NEE, respiration and
    uptake have that of the threshold of u*; what their models leave open is not told. Parts are independent.

    References
    ----------
    Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3
    """
    sums = {}
    for name, (unit, factor) in SUMS.items():
        if name not in season.results:
            continue
        each = factor if name == "ET" else factor * season.minutes * 60
        total = Total(float(season.results[name].sum()) * each, unit)
        if np.isfinite(total.value):
            total = _with_uncertainty(season, name, total, each)
        sums[name] = total
    return sums


def versions_of(season: Season, flux: str) -> DaySums | None:
    """Return the sums of days of the versions of a flux, None without; VUT comes before CUT."""
    return next((season.versions[key] for kind in season.limits if (key := f"{flux}_{kind}") in season.versions), None)


def _with_uncertainty(season: Season, name: str, total: Total, each: float) -> Total:
    flux = "LE" if name == "ET" else name.removesuffix("_F")
    parts = season.parts.get(flux)
    if parts is not None:
        if name == "ET":
            warmth = season.results["TA_F"] if "TA_F" in season.results else np.array([15.0])
            each = season.minutes * 60 * float(np.nanmean(evapotranspiration(np.ones(warmth.size), warmth)))
        total = replace(total, random=parts.random * each, filling=parts.filling * each)
    days = versions_of(season, flux)
    if days is not None:
        total = replace(total, ustar=days.spread() * each)
    known = [part for part in (total.random, total.filling, total.ustar) if np.isfinite(part)]
    joint = float(np.sqrt(np.square(known).sum()))
    return replace(total, joint=joint) if joint > 0 else total  # of two half-hours nothing is known: no certainty
