"""What the database tells at once: that readings were committed. Nobody has to ask for them again and again."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import psycopg

from core.errors import StoreUnavailable
from core.store.database import Connection, sql


def tell_of_readings(connection: Connection) -> None:
    """Tell those that listen of a transaction's readings once it is committed; one notice, however many there are."""
    connection.execute(sql("notify_readings"))


class ReadingNotices:
    """A connection that hears of commits of readings, by any process.

    Parameters
    ----------
    dsn : str
        PostgreSQL address.

    Raises
    ------
    StoreUnavailable
        The server does not answer.
    """

    def __init__(self, dsn: str) -> None:
        try:
            self._connection = psycopg.connect(dsn, autocommit=True, connect_timeout=5)
            self._connection.execute(sql("listen_readings"))
        except psycopg.OperationalError as error:
            raise StoreUnavailable(str(error).strip()) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def wait(self, timeout: float) -> bool:
        """Wait until readings are committed, but no longer than that [s]; say whether some were.

        Raises
        ------
        StoreUnavailable
            The server is away.
        """
        try:
            return any(True for _ in self._connection.notifies(timeout=timeout, stop_after=1))
        except psycopg.OperationalError as error:
            raise StoreUnavailable(str(error).strip()) from error
