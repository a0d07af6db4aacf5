"""Sums of a season over all its records, with their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fluxcalc.season.aggregates import MOLAR_CARBON
from fluxcalc.season.energy_balance import evapotranspiration
from fluxcalc.season.record import Season
from fluxcalc.season.uncertainty.day_sums import DaySums


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
    uptake have that of the threshold of u*; what their models leave open is not in it. Parts are independent.

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
    return next(
        (season.versions[key] for kind in season.version_thresholds if (key := f"{flux}_{kind}") in season.versions),
        None,
    )


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
