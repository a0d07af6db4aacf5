"""Who asks."""

from __future__ import annotations

from fastapi import APIRouter

from api.models import MeOut
from api.principals import PrincipalDep
from core.access import ACTIONS, MAY

router = APIRouter(tags=["access"])


@router.get("/me", summary="Who asks, and what he may do")
async def me(principal: PrincipalDep) -> MeOut:
    """Return who the key or login belongs to; what is public can be read by anybody."""
    may = [action for action in ACTIONS if action in MAY[principal.role]] if principal.kind != "anonymous" else []
    return MeOut(
        kind=principal.kind,
        name=principal.name,
        role=principal.role if principal.kind != "anonymous" else None,
        scope=sorted(principal.scope),
        data_classes=sorted(principal.data_classes) if principal.kind != "anonymous" else [],
        may=may,
    )
