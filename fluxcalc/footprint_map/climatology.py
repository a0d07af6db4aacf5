"""The footprint as a map: one half-hour, or the average of many, with contours for a web map or a GIS."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gamma, gammainccinv

from core.constants import EARTH_ROTATION
from core.progress import Progress, no_progress
from core.records import FloatArray
from core.station import Station
from fluxcalc.footprint_map.contours import Polygon, polygon_area, trace_polygons
from fluxcalc.footprint_map.geotiff import to_geotiff
from fluxcalc.footprint_map.projection import geographic_position
from fluxcalc.kernels.footprint import A, B, C, D, footprint_on_grid

CONTOUR_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FOOTPRINT_INTEGRAL = A * C ** (B + 1) * float(gamma(-B - 1))
"""Of the function along the wind with the published, rounded coefficients; it should be 1."""

KARMAN = 0.4  # the paper's; the coefficients were fitted with it [1]
CONVECTIVE_BOUNDARY_LAYER = 1000.0  # taken by day where the height of the boundary layer is not known [m]
MAX_RELATIVE_HEIGHT = 0.8  # part of the boundary layer's height up to which the parameterisation holds
ROUGHNESS_SUBLAYER = 20.0  # its top in roughness lengths
DEFAULT_CELLS = 200  # from the tower to the edge, unless the cell is given
MAX_CELLS = 2000  # from the tower to the edge; 16 million in all, 128 MB a grid
REACH_FACTOR = 1.5  # of the grid, in distances of 90 % of the flux


class Turbulence(NamedTuple):
    """What the map of one interval needs; NaN where it is not known.

    Attributes
    ----------
    ustar, wind_speed, v_sigma : float
        Friction velocity, mean wind, standard deviation of the wind across. [m s-1]
    obukhov_length : float
        [m]
    wind_direction : float
        Where the wind comes from, clockwise from north. [deg]
    boundary_layer : float
        Its height; NaN: worked out by ``boundary_layer_height``. [m]
    """

    ustar: float
    wind_speed: float
    v_sigma: float
    obukhov_length: float
    wind_direction: float
    boundary_layer: float = math.nan


@dataclass(frozen=True, slots=True)
class FootprintMap:
    """Where a flux, or the mean of several, comes from.

    Attributes
    ----------
    east, north : ndarray, float64
        Centres of the cells from the tower. [m]
    weights : ndarray, shape (len(north), len(east)), float64
        Share of the flux that arises in each cell; the sum is 1 less what arises beyond the grid. [1]
    used : int
        Intervals behind it.
    left_out : mapping of str to int
        Why others are not -> how many.
    """

    east: FloatArray
    north: FloatArray
    weights: FloatArray
    used: int
    left_out: Mapping[str, int]


def turbulence_of(values: Mapping[str, float | None]) -> Turbulence:
    """Take from FLUXNET columns (``FluxRecord.values``, or a row of fluxes) what the map needs; None is NaN."""
    columns = ("USTAR", "WS", "V_SIGMA", "MO_LENGTH", "WD")
    return Turbulence(*(math.nan if (value := values.get(name)) is None else value for name in columns))


def map_footprint(
    intervals: Iterable[Turbulence],
    station: Station,
    *,
    reach: float | None = None,
    cell: float | None = None,
    progress: Progress = no_progress,
) -> FootprintMap:
    """Average the footprints of intervals, each turned to where its wind came from, all of the same weight.

    Parameters
    ----------
    intervals : iterable of Turbulence
        One or many; those that cannot be used are counted with their reason.
    station : Station
        With ``[sonic]`` and ``[site]``.
    reach : float, optional
        From the tower to the edge of the grid; by default 1.5 times the distance within which nine of ten intervals
        have 90 % of their flux. [m]
    cell : float, optional
        Side of a cell; by default a two-hundredth of the reach. [m]
    progress : Progress, optional
        Is told how many intervals are done.

    Returns
    -------
    FootprintMap
        All weights zero if no interval can be used.

    Raises
    ------
    ValueError
        The station has no ``[sonic]`` or no ``[site]``, reach or cell are not positive, or the cells are too many.

    References
    ----------
    Kljun et al. (2015), doi:10.5194/gmd-8-3695-2015
    """
    left_out: Counter[str] = Counter()
    scales = []
    for one in intervals:
        why = why_unusable(one, station)
        if why is None:
            scales.append((math.radians(one.wind_direction), *scales_of(one, station)))
        else:
            left_out[why] += 1
    if reach is None:
        lengths = [length for _, length, _ in scales] or [station.measurement_height]
        reach = REACH_FACTOR * distance_of(0.9) * float(np.quantile(lengths, 0.9))
    if cell is None:
        cell = reach / DEFAULT_CELLS
    if not (cell > 0 and reach > 0):
        raise ValueError(f"reach and cell are lengths above 0 m, not {reach} and {cell}")
    half = max(math.ceil(reach / cell), 1)
    if half > MAX_CELLS:
        raise ValueError(f"{reach:g} m in cells of {cell:g} m are {half} cells each way, {MAX_CELLS} at most")
    axis: FloatArray = (np.arange(-half, half) + 0.5) * np.float64(cell)
    weights = np.zeros((axis.size, axis.size))
    one_map = np.empty_like(weights)
    for done, (direction, length, width) in enumerate(scales):
        progress("footprints", done, len(scales))
        share = footprint_on_grid(one_map, axis, axis, direction, length, width) * cell**2 / FOOTPRINT_INTEGRAL
        # cells as large as the peak itself can catch more than there is
        weights += one_map * (cell**2 / FOOTPRINT_INTEGRAL / max(share, 1.0) / len(scales))
    return FootprintMap(axis, axis.copy(), weights, len(scales), dict(left_out))


def why_unusable(one: Turbulence, station: Station) -> str | None:
    """Return why an interval has no footprint, None if it has one (section 2.3 and eq. 27 of the paper)."""
    if not all(map(math.isfinite, one[:3])) or math.isnan(one.obukhov_length) or one.obukhov_length == 0:
        return "wind or turbulence is not known"
    if not math.isfinite(one.wind_direction):
        return "wind direction is not known"
    if one.ustar < 0.1:
        return "friction velocity below 0.1 m s-1"
    if one.wind_speed <= 0 or one.v_sigma <= 0:
        return "wind or turbulence is zero"
    height = station.measurement_height
    if height / one.obukhov_length < -15.5:
        return "stability below -15.5"
    if height >= MAX_RELATIVE_HEIGHT * boundary_layer_height(one, station.station.latitude):
        return "sensor above the boundary layer"
    return None


def scales_of(one: Turbulence, station: Station) -> tuple[float, float]:
    """Return the distance upwind that is 1 in x*, and the width that is 1 in sigma_y* (eqs 6, 12, 13). [m]"""
    height = station.measurement_height
    layer = boundary_layer_height(one, station.station.latitude)
    length = height / (1.0 - height / layer) * KARMAN * one.wind_speed / one.ustar
    factor = min(1.0, 1e-5 * abs(one.obukhov_length / height) + (0.8 if one.obukhov_length <= 0 else 0.55))
    return length, height * one.v_sigma / one.ustar / factor


def boundary_layer_height(one: Turbulence, latitude: float) -> float:
    """Return the height of the boundary layer: as given, else by the wind in stable and neutral air, else 1000 m.

    By day it hardly matters for a sensor near the ground: the distances have the factor 1/(1 - z/h). [m]

    References
    ----------
    Nieuwstadt (1981), as in Kljun et al. (2015), eq. B1
    """
    if one.boundary_layer > 0:
        return one.boundary_layer
    coriolis = 2.0 * EARTH_ROTATION * abs(math.sin(math.radians(latitude)))
    if one.obukhov_length <= 0 or coriolis == 0:
        return CONVECTIVE_BOUNDARY_LAYER
    if math.isinf(one.obukhov_length):
        return 0.3 * one.ustar / coriolis
    ratio = 2.28 * one.ustar / (coriolis * one.obukhov_length)
    return one.obukhov_length / 3.8 * (math.sqrt(1.0 + ratio) - 1.0)


def distance_of(share: float) -> float:
    """Return x* within which a share of the flux arises, along the wind; the paper's eq. 25 is close to it."""
    return C / float(gammainccinv(-B - 1, share)) + D


def contour(footprint: FootprintMap, share: float) -> list[Polygon]:
    """Return the smallest area from which a share of the flux comes, in metres east and north of the tower.

    Nothing, if the grid does not hold so much of the flux, or one cell holds more.
    """
    flat = np.sort(footprint.weights, axis=None)[::-1]
    place = int(np.searchsorted(np.cumsum(flat), share))
    if place >= flat.size or flat[place] <= 0:
        return []
    return trace_polygons(footprint.east, footprint.north, footprint.weights, float(flat[place]))


def to_geojson(footprint: FootprintMap, station: Station, shares: Sequence[float] = CONTOUR_SHARES) -> dict[str, Any]:
    """Return contours as a GeoJSON FeatureCollection (RFC 7946), the largest first so that smaller ones lie on top.

    Every feature says its ``share``, its area and what is behind it; a share that the grid does not hold has none.
    """
    facts = {
        "station": station.id,
        "model": "kljun_2015",
        "intervals": footprint.used,
        "left_out": dict(footprint.left_out),
        "share_on_grid": float(footprint.weights.sum()),
        "within_roughness_sublayer": is_in_roughness_sublayer(station),
    }
    features = []
    for share in sorted(shares, reverse=True):
        polygons = contour(footprint, share)
        if polygons:
            places = [[[_coordinates(point, station) for point in ring] for ring in polygon] for polygon in polygons]
            area = polygon_area(polygons)
            features.append(
                {
                    "type": "Feature",
                    "properties": {"share": share, "area_m2": area, **facts},
                    "geometry": {"type": "MultiPolygon", "coordinates": places},
                }
            )
    return {"type": "FeatureCollection", "features": features}


def to_npz(footprint: FootprintMap, station: Station) -> bytes:
    """Return the grid as the bytes of a numpy ``.npz``: east, north, weights, latitude, longitude, used."""
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        east=footprint.east,
        north=footprint.north,
        weights=footprint.weights,
        latitude=station.station.latitude,
        longitude=station.station.longitude,
        used=footprint.used,
    )
    return stream.getvalue()


def to_tiff(footprint: FootprintMap, station: Station) -> bytes:
    """Return the grid as a GeoTIFF: the share of the flux that arises in each cell. [1]"""
    what = f"share of the flux of {station.id} in each cell, Kljun et al. (2015), {footprint.used} intervals"
    return to_geotiff(footprint.east, footprint.north, footprint.weights, station.station, what)


def is_in_roughness_sublayer(station: Station) -> bool:
    """Return whether the sensor is so low over the canopy that the model's flow is not the canopy's (eq. 27)."""
    return station.site is not None and station.measurement_height <= ROUGHNESS_SUBLAYER * station.site.roughness


def _coordinates(point: tuple[float, float], station: Station) -> list[float]:
    """Return longitude and latitude of a place east and north of the station, to a centimetre. [deg]"""
    return [round(degrees, 7) for degrees in geographic_position(station.station, *point)]
