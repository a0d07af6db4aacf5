"""A database as an earlier version left it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from core.settings import Settings
from core.store import Store
from core.store.queries import migrations


@contextmanager
def earlier_store(settings: Settings, monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[Store]:
    """Give the store of a database to which only the first migrations were applied."""
    everything = migrations()
    name = f"{psycopg.conninfo.conninfo_to_dict(settings.store_dsn)['dbname']}_old"
    with psycopg.connect(settings.store_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        try:
            with Store(psycopg.conninfo.make_conninfo(settings.store_dsn, dbname=name)) as store:
                with monkeypatch.context() as patch:
                    patch.setattr("core.store.database.migrations", lambda: everything[:number])
                    store.migrate()
                yield store
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]
