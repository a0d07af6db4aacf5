"""Review at three levels: the checks, the station's operator, the province or centre; by month and subject.

A month of a subject is reviewed at a level while signed reviews cover the whole of it and nothing in it came or changed
since. Then it is to review again, and says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from core.errors import ReviewError
from core.review import FLUXES, LEVELS, Level
from core.station import Station
from core.store import Change, Correction, Draft, Review, StationRow, Store
from core.store.reviews import StoredReviews
from qc.corrections import correct

State = Literal["to review", "station", "centre"]
BEFORE: Mapping[Level, Level | None] = {"station": None, "centre": "station"}
"""What has to be signed before a level."""


@dataclass(frozen=True, slots=True)
class MonthState:
    """How far the review of a subject is for a month.

    Attributes
    ----------
    subject : str
    start, end : datetime
        Of the month of local standard time, UTC.
    state : str
        Highest level at which it is reviewed, or ``to review``.
    by : str
        Who signed that level last.
    why : str
        Why it is to review again; empty if nobody has yet.
    due : datetime
        By when both levels have to be signed.
    is_overdue : bool
    """

    subject: str
    start: datetime
    end: datetime
    state: State
    by: str
    why: str
    due: datetime
    is_overdue: bool


def subjects_of(station: Station) -> list[str]:
    """Return what of a station is reviewed: each channel of its readings, and its fluxes."""
    readings = [
        f"{stream.name}.{channel.name}"
        for stream in station.stream
        if stream.kind == "reading"
        for channel in stream.channels
    ]
    return readings + ([FLUXES] if station.flux else [])


def months(start: datetime, end: datetime, utc_offset: float) -> Iterator[tuple[datetime, datetime]]:
    """Yield the months of local standard time that [start, end) touches, as UTC."""
    zone = timezone(timedelta(hours=utc_offset))
    month = start.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month < end:
        after = (month + timedelta(days=32)).replace(day=1)
        yield month.astimezone(UTC), after.astimezone(UTC)
        month = after


def judge_month(
    subject: str,
    start: datetime,
    end: datetime,
    reviews: Sequence[Review],
    changes: Sequence[Change],
    due: datetime,
    now: datetime,
) -> MonthState:
    """Say how far the review of a subject is for [start, end).

    Parameters
    ----------
    subject : str
    start, end : datetime
    reviews : sequence of Review
        Of the station, oldest first.
    changes : sequence of Change
        Of the station.
    due, now : datetime
    """
    stream = _stream_of(subject)
    ours = [one for one in reviews if subject in one.subjects and _touches(one, start, end)]
    touched = [one for one in changes if one.subject == stream and _touches(one, start, end)]
    returned = max((one for one in ours if one.verdict == "returned"), key=lambda one: one.id, default=None)
    standing = [one for one in ours if returned is None or one.id > returned.id]
    fresh = [one for one in standing if not any(_is_after(change, one) for change in touched)]
    for level in reversed(LEVELS):
        signed = _signed(fresh, level)
        if _cover(signed, start, end):
            by = max(signed, key=lambda one: one.id).by
            return MonthState(subject, start, end, level, by, "", due, level != LEVELS[-1] and now > due)
    why = _why_again(returned, _cover(standing, start, end), touched)
    return MonthState(subject, start, end, "to review", "", why, due, now > due)


def _signed(reviews: Sequence[Review], level: Level) -> list[Review]:
    """Return reviews of a level or of one above."""
    return [one for one in reviews if LEVELS.index(one.level) >= LEVELS.index(level)]


def _why_again(returned: Review | None, was_reviewed: bool, touched: Sequence[Change]) -> str:
    """Say why a month is to review again; empty if it never was reviewed."""
    if returned is not None:
        return f"returned by {returned.by} on {returned.made:%Y-%m-%d}: {returned.reason}"
    if not was_reviewed:
        return ""
    change = max(touched, key=lambda one: one.changed)
    return f"{change.how} on {change.changed:%Y-%m-%d %H:%MZ}, after the review"


def _touches(one: Review | Change, start: datetime, end: datetime) -> bool:
    return one.start < end and one.end > start


def read_states(
    stored: StoredReviews, row: StationRow, start: datetime, end: datetime, days: float
) -> list[MonthState]:
    """Say how far the review of each subject is for each month with data that [start, end) touches and that has ended.

    ``days`` is how long after a month it has to be reviewed.
    """
    found = [month for month in months(start, end, row.station.station.utc_offset) if month[1] <= datetime.now(UTC)]
    if not found:
        return []
    first, last = found[0][0], found[-1][1]
    station = row.station.id
    reviews, changes = stored.find(station, first, last), stored.find_changes(station, first, last)
    now, limit = datetime.now(UTC), timedelta(days=days)
    return [
        judge_month(subject, *month, reviews, changes, month[1] + limit, now)
        for month in found
        for subject in subjects_of(row.station)
        if any(_stream_of(subject) == one.subject and one.start < month[1] and one.end > month[0] for one in changes)
    ]


def sign_review(store: Store, draft: Draft, flags: Sequence[Correction] = ()) -> Review:
    """Set a review's manual flags and store it.

    Raises
    ------
    ReviewError
        An unknown subject, a period that is empty or not over, no reason where one is needed, a centre's review of what
        the station has not reviewed, or flags outside of it.
    ConfigError
        A flag that cannot be set.
    """
    station = store.stations.read(draft.station).station
    known = subjects_of(station)
    draft = replace(draft, subjects=draft.subjects or tuple(known))
    for subject in draft.subjects:
        if subject not in known:
            raise ReviewError(f"{draft.station} has no {subject!r} to review", f"one or more of {', '.join(known)}")
    if not draft.start < draft.end <= datetime.now(UTC):
        raise ReviewError(f"{draft.start:%Y-%m-%d %H:%MZ} to {draft.end:%Y-%m-%d %H:%MZ}", "a period that is over")
    if draft.verdict == "returned" and not draft.reason.strip():
        raise ReviewError("a review that returns data has no reason", "say what is to be looked at again")
    for flag in flags:
        if not (draft.start <= flag.start and flag.end <= draft.end):
            raise ReviewError(f"a flag from {flag.start:%Y-%m-%d %H:%MZ}", "flags lie in the period of the review")
    if draft.verdict == "accepted" and (before := BEFORE[draft.level]) is not None:
        _require_level(store, draft, before)
    for flag in flags:
        correct(store, flag)
    return store.reviews.put(draft)


def _require_level(store: Store, draft: Draft, level: Level) -> None:
    """Raise ``ReviewError`` if a subject of a draft is not reviewed at a level over its whole period."""
    reviews = store.reviews.find(draft.station, draft.start, draft.end)
    changes = store.reviews.find_changes(draft.station, draft.start, draft.end)
    for subject in draft.subjects:
        found = judge_month(subject, draft.start, draft.end, reviews, changes, draft.end, draft.end)
        if found.state == "to review":
            why = f" ({found.why})" if found.why else ""
            raise ReviewError(f"{subject} is not reviewed by the {level}{why}", "its operator signs first")


def _stream_of(subject: str) -> str:
    return subject.rpartition(".")[0] or subject


def _is_after(change: Change, review: Review) -> bool:
    """Whether something of what a review covers changed after it was signed."""
    return change.changed > review.made and _touches(change, review.start, review.end)


def _cover(reviews: Sequence[Review], start: datetime, end: datetime) -> bool:
    """Whether the periods of reviews together cover [start, end)."""
    reached = start
    for one in sorted(reviews, key=lambda one: one.start):
        if one.start > reached:
            break
        reached = max(reached, one.end)
    return bool(reviews) and reached >= end
