"""Server-sent events: newest values and new fluxes as they come."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse

from api.deps import StationDep
from api.live import LiveFeed

router = APIRouter(tags=["live"])

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `latest` (a stream's newest vector; again with flags), `flux` (an interval is made), "
        "`problem` (the database is away) and `well` (it is back). A slow reader gets the newest of each.",
        "content": {
            "text/event-stream": {
                "example": 'event: latest\ndata: {"station":"us-orchard","stream":"fast",'
                '"time":"2012-06-07T20:15:00Z","received":"2026-07-01T00:00:00Z","values":{"Ux":1.2},'
                '"flags":{},"reasons":{}}\n\n'
            }
        },
    }
}


@router.get(
    "/live",
    summary="Events of all stations",
    response_class=EventSourceResponse,
    response_model=None,
    responses=_EVENTS,
)
async def live(request: Request) -> EventSourceResponse:
    """Stream the newest values of all stations."""
    return _stream(request, None)


@router.get(
    "/stations/{id}/live",
    summary="Events of one station",
    response_class=EventSourceResponse,
    response_model=None,
    responses=_EVENTS,
)
async def station_live(request: Request, row: StationDep) -> EventSourceResponse:
    """Stream a station's newest values and fluxes."""
    return _stream(request, row.station.id)


def _stream(request: Request, station: str | None) -> EventSourceResponse:
    feed: LiveFeed = request.app.state.feed
    return EventSourceResponse(feed.events(station), ping=15, send_timeout=30, headers={"X-Accel-Buffering": "no"})
