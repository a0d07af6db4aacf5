"""Reviews: what was signed by whom, what is to review, and signing."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request

from api.deps import From, StationDep, To, choose_period
from api.errors import BadQuery
from api.models import FlagIn, MonthOut, ReviewIn, ReviewOut, ReviewsOut
from api.principals import OwnForm, StoreDep, gate_of, require_action
from api.readable import ReadableStore
from core.access import Action
from core.errors import ConfigError
from core.review import Level
from core.settings import Settings
from core.store import Correction, Draft, Review, StationRow
from qc.review import MonthState, read_states, sign_review

router = APIRouter(tags=["review"])

DEFAULT_PERIOD = timedelta(days=366)
LONGEST_PERIOD = timedelta(days=3660)
NEEDED: dict[Level, Action] = {"station": "flag", "centre": "review"}
"""What one must be allowed to do at a station to sign at a level."""


@router.get("/stations/{id}/reviews", summary="What was reviewed by whom, and what is to review")
def reviews(request: Request, row: StationDep, store: StoreDep, start: From = None, end: To = None) -> ReviewsOut:
    """Return the state of every month that has ended, by subject, and the signed reviews; default: the last year.

    A month whose data came or changed after its review is to review again, and ``why`` says so.
    """
    found, states = find_reviews(request, row, store, start, end)
    return ReviewsOut(
        station=row.station.id,
        months=[MonthOut.model_validate(dataclasses.asdict(one)) for one in states],
        reviews=[describe_review(one) for one in found],
    )


@router.post(
    "/stations/{id}/reviews", summary="Sign a review", status_code=201, dependencies=[OwnForm], tags=["review"]
)
def sign(request: Request, row: StationDep, store: StoreDep, said: ReviewIn) -> ReviewOut:
    """Set the manual flags of a review and sign it; ``station`` needs an engineer, ``centre`` a reviewer.

    It is never edited; a newer one undoes it. A centre signs what the station has signed.
    """
    return describe_review(sign_as_asked(request, row, store, said))


def find_reviews(
    request: Request, row: StationRow, store: ReadableStore, start: datetime | None, end: datetime | None
) -> tuple[list[Review], list[MonthState]]:
    """Return the reviews that cover anything of [start, end), and the state of its months."""
    period = choose_period(start, end, datetime.now(UTC), DEFAULT_PERIOD, LONGEST_PERIOD)
    settings: Settings = request.app.state.settings
    states = read_states(store.reviews, row, period.start, period.end, settings.review_days)
    return store.reviews.find(row.station.id, period.start, period.end), states


def sign_as_asked(request: Request, row: StationRow, store: ReadableStore, said: ReviewIn) -> Review:
    """Sign a review in the name of who asks, if he may; parameters that cannot be used are a ``BadQuery``."""
    id = row.station.id
    principal = require_action(request, store, NEEDED[said.level], id)
    draft = Draft(id, said.level, said.verdict, tuple(said.subjects), said.start, said.end, said.reason, principal.name)
    whole = gate_of(request).store
    try:
        review = sign_review(whole, draft, [_correction(id, flag, principal.name) for flag in said.flags])
    except ConfigError as error:
        raise BadQuery(f"{error.key}: got {error.got}", f"give {error.expected}") from None
    whole.access.log(principal, "review", id, "done", review=review.id, level=said.level, verdict=said.verdict)
    return review


def describe_review(review: Review) -> ReviewOut:
    """Return a review as the API answers it."""
    return ReviewOut.model_validate(dataclasses.asdict(review))


def _correction(station: str, flag: FlagIn, by: str) -> Correction:
    return Correction("flag", station, flag.stream, flag.start, flag.end, tuple(flag.channels), flag.reason, by)
