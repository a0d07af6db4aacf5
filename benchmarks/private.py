"""Private servers of a benchmark's own: settings, ports and a database that disturb nobody."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from core.settings import Settings, read_settings
from core.store import Store
from deploy.group import servers


def private_settings(folder: Path, **changes: object) -> Settings:
    """Return settings for servers in a folder, on free ports, whatever addresses the environment gives."""
    ours = read_settings()
    ports = dict(zip(("db_port", "broker_port", "api_port"), free_ports(3), strict=True))
    native = ours.native or ours.var / "native"
    return ours.model_copy(update={"var": folder, "native": native, "dsn": None, "broker": None, **ports, **changes})


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@contextmanager
def new_store() -> Iterator[Store]:
    """Open a store with an empty database that is gone afterwards."""
    if given := read_settings().dsn:
        with _new_database(given) as dsn, Store(dsn) as store:
            store.migrate()
            yield store
        return
    folder = Path(tempfile.mkdtemp(prefix="fluxtower-store-"))
    settings = private_settings(folder)
    try:
        with servers(settings, keep=False), Store(settings.store_dsn) as store:
            store.migrate()
            yield store
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _new_database(dsn: str) -> Iterator[str]:
    name = f"fluxtower_benchmark_{time.time_ns()}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield psycopg.conninfo.make_conninfo(dsn, dbname=name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def bytes_of(store: Store, table: str) -> int:
    """Return the disk of a hypertable: rows, what lies out of line, and indexes."""
    with psycopg.connect(store.dsn, autocommit=True) as connection:
        (size,) = connection.execute("SELECT hypertable_size(%s)", (table,)).fetchone() or (0,)
    return int(size)
