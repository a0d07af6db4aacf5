"""What checks say of stretches of time of a station's slow sensors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import From, StationDep, To
from api.models import FindingOut, FindingsOut
from api.principals import StoreDep
from core.store import FindingRow

router = APIRouter(tags=["stations"])
BEGINNING, END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@router.get("/stations/{id}/findings", summary="What checks of whole stretches of time found: clock, drift, level")
def findings(
    row: StationDep,
    store: StoreDep,
    start: From = None,
    end: To = None,
    withdrawn: Annotated[bool, Query(description="Those, too, that do not hold any more.")] = False,
    limit: Annotated[int, Query(description="How many of the newest.", ge=1, le=10_000)] = 1000,
) -> FindingsOut:
    """Return the findings about readings of [from, to), newest first; default: of all times."""
    found = store.findings.find(row.station.id, start or BEGINNING, end or END, limit, withdrawn=withdrawn)
    return FindingsOut(station=row.station.id, findings=[describe_finding(one) for one in found])


def describe_finding(one: FindingRow) -> FindingOut:
    """Return a finding as the API has it."""
    return FindingOut(
        check=one.check_name,
        stream=one.stream_name,
        channel=one.channel,
        start=one.starts,
        end=one.ends,
        flag=one.flag,
        reason=one.reason,
        data=one.data,
        found=one.found,
        withdrawn=one.withdrawn,
    )
