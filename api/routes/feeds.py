"""How a station's messages come in, and what is missing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import StationDep
from api.models import FeedOut, FeedsOut, GapOut
from api.principals import StoreDep
from core.store import Arrival, Gap

router = APIRouter(tags=["stations"])


@router.get("/stations/{id}/feeds", summary="Counters, lag and clock of each stream; known gaps")
def feeds(
    row: StationDep,
    store: StoreDep,
    filled: Annotated[bool, Query(description="Gaps too that were filled late.")] = False,
    limit: Annotated[int, Query(description="How many of the newest gaps.", ge=1, le=10_000)] = 1000,
) -> FeedsOut:
    """Return how messages come in: counted since the station's first, written every few seconds."""
    id = row.station.id
    return FeedsOut(
        station=id,
        feeds=[_feed(one) for one in store.watermarks.read_arrivals(id)],
        gaps=[_gap(one) for one in store.gaps.find(id, limit, filled=filled)],
    )


def _feed(one: Arrival) -> FeedOut:
    return FeedOut(
        stream=one.stream,
        records=one.records,
        repeated=one.duplicates,
        restarts=one.restarts,
        received=one.seen,
        time=one.newest,
        lag_s=one.lag_s,
        clock_s=None if one.delay_s is None else -one.delay_s,
    )


def _gap(one: Gap) -> GapOut:
    return GapOut(
        stream=one.stream,
        start=one.starts,
        end=one.ends,
        messages=one.blocks,
        counted=one.counted,
        missing_s=one.missing_s,
        noticed=one.noticed,
        filled=one.filled,
    )
