"""Tilt correction: the wind in the frame of the mean streamline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from core.station import Station
from fluxcalc.interval import HalfHour, Step, flux_of
from fluxcalc.kernels.rotation import mean_wind, rotate


def rotate_wind(half: HalfHour, station: Station) -> HalfHour:
    """Turn the wind by the station's method; needs complete triplets."""
    return ROTATIONS[flux_of(station).methods.rotation](half, station)


def keep_frame(half: HalfHour, _: Station) -> HalfHour:
    """Leave the wind in the sonic's frame."""
    if not half.has("u", "v", "w"):
        return half
    mean_u, mean_v = half.diagnostics["sonic_u"], half.diagnostics["sonic_v"]
    return half.noting(yaw_deg=0.0, pitch_deg=0.0, wind_speed=math.hypot(mean_u, mean_v))


def rotate_twice(half: HalfHour, _: Station) -> HalfHour:
    """Turn the wind by yaw, then pitch, so that mean v and mean w are zero.

    Notes ``yaw_deg`` in [0, 360), counter-clockwise from the sonic's x axis, and ``pitch_deg``, positive upward.

    References
    ----------
    Wilczak et al. (2001), eqs 22-29, doi:10.1023/A:1018966204465
    """
    if not half.has("u", "v", "w"):
        return half
    u, v, w = half.series["u"], half.series["v"], half.series["w"]
    _count, mean_u, mean_v, mean_w, _largest = mean_wind(u, v, w)
    yaw = math.atan2(mean_v, mean_u)
    pitch = math.atan2(mean_w, math.hypot(mean_u, mean_v))
    u, v, w = rotate(u, v, w, yaw, pitch)
    half = replace(half, series={**half.series, "u": u, "v": v, "w": w})
    return half.noting(
        yaw_deg=math.degrees(yaw) % 360.0,
        pitch_deg=math.degrees(pitch),
        wind_speed=math.hypot(mean_u, mean_v, mean_w),
    )


ROTATIONS: Mapping[str, Step] = {"none": keep_frame, "double": rotate_twice}
