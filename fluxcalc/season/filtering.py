"""Steps of a season that look at what was measured: the clock, and what can be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.constants import ZERO_CELSIUS
from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.clock import CLOCK_DAYS, find_clock_shift, find_unseen_clock
from fluxcalc.season.plausible import reject_outside
from fluxcalc.season.record import (
    DRIVERS,
    FLAGGED,
    FLUXES,
    LOW_TURBULENCE,
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
from qc.flag_scales import BAD_FLAG, map_flags
from qc.plausibility import LARGE_SHARE

DEFICIT_OF_HUMIDITY = "VPD is worked out of RH and TA"
"""Note of a season whose VPD was not measured."""


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
    return replace(season, problems=(*season.problems, *problems)).noting(*_unseen_clock(season, above))


def _unseen_clock(season: Season, above: FloatArray) -> Iterator[str]:
    for first, end in find_unseen_clock(season.measured("SW_IN"), above, season.per_day):
        part = season.measured("SW_IN")[first:end]
        if not np.isfinite(part).any():
            why = "SW_IN is missing"
        elif end - first < CLOCK_DAYS // 3 * season.per_day:
            why = f"they are less than {CLOCK_DAYS // 3} days"
        else:
            why = "the sun hardly rises, never sets, or too little of SW_IN was measured"
        yield (
            f"{season.starts[first]:%Y-%m-%d} to {season.starts[end - 1]:%Y-%m-%d}: the stamps could not be checked "
            f"against the sun: {why}"
        )


def complete_variables(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Add storage to the flux of CO2 where there is no NEE yet; the vapour pressure deficit from the humidity."""
    if not season.has("NEE") and "FC" in season.variables:
        season = _with_exchange(season)
    if not season.has("VPD") and season.has("RH") and season.has("TA"):
        season = replace(season, flags={name: flag for name, flag in season.flags.items() if name != "VPD"})
        season = season.with_variables(VPD=deficit_of(season)).noting(DEFICIT_OF_HUMIDITY)
    for name in ("NEE", *DRIVERS, "USTAR"):
        if not season.has(name):
            season = season.with_problem(f"{name}: no record: {REMEDIES[name]}")
    return season


def _with_exchange(season: Season) -> Season:
    """Make NEE of the flux of CO2 and its storage."""
    flux, storage = season.variables["FC"], season.measured("SC")
    known = np.isfinite(storage)
    exchange = flux + np.where(known, storage, 0.0)
    note = "NEE is FC: no storage below the sensor (SC) was measured"
    if known.any():
        alone = int((np.isfinite(season.measured("FC")) & ~known).sum())
        note = f"NEE is FC plus storage (SC); {alone} records without SC are FC alone"
    flags = {**season.flags, "NEE": season.flags["FC"]} if "FC" in season.flags else season.flags
    season = replace(season, flags=flags).with_variables(NEE=exchange).noting(note)
    if "FC_SSITC_TEST" in season.variables:
        season = season.with_variables(NEE_SSITC_TEST=season.variables["FC_SSITC_TEST"])
    return reject_outside(season, "NEE")


def deficit_of(season: Season) -> FloatArray:
    """Return the vapour pressure deficit that humidity and temperature make. [hPa]"""
    saturated = saturation_pressure(season.measured("TA") + ZERO_CELSIUS) / 100
    deficit: FloatArray = saturated * (1 - np.minimum(season.measured("RH"), 100.0) / 100)
    return deficit


REMEDIES = {
    "NEE": "add FC or NEE; it is neither filled nor partitioned",
    "SW_IN": "add it; without it there is neither a threshold of u* nor night, and gaps are filled by the time of day",
    "TA": "add it; without it there is neither a threshold of u* nor respiration, and fewer gaps are filled well",
    "VPD": "add it, or RH; without it gaps are filled under like radiation alone",
    "USTAR": "add it; without it the nights with little turbulence stay in",
}
"""What is not possible without a variable."""


def reject_flagged(season: Season, methods: SeasonMethods, _progress: Progress) -> Season:
    """Take out what is flagged bad, or not judged."""
    for name in sorted(season.variables):
        flag = season.variables.get(f"{name}_SSITC_TEST")
        if flag is not None and not (name == "FC" and "NEE_SSITC_TEST" in season.variables):
            season = _reject_by_flag(season, name, flag, methods.flags)
    return season


def _reject_by_flag(season: Season, name: str, flag: FloatArray, scale: str) -> Season:
    column = "FC_SSITC_TEST" if name == "NEE" else f"{name}_SSITC_TEST"
    present = np.isfinite(season.measured(name))
    count = int(present.sum())
    if not count:
        return season
    if not np.isfinite(flag[present]).any():
        return season.with_problem(
            f"{column} is empty: nothing judges {name}, and all of it is used: remove the column"
        )
    worst = float(np.nanmax(flag))
    if worst > BAD_FLAG and scale == "ssitc":
        season = season.with_problem(
            f"{column} goes up to {worst:g}, and not 0, 1, 2: records above 1 are not used; give the scale by --flags "
            "foken (1 to 9) or --flags goeckede (1 to 5)"
        )
    mapped = map_flags(flag, scale)
    bad, unjudged = present & (mapped > WORST_FLAG), present & np.isnan(mapped)
    season = season.rejecting(name, bad, FLAGGED, "quality flag 2")
    season = season.rejecting(name, unjudged, FLAGGED, f"no quality flag in {column}")
    if unjudged.sum() > LARGE_SHARE * count:
        season = season.with_problem(
            f"{column}: {int(unjudged.sum())} of {count} records of {name} have no flag, and are not used: complete "
            "the column, or remove it"
        )
    elif bad.sum() > LARGE_SHARE * count and worst <= BAD_FLAG:
        season = season.with_problem(
            f"{column}: {int(bad.sum())} of {count} records of {name} are flagged bad, and are not used: is it a flag "
            "0, 1, 2?"
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
