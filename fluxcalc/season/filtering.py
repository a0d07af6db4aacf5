"""Steps of a season that look at what was measured: the clock, and what can be used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.constants import ZERO_CELSIUS
from core.progress import Progress
from core.records import FloatArray
from core.variables import VARIABLES
from fluxcalc.season.grid import find_clock_shift
from fluxcalc.season.record import (
    BALANCE,
    DRIVERS,
    FLAGGED,
    FLUXES,
    IMPLAUSIBLE,
    LOW_TURBULENCE,
    OTHER_DRIVERS,
    SPIKE,
    USED,
    WORST_FLAG,
    Season,
    SeasonMethods,
)
from fluxcalc.season.spikes import find_spikes
from fluxcalc.season.ustar.low_turbulence import ENOUGH_TURBULENCE, NIGHT_RADIATION, flag_low_turbulence
from fluxcalc.sun import potential_radiation
from fluxcalc.thermodynamics import saturation_pressure


def check_clock(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Compare measured with potential radiation; a shift is told, never applied."""
    middles = season.starts.dt.offset_by(f"{season.minutes * 30}s")
    above = potential_radiation(middles, season.latitude, season.longitude, season.utc_offset)
    season = season.with_results(SW_IN_POT=above)
    found = find_clock_shift(season.measured("SW_IN"), above, season.per_day)
    problems = [
        f"{season.starts[first]:%Y-%m-%d} to {season.starts[end - 1]:%Y-%m-%d}: SW_IN is {abs(shift) * season.minutes} "
        f"minutes {'late' if shift > 0 else 'early'} against the sun: check utc_offset, summer time, and whether "
        "stamps are of the start or the end; nothing was shifted"
        for first, end, shift in found
    ]
    return replace(season, problems=(*season.problems, *problems))


def complete_variables(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Add storage to the flux of CO2 where there is no NEE yet; the vapour pressure deficit from the humidity."""
    variables = dict(season.variables)
    notes = []
    if not season.has("NEE") and "FC" in variables:
        storage = variables.get("SC")
        if storage is None or not np.isfinite(storage).any():
            variables["NEE"] = variables["FC"]
            notes.append("NEE is FC: no storage below the sensor (SC) was measured")
        else:
            known = np.isfinite(storage)
            variables["NEE"] = variables["FC"] + np.where(known, storage, 0.0)
            alone = int((np.isfinite(variables["FC"]) & ~known).sum())
            notes.append(f"NEE is FC plus storage (SC); {alone} records without SC are FC alone")
        if "FC_SSITC_TEST" in variables:
            variables["NEE_SSITC_TEST"] = variables["FC_SSITC_TEST"]
    if not season.has("VPD") and {"RH", "TA"} <= variables.keys():
        saturated = saturation_pressure(variables["TA"] + ZERO_CELSIUS) / 100
        variables["VPD"] = saturated * (1 - np.minimum(variables["RH"], 100.0) / 100)
        notes.append("VPD is worked out of RH and TA")
    season = replace(season, variables=variables).noting(*notes)
    for name in ("NEE", *DRIVERS, "USTAR"):
        if not season.has(name):
            season = replace(season, problems=(*season.problems, f"{name}: no record: {REMEDIES[name]}"))
    return season


REMEDIES = {
    "NEE": "add FC or NEE; it is neither filled nor partitioned",
    "SW_IN": "add it; without it there is neither a threshold of u* nor night, and gaps are filled by the time of day",
    "TA": "add it; without it there is neither a threshold of u* nor respiration, and fewer gaps are filled well",
    "VPD": "add it, or RH; without it gaps are filled under like radiation alone",
    "USTAR": "add it; without it the nights with little turbulence stay in",
}
"""What is not possible without a variable."""


def reject_flagged(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Take out what is flagged bad, or not judged, and what cannot be."""
    for name in (*FLUXES, *DRIVERS, *OTHER_DRIVERS, *BALANCE, "USTAR"):
        if name not in season.variables:
            continue
        values = season.variables[name]
        flag = season.variables.get(f"{name}_SSITC_TEST")
        if flag is not None:
            season = season.rejecting(name, ~(flag <= WORST_FLAG), FLAGGED, "quality flag 2, or none")
        limits = VARIABLES[name]
        outside = (values < limits.low) | (values > limits.high)
        season = season.rejecting(
            name, outside, IMPLAUSIBLE, f"outside {limits.low:g} to {limits.high:g} {limits.unit}"
        )
    return season


def reject_spikes(season: Season, methods: SeasonMethods, _progress: Progress) -> Season:
    """Take out fluxes that lie apart from their neighbours."""
    if methods.spikes is None:
        return season
    night = in_the_dark(season)
    for name in FLUXES:
        if season.has(name):
            spikes = find_spikes(season.measured(name), night, z=methods.spikes, per_day=season.per_day)
            season = season.rejecting(name, spikes, SPIKE, f"spikes (z = {methods.spikes:g})")
    return season


def reject_low_turbulence(season: Season, methods: SeasonMethods, _progress: Progress) -> Season:
    """Take out the night's exchange below the threshold."""
    threshold = season.results.get("USTAR_THRESHOLD")
    if threshold is None or "NEE" not in season.variables:
        return season
    low = below_threshold(season, methods, threshold)
    return season.rejecting("NEE", low, LOW_TURBULENCE, "u* below the threshold, or missing")


def before_threshold(season: Season) -> FloatArray:
    """Return NEE as it was before thresholds of u* took records out. [umol m-2 s-1]"""
    flags = season.flags["NEE"]
    return np.where((flags == USED) | (flags == LOW_TURBULENCE), season.variables["NEE"], np.nan)


def below_threshold(season: Season, methods: SeasonMethods, threshold: FloatArray) -> NDArray[np.bool_]:
    """Tell the records that thresholds of u* [m s-1] take out, as the methods ask for."""
    flags = flag_low_turbulence(
        season.measured("USTAR"), threshold, season.measured("SW_IN"), day_too=methods.filter_day
    )
    low: NDArray[np.bool_] = flags != ENOUGH_TURBULENCE
    return low


def in_the_dark(season: Season) -> NDArray[np.bool_]:
    """Tell the night by measured radiation, and by the sun where it is missing."""
    radiation = season.measured("SW_IN")
    dark: NDArray[np.bool_] = radiation < NIGHT_RADIATION
    unknown = np.isnan(radiation)
    dark[unknown] = season.results["SW_IN_POT"][unknown] <= 0
    return dark
