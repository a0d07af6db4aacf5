"""Steps of a season that make what is published: corrected and partitioned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.energy_balance import closing_factors, closure, evapotranspiration
from fluxcalc.season.gapfill.mds import fill_mds
from fluxcalc.season.partition.daytime import DAY_RADIATION, partition_by_day
from fluxcalc.season.partition.daytime_record import DayPartition
from fluxcalc.season.partition.nighttime import NightPartition, partition_by_night
from fluxcalc.season.record import BALANCE, DRIVERS, LEARNED_FILL, Season, SeasonMethods
from fluxcalc.season.uncertainty.random import joint_uncertainty
from fluxcalc.season.ustar.low_turbulence import NIGHT_RADIATION
from fluxcalc.season.ustar.versions import GOOD_QUALITY

BETWEEN_QUARTILES = 1.349
"""Standard deviations from the 25th to the 75th percentile."""


def add_evapotranspiration(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Work evapotranspiration out of the latent heat flux."""
    if "LE_F" not in season.results:
        return season
    temperature = season.results.get("TA_F", np.full(len(season.starts), 15.0))
    return season.with_results(ET=evapotranspiration(season.results["LE_F"], temperature) * season.minutes * 60)


def close_balance(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Tell the closure of the energy balance, and correct LE and H for it."""
    if not {"LE_F", "H_F"} <= season.results.keys():
        return season
    missing = [name for name in BALANCE if not season.has(name)]
    if missing:
        return season.without("LE_CORR", f"no record of {' and '.join(missing)}")
    net, ground = (season.measured(name) for name in BALANCE)
    season = replace(season, closure=closure(net, ground, season.measured("H"), season.measured("LE")))
    sensible, latent = (
        np.where(season.results[f"{name}_F_QC"] <= GOOD_QUALITY, season.results[f"{name}_F"], np.nan)
        for name in ("H", "LE")
    )
    hour = (season.starts.dt.hour() + season.starts.dt.minute() / 60).to_numpy()
    found = closing_factors(net, ground, sensible, latent, hour, per_day=season.per_day)
    if not found.method.any():
        return season.without("LE_CORR", "no fifteen days have five half-hours of the whole balance")
    season = season.with_results(EBC_CF_N=found.count.astype(float), EBC_CF_METHOD=found.method.astype(float))
    for name in ("LE", "H"):
        low, middle, high = found.apply(season.results[f"{name}_F"])
        season = season.with_results(**{f"{name}_CORR": middle, f"{name}_CORR_25": low, f"{name}_CORR_75": high})
        if f"{name}_RANDUNC" in season.results:
            spread = (high - low) / BETWEEN_QUARTILES
            joint = joint_uncertainty(season.results[f"{name}_RANDUNC"], spread)
            season = season.with_results(**{f"{name}_CORR_JOINTUNC": joint})
    return season


def partition_night(season: Season, methods: SeasonMethods, _progress: Progress) -> Season:
    """Estimate respiration from the night's exchange."""
    if "nt" not in methods.partition:
        return season
    for name in ("NEE_F", "TA_F", "SW_IN_F"):
        if name not in season.results:
            return season.without("RECO_NT", f"there is no {name}")
    parts = night_parts(season, season.measured("NEE"), season.results["NEE_F"])
    if parts.reason:
        return season.without("RECO_NT", parts.reason)
    return _noting_gaps(replace(season, e0=parts.e0), "RECO_NT").with_results(RECO_NT=parts.reco, GPP_NT=parts.gpp)


def night_parts(season: Season, nee: FloatArray, filled: FloatArray) -> NightPartition:
    """Partition NEE [umol m-2 s-1], as used and filled, by the night's exchange; nothing where a gap stays."""
    night = (season.measured("SW_IN") <= NIGHT_RADIATION) & (season.results["SW_IN_POT"] <= 0)
    parts = partition_by_night(
        nee,
        season.measured("TA"),
        night,
        nee_filled=filled,
        temperature_filled=season.results["TA_F"],
        per_day=season.per_day,
    )
    return replace(parts, reco=np.where(np.isnan(filled), np.nan, parts.reco))


def partition_day(season: Season, methods: SeasonMethods, _progress: Progress) -> Season:
    """Estimate respiration and uptake from the day's light response."""
    if "dt" not in methods.partition:
        return season
    for name in ("NEE_F", "SW_IN_F", "TA_F"):
        if name not in season.results:
            return season.without("RECO_DT", f"there is no {name}")
    sd = day_weights(season, methods)
    parts = day_parts(season, season.measured("NEE"), season.results["NEE_F"], sd)
    if parts.reason:
        return season.without("RECO_DT", parts.reason)
    season = season.noting(*_about_weights(season, methods, sd))
    return _noting_gaps(season, "RECO_DT").with_results(
        RECO_DT=parts.reco, GPP_DT=parts.gpp, RECO_DT_SD=parts.reco_sd, GPP_DT_SD=parts.gpp_sd
    )


def day_weights(season: Season, methods: SeasonMethods) -> FloatArray:
    """Return the standard deviation by which the day's fits weigh each record of NEE. [umol m-2 s-1]

    It is that of what was measured under like conditions: ``NEE_F_SD`` of MDS. Learning tells the error of what it
    fills, and nothing of measured records, so MDS tells theirs.
    """
    if methods.fill != LEARNED_FILL:
        return season.results["NEE_F_SD"]
    drivers = [season.measured(name) for name in DRIVERS]
    return fill_mds(season.measured("NEE"), *drivers, per_day=season.per_day, dialect=methods.dialect).sd


def _about_weights(season: Season, methods: SeasonMethods, sd: FloatArray) -> list[str]:
    """Say where the weights of the day's fits come from if that is not plain."""
    notes = []
    if methods.fill == LEARNED_FILL:
        notes.append(
            f"RECO_DT, GPP_DT: the day's fits weigh measured NEE by the standard deviation of mds_reddyproc: "
            f"{LEARNED_FILL} tells that of filled records only"
        )
    by_day = (season.results["SW_IN_F"] > DAY_RADIATION) & (season.results["SW_IN_POT"] > 0)
    unknown = int((np.isfinite(season.measured("NEE")) & by_day & np.isnan(sd)).sum())
    if unknown:
        notes.append(
            f"RECO_DT, GPP_DT: {unknown} measured records of the day have no standard deviation, as nothing like them "
            "was measured; they are weighed by a fifth of the flux, 0.7 umol m-2 s-1 at least"
        )
    return notes


def day_parts(season: Season, nee: FloatArray, filled: FloatArray, sd: FloatArray) -> DayPartition:
    """Partition NEE [umol m-2 s-1], as used, by the day's light response; nothing where a gap of ``filled`` stays.

    All versions have the standard deviations ``sd`` of ``day_weights``. [umol m-2 s-1]
    """
    nothing = np.full(len(season.starts), np.nan)
    parts = partition_by_day(
        nee,
        sd,
        season.results["SW_IN_F"],
        season.results["TA_F"],
        season.results.get("VPD_F", nothing),
        season.results["SW_IN_POT"],
        per_day=season.per_day,
    )
    # parameters hold on for ever: months without any exchange would be told from those of weeks
    gaps = np.isnan(filled)
    reco, gpp, reco_sd, gpp_sd = (
        np.where(gaps, np.nan, values) for values in (parts.reco, parts.gpp, parts.reco_sd, parts.gpp_sd)
    )
    return replace(parts, reco=reco, gpp=gpp, reco_sd=reco_sd, gpp_sd=gpp_sd)


def _noting_gaps(season: Season, name: str) -> Season:
    """Say that a product is empty where the gaps of NEE stay."""
    gaps = int(np.isnan(season.results["NEE_F"]).sum())
    return season.without(f"{name} of {gaps} records", "a gap of NEE_F stays there") if gaps else season
