"""The kinds of errors."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.errors import ANSWERS, PROBLEMS
from api.http.address import root_of
from api.models import ProblemOut

router = APIRouter(tags=["health"])


@router.get("/problems", summary="Kinds of errors")
def problems(request: Request) -> list[ProblemOut]:
    """Return every kind of error that the API names, as the `type` of a problem points to it."""
    return [
        ProblemOut(error=kind.__name__, type=f"{root_of(request)}{PROBLEMS}#{kind.__name__}", **answer._asdict())
        for kind, answer in ANSWERS.items()
    ]
