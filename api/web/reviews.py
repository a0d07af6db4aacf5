"""The page on which a station's months are reviewed and signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.deps import StationDep
from api.errors import AccessDenied, BadQuery
from api.http.address import root_of
from api.models import ReviewIn
from api.principals import OwnForm, StoreDep
from api.readable import ReadableStore
from api.routes.reviews import NEEDED, find_reviews, sign_as_asked
from api.routes.stations import summarise
from api.web.rendering import render
from core.errors import ReviewError
from core.review import LEVELS, Level, Verdict
from core.store import StationRow
from qc.review import MonthState, months, subjects_of

router = APIRouter(default_response_class=HTMLResponse)


@router.get("/station/{id}/review")
def review_page(request: Request, row: StationDep, store: StoreDep) -> Response:
    """Show what of the last year is reviewed, and let who may sign."""
    return _page(request, row, store)


@router.post("/station/{id}/review", dependencies=[OwnForm])
def sign(
    request: Request,
    row: StationDep,
    store: StoreDep,
    level: Annotated[Level, Form()],
    verdict: Annotated[Verdict, Form()],
    month: Annotated[str, Form(pattern=r"^\d{4}-\d{2}$")],
    subject: Annotated[list[str] | None, Form()] = None,
    reason: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Sign a month."""
    first = datetime.strptime(f"{month}-15", "%Y-%m-%d").replace(tzinfo=UTC)
    start, end = next(months(first, first.replace(day=16), row.station.station.utc_offset))
    said = ReviewIn(level=level, verdict=verdict, subjects=subject or [], start=start, end=end, reason=reason)
    try:
        sign_as_asked(request, row, store, said)
    except (ReviewError, BadQuery, AccessDenied) as error:
        return _page(request, row, store, problem=str(error))
    return RedirectResponse(f"{root_of(request)}/station/{row.station.id}/review", 303)


def _page(request: Request, row: StationRow, store: ReadableStore, problem: str = "") -> Response:
    found, states = find_reviews(request, row, store, None, None)
    newest_first = sorted({one.start for one in states}, reverse=True)
    shown = {
        "reviews": list(reversed(found)),
        "months": newest_first,
        "lines": _by_subject(states, newest_first),
        "again": [one for one in states if one.why],
        "subjects": subjects_of(row.station),
        "levels": [level for level in LEVELS if store.may(NEEDED[level], row.station.id)],
        "problem": problem,
    }
    data = {"station": summarise(row, [], datetime.now(UTC))}
    offset = row.station.station.utc_offset
    return render(request, "review.html", data, 422 if problem else 200, shown=shown, offset=offset)


def _by_subject(states: Sequence[MonthState], starts: Sequence[datetime]) -> dict[str, list[MonthState | None]]:
    """Return a line a subject, with a cell for each month; None without data."""
    cells = {(one.subject, one.start): one for one in states}
    subjects = dict.fromkeys(one.subject for one in states)
    return {subject: [cells.get((subject, start)) for start in starts] for subject in subjects}
