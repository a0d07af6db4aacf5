"""A profile of levels below the sensors: what it says of heat, vapour and CO2 that the air has stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from core.constants import M_H2O
from core.station import Profile, Station, Stream
from core.variables import base_name
from fluxcalc.halfhour.flux.storage import profile_storage
from fluxcalc.halfhour.interval import NO_LEVELS, HalfHour, Levels, flux_of
from fluxcalc.halfhour.raw.channels import to_si

if TYPE_CHECKING:
    import polars as pl

NOTES = {"CO2": "profile_sc", "TA": "profile_sh", "H2O": "profile_sle"}
"""What a level measures -> the diagnostic that ``fluxcalc.halfhour.flux.storage.add_storage`` looks for."""

Ends = Mapping[str, tuple[float, ...]]
"""Variable -> mean of each of its levels, in the order of the station file. [mol mol-1], [K]"""


def average_levels(readings: pl.DataFrame, stream: Stream, profile: Profile) -> Ends:
    """Average the readings of the levels; NaN where a level has none that can be believed.

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
    from fluxcalc.halfhour.flux.meteorology import believed

    places = [stream.channel_index[name] for name in profile.heights]
    means = readings.select(believed(stream.channels[place], place).mean() for place in places)
    return sort_levels(means.row(0, named=True), stream, profile)


def sort_levels(means: Mapping[str, float | None], stream: Stream, profile: Profile) -> Ends:
    """Bring means of channels, in the sender's units, to SI and under their variables; None is NaN."""
    found: dict[str, tuple[float, ...]] = {}
    for name in profile.heights:
        channel = stream.channels[stream.channel_index[name]]
        mean = means.get(name)
        value = float(to_si(np.array([math.nan if mean is None else mean]), channel)[0])
        variable = base_name(channel.variable)
        found[variable] = (*found.get(variable, ()), value)
    return found


def join_levels(before: Ends, after: Ends, stream: Stream, profile: Profile) -> dict[str, Levels]:
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
    """Note the storage below the sensors that a declared profile says.

    Notes ``profile_sc`` [mol m-2 s-1], ``profile_sh`` and ``profile_sle`` [W m-2] of what the profile measures; NaN
    where readings are missing. ``fluxcalc.halfhour.flux.storage.add_storage`` takes them instead of the change at the
    one level.
    """
    profile, sonic = flux_of(station).profile, station.sonic
    if profile is None or sonic is None:
        return half
    stream = station.streams[profile.stream]
    seconds = (half.end - half.start).total_seconds()
    noted = {}
    for variable in join_levels({}, {}, stream, profile):
        analyzer = None if variable == "TA" else station.analyzer_of(variable)
        top = sonic.height + (0.0 if analyzer is None else analyzer.vertical_separation)
        levels = half.meteorology.levels.get(variable, NO_LEVELS)
        amount = math.nan
        if half.air is not None:
            per_volume = 1.0 / half.diagnostics["molar_volume"]
            amount = {
                "CO2": per_volume,
                "H2O": per_volume * M_H2O * half.air.vaporisation,
                "TA": half.air.heat_capacity,
            }[variable]
        change = profile_storage(levels.heights, levels.before, levels.after, seconds, top)
        noted[NOTES[variable]] = amount * change
    return half.noting(**noted)
