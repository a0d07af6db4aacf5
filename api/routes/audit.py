"""The audit log, for admins."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Query

from api.models import AuditLineOut, AuditOut
from api.principals import StoreDep

router = APIRouter(tags=["access"])


@router.get("/audit", summary="Who did what, and who was denied what, newest first")
def audit(
    store: StoreDep,
    station: Annotated[str | None, Query(description="Station id; default: all, for admins of all.")] = None,
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(description="Only lines with a smaller number: the next page.")] = None,
) -> AuditOut:
    """Return lines of the audit log; an admin whose scope is not everything asks for one ``station`` of it."""
    found = store.access.read_audit(station, limit=limit, below=before)
    lines = [AuditLineOut.model_validate(dataclasses.asdict(one)) for one in found]
    return AuditOut(lines=lines, before=found[-1].id if len(found) == limit else None)
