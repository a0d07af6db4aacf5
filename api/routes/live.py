"""Server-sent events: newest values and new fluxes as they come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse

from api.deps import StationDep
from api.live import Listener, LiveFeed, read_event_id
from api.principals import StoreDep, gate_of, is_still
from api.readable import ReadableStore

router = APIRouter(tags=["live"])

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events `latest` (a stream's newest vector; again with flags), `flux` (an interval is made), "
        "`problem` (the database is away) and `well` (it is back). A slow reader gets the newest of each; "
        "one that comes back with `Last-Event-ID` gets what is newer.",
        "content": {
            "text/event-stream": {
                "example": 'id: 1782864000000000\nevent: latest\ndata: {"station":"us-orchard","stream":"fast",'
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
async def live(request: Request, store: StoreDep) -> EventSourceResponse:
    """Stream the newest values of all stations that the asker may read."""
    return _stream(request, store, None)


@router.get(
    "/stations/{id}/live",
    summary="Events of one station",
    response_class=EventSourceResponse,
    response_model=None,
    responses=_EVENTS,
)
async def station_live(request: Request, store: StoreDep, row: StationDep) -> EventSourceResponse:
    """Stream a station's newest values and fluxes."""
    return _stream(request, store, row.station.id)


def _stream(request: Request, store: ReadableStore, station: str | None) -> EventSourceResponse:
    feed: LiveFeed = request.app.state.feed
    gate, principal = gate_of(request), store.principal
    listener = Listener(
        station,
        lambda id, data_class: gate.known_policies.may_read(principal, id, data_class, datetime.now(UTC)),
        lambda: is_still(gate, principal, request),
    )
    events = feed.events(listener, read_event_id(request.headers.get("last-event-id")))
    return EventSourceResponse(events, ping=15, send_timeout=30, headers={"X-Accel-Buffering": "no"})
