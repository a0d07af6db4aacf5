"""Steps of a season that make what is published: filled, partitioned, with uncertainty; and its sums."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.records import FloatArray
from fluxcalc.aggregates import MOLAR_CARBON
from fluxcalc.daytime import partition_by_day
from fluxcalc.energy_balance import evapotranspiration
from fluxcalc.gapfill import DIALECTS, UNFILLED, Filled, fill_driver, fill_mds
from fluxcalc.nighttime import partition_by_night
from fluxcalc.season_filter import below_threshold
from fluxcalc.season_record import (
    DRIVERS,
    FLUXES,
    LOW_TURBULENCE,
    NORMAL,
    OTHER_DRIVERS,
    SHOWN_PERCENTILES,
    USED,
    Methods,
    Season,
)
from fluxcalc.uncertainty import random_uncertainty, sum_uncertainty
from fluxcalc.ustar import NIGHT_RADIATION, QUANTILES


def fill_meteorology(season: Season, _: Methods) -> Season:
    """Fill the drivers."""
    radiation = season.measured("SW_IN")
    for name in (*DRIVERS, *OTHER_DRIVERS):
        if season.has(name):
            filled = fill_driver(season.measured(name), None if name == "SW_IN" else radiation, per_day=season.per_day)
            season = season.with_results(**_filled(name, filled))
    return season


def fill_fluxes(season: Season, methods: Methods) -> Season:
    """Fill NEE, LE, H and the flux of CH4."""
    drivers = [season.measured(name) for name in DRIVERS]
    for name in FLUXES:
        if not season.has(name):
            why = "no record" if name not in season.variables else "no record of usable quality"
            season = season.without(f"{name}_F", why) if name == "NEE" or name in season.variables else season
            continue
        filled = fill_mds(season.measured(name), *drivers, per_day=season.per_day, dialect=DIALECTS[methods.fill])
        season = season.with_results(**_filled(name, filled), **{f"{name}_F_SD": filled.sd})
        lost = int((filled.qc == UNFILLED).sum())
        if name == "NEE":
            season = season.with_results(
                NEE_F_N=filled.count.astype(float),
                NEE_F_METHOD=filled.method.astype(float),
                NEE_F_WINDOW=filled.window.astype(float),
                NEE_F_ALL=filled.looked_up,
            )
        if lost:
            season = season.without(f"{name}_F of {lost} records", "too long a gap, or nothing like it was measured")
    return season


def add_evapotranspiration(season: Season, _: Methods) -> Season:
    """Work evapotranspiration out of the latent heat flux."""
    if "LE_F" not in season.results:
        return season
    temperature = season.results.get("TA_F", np.full(len(season.starts), 15.0))
    return season.with_results(ET=evapotranspiration(season.results["LE_F"], temperature) * season.minutes * 60)


def partition_night(season: Season, methods: Methods) -> Season:
    """Estimate respiration from the night's exchange."""
    if "nt" not in methods.partition:
        return season
    for name in ("NEE_F", "TA_F"):
        if name not in season.results:
            return season.without("RECO_NT", f"there is no {name}")
    night = (season.measured("SW_IN") <= NIGHT_RADIATION) & (season.results["SW_IN_POT"] <= 0)
    parts = partition_by_night(
        season.measured("NEE"),
        season.measured("TA"),
        night,
        nee_filled=season.results["NEE_F"],
        temperature_filled=season.results["TA_F"],
        per_day=season.per_day,
    )
    if parts.reason:
        return season.without("RECO_NT", parts.reason)
    season = replace(season, thresholds={**season.thresholds, "E0": parts.e0})
    return season.with_results(RECO_NT=parts.reco, GPP_NT=parts.gpp)


def partition_day(season: Season, methods: Methods) -> Season:
    """Estimate respiration and uptake from the day's light response."""
    if "dt" not in methods.partition:
        return season
    for name in ("NEE_F", "SW_IN_F", "TA_F"):
        if name not in season.results:
            return season.without("RECO_DT", f"there is no {name}")
    nothing = np.full(len(season.starts), np.nan)
    parts = partition_by_day(
        season.measured("NEE"),
        season.results["NEE_F_SD"],
        season.results["SW_IN_F"],
        season.results["TA_F"],
        season.results.get("VPD_F", nothing),
        season.results["SW_IN_POT"],
        per_day=season.per_day,
    )
    if parts.reason:
        return season.without("RECO_DT", parts.reason)
    return season.with_results(RECO_DT=parts.reco, GPP_DT=parts.gpp, RECO_DT_SD=parts.reco_sd, GPP_DT_SD=parts.gpp_sd)


def estimate_uncertainty(season: Season, methods: Methods) -> Season:
    """Estimate the random uncertainty of every half-hour."""
    if not methods.uncertainty or "NEE_F" not in season.results:
        return season
    drivers = [season.measured(name) for name in DRIVERS]
    found = random_uncertainty(season.measured("NEE"), season.results["NEE_F"], *drivers, per_day=season.per_day)
    return season.with_results(NEE_RANDUNC=found.sd)


def run_scenarios(season: Season, methods: Methods) -> Season:
    """Filter and fill NEE anew with each threshold of the scenarios."""
    if not season.levels or "NEE_F" not in season.results:
        return season
    drivers = [season.measured(name) for name in DRIVERS]
    # as before the filter
    flags = season.flags["NEE"]
    whole = np.where((flags == USED) | (flags == LOW_TURBULENCE), season.variables["NEE"], np.nan)
    filled = np.empty((len(season.levels), whole.size))
    for i, limit in enumerate(season.limits):
        kept = np.where(below_threshold(season, methods, limit), np.nan, whole)
        filled[i] = fill_mds(
            kept, *drivers, per_day=season.per_day, dialect=DIALECTS[methods.fill], every_record=False
        ).value
    season = replace(season, scenarios=filled)
    if len(season.levels) == len(QUANTILES):
        return season.with_results(**{f"NEE_U{100 * level:02.0f}": filled[i] for i, level in enumerate(season.levels)})
    shown = np.percentile(filled, SHOWN_PERCENTILES, axis=0)
    return season.with_results(**{f"NEE_VUT_{p:02d}": shown[i] for i, p in enumerate(SHOWN_PERCENTILES)})


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over all records, with its uncertainty.

    Attributes
    ----------
    value : float
        NaN if a record is missing. [gC m-2], of ET [mm]
    random, ustar, joint : float
        One standard deviation each; NaN where it is not known.
    """

    value: float
    random: float = np.nan
    ustar: float = np.nan
    joint: float = np.nan


def sum_season(season: Season) -> dict[str, Total]:
    """Sum NEE, RECO, GPP [gC m-2] and ET [mm] over the season.

    Random errors of records are correlated as the residuals of what is looked up are; the joint uncertainty adds that
    of the threshold of u* in squares.

    References
    ----------
    Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3
    """
    each = season.minutes * 60 * MOLAR_CARBON
    sums = {
        name: Total(float(season.results[name].sum()) * (1.0 if name == "ET" else each))
        for name in ("NEE_F", "RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT", "ET")
        if name in season.results
    }
    if "NEE_RANDUNC" in season.results:
        residuals = season.measured("NEE") - season.results["NEE_F_ALL"]
        random = sum_uncertainty(season.results["NEE_RANDUNC"], residuals)[0] * each
        ustar = np.nan
        if season.scenarios.size:
            totals = season.scenarios.sum(axis=1) * each
            few = len(season.levels) == len(QUANTILES)
            low, high = np.percentile(totals, (0, 100) if few else (16, 84))
            ustar = float(high - low) / NORMAL[len(season.levels)]
        joint = float(np.hypot(random, ustar)) if np.isfinite(ustar) else random
        sums["NEE_F"] = replace(sums["NEE_F"], random=random, ustar=ustar, joint=joint)
    return sums


def _filled(name: str, filled: Filled) -> dict[str, FloatArray]:
    quality = np.where(filled.qc == UNFILLED, np.nan, filled.qc)
    return {f"{name}_F": filled.value, f"{name}_F_QC": quality}
