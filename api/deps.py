"""What routes ask for: the store, a station, a period."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, BeforeValidator

from api.errors import BadQuery
from api.principals import StoreDep
from core.store import StationRow

DEFAULT_PERIOD = timedelta(days=7)
MAX_TABLE_ROWS = 200_000  # rows of one answer


def read_time(text: object) -> object:
    """Return what was asked as an ISO time with its offset: a plain date, month or year is its first midnight UTC.

    Midnight of UTC, not of the station: the same question means the same at every station, as the times of the
    answers do. A blank before an offset is the plus sign that an address had lost.
    """
    if not isinstance(text, str):
        return text
    if re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", text):
        return f"{text}{'-01-01'[len(text) - 4 :]}T00:00:00Z"
    return re.sub(r" (?=\d\d:?\d\d$)", "+", text) if "T" in text else text


_TIME_EXAMPLES = ["2026-07-01", "2026-07-01T00:00:00Z"]
From = Annotated[
    AwareDatetime | None,
    BeforeValidator(read_time),
    Query(
        alias="from",
        description="First time: a date (midnight UTC) or ISO with offset; default: the period before the newest data.",
        examples=_TIME_EXAMPLES,
    ),
]
To = Annotated[
    AwareDatetime | None,
    BeforeValidator(read_time),
    Query(
        alias="to",
        description="Time after the last: a date (its midnight UTC) or ISO with offset; default: the newest data.",
        examples=_TIME_EXAMPLES,
    ),
]


def _station(
    store: StoreDep, id: Annotated[str, Path(description="station id", examples=["us-orchard"])]
) -> StationRow:
    return store.stations.read(id)


StationDep = Annotated[StationRow, Depends(_station)]


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end), UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


def choose_period(
    start: datetime | None, end: datetime | None, after: datetime | None, default: timedelta, longest: timedelta
) -> Period:
    """Return the asked period; what is not asked is chosen so that the newest data are in it.

    Parameters
    ----------
    start, end : datetime or None
        As asked.
    after : datetime or None
        Time just after the newest data, which may be years old; None where there are none.
    default, longest : timedelta
        Length if ``start`` is not asked; longest that is answered.

    Raises
    ------
    BadQuery
        An empty or too long period.
    """
    if end is None:
        end = after or datetime.now(UTC)
        if start is not None and start >= end:
            end = start + default
    if start is None:
        start = end - min(default, longest)
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        raise BadQuery(f"from {start.isoformat()} is not before to {end.isoformat()}", "ask for from < to")
    if end - start > longest:
        raise BadQuery(
            f"the period is {end - start} long, at most {longest} can be answered at once",
            "ask for shorter periods one after the other, or for another resource (samples -> minutes)",
        )
    return Period(start, end)


def longest_table(step_seconds: float, columns: int = 1) -> timedelta:
    """Return the longest period whose table stays within ``MAX_TABLE_ROWS`` rows (of 10 columns, fewer of more)."""
    rows = MAX_TABLE_ROWS * 10 // max(10, columns)
    return timedelta(seconds=rows * step_seconds)


def next_page(request: Request, response: Response, **after: object) -> str:
    """Return the address of a list's next page, which is the same question with other keys; it is in ``Link``, too.

    Parameters
    ----------
    request, response : Request, Response
        The one that is answered, and its answer.
    after
        Parameters of the next page: where it begins, by a key of its rows, so that what comes meanwhile moves nothing.
    """
    query = {**request.query_params, **after}
    address = f"{request.url.path}?{urlencode(query)}"
    response.headers["Link"] = f'<{address}>; rel="next"'
    return address
