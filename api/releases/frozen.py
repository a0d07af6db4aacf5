"""What a release is made of, before its files are written; the same content gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from core.store import RunRow, StationRow, Store
from core.variables import season_unit
from qc.review import months, read_states


@dataclass(frozen=True)
class Licence:
    """A licence by its SPDX name, in words and with its text's address."""

    spdx: str
    words: str
    url: str


_CREATIVE = "https://creativecommons.org"
LICENCES: Mapping[str, Licence] = {
    one.spdx: one
    for one in (
        Licence("CC-BY-4.0", "CC BY 4.0", f"{_CREATIVE}/licenses/by/4.0/"),
        Licence("CC-BY-SA-4.0", "CC BY-SA 4.0", f"{_CREATIVE}/licenses/by-sa/4.0/"),
        Licence("CC-BY-NC-4.0", "CC BY-NC 4.0", f"{_CREATIVE}/licenses/by-nc/4.0/"),
        Licence("CC0-1.0", "CC0 1.0", f"{_CREATIVE}/publicdomain/zero/1.0/"),
    )
}
DEFAULT_LICENCE = "CC-BY-4.0"


@dataclass(frozen=True)
class Frozen:
    """A run with everything that its release says.

    Attributes
    ----------
    name, title : str
    version : int
    released : datetime
    station : StationRow
    run : RunRow
    table : DataFrame
        ``start`` (UTC) and all series of the run.
    creators : sequence of str
    licence : Licence
    review : mapping
        How far the period is reviewed.
    changes : mapping or None
        Against the release before; None of the first.
    """

    name: str
    title: str
    version: int
    released: datetime
    station: StationRow
    run: RunRow
    table: pl.DataFrame
    creators: Sequence[str]
    licence: Licence
    review: Mapping[str, Any]
    changes: Mapping[str, Any] | None

    @property
    def minutes(self) -> int:
        """Length of an interval."""
        return self.run.minutes or 30

    @property
    def period(self) -> tuple[datetime, datetime]:
        """Begin and end, UTC."""
        return period_of(self.run)

    @cached_property
    def units(self) -> dict[str, str]:
        """Series -> unit."""
        return {name: season_unit(name) for name in self.table.columns if name != "start"}


def period_of(run: RunRow) -> tuple[datetime, datetime]:
    """Return begin and end of a run that is not empty."""
    assert run.first is not None
    assert run.last is not None
    return run.first, run.last + timedelta(minutes=run.minutes or 30)


def state_of_review(store: Store, row: StationRow, run: RunRow, now: datetime) -> dict[str, Any]:
    """Say how far the period of a run is reviewed, and whether data of it came or changed since the run began.

    Returns
    -------
    dict
        ``is_whole``: every month has ended and is signed by the centre in all that has data, and nothing changed since;
        ``missing``: what is not signed, and why; ``changed``: what changed after the run's inputs were read.
    """
    start, end = period_of(run)
    station = row.station.id
    # deadlines are of no interest here
    states = read_states(store.reviews, row, start, end, days=0)
    reviewed = {one.start for one in states}
    missing = [
        {"month": _month(one.start, row), "subject": one.subject, "state": one.state, "why": one.why}
        for one in states
        if one.state != "centre"
    ]
    for begin, stop in months(start, end, row.station.station.utc_offset):
        if begin not in reviewed:
            why = "the month has not ended" if stop > now else "no data of it are stored that could be reviewed"
            missing.append({"month": _month(begin, row), "subject": "", "state": "to review", "why": why})
    changed = [
        {"subject": one.subject, "changed": one.changed.astimezone(UTC), "how": one.how}
        for one in store.reviews.find_changes(station, start, end)
        if one.changed > run.started and one.start < end and one.end > start
    ]
    return {"is_whole": not missing and not changed, "missing": missing, "changed": changed}


def _month(start: datetime, row: StationRow) -> str:
    return f"{start + timedelta(hours=row.station.station.utc_offset):%Y-%m}"
