"""Connections, transactions, errors and migrations: what all parts of the store stand on."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager
from psycopg.rows import DictRow, dict_row, tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from core.errors import StoreError, StoreUnavailable
from core.store.queries import COMMUNITY, migrations, named, query

Connection = psycopg.Connection[DictRow]
Row = dict[str, Any]

# the server is away, restarting or overloaded, or two writers met: the same work succeeds when it is tried again
_PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    PoolTimeout,
)

# Without a log the pool's warnings would go to stderr beside our own message, which says the remedy. They stay in a
# service's log: there they say why it waits.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Health:
    """State of the store as one look sees it."""

    timescaledb: str
    edition: str
    stations: int
    newest: datetime | None
    intervals_waiting: int
    intervals_failed: int
    seasons_failed: int
    rejects: int


class Database:
    """A pool of connections that speaks our errors.

    Parameters
    ----------
    dsn : str
        PostgreSQL address.
    pool_size : int
        Most connections at once; a caller waits up to 10 s for one.
    """

    def __init__(self, dsn: str, pool_size: int) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            dsn,
            min_size=0,
            max_size=pool_size,
            open=False,
            timeout=10,
            check=ConnectionPool.check_connection,
            connection_class=psycopg.Connection[DictRow],
            kwargs={"row_factory": dict_row, "connect_timeout": 5, "options": "-c timezone=UTC"},
        )
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    @contextmanager
    def transaction(self, timeout: float | None = None) -> Iterator[Connection]:
        """Give a connection inside a transaction: committed at the end, rolled back on an error.

        ``timeout`` is how long to wait for a connection. [s]

        Raises
        ------
        StoreUnavailable
            The server is away, or the work should simply be tried again.
        StoreError
            The server refused the work; trying again would not help.
        """
        # an open transaction makes every `connection.transaction()` inside it a savepoint, not a commit of its own
        with _our_errors(), self._pool.connection(timeout) as connection, connection.transaction():
            yield connection

    def rows(self, name: str, /, **parameters: object) -> list[Row]:
        """Run a named statement and return its rows."""
        with self.transaction() as connection:
            return connection.execute(sql(name), parameters).fetchall()

    def row(self, name: str, /, **parameters: object) -> Row | None:
        """Run a named statement and return its first row."""
        with self.transaction() as connection:
            return connection.execute(sql(name), parameters).fetchone()

    def execute(self, name: str, /, **parameters: object) -> None:
        """Run a named statement whose rows, if it has any, nobody asks for."""
        with self.transaction() as connection:
            connection.execute(sql(name), parameters)

    @contextmanager
    def tuples(self) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        """Give a cursor inside a transaction whose rows are tuples, sent as binary: many rows of a few numbers."""
        with self.transaction() as connection, connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            yield cursor

    @contextmanager
    def alone(self, work: str) -> Iterator[bool]:
        """Say whether nobody else does a work, in this process or another, and keep it so for the time of a block."""
        with self.transaction() as connection:
            # without parameters it leaves no portal, whose snapshot would keep VACUUM from what the block deletes
            row = connection.execute(sql("try_alone", work=work)).fetchone()
            yield row is not None and row["alone"]

    def vacuum(self, table: str) -> None:
        """Make the room of deleted rows of a table free for others; it cannot run in a transaction."""
        with _our_errors(), self._pool.connection() as connection:
            connection.autocommit = True
            try:
                connection.execute(sql("vacuum", table=table))
            finally:
                connection.autocommit = False

    def wait(self, timeout: float) -> None:
        """Wait until the server answers.

        Raises
        ------
        StoreUnavailable
            It did not within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                with self.transaction(min(10.0, max(0.1, deadline - time.monotonic()))) as connection:
                    connection.execute("SELECT 1")
                return
            except StoreUnavailable:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.2)

    def migrate(self) -> list[str]:
        """Bring the schema up to date; safe to run from several processes at once, and again.

        Returns
        -------
        list of str
            Names of the migrations that were applied now.

        Raises
        ------
        StoreError
            A migration that was applied earlier has changed since.
        """
        with self.transaction() as connection:
            connection.execute(sql("lock_migrations"))
            connection.execute(sql("create_extension"))
            connection.execute(sql("create_migration_table"))
            done = {row["name"]: row["sha256"] for row in connection.execute(sql("applied_migrations"))}
            applied = []
            for name, text in migrations():
                sha256 = hashlib.sha256(text.encode()).hexdigest()
                if name in done:
                    if done[name] != sha256:
                        raise StoreError(f"migration {name} was changed after it was applied: add a new one instead")
                    continue
                connection.execute(text)
                connection.execute(sql("record_migration"), {"name": name, "sha256": sha256})
                applied.append(name)
            edition = connection.execute(sql("edition")).fetchone()
            if applied:
                is_community = edition is not None and edition["licence"] == "timescale"
                for statement in named(COMMUNITY).values() if is_community else [query("quiet_builtin_job")]:
                    connection.execute(statement)
            queue = connection.execute(sql("has_job_queue")).fetchone()
            if queue is None or not queue["present"]:
                connection.execute(SchemaManager.get_schema())
                applied.append("procrastinate")
        return applied

    def health(self) -> Health:
        """Return versions and the numbers that show whether work is piling up."""
        edition = self.row("edition")
        numbers = self.row("health")
        if edition is None or numbers is None:
            raise StoreError("the database has no TimescaleDB: run `fluxtower migrate`")
        name = "community" if edition["licence"] == "timescale" else "apache"
        return Health(timescaledb=edition["version"], edition=name, **numbers)


def sql(name: str, **fragments: str) -> str:
    """Return a named statement, its ``{key}`` replaced by fragments of our own making (never a user's)."""
    statement = query(name)
    for key, fragment in fragments.items():
        statement = statement.replace("{" + key + "}", fragment)
    return statement


def execute_each(connection: Connection, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Run a named statement once per row, pipelined."""
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(sql(name), rows)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except _PASSING as error:
        raise StoreUnavailable(_explain(error)) from error
    except psycopg.Error as error:
        raise StoreError(str(error).strip()) from error


def _explain(error: Exception) -> str:
    if isinstance(error, PoolTimeout):
        return "the database does not answer: is it running? (`fluxtower status`, FLUXTOWER_DSN)"
    return str(error).strip()
