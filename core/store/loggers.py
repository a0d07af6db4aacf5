"""Whether loggers are online."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.records import LoggerState
from core.store.database import Database, execute_each


@dataclass(frozen=True, slots=True)
class LoggerRow:
    """A logger's state and since when it is so."""

    state: LoggerState
    since: datetime


class StoredLoggers:
    """The part of the store that holds what loggers said of themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, states: Sequence[LoggerState]) -> None:
        """Store what loggers said, in that order; a change becomes an event, the same again changes nothing."""
        if not states:
            return
        rows = [
            {"station": one.station, "logger": one.logger, "online": one.online, "reason": one.reason} for one in states
        ]
        with self._database.transaction() as connection:
            execute_each(connection, "put_logger_state", rows)

    def read(self) -> list[LoggerRow]:
        """Return the state of every logger that ever said it, by station."""
        return [
            LoggerRow(LoggerState(row["station"], row["logger"], row["online"], row["reason"]), row["since"])
            for row in self._database.rows("logger_states")
        ]
