"""The sonic's own axes: where its x axis points, and the wind's direction in the world."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from core.station import Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.state import SonicWind
from fluxcalc.kernels.rotation import mean_wind, rotate

X_AXIS_AZIMUTHS: Mapping[str, float] = {"csat3": 0.0, "irgason": 0.0, "81000": 90.0, "young 81000": 90.0, "r2": 330.0}
"""Where wind along +u comes from, in degrees clockwise from the sonic's north; a model is known by how its name begins.

A CSAT3 counts wind INTO the array as positive, and points its array to north; a Young 81000 counts wind from its east.
"""

LEFT_HANDED_MODELS = ("r2",)
"""Models whose v points to the right of u; with v turned round they are as the others."""

DEFAULT_X_AXIS_AZIMUTH = 180.0
"""The same for all other sonics, whose x axis points to their north and counts wind that blows along it."""


def complete_wind(half: HalfHour, station: Station) -> HalfHour:
    """Remove wind samples that lack a component, and work out the mean wind in the sonic's axes and its direction.

    The axes are right-handed from here on: a left-handed sonic's v is turned round.
    ``wind_direction_deg`` is where the wind comes from, clockwise from north, of the vector mean; calm air has none.
    """
    if not half.has("u", "v", "w"):
        return half
    u, v, w = rotate(half.series["u"], half.series["v"], half.series["w"], 0.0, 0.0)
    v = -v if is_left_handed(station) else v
    count, mean_u, mean_v, mean_w, largest = mean_wind(u, v, w)
    wind = SonicWind(count, mean_u, mean_v, mean_w, largest, wind_direction(mean_u, mean_v, station))
    return replace(
        half,
        series={**half.series, "u": u, "v": v, "w": w},
        sonic_wind=wind,
        diagnostics=half.diagnostics_with(**wind.published()),
    )


def is_left_handed(station: Station) -> bool:
    """Return whether the sonic's v points to the right of its u, by its model or because the station says so."""
    sonic = station.sonic
    return sonic is not None and (sonic.left_handed or sonic.model.lower().startswith(LEFT_HANDED_MODELS))


def sonic_direction(u: float, v: float, station: Station) -> float:
    """Return where the wind comes from, in degrees clockwise from the sonic's own north.

    Parameters
    ----------
    u, v : float
        Mean wind in the sonic's axes, made right-handed. [m s-1]
    station : Station
        Gives the sonic's model.

    Returns
    -------
    float
        In [0, 360); NaN for calm or missing wind. [deg]
    """
    if station.sonic is None:
        raise ValueError(f"station {station.id} has no [sonic]")
    if not math.hypot(u, v) > 0:
        return math.nan
    model = station.sonic.model.lower()
    turn = next(
        (degrees for name, degrees in X_AXIS_AZIMUTHS.items() if model.startswith(name)), DEFAULT_X_AXIS_AZIMUTH
    )
    return (turn - math.degrees(math.atan2(v, u))) % 360.0


def wind_direction(u: float, v: float, station: Station) -> float:
    """Return where the wind comes from, in degrees clockwise from true north; NaN for calm or missing wind.

    Parameters
    ----------
    u, v : float
        Mean wind in the sonic's axes. [m s-1]
    station : Station
        Gives the sonic's model, where its north points, and the declination of the compass that said so.
    """
    direction = sonic_direction(u, v, station)
    sonic = station.sonic
    return direction if sonic is None else (direction + sonic.north_offset + sonic.magnetic_declination) % 360.0
