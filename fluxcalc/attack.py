"""Vertical wind of sonics that see it too small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.station import Station
from fluxcalc.interval import HalfHour, Step, flux_of

UPWARD = 1.166
DOWNWARD = 1.289
"""What to multiply positive and negative w of a WindMaster by, says its maker. [1]"""


def correct_attack(half: HalfHour, station: Station) -> HalfHour:
    """Correct the wind for the angle at which it meets the sonic, by the station's method."""
    return ANGLE_OF_ATTACK[flux_of(station).methods.angle_of_attack](half, station)


def keep_wind(half: HalfHour, _: Station) -> HalfHour:
    """Leave the wind as it is."""
    return half


def scale_windmaster(half: HalfHour, station: Station) -> HalfHour:
    """Undo the fault in the firmware of a Gill WindMaster or WindMaster Pro that makes w too small.

    It concerns instruments of 2006 to 2015 with firmware 2329 up to 600 and no others; for another sonic the wind is
    set aside, with that reason.

    References
    ----------
    Gill Instruments (2016), technical key note KN1509
    """
    if not half.has("u", "v", "w"):
        return half
    model = station.sonic.model if station.sonic else ""
    if "windmaster" not in model.lower():
        why = f"angle_of_attack = 'gill_windmaster_2016' is for a WindMaster, and the sonic is a {model!r}"
        return half.without(dict.fromkeys(("u", "v", "w"), why))
    w = half.series["w"]
    return replace(half, series={**half.series, "w": np.where(w > 0, UPWARD * w, DOWNWARD * w)})


ANGLE_OF_ATTACK: Mapping[str, Step] = {"none": keep_wind, "gill_windmaster_2016": scale_windmaster}
