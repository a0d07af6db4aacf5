"""Which stations' provisional runs are due, and what became of the last attempt: one that fails waits ever longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.store.database import Database, sql

FIRST_WAIT = 60.0
"""From the first failure to the next attempt; then twice as long each time, up to the time between two runs. [s]"""
ENDED = "the worker ended in the midst of it"


@dataclass(frozen=True, slots=True)
class SeasonFailure:
    """A station whose provisional run fails.

    Attributes
    ----------
    station : str
    attempts : int
        Since its last run.
    tried : datetime
        When the last one began or failed.
    reason : str
    """

    station: str
    attempts: int
    tried: datetime
    reason: str


def stale_seasons(database: Database, seconds: float, kind: str) -> list[str]:
    """Return stations with fluxes newer than their newest run, where that run is older than ``seconds``.

    One whose last attempt failed is not among them until its time to wait is over.
    """
    return [row["station"] for row in database.rows("stale_seasons", seconds=seconds, kind=kind, wait=FIRST_WAIT)]


def begin_season(database: Database, station: str, seconds: float, kind: str) -> bool:
    """Count an attempt at a station's run, if it is among the ``stale_seasons``; return whether it is."""
    parameters = {"station": station, "seconds": seconds, "kind": kind, "wait": FIRST_WAIT, "ended": ENDED}
    with database.transaction() as connection:
        statement = sql("begin_season", stale=sql("stale_seasons"))
        return connection.execute(statement, parameters).fetchone() is not None


def fail_season(database: Database, station: str, reason: str) -> None:
    """Store why the attempt failed."""
    with database.transaction() as connection:
        connection.execute(sql("fail_season"), {"station": station, "reason": reason})


def season_failures(database: Database, station: str | None) -> list[SeasonFailure]:
    """Return the stations whose last attempt failed, or the one."""
    return [SeasonFailure(**row) for row in database.rows("season_failures", station=station)]
