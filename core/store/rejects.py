"""Messages that could not be used: kept with their bytes, mended and marked, never deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.errors import StoreError
from core.records import Reject
from core.store.database import Connection, Database, execute_each


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A message that was refused.

    Attributes
    ----------
    received, last : datetime
        When it came first and last.
    times : int
        How often it came; the same bytes on the same topic are kept once.
    size : int
        Length of the payload. [bytes]
    done : datetime or None
        When its records were stored after all.
    """

    id: int
    received: datetime
    last: datetime
    times: int
    topic: str
    station: str
    reason: str
    size: int
    done: datetime | None


class StoredRejects:
    """The part of the store that holds refused messages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        limit: int = 100,
        *,
        station: str | None = None,
        since: datetime | None = None,
        reason: str = "",
        done: bool = False,
        below: int | None = None,
    ) -> list[RejectRow]:
        """Read the newest refused messages.

        Parameters
        ----------
        limit : int
            Most messages.
        station : str, optional
            Only of this station.
        since : datetime, optional
            Only those that came then or later.
        reason : str
            Only those whose reason has this text in it, in small or capital letters.
        done : bool
            Those too whose records were stored after all.
        below : int, optional
            Only those with a lower id, to read on.
        """
        rows = self._database.rows(
            "rejects", limit=limit, station=station, since=since, reason=reason, done=done, below=below
        )
        return [RejectRow(**row) for row in rows]

    def read(self, id: int) -> tuple[RejectRow, bytes]:
        """Read a refused message with its payload.

        Raises
        ------
        StoreError
            There is none of that id.
        """
        row = self._database.row("reject", id=id)
        if row is None:
            raise StoreError(f"there is no reject {id}: `fluxtower reject list` shows them")
        payload = bytes(row.pop("payload"))
        return RejectRow(**row), payload

    def mark_done(self, ids: Sequence[int]) -> None:
        """Mark refused messages whose records are stored now."""
        self._database.execute("finish_rejects", ids=list(ids))


def insert_rejects(connection: Connection, rejects: Sequence[Reject]) -> None:
    """Insert refused messages; one that is there already counts once more."""
    rows = [{"topic": r.topic, "station": r.station, "reason": r.reason, "payload": r.payload} for r in rejects]
    execute_each(connection, "insert_reject", rows)
