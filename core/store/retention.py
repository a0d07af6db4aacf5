"""Retention: what is older than the settings allow is dropped, without a setting nothing is.

Samples of half-hours that are still to be computed stay, and so do the readings that these need. Of provisional season
runs each station's newest of all and of each month stays; the database itself refuses to delete any other run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from core.store.chunks import HOUSEKEEPING, drop_chunk, old_chunks
from core.store.database import Connection, Database, Row, sql
from core.store.intervals import TOO_LATE_FAILURE
from core.store.sample_blobs import own_samples

TABLES = {"samples": ("sample_block", "sample_blob"), "minutes": ("minute",), "readings": ("reading",)}
"""What can be dropped by its age, and where it lies."""
REJECTS = "rejects"
RUNS = "runs"
KINDS = (*TABLES, REJECTS, RUNS)
RUNS_AT_ONCE = 10
"""Superseded provisional runs dropped in one transaction, 176 000 half-hours of whole years."""
_INPUT_KINDS = ("samples", "readings")
"""What half-hours are computed from."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Dropped:
    """What a run did, or would do.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
    chunks, rows : int
        Chunks dropped; refused messages, or season runs, deleted.
    half_hours : int
        Of these runs.
    size : int
        Disk that was given back. [bytes]
    waiting : int
        Chunks that stay because half-hours in them are not yet computed.
    """

    kind: str
    chunks: int = 0
    rows: int = 0
    half_hours: int = 0
    size: int = 0
    waiting: int = 0


class Retention:
    """The part of the store that drops what is old."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def drop(self, kind: str, before: datetime, *, dry_run: bool = False) -> Dropped:
        """Drop everything of a kind that is older than a time: whole chunks; messages; superseded provisional runs.

        Parameters
        ----------
        kind : str
            One of ``KINDS``.
        before : datetime
            Chunks that end later stay.
        dry_run : bool
            Only say what would be dropped.
        """
        dropped = Dropped(kind)
        with self._database.alone(HOUSEKEEPING) as alone:
            if not alone:
                log.info("another run is at work")
            elif kind == REJECTS:
                statement = "count_old_rejects" if dry_run else "delete_old_rejects"
                row = self._database.row(statement, before=before)
                dropped.rows = 0 if row is None else row["rows"]
            elif kind == RUNS:
                self._drop_runs(before, dropped, dry_run=dry_run)
            else:
                for table in TABLES[kind]:
                    for chunk in old_chunks(self._database, table, before):
                        self._drop_chunk(table, chunk, dropped, dry_run=dry_run)
        return dropped

    def _drop_runs(self, before: datetime, dropped: Dropped, *, dry_run: bool) -> None:
        def count(row: Row | None) -> int:
            runs = 0 if row is None else int(row["runs"])
            dropped.rows += runs
            dropped.half_hours += int(row["half_hours"]) if row else 0
            return runs

        if dry_run:
            count(self._database.row("count_superseded_runs", before=before))
            return
        while count(self._database.row("drop_superseded_runs", before=before, most=RUNS_AT_ONCE)) == RUNS_AT_ONCE:
            pass
        if dropped.rows:
            self._database.vacuum("product")

    def _drop_chunk(self, table: str, chunk: Row, dropped: Dropped, *, dry_run: bool) -> None:
        with self._database.transaction() as connection:
            own_samples(connection)
            waiting = _count_waiting(connection, chunk) if dropped.kind in _INPUT_KINDS else 0
            if waiting:
                day = f"{chunk['range_start']:%Y-%m-%d}"
                log.warning("%s since %s stay: %d half-hours are not yet computed", dropped.kind, day, waiting)
                dropped.waiting += 1
                return
            if not dry_run:
                if dropped.kind == "samples":
                    connection.execute(sql("remember_dropped", chunk=chunk["name"]))
                    keys = {"start": chunk["range_start"], "end": chunk["range_end"]}
                    connection.execute(sql("close_intervals"), {**keys, "too_late": TOO_LATE_FAILURE})
                drop_chunk(connection, table, chunk)
        dropped.chunks += 1
        dropped.size += chunk["bytes"]


def _count_waiting(connection: Connection, chunk: Row) -> int:
    keys = {"start": chunk["range_start"], "end": chunk["range_end"]}
    row = connection.execute(sql("waiting_between"), keys).fetchone()
    return 0 if row is None else int(row["waiting"])
