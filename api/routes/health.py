"""Can the platform answer?"""

from __future__ import annotations

import asyncio
import dataclasses
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Request, Response

from api.errors import ANSWERS
from api.models import DatabaseOut, HealthOut
from api.principals import Gate, PrincipalDep, gate_of
from api.readable import ReadableStore
from core.access import Principal
from core.errors import StoreError, StoreUnavailable
from core.store import Health

router = APIRouter(tags=["health"])

PATIENCE_SECONDS = 3.0  # a monitor's probe wants its answer soon [s]


def installed_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("fluxtower")
    except PackageNotFoundError:
        return "unknown"


@router.get("/health", summary="State of the platform", responses={503: {"model": HealthOut}})
async def health(request: Request, principal: PrincipalDep, response: Response) -> HealthOut:
    """Answer 200 with the numbers that tell whether work is piling up, or 503 with the reason and the remedy."""
    try:
        found = await asyncio.wait_for(asyncio.to_thread(_look, gate_of(request), principal), PATIENCE_SECONDS)
    except (StoreError, TimeoutError) as error:
        response.status_code = 503
        problem = str(error) or "the database does not answer"
        remedy = ANSWERS[StoreUnavailable].remedy
        return HealthOut(
            status="unavailable", version=installed_version(), database=None, problem=problem, remedy=remedy
        )
    return HealthOut(
        status="ok",
        version=installed_version(),
        database=None if found is None else DatabaseOut.model_validate(dataclasses.asdict(found)),
    )


def _look(gate: Gate, principal: Principal) -> Health | None:
    return ReadableStore(gate.store, principal, gate.policies()).health()
