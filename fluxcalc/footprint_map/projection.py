"""Places around a tower: metres east and north of it as longitude and latitude."""

from __future__ import annotations

import math

from core.station import Identity

WGS84_AXIS = 6378137.0  # [m]
WGS84_ECCENTRICITY_SQUARED = 6.69437999014e-3  # eccentricity squared


def geographic_position(tower: Identity, east: float, north: float) -> tuple[float, float]:
    """Return longitude and latitude (WGS 84) of a place within some kilometres of a tower.

    North is measured along the tower's meridian to the foot of the perpendicular to it, east along that: the plane of
    the transverse Mercator projection around the tower. Within five kilometres, and 70 degrees of the equator, the
    series is true to 5 cm.

    Parameters
    ----------
    tower : Identity
        Where it stands.
    east, north : float
        From there. [m]

    Returns
    -------
    longitude, latitude : float
        [deg]
    """
    latitude = math.radians(tower.latitude)
    _, along = _radii(latitude)
    foot = latitude + north / along
    across, along = _radii(foot)
    turned = east / (across * math.cos(foot))
    fallen = math.tan(foot) * east**2 / (2.0 * along * across)
    return tower.longitude + math.degrees(turned), math.degrees(foot - fallen)


def _radii(latitude: float) -> tuple[float, float]:
    """Return the ellipsoid's radii of curvature across and along the meridian. [m]"""
    root = 1.0 - WGS84_ECCENTRICITY_SQUARED * math.sin(latitude) ** 2
    return WGS84_AXIS / math.sqrt(root), WGS84_AXIS * (1.0 - WGS84_ECCENTRICITY_SQUARED) / root**1.5
