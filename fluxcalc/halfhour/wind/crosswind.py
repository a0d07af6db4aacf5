"""Sonic temperature without what wind across the paths takes from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from core.station import Station
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.kernels.statistics import moments

PATH_ELEVATIONS: Mapping[str, float] = {"csat3": 60.0, "usa-1": 45.0, "r3": 45.0, "hs-": 48.75}
"""Angle of the three paths above the horizontal, by how the model's name begins. [deg]"""

SOUND_SPEED_FACTOR = 403.0  # the square of the speed of sound over the temperature, in dry air [m2 s-2 K-1]


def correct_cross_wind(half: HalfHour, station: Station) -> HalfHour:
    """Correct sonic temperature for wind across the paths, by the station's method."""
    return CROSS_WIND[flux_of(station).methods.cross_wind](half, station)


def keep_temperature(half: HalfHour, _: Station) -> HalfHour:
    """Leave sonic temperature as it is: many sonics have corrected it themselves."""
    return half


def correct_liu(half: HalfHour, station: Station) -> HalfHour:
    """Add to sonic temperature what wind across three evenly spread paths has taken from it.

    Whoever asks for it gets it, whatever the model: whether the sonic has done it before, only its owner knows. Where
    neither the model nor ``sonic_path_elevation`` says how the paths stand, sonic temperature is set aside.
    Publishes the mean correction, ``cross_wind_k``. [K]

    References
    ----------
    Liu, Peters & Foken (2001), eq. 12 and Table I, doi:10.1023/A:1019207031397
    """
    if not half.has("u", "v", "ts"):
        return half
    elevation = path_elevation(station)
    if elevation is None:
        model = station.sonic.model if station.sonic else ""
        why = f"how the paths of a {model!r} stand is not known: give flux.options.sonic_path_elevation"
        return half.without({"ts": why})
    added = path_factor(elevation) * (half.series["u"] ** 2 + half.series["v"] ** 2) / SOUND_SPEED_FACTOR
    corrected = half.series["ts"] + added
    published = half.diagnostics_with(cross_wind_k=moments(added)[1])
    return replace(half, series={**half.series, "ts": corrected}, diagnostics=published)


def path_elevation(station: Station) -> float | None:
    """Return the angle of the sonic's paths above the horizontal; None if neither model nor options say it. [deg]"""
    chosen = flux_of(station).options.sonic_path_elevation
    if chosen is not None or station.sonic is None:
        return chosen
    model = station.sonic.model.lower()
    return next((angle for name, angle in PATH_ELEVATIONS.items() if model.startswith(name)), None)


def path_factor(elevation: float) -> float:
    """Return the part of the squared horizontal wind that blows across three evenly spread paths, on average.

    Parameters
    ----------
    elevation : float
        Angle of the paths above the horizontal. [deg]

    Returns
    -------
    float
        Liu's A = B = 1 - cos^2(elevation)/2: 7/8 for a CSAT3, 3/4 at 45 degrees. C = 0. [1]
    """
    return 1.0 - 0.5 * math.cos(math.radians(elevation)) ** 2


CROSS_WIND = choices("cross_wind", {"none": keep_temperature, "liu_2001": correct_liu})
