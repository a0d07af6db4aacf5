"""Tilt correction: the wind along the mean streamline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.records import FloatArray
from core.station import Station
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.fits import PlaneSector
from fluxcalc.halfhour.interval import WIND_COMPONENTS, HalfHour, flux_of
from fluxcalc.halfhour.wind.planar_fit import find_plane
from fluxcalc.halfhour.wind.sonic_axes import sonic_direction
from fluxcalc.kernels.rotation import mean_wind, rotate, transform
from fluxcalc.kernels.statistics import covariance

Wind = tuple[FloatArray, FloatArray, FloatArray]

MAX_ROLL = math.radians(10.0)
"""A larger third angle says more about the wind than about the sonic: it is not used. [rad]"""


def rotate_wind(half: HalfHour, station: Station) -> HalfHour:
    """Turn the wind by the station's method; needs complete triplets."""
    return ROTATIONS[flux_of(station).methods.rotation](half, station) if half.has(*WIND_COMPONENTS) else half


def keep_sonic_axes(half: HalfHour, _: Station) -> HalfHour:
    """Leave the wind in the sonic's axes."""
    speed = half.sonic_wind.speed
    return replace(
        half,
        wind_speed=speed,
        diagnostics=half.diagnostics_with(yaw_deg=0.0, pitch_deg=0.0, wind_speed=speed),
    )


def rotate_twice(half: HalfHour, _: Station) -> HalfHour:
    """Turn the wind by yaw, then pitch, so that mean v and mean w are zero.

    Publishes ``yaw_deg`` in [0, 360), counter-clockwise from the sonic's x axis, and ``pitch_deg``, positive upward.

    References
    ----------
    Wilczak et al. (2001), eqs 22-29, doi:10.1023/A:1018966204465
    """
    u, v, w = (half.series[name] for name in WIND_COMPONENTS)
    _count, mean_u, mean_v, mean_w, _largest = mean_wind(u, v, w)
    yaw = math.atan2(mean_v, mean_u)
    pitch = math.atan2(mean_w, math.hypot(mean_u, mean_v))
    return _rotated(
        half,
        rotate(u, v, w, yaw, pitch),
        math.hypot(mean_u, mean_v, mean_w),
        yaw_deg=math.degrees(yaw) % 360.0,
        pitch_deg=math.degrees(pitch),
    )


def rotate_thrice(half: HalfHour, station: Station) -> HalfHour:
    """Turn the wind by yaw and pitch, then about its mean until v and w do not covary.

    Publishes ``roll_deg`` besides the other two; a roll of 10 degrees or more is published and not applied.

    References
    ----------
    Wilczak et al. (2001), eqs 30-31, doi:10.1023/A:1018966204465
    """
    half = rotate_twice(half, station)
    u, v, w = (half.series[name] for name in WIND_COMPONENTS)
    roll = roll_angle(covariance(v, w), covariance(v, v), covariance(w, w))
    half = half.with_diagnostics(roll_deg=math.degrees(roll))
    if abs(roll) >= MAX_ROLL:
        return half
    return replace(half, series=_with_wind(half, transform(u, v, w, about_x(roll), 0.0)))


def roll_angle(vw: float, vv: float, ww: float) -> float:
    """Return the roll, within a quarter turn of zero, that takes the covariance of v and w away. [rad]"""
    if vw == 0:
        return 0.0
    return 0.5 * math.atan(2.0 * vw / (vv - ww)) if vv != ww else math.copysign(math.pi / 4, vw)


def rotate_into_plane(half: HalfHour, station: Station) -> HalfHour:
    """Turn the wind into the plane fitted for its direction, take the plane's bias from w, then turn by yaw.

    Mean w is then what blows through the plane, and not zero. Without a plane for the direction the wind is set
    aside. Publishes ``yaw_deg``, the plane's ``pitch_deg`` and ``roll_deg``, and ``plane_w``, the mean wind
    through the plane. [m s-1]

    References
    ----------
    Wilczak et al. (2001), eqs 37-44, doi:10.1023/A:1018966204465
    """
    direction = sonic_direction(half.sonic_wind.u, half.sonic_wind.v, station)
    plane = find_plane(half.fits.planes, direction)
    if plane is None:
        known = (
            "no plane has been fitted yet" if not half.fits.planes else f"no plane is fitted for {direction:.0f} deg"
        )
        return _without_wind(half, f"{known} (wind direction in the sonic's frame)")
    matrix, pitch, roll = plane_axes(plane)
    u, v, w = (half.series[name] for name in WIND_COMPONENTS)
    u, v, w = transform(u, v, w, matrix, plane.b0)
    _count, mean_u, mean_v, mean_w, _largest = mean_wind(u, v, w)
    yaw = math.atan2(mean_v, mean_u)
    return _rotated(
        half,
        rotate(u, v, w, yaw, 0.0),
        math.hypot(mean_u, mean_v, mean_w),
        yaw_deg=math.degrees(yaw) % 360.0,
        pitch_deg=math.degrees(pitch),
        roll_deg=math.degrees(roll),
        plane_w=mean_w,
    )


def rotate_into_unbiased_plane(half: HalfHour, station: Station) -> HalfHour:
    """Turn the wind into a plane that was fitted through the origin; planes with a bias belong to the other method.

    References
    ----------
    van Dijk, Moene & de Bruin (2004), The principles of surface flux physics, section 3.2
    """
    if any(plane.b0 != 0 for plane in half.fits.planes):
        return _without_wind(half, "the planes were fitted with a bias: fit them anew for planar_fit_no_bias")
    return rotate_into_plane(half, station)


def plane_axes(plane: PlaneSector) -> tuple[FloatArray, float, float]:
    """Return the axes of a plane as rows, and its pitch and roll.

    Parameters
    ----------
    plane : PlaneSector

    Returns
    -------
    axes : ndarray, shape (3, 3)
        z is the plane's normal, y has no part along the sonic's x. [1]
    pitch, roll : float
        Of the plane against the sonic's axes. [rad]

    References
    ----------
    Wilczak et al. (2001), eqs 40-42, doi:10.1023/A:1018966204465
    """
    normal = np.array([-plane.b1, -plane.b2, 1.0])
    normal /= np.linalg.norm(normal)
    across = np.array([0.0, normal[2], -normal[1]]) / math.hypot(normal[1], normal[2])
    axes = np.array([np.cross(across, normal), across, normal])
    return axes, math.asin(-normal[0]), math.atan(plane.b2)


def about_x(angle: float) -> FloatArray:
    """Return the matrix that turns the axes about x, counter-clockwise. [angle: rad]"""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])


def _with_wind(half: HalfHour, wind: Wind) -> Mapping[str, FloatArray]:
    return {**half.series, **dict(zip(WIND_COMPONENTS, wind, strict=True))}


def _rotated(half: HalfHour, wind: Wind, speed: float, **angles: float) -> HalfHour:
    return replace(
        half,
        series=_with_wind(half, wind),
        wind_speed=speed,
        diagnostics=half.diagnostics_with(**angles, wind_speed=speed),
    )


def _without_wind(half: HalfHour, why: str) -> HalfHour:
    speed = half.sonic_wind.speed
    half = replace(half, wind_speed=speed, diagnostics=half.diagnostics_with(wind_speed=speed))
    return half.without(dict.fromkeys(WIND_COMPONENTS, why))


ROTATIONS = choices(
    "rotation",
    {
        "none": keep_sonic_axes,
        "double": rotate_twice,
        "triple": rotate_thrice,
        "planar_fit": rotate_into_plane,
        "planar_fit_no_bias": rotate_into_unbiased_plane,
    },
)
