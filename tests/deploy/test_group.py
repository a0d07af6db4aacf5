"""The supervised group with real servers: it starts, recovers and ends with nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from core.errors import SetupError
from core.settings import ROOT, Settings
from deploy.group import down, servers, status, up
from deploy.group.lifecycle import STOP_SECONDS
from deploy.group.supervisor import make_environment
from deploy.native.installation import find_installation
from deploy.native.postgres import clear_stale_lock, cluster
from tests.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.alone]

SERVERS = ("broker", "database")
STOPPED = 2 * STOP_SECONDS + 10
"""In which a launcher has ended, whatever its programs do. [s]"""
RUN = """
import sys
from core.settings import read_settings
from deploy.group import up
up(read_settings(), ["broker", "database"], report=lambda line: print(line, flush=True))
"""


def select_one(settings: Settings) -> int:
    with psycopg.connect(settings.store_dsn, connect_timeout=60) as connection:
        row = connection.execute("select 1").fetchone()
    return 0 if row is None else int(row[0])


def answers(settings: Settings) -> bool:
    with suppress(psycopg.OperationalError):
        return select_one(settings) == 1
    return False


def descendants(pid: int) -> set[int]:
    """Return those that a look finds; a process, or a thread of it, may end meanwhile."""
    children: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children.update(map(int, task.read_text().split()))
    return children.union(*map(descendants, children))


def alive(pids: set[int]) -> set[int]:
    """Return those that still run; a zombie does not."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.add(pid)
    return found


def pid_of(settings: Settings, name: str) -> int | None:
    return next(row.pid for row in status(settings) if row.name == name)


@pytest.fixture
def launcher(shared_native: Settings) -> Iterator[subprocess.Popen[str]]:
    """A process that runs the servers in the foreground, as ``fluxtower up`` does."""
    environment: Mapping[str, str] = {**os.environ, **make_environment(shared_native)}
    with subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("running"):
                break
        assert lines[-1].startswith("running"), lines
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=STOPPED)
            down(shared_native)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground_group_ends_clean_on_a_signal(
    launcher: subprocess.Popen[str], shared_native: Settings, number: signal.Signals
) -> None:
    pids = descendants(launcher.pid)
    assert len(pids) > 5
    launcher.send_signal(number)
    output, _ = launcher.communicate(timeout=STOPPED)
    assert launcher.returncode == 0
    assert output.splitlines() == ["stopping", "stopped"]
    assert alive(pids) == set()
    log = (shared_native.var / "log" / "database.log").read_text()
    assert log.rstrip().endswith("database system is shut down")
    assert {row.state for row in status(shared_native)} == {"stopped"}


def test_nothing_stays_when_the_launcher_is_killed(launcher: subprocess.Popen[str]) -> None:
    pids = descendants(launcher.pid)
    launcher.kill()
    wait_for(lambda: not alive(pids), STOPPED)


def test_nothing_stays_when_the_supervisor_is_killed(launcher: subprocess.Popen[str], shared_native: Settings) -> None:
    pids = descendants(launcher.pid)
    os.kill(int((shared_native.run_dir / "supervisor.pid").read_text()), signal.SIGKILL)
    wait_for(lambda: not alive(pids), STOPPED)
    assert launcher.wait(timeout=STOPPED) == 1
    with servers(shared_native):  # what the killed one left does not disturb
        assert select_one(shared_native) == 1


def test_killed_servers_are_started_again(shared_native: Settings) -> None:
    with servers(shared_native):
        for name in SERVERS:
            before = pid_of(shared_native, name)
            assert before is not None
            os.kill(before, signal.SIGKILL)
            wait_for(lambda name=name, before=before: pid_of(shared_native, name) not in (None, before))  # type: ignore[misc]
        wait_for(lambda: answers(shared_native))
        socket.create_connection(("127.0.0.1", shared_native.broker_port), timeout=60).close()


def test_up_twice_is_harmless_and_down_stops(shared_native: Settings) -> None:
    lines: list[str] = []
    up(shared_native, ["broker"], detach=True, report=lines.append)
    before = pid_of(shared_native, "broker")
    try:
        up(shared_native, SERVERS, report=lines.append)  # not its owner: returns when ready, and adds what is missing
        assert "the group is up already" in lines
        assert pid_of(shared_native, "broker") == before
        assert select_one(shared_native) == 1
    finally:
        assert down(shared_native)
    assert not down(shared_native)
    assert before is not None
    assert alive({before}) == set()


def test_taken_port_stops_the_start_and_leaves_nothing(shared_native: Settings) -> None:
    port = shared_native.db_port
    taken = pytest.raises(SetupError, match=f"port {port} on 127.0.0.1 is taken")
    with socket.create_server(("127.0.0.1", port)), taken, servers(shared_native):
        pytest.fail("it started")
    assert {row.state for row in status(shared_native)} == {"stopped"}


def test_interrupted_initialisation_is_done_again(shared_native: Settings) -> None:
    installation = find_installation(shared_native)
    (installation.data / "database.new" / "base").mkdir(parents=True)
    with servers(shared_native):
        assert select_one(shared_native) == 1


def test_lock_whose_number_another_process_has_got_is_removed(shared_native: Settings) -> None:
    with servers(shared_native):
        installation = find_installation(shared_native)
        lock = cluster(installation) / "postmaster.pid"
        clear_stale_lock(installation)
        assert lock.exists(), "the running server's lock must stay"
    lock.write_text(f"{os.getpid()}\n{cluster(installation)}\n")
    clear_stale_lock(installation)
    assert not lock.exists()


def test_data_survive_a_restart_and_go_when_not_kept(shared_native: Settings) -> None:
    with servers(shared_native), psycopg.connect(shared_native.store_dsn) as connection:
        connection.execute("create table kept as select 42 as answer")
    with servers(shared_native, keep=False), psycopg.connect(shared_native.store_dsn) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)
        data = find_installation(shared_native).data
    assert not data.exists()


def test_unknown_program_is_named(shared_native: Settings) -> None:
    with pytest.raises(SetupError, match="no program colector"):
        up(shared_native, ["colector"])
