"""Where the fluxes of a period come from, as contours on a map."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.answers import geojson_answer
from api.deps import DEFAULT_PERIOD, From, StationDep, To, choose_period
from api.errors import BadQuery
from api.principals import StoreDep

router = APIRouter(tags=["fluxes"])

MAX_FOOTPRINT_PERIOD = timedelta(days=31)
"""A half-hour's map takes milliseconds, and a reader waits for the sum of them."""
BAD_FLAG = 2
_TRIANGLE = [[117.4, 26.1], [117.41, 26.1], [117.41, 26.11], [117.4, 26.1]]
_FEATURE = {
    "type": "Feature",
    "properties": {"share": 0.9, "area_m2": 117000.0, "intervals": 48, "model": "kljun_2015"},
    "geometry": {"type": "MultiPolygon", "coordinates": [[_TRIANGLE]]},
}
_GEOJSON = {"application/geo+json": {"example": {"type": "FeatureCollection", "features": [_FEATURE]}}}


@router.get(
    "/stations/{id}/footprint",
    summary="Where the fluxes come from (GeoJSON)",
    response_class=Response,
    responses={200: {"content": _GEOJSON}},
)
def footprint(
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    flux: Annotated[
        Literal["TAU", "H", "LE", "FC"] | None,
        Query(description="Only intervals that have this flux, not flagged bad; default: all."),
    ] = None,
) -> Response:
    """Return the contours within which 10 to 90 % of the fluxes of [from, to) arise; default: the last 7 days.

    The mean footprint of the intervals (Kljun et al. 2015), all of the same weight, in longitude and latitude, the
    largest first; at most 31 days. Each contour says its ``share``, area, how many ``intervals`` are behind it, and how
    many were ``left_out`` and why. A period without a footprint has no contour.
    """
    # the model and its compiler load with the first map: the API starts at once
    from fluxcalc.footprint_map.climatology import map_footprint, to_geojson, turbulence_of

    station = row.station
    if station.sonic is None or station.site is None:
        raise BadQuery(f"{station.id} has no [sonic] or no [site]", "ask for a station that makes fluxes")
    span = store.fluxes.read_span(station.id) if end is None else None
    period = choose_period(start, end, span[1] if span else None, DEFAULT_PERIOD, MAX_FOOTPRINT_PERIOD)
    rows = store.fluxes.read(station.id, period.start, period.end).iter_rows(named=True)
    good = (one for one in rows if flux is None or _is_good(one[flux], one[f"{flux}_SSITC_TEST"]))
    return geojson_answer(to_geojson(map_footprint(map(turbulence_of, good), station), station))


def _is_good(value: float | None, flag: float | None) -> bool:
    return value is not None and value == value and flag is not None and flag < BAD_FLAG
