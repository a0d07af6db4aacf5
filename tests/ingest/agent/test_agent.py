"""The agent with a real broker, a real collector and a real database: what a logger wrote is what is stored."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.clock import NS, from_ns, to_ns
from core.settings import ROOT, Settings
from core.station import Station
from core.store import Store
from deploy.group import status
from ingest.collector import service
from tests.conftest import free_port
from tests.ingest.conftest import collecting
from tests.waiting import PATIENCE, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.alone]

BEGIN = datetime(2026, 7, 1, 4, tzinfo=UTC)
COLLECTOR = "import threading; from core.settings import read_settings; from ingest.collector import service; "
COLLECTOR += "service.run_collector(read_settings(), threading.Event())"


@pytest.fixture
def registered(store: Store, demo: Path) -> Store:
    store.stations.put((demo / "stations" / "cn-simulated-forest.toml").read_text(), "forest")
    return store


class Tower:
    """A logger that writes TOA5 files of the forest's fast table, and the agent's configuration beside it."""

    def __init__(self, folder: Path, settings: Settings, forest: Station, **more: object) -> None:
        self.folder = folder / "logger"
        self.folder.mkdir()
        self.config = folder / "agent.toml"
        self.status_file = folder / "status.json"
        self.channels = tuple(forest.streams["ec"].channel_index)
        self.forest = forest
        self.written: list[NDArray[np.float32]] = []
        self._chance = np.random.default_rng(3)
        self._file = 0
        broker = {"url": settings.broker_url, "topic_root": settings.topic_root, "resend_seconds": 3.0, **more}
        lines = [f"{key} = {json.dumps(value)}" for key, value in broker.items()]
        self.config.write_text(
            f'[agent]\nstation = "{forest.id}"\nspool = "{folder}/spool.db"\nmax_spool_bytes = 100_000_000\n'
            f'status_file = "{self.status_file}"\n[broker]\n'
            + "\n".join(lines)
            + f'\n[[source]]\ntype = "toa5"\nstream = "ec"\nrate = 10\nblock_seconds = 1\nflush_seconds = 1\n'
            f'folder = "{self.folder}"\npattern = "ts_*.dat"\nutc_offset = 8\ncolumns = {json.dumps(self.channels)}\n'
        )

    def write(self, count: int) -> None:
        """Append rows to the newest file; every line reaches it in two pieces."""
        values = self._chance.normal(size=(count, len(self.channels))).astype(np.float32)
        rows = []
        for row in values:
            end = from_ns(to_ns(BEGIN) + (len(self.written) + 1) * NS // 10 + 8 * 3600 * NS)
            numbers = ",".join(str(value) for value in row)
            rows.append(f'"{end:%Y-%m-%d %H:%M:%S}.{end.microsecond // 100_000}",{len(self.written)},{numbers}\r\n')
            self.written.append(row)
        text = "".join(rows).encode()
        with self.path.open("ab", buffering=0) as file:
            if not file.tell():
                names = ",".join(f'"{name}"' for name in self.channels)
                blanks = ',""' * len(self.channels)
                file.write(
                    f'"TOA5","tower","CR6","1","os","prog","2","ts"\r\n"TIMESTAMP","RECORD",{names}\r\n'.encode()
                )
                file.write(f'"TS","RN"{blanks}\r\n"",""{blanks}\r\n'.encode())
            file.write(text[:-30])
            time.sleep(0.01)
            file.write(text[-30:])

    @property
    def path(self) -> Path:
        return self.folder / f"ts_{self._file}.dat"

    def rotate(self) -> None:
        self._file += 1

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "fluxtower", "agent", "--config", str(self.config)]
        return subprocess.Popen(command, cwd=ROOT)

    @contextmanager
    def agent(self) -> Iterator[subprocess.Popen[bytes]]:
        process = self.start()
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0

    def facts(self) -> dict[str, object]:
        try:
            given: dict[str, object] = json.loads(self.status_file.read_text())
        except FileNotFoundError:
            return {}
        return given

    def assert_stored(self, store: Store) -> None:
        """Every sample that was written is stored with its value at its time, once."""
        end = from_ns(to_ns(BEGIN) + len(self.written) * NS // 10)
        samples = store.samples.read(self.forest.id, "ec", BEGIN, end)
        np.testing.assert_array_equal(np.array(list(samples.channels.values())), np.array(self.written).T)
        assert stored(store, self.forest) == len(self.written)
        assert store.rejects.find() == []


@pytest.fixture
def tower(tmp_path: Path, settings: Settings, forest: Station) -> Tower:
    return Tower(tmp_path, settings, forest)


def stored(store: Store, forest: Station) -> int:
    span = store.samples.read_span(forest.id, "ec")
    return span[2] if span else 0


def kill_broker(running: Settings) -> None:
    """Kill the broker; its supervisor starts it again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        pid = next((one.pid for one in status(running) if one.name == "broker"), None)
        if pid is not None:
            return os.kill(pid, signal.SIGKILL)
        assert time.monotonic() < deadline  # it is just starting after the last time
        time.sleep(0.1)


def test_what_a_logger_writes_is_stored_and_the_spool_is_empty_then(
    settings: Settings, registered: Store, tower: Tower, forest: Station
) -> None:
    with collecting(settings), tower.agent() as process:
        for _ in range(20):
            tower.write(15)
        wait_for(lambda: stored(registered, forest) == 300)
        time.sleep(7)  # a watermark, and the spool's own pace of forgetting
        process.terminate()
        assert process.wait(PATIENCE) == 0
    tower.assert_stored(registered)
    facts = tower.facts()
    streams = facts["streams"]
    assert isinstance(streams, dict)
    assert streams["ec"]["waiting"] == 0
    assert streams["ec"]["dropped"] == streams["ec"]["bad_lines"] == 0
    assert facts["committed"] == 30


def test_nothing_is_lost_or_doubled_whatever_is_killed(
    running: Settings, settings: Settings, registered: Store, tower: Tower, forest: Station, environment: dict[str, str]
) -> None:
    """Agent, collector and broker are killed at random moments, twelve times, while the logger writes and rotates."""
    if running.broker:
        pytest.skip("the broker runs elsewhere")
    chance = random.Random()
    service.open_session(settings)
    processes = {"agent": tower.start(), "collector": start_collector(environment)}
    finished = threading.Event()

    def write() -> None:
        for part in range(150):
            tower.write(20)
            if part % 40 == 39:
                tower.rotate()
            time.sleep(0.1)
        finished.set()

    writer = threading.Thread(target=write)
    writer.start()
    # each in every round: a broker killed three times in a row would be given up by its supervisor
    victims = [victim for _ in range(4) for victim in chance.sample(["agent", "collector", "broker"], 3)]
    try:
        for victim in victims:
            time.sleep(chance.uniform(0.3, 1.5))
            if victim == "broker":
                kill_broker(running)
                continue
            processes[victim].kill()
            processes[victim].wait(PATIENCE)
            processes[victim] = tower.start() if victim == "agent" else start_collector(environment)
        writer.join(PATIENCE)
        assert finished.is_set()
        wait_for(lambda: stored(registered, forest) >= len(tower.written))
        wait_for(lambda: waiting(tower) == 0)
    finally:
        writer.join(PATIENCE)
        for process in processes.values():
            process.kill()
            process.wait(PATIENCE)
    tower.assert_stored(registered)


def start_collector(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", COLLECTOR], cwd=ROOT, env=environment)


def test_a_platform_that_was_away_gets_everything(
    settings: Settings, registered: Store, tower: Tower, forest: Station
) -> None:
    """Nobody takes the messages: the broker has no session that keeps them, so all must come from the spool."""
    with tower.agent():
        tower.write(2000)
        time.sleep(3)
        tower.write(100)
        time.sleep(1)
    with tower.agent(), collecting(settings):
        wait_for(lambda: stored(registered, forest) == 2100)
    tower.assert_stored(registered)


def test_slow_rows_become_readings_that_the_platform_covers(
    settings: Settings, registered: Store, tower: Tower, forest: Station
) -> None:
    names = list(forest.streams["met"].channel_index)
    text, changes = re.subn(r"(?s)\[\[source\]\].*", "", tower.config.read_text())
    assert changes == 1
    tower.config.write_text(
        f'{text}[[source]]\ntype = "toa5"\nstream = "met"\nkind = "reading"\ninterval = 60\nfolder = "{tower.folder}"\n'
        f'pattern = "met*.dat"\nutc_offset = 8\ncolumns = {json.dumps(names)}\n'
    )
    values = np.round(np.random.default_rng(4).normal(20, 5, (90, len(names))), 2).astype(np.float32)
    values[7, 2] = np.nan
    lines = ['"TOA5","tower","CR6","1","os","prog","2","met"', '"TIMESTAMP",' + ",".join(f'"{name}"' for name in names)]
    lines += ['"TS"' + ',""' * len(names), '""' + ',""' * len(names)]
    for i, row in enumerate(values):
        end = from_ns(to_ns(BEGIN) + ((i + 1) * 60 + 8 * 3600) * NS)
        lines.append(f'"{end:%Y-%m-%d %H:%M:%S}",' + ",".join("NAN" if np.isnan(one) else str(one) for one in row))
    (tower.folder / "met.dat").write_text("\r\n".join(lines) + "\r\n")
    with collecting(settings), tower.agent():
        wait_for(lambda: waiting(tower, "met") == 0)
    stored_rows = registered.readings.read(forest.id, "met", BEGIN, BEGIN + timedelta(days=1))
    assert stored_rows["time"].to_list() == [BEGIN + timedelta(minutes=i) for i in range(90)]
    np.testing.assert_array_equal(stored_rows.select(names).to_numpy().astype(np.float32), values)
    assert registered.rejects.find() == []


def test_lines_of_an_instrument_arrive_in_order_and_on_time(
    settings: Settings, registered: Store, tower: Tower, forest: Station
) -> None:
    """A server sends ten lines a second; what is stored has their values, in their order, at their times."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        text = re.sub(r"(?s)\[\[source\]\].*", "", tower.config.read_text())
        tower.config.write_text(
            f'{text}[[source]]\ntype = "tcp"\nstream = "ec"\nrate = 10\nblock_seconds = 1\nhost = "127.0.0.1"\n'
            f'port = {server.getsockname()[1]}\nfields = ["", {json.dumps(tower.channels)[1:-1]}]\n'
        )
        with collecting(settings), tower.agent() as process:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"half a line\r\n")
                began, late = time.time(), 0.0
                for i in range(60):
                    time.sleep(max(0.0, began + (i + 1) / 10 - time.time()))
                    connection.sendall(f"Q,{i},{i},{i},{i},{i},{i}\r\n".encode())
                    late = max(late, time.time() - began - (i + 1) / 10)
                wait_for(lambda: stored(registered, forest) == 60)
            process.terminate()
            process.wait(PATIENCE)
    start = from_ns(round(began * NS) // (NS // 10) * (NS // 10))
    samples = registered.samples.read(forest.id, "ec", start - timedelta(seconds=5), start + timedelta(seconds=20))
    for values in samples.channels.values():
        present = np.flatnonzero(~np.isnan(values))
        np.testing.assert_array_equal(values[present], np.arange(60.0))
        # a busy machine is late by some lines more than the sender was, and the whole spans six seconds
        assert abs(present[0] - 50) <= 5 + 10 * late
        assert abs(present[-1] - present[0] - 59) <= 3 + 10 * late


def test_the_command_checks_and_refuses(tower: Tower) -> None:
    command = [sys.executable, "-m", "fluxtower", "agent", "--config", str(tower.config)]
    checked = subprocess.run([*command, "--check"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert checked.stdout == f"{tower.config}: valid\n"
    with tower.agent():
        wait_for(lambda: bool(tower.facts()))
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "one agent a spool" in second.stderr
    tower.config.write_text(tower.config.read_text().replace("rate = 10", "rate = 0"))
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "source[0].rate: expected 0.001 to 1000, got 0" in refused.stderr


def test_a_spool_damaged_inside_is_put_aside_and_the_files_are_read_again(tower: Tower) -> None:
    tower.config.write_text(re.sub('mqtt://[^"]+', f"mqtt://127.0.0.1:{free_port()}", tower.config.read_text()))
    tower.write(3000)
    with tower.agent():
        wait_for(lambda: waiting(tower) == 300)
    spool = tower.config.with_name("spool.db")
    content = bytearray(spool.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    spool.write_bytes(content)
    tower.status_file.unlink()
    with tower.agent():
        wait_for(lambda: waiting(tower) == 300)
    assert len(list(spool.parent.glob("spool.db.damaged-*"))) == 1


def waiting(tower: Tower, stream: str = "ec") -> int:
    streams = tower.facts().get("streams")
    return int(streams[stream]["waiting"]) if isinstance(streams, dict) else -1
