"""Planes of the mean streamlines, fitted by sector of the wind over many intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import ProcessingError
from core.records import FloatArray, FluxRecord
from core.station import Options, Station
from fluxcalc.halfhour.fits import PlaneSector
from fluxcalc.halfhour.interval import flux_of
from fluxcalc.halfhour.state import SonicWind
from fluxcalc.halfhour.wind.sonic_axes import sonic_direction

MIN_POINTS = 3
"""Fewer do not make a plane."""


class PeriodWind(NamedTuple):
    """What the fit of planes needs of a half-hour: when it was, and its mean wind in the sonic's axes. [m s-1]"""

    start: datetime
    end: datetime
    u: float
    v: float
    w: float


def observe_wind(record: FluxRecord) -> PeriodWind:
    """Keep of a half-hour what the fit of planes needs: a year of whole records would fill the memory."""
    wind = SonicWind.read(record)
    return PeriodWind(record.start, record.end, wind.u, wind.v, wind.w)


def fit_station(records: Iterable[FluxRecord], station: Station) -> tuple[PlaneSector, ...]:
    """Fit the planes of a station from half-hours computed before, by any method of rotation.

    Parameters
    ----------
    records : iterable of FluxRecord
        Their diagnostics hold the mean wind in the sonic's axes after despiking; those without are passed over.
    station : Station
        ``rotation = "planar_fit_no_bias"`` fits without, anything else with a bias; ``[flux.options]`` says the
        sectors and what a half-hour must be to count.

    Returns
    -------
    tuple of PlaneSector
        For ``Fits(planes=...)``; a sector without enough half-hours has none.

    Raises
    ------
    ProcessingError
        No sector has enough half-hours; says how many there were, how many are needed, and the remedy.
    """
    return fit_periods([observe_wind(record) for record in records], station)


def fit_periods(periods: Sequence[PeriodWind], station: Station) -> tuple[PlaneSector, ...]:
    """Fit as ``fit_station`` to what ``observe_wind`` kept of the half-hours."""
    u, v, w = np.array([period[2:] for period in periods], dtype=np.float64).reshape(-1, 3).T
    direction = np.array([sonic_direction(period.u, period.v, station) for period in periods])
    flux = flux_of(station)
    usable = choose_periods(u, v, w, flux.options)
    planes = fit_planes(
        u[usable],
        v[usable],
        w[usable],
        direction[usable],
        starts=flux.options.planar_fit_sectors,
        minimum=flux.options.planar_fit_least_periods,
        with_bias=flux.methods.rotation != "planar_fit_no_bias",
    )
    if not planes:
        raise ProcessingError("fit_station", station.id, _span(periods), _too_few(len(periods), usable, flux.options))
    return planes


def choose_periods(u: FloatArray, v: FloatArray, w: FloatArray, options: Options) -> NDArray[np.bool_]:
    """Return which period means may enter a fit: enough horizontal and not too much vertical wind.

    Parameters
    ----------
    u, v, w : ndarray, shape (n,), float64
        Mean wind of each period in the sonic's axes; NaN is none. [m s-1]
    options : Options
        ``planar_fit_least_u`` and ``planar_fit_largest_w``.

    Returns
    -------
    ndarray, shape (n,), bool
    """
    chosen: NDArray[np.bool_] = (np.hypot(u, v) >= options.planar_fit_least_u) & (
        np.abs(w) <= options.planar_fit_largest_w
    )
    return chosen


def fit_planes(
    u: FloatArray,
    v: FloatArray,
    w: FloatArray,
    direction: FloatArray,
    *,
    starts: Sequence[float],
    minimum: int,
    with_bias: bool,
) -> tuple[PlaneSector, ...]:
    """Fit w = b0 + b1 u + b2 v to the means of periods by least squares, sector by sector.

    Parameters
    ----------
    u, v, w : ndarray, shape (n,), float64
        Mean wind of each period in the sonic's axes. [m s-1]
    direction : ndarray, shape (n,), float64
        Where the wind came from, in the sonic's axes. [deg]
    starts : sequence of float
        Where the sectors begin, ascending; each ends where the next begins. [deg]
    minimum : int
        Fewest periods that a sector needs to have a plane.
    with_bias : bool
        False: b0 is zero (van Dijk 2004).

    Returns
    -------
    tuple of PlaneSector
        One for each sector with enough periods whose winds span a plane.

    References
    ----------
    Wilczak et al. (2001), eqs 37-39, doi:10.1023/A:1018966204465;
    van Dijk, Moene & de Bruin (2004), The principles of surface flux physics, section 3.2
    """
    planes = []
    for start, next_start in zip(starts, (*starts[1:], starts[0] + 360.0), strict=True):
        end = next_start if next_start - start == 360.0 else next_start % 360.0
        sector = PlaneSector(start, end, math.nan, math.nan, math.nan)
        inside = np.array([is_inside(sector, float(angle)) for angle in direction], dtype=bool)
        if inside.sum() < max(minimum, MIN_POINTS):
            continue
        ones = np.full(int(inside.sum()), 1.0 if with_bias else 0.0)
        matrix = np.column_stack([ones, u[inside], v[inside]])
        # a column of zeros gives b0 = 0: the shortest of the solutions
        (b0, b1, b2), _residuals, rank, _singular = np.linalg.lstsq(matrix, w[inside], rcond=None)
        if rank == (3 if with_bias else 2):
            planes.append(PlaneSector(start, end, float(b0), float(b1), float(b2)))
    return tuple(planes)


def find_plane(planes: Iterable[PlaneSector], direction: float) -> PlaneSector | None:
    """Return the plane whose sector holds a wind direction of the sonic's axes; None if there is none. [deg]"""
    return next((plane for plane in planes if is_inside(plane, direction)), None)


def is_inside(sector: PlaneSector, direction: float) -> bool:
    """Return whether a sector, [start, end), holds a direction; calm air (NaN) is held by a whole circle only. [deg]"""
    width = sector.end - sector.start
    return width >= 360.0 or (direction - sector.start) % 360.0 < width % 360.0


def _span(periods: Sequence[PeriodWind]) -> str:
    if not periods:
        return "(no half-hours)"
    first, last = min(period.start for period in periods), max(period.end for period in periods)
    return f"{first:%Y-%m-%dT%H:%MZ} to {last:%Y-%m-%dT%H:%MZ}"


def _too_few(total: int, usable: NDArray[np.bool_], options: Options) -> str:
    return (
        f"{usable.sum()} of {total} half-hours have a mean wind that can be used (horizontal at least "
        f"{options.planar_fit_least_u:g} m s-1, vertical at most {options.planar_fit_largest_w:g} m s-1) and no sector "
        f"has the {options.planar_fit_least_periods} that it needs: fit over a longer period, or lower "
        "flux.options.planar_fit_least_periods"
    )
