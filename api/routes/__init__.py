"""The REST routes under ``/api/v1``, one file a resource."""

from __future__ import annotations

from fastapi import APIRouter

from api.models import ErrorOut
from api.routes import feeds, findings, fluxes, footprint, health, live, product, readings, runs, samples, stations

router = APIRouter(
    prefix="/api/v1",
    responses={
        404: {"model": ErrorOut, "description": "No such station or stream."},
        422: {"model": ErrorOut, "description": "A parameter that cannot be used."},
        503: {"model": ErrorOut, "description": "The database cannot be reached for the moment."},
    },
)
for resource in (health, stations, feeds, readings, findings, samples, fluxes, footprint, product, runs, live):
    router.include_router(resource.router)
