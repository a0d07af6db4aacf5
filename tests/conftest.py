"""Real servers for the tests: one private TimescaleDB and Mosquitto a session, a fresh database a test."""

from __future__ import annotations

import itertools
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as limits
from xdist.scheduler import LoadFileScheduling

from core.settings import ROOT, Settings, read_settings
from core.store import Store
from deploy.group import servers
from deploy.group.supervisor import make_environment
from tests.waiting import PATIENCE

REFERENCE = Path(__file__).resolve().parent.parent.parent / "shared" / "reference"
_numbers = itertools.count()
_chance = random.SystemRandom()

# a busy machine is no failure
limits.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
limits.load_profile("unhurried")
# the threads of a fit must not take from parallel tests the time in which they wait for one another
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Deal the tests of parallel runs out by file, those of all files with tests marked ``alone`` to one worker."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return _Scheduling(config, log)


class _Scheduling(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "alone" if _may_not_run_beside_others(file) else file


@cache
def _may_not_run_beside_others(file: str) -> bool:
    return "pytest.mark.alone" in (ROOT / file).read_text()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin parallel runs with what is marked ``alone``: at the end the other worker would have nothing to do."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not _may_not_run_beside_others(item.nodeid.partition("::")[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests marked ``figures`` printed."""
    for report in terminalreporter.getreports("passed"):
        if "figures" in report.keywords and report.capstdout:
            terminalreporter.section(report.nodeid, sep="-")
            terminalreporter.write_line(report.capstdout.rstrip())


def free_port() -> int:
    """Return a loopback port that nothing listens on, and that no connection is given as its own end.

    Ports from 32768 on are what the system gives to outgoing connections, of parallel tests too.
    """
    while True:
        port = _chance.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the servers of this session: private ones, or those of FLUXTOWER_DSN and FLUXTOWER_BROKER."""
    ours = read_settings()
    settings = ours.model_copy(
        update={
            "var": tmp_path_factory.mktemp("var"),
            "native": ours.native or ours.var / "native",
            "db_port": free_port(),
            "broker_port": free_port(),
            "api_port": free_port(),
        }
    )
    with servers(settings, keep=False):
        yield settings


@pytest.fixture(scope="session")
def template(running: Settings) -> Iterator[str]:
    """Name of a migrated database from which each test's own is cloned."""
    name = f"fluxtower_test_{os.getpid()}"
    _administer(running.store_dsn, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    with Store(_dsn(running, name)) as store:
        store.migrate()
    # TimescaleDB's own worker would hold the database open, and a database in use cannot be cloned
    _administer(
        running.store_dsn,
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    yield name
    _administer(running.store_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(running: Settings, template: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a fresh migrated database, a broker, a collector name and an API port of this test's own."""
    name = f"{template}_{next(_numbers)}"
    _clone(running.store_dsn, template, name)
    yield running.model_copy(
        update={
            "dsn": _dsn(running, name),
            "broker": running.broker_url,
            "topic_root": f"test/{name}",
            "collector": name,
            "api_port": free_port(),
            "var": tmp_path,
        }
    )
    _administer(running.store_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """A store on this test's own migrated database."""
    with Store(settings.store_dsn) as store:
        yield store


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """Environment for a subprocess that uses this test's settings."""
    return {**os.environ, **make_environment(settings)}


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the reference data; tests that need it are skipped where it is not there."""
    if not REFERENCE.is_dir():
        pytest.skip(f"no reference data at {REFERENCE}")
    return REFERENCE


def _dsn(settings: Settings, database: str) -> str:
    return psycopg.conninfo.make_conninfo(settings.store_dsn, dbname=database)


def _administer(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def _clone(dsn: str, template: str, name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _administer(dsn, f"CREATE DATABASE {name} TEMPLATE {template}")
        except psycopg.errors.ObjectInUse:  # TimescaleDB's own workers look into a new database for a moment
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
