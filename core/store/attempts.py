"""Which stations' provisional runs are due, and what became of the last attempt: one that fails waits ever longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.store.database import Database, sql
from core.store.runs import PROVISIONAL

FIRST_WAIT_SECONDS = 60.0
"""From the first failure to the next attempt; then twice as long each time, up to the time between two runs. [s]"""
WORKER_ENDED = "the worker ended in the midst of it"


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


class SeasonAttempts:
    """The part of the store that holds attempts at provisional runs; a stored run ends them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_due(self, seconds: float, kind: str = PROVISIONAL) -> list[str]:
        """Return stations with fluxes newer than their newest run, where that run is older than ``seconds``.

        One whose last attempt failed is not among them until its time to wait is over.
        """
        rows = self._database.rows("stale_seasons", seconds=seconds, kind=kind, wait=FIRST_WAIT_SECONDS)
        return [row["station"] for row in rows]

    def begin(self, station: str, seconds: float, kind: str = PROVISIONAL) -> bool:
        """Count an attempt at a station's run, if ``find_due`` finds it; return whether it does."""
        keys = {"station": station, "seconds": seconds, "kind": kind}
        statement = sql("begin_season", stale=sql("stale_seasons"))
        with self._database.transaction() as connection:
            row = connection.execute(statement, {**keys, "wait": FIRST_WAIT_SECONDS, "ended": WORKER_ENDED}).fetchone()
        return row is not None

    def fail(self, station: str, reason: str) -> None:
        """Store why the attempt failed; the next one waits, twice as long each time."""
        self._database.execute("fail_season", station=station, reason=reason)

    def read_failures(self, station: str | None = None) -> list[SeasonFailure]:
        """Return the stations whose last attempt at a run failed, with the reasons, or the one."""
        return [SeasonFailure(**row) for row in self._database.rows("season_failures", station=station)]
