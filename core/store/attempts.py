"""Which stations' provisional runs are due, and what became of the last attempt: one that fails waits ever longer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from core.errors import UnknownStation
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

        After an import the run need not be that old. One whose last attempt failed is not among them until its time to
        wait is over; one with an import at work, or intervals that are due, not until these have ended; one with a
        single half-hour never.
        """
        rows = self._database.rows("stale_seasons", seconds=seconds, kind=kind, wait=FIRST_WAIT_SECONDS)
        return [row["station"] for row in rows]

    @contextmanager
    def importing(self, station: str) -> Iterator[None]:
        """Keep a station's provisional run from being made for the time of a block, and have it made after that.

        An import that is killed keeps nothing: its lock goes with its connection.
        """
        key = self._database.row("import_key", station=station)
        if key is None:
            raise UnknownStation(station)
        try:
            with self._database.transaction() as connection:
                connection.execute(sql("lock_import", key=str(key["key"])))
                yield
        finally:
            self._database.execute("request_season", station=station)

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
