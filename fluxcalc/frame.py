"""The sonic's own axes: where its x axis points, and the wind's direction in the world."""

from __future__ import annotations

import math
from dataclasses import replace

from core.station import Station
from fluxcalc.interval import HalfHour
from fluxcalc.kernels.rotation import mean_wind, rotate

OPPOSITE_X = ("csat3", "irgason")
"""Models whose u is positive for wind INTO the array: their x axis points the other way than the wind it counts."""


def complete_wind(half: HalfHour, station: Station) -> HalfHour:
    """Remove wind samples that lack a component, and note the mean wind in the sonic's frame and its direction.

    ``wind_direction_deg`` is where the wind comes from, clockwise from north, of the vector mean; calm air has none.
    """
    if not half.has("u", "v", "w"):
        return half
    u, v, w = rotate(half.series["u"], half.series["v"], half.series["w"], 0.0, 0.0)
    count, mean_u, mean_v, mean_w, largest = mean_wind(u, v, w)
    half = replace(half, series={**half.series, "u": u, "v": v, "w": w})
    calm = mean_u == mean_v == 0
    return half.noting(
        valid_wind=count,
        sonic_u=mean_u,
        sonic_v=mean_v,
        sonic_w=mean_w,
        largest_wind=largest,
        wind_direction_deg=math.nan if calm else wind_direction(mean_u, mean_v, station),
    )


def wind_direction(u: float, v: float, station: Station) -> float:
    """Return where the wind comes from, in degrees clockwise from north.

    Parameters
    ----------
    u, v : float
        Mean wind in the sonic's frame. [m s-1]
    station : Station
        Gives the sonic's model and north offset.
    """
    if station.sonic is None:
        raise ValueError(f"station {station.id} has no [sonic]")
    turn = 0.0 if station.sonic.model.lower().startswith(OPPOSITE_X) else 180.0
    return (turn - math.degrees(math.atan2(v, u)) + station.sonic.north_offset) % 360.0
