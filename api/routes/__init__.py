"""The REST routes under ``/api/v1``, one file a resource."""

from __future__ import annotations

from fastapi import APIRouter

from api.models import ErrorOut
from api.routes import (
    audit,
    background,
    configurations,
    dossier,
    feeds,
    findings,
    fluxes,
    footprint,
    health,
    live,
    me,
    mole_fractions,
    problems,
    product,
    raw,
    readings,
    releases,
    reviews,
    runs,
    samples,
    stations,
)

router = APIRouter(
    prefix="/api/v1",
    responses={
        401: {"model": ErrorOut, "description": "Not public, or a key that is unknown, expired or revoked."},
        403: {"model": ErrorOut, "description": "Not for who asks."},
        404: {"model": ErrorOut, "description": "No such station or stream."},
        422: {"model": ErrorOut, "description": "A parameter that cannot be used."},
        429: {"model": ErrorOut, "description": "Too many requests in a minute."},
        503: {"model": ErrorOut, "description": "The database cannot be reached for the moment."},
    },
)
OWN_HEADERS = ("X-Fluxtower-Status", "X-Fluxtower-Run", "X-Fluxtower-Newer-Run")
"""What tables say of themselves outside their rows."""
_OF_STATIONS = (
    stations,
    configurations,
    feeds,
    readings,
    findings,
    samples,
    raw,
    fluxes,
    footprint,
    product,
    runs,
    releases,
    reviews,
    mole_fractions,
    background,
    dossier,
    audit,
    live,
)
for resource in (health, me, problems, *_OF_STATIONS):
    router.include_router(resource.router)
