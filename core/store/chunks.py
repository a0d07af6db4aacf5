"""Chunks of the tables that grow with time: what is old goes chunk by chunk, which gives its disk back at once."""

from __future__ import annotations

from datetime import datetime

from core.store.database import Connection, Database, Row, sql

HOUSEKEEPING = "housekeeping"
"""The work that one process does at a time: compaction and retention."""


def old_chunks(database: Database, table: str, before: datetime) -> list[Row]:
    """Return name, range and size of the chunks of a table that end before a time, oldest first."""
    return database.rows("old_chunks", table=table, before=before)


def drop_chunk(connection: Connection, table: str, chunk: Row) -> None:
    """Drop one chunk with all its rows."""
    keys = {"table": table, "start": chunk["range_start"], "end": chunk["range_end"]}
    connection.execute(sql("drop_chunk"), keys)
