"""Wind of sonics that see it too small at an angle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.station import Station
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.kernels.angle_of_attack import correct_angles

UPWARD_FACTOR = 1.166
DOWNWARD_FACTOR = 1.289
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
    if not _is_windmaster(station):
        return _exclude_wind(half, station)
    w = half.series["w"]
    return replace(half, series={**half.series, "w": np.where(w > 0, UPWARD_FACTOR * w, DOWNWARD_FACTOR * w)})


def calibrate_windmaster(half: HalfHour, station: Station) -> HalfHour:
    """Correct the wind of a WindMaster by the response to its angle that was found in the field.

    The instruments had the faulty firmware, so this is for the same ones as ``scale_windmaster``, and instead of it;
    for another sonic the wind is set aside, with that reason.

    References
    ----------
    Nakai & Shimoyama (2012), doi:10.1016/j.agrformet.2012.04.013
    """
    if not half.has("u", "v", "w"):
        return half
    if not _is_windmaster(station):
        return _exclude_wind(half, station)
    u, v, w = (half.series[name].copy() for name in ("u", "v", "w"))
    correct_angles(u, v, w)
    return replace(half, series={**half.series, "u": u, "v": v, "w": w})


def _is_windmaster(station: Station) -> bool:
    return station.sonic is not None and "windmaster" in station.sonic.model.lower()


def _exclude_wind(half: HalfHour, station: Station) -> HalfHour:
    method, model = flux_of(station).methods.angle_of_attack, station.sonic.model if station.sonic else ""
    why = f"angle_of_attack = {method!r} is for a WindMaster, and the sonic is a {model!r}"
    return half.without(dict.fromkeys(("u", "v", "w"), why))


ANGLE_OF_ATTACK = choices(
    "angle_of_attack",
    {
        "none": keep_wind,
        "gill_windmaster_2016": scale_windmaster,
        "nakai_shimoyama_2012": calibrate_windmaster,
    },
)
