"""A profile of levels below the sensors: what it says of heat, vapour and CO2 that the air has stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from core.constants import M_H2O
from core.records import FluxRecord
from core.station import Profile, Station, Stream
from core.variables import base_name
from fluxcalc.halfhour.interval import NO_LEVELS, HalfHour, Levels, flux_of
from fluxcalc.halfhour.raw.channels import to_si

if TYPE_CHECKING:
    import polars as pl

PROFILE_TERMS = {"CO2": "SC", "TA": "SH", "H2O": "SLE"}
"""What a level measures -> the storage term that it makes."""

LevelMeans = Mapping[str, tuple[float, ...]]
"""Variable -> mean of each of its levels, in the order of the station file. [mol mol-1], [K]"""


def average_levels(readings: pl.DataFrame, stream: Stream, profile: Profile) -> LevelMeans:
    """Average the readings of the levels; NaN where a level has none that can be trusted.

    Parameters
    ----------
    readings : pl.DataFrame
        Those near one end of an interval: one column a channel in the sender's units, ``flags``.
    stream : Stream
        Says what each channel measures.
    profile : Profile
        Says which channels are levels.
    """
    # the chain itself starts without data frames
    from fluxcalc.halfhour.flux.meteorology import trusted_readings

    places = [stream.channel_index[name] for name in profile.heights]
    means = readings.select(trusted_readings(stream.channels[place], place).mean() for place in places)
    return sort_levels(means.row(0, named=True), stream, profile)


def sort_levels(means: Mapping[str, float | None], stream: Stream, profile: Profile) -> LevelMeans:
    """Bring means of channels, in the sender's units, to SI and under their variables; None is NaN."""
    found: dict[str, tuple[float, ...]] = {}
    for name in profile.heights:
        channel = stream.channels[stream.channel_index[name]]
        mean = means.get(name)
        value = float(to_si(np.array([math.nan if mean is None else mean]), channel)[0])
        variable = base_name(channel.variable)
        found[variable] = (*found.get(variable, ()), value)
    return found


def join_levels(before: LevelMeans, after: LevelMeans, stream: Stream, profile: Profile) -> dict[str, Levels]:
    """Put together both ends of an interval, variable by variable; an end that is empty has no value."""
    heights: dict[str, tuple[float, ...]] = {}
    for name, height in profile.heights.items():
        variable = base_name(stream.channels[stream.channel_index[name]].variable)
        heights[variable] = (*heights.get(variable, ()), height)
    return {
        variable: Levels(levels, *(end.get(variable, (math.nan,) * len(levels)) for end in (before, after)))
        for variable, levels in heights.items()
    }


def integrate_profile(half: HalfHour, station: Station) -> HalfHour:
    """Work out the storage below the sensors that a declared profile says.

    Publishes ``profile_sc`` [mol m-2 s-1], ``profile_sh`` and ``profile_sle`` [W m-2] of what the profile measures; NaN
    where readings are missing. ``fluxcalc.halfhour.flux.storage.add_storage`` takes them out of the record instead of
    the change at the one level.
    """
    profile, sonic = flux_of(station).profile, station.sonic
    if profile is None or sonic is None:
        return half
    stream = station.streams[profile.stream]
    seconds = (half.end - half.start).total_seconds()
    terms = {}
    for variable in join_levels({}, {}, stream, profile):
        analyzer = None if variable == "TA" else station.analyzer_of(variable)
        top = sonic.height + (0.0 if analyzer is None else analyzer.vertical_separation)
        levels = half.meteorology.levels.get(variable, NO_LEVELS)
        amount = math.nan
        if half.air is not None:
            per_volume = 1.0 / half.molar_volume
            amount = {
                "CO2": per_volume,
                "H2O": per_volume * M_H2O * half.air.vaporisation,
                "TA": half.air.heat_capacity,
            }[variable]
        change = profile_storage(levels.heights, levels.before, levels.after, seconds, top)
        terms[_key(PROFILE_TERMS[variable])] = amount * change
    return half.with_diagnostics(**terms)


def read_profile_storage(record: FluxRecord) -> dict[str, float]:
    """Return the storage terms that the profile of a record says, in SI: ``SC``, ``SH``, ``SLE``; none without one."""
    stored = record.diagnostics
    return {term: stored[_key(term)] for term in PROFILE_TERMS.values() if _key(term) in stored}


def profile_storage(heights: ArrayLike, before: ArrayLike, after: ArrayLike, seconds: float, top: float) -> float:
    """Return the storage below ``top`` from a profile measured at both ends of an interval.

    The change is constant below the lowest level and above the highest, and linear between two levels. A level that
    is missing at either end is left out; without any level there is no storage.

    Parameters
    ----------
    heights : array_like, shape (k,)
        Of the levels above ground, in any order. [m]
    before, after : array_like, shape (k,)
        Amount in a volume of air at the beginning and at the end; NaN is missing. [any m-3]
    seconds : float
        Length of the interval. [s]
    top : float
        Height of the flux measurement. [m]

    Returns
    -------
    float
        [any m-2 s-1]

    References
    ----------
    Aubinet et al. (2001), eq. 5, doi:10.1016/S0168-1923(00)00221-5
    """
    levels, change = np.asarray(heights, np.float64), np.asarray(after, np.float64) - np.asarray(before, np.float64)
    known = ~np.isnan(change)
    if not known.any():
        return math.nan
    order = np.argsort(levels[known])
    levels, change = levels[known][order], change[known][order]
    inside = levels[(levels > 0) & (levels < top)]
    nodes = np.concatenate(([0.0], inside, [top]))
    return float(np.trapezoid(np.interp(nodes, levels, change), nodes)) / seconds


def _key(term: str) -> str:
    return f"profile_{term.lower()}"
