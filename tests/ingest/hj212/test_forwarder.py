"""The forwarder with real processes: nothing is lost and nothing doubled, whoever is killed."""

from __future__ import annotations

import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from typer.testing import CliRunner

from core.clock import to_ns
from core.records import Reading
from core.settings import ROOT, Settings
from core.store import FlagRows, Store
from fluxtower.batch.backfill import Request, ingest_files
from fluxtower.cli import app
from fluxtower.exchange import export_to_file
from ingest.hj212.sending.forwarder import run_forwarder
from tests.conftest import free_port
from tests.ingest.hj212.device import framed
from tests.ingest.hj212.source import DESTINATION, FAR_MN, FAR_TEXT, TEXT
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

HOURS = 6
# whole hours that are over, so that every average can be sent
BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS + 2)
END = BEGIN + timedelta(hours=HOURS)
ZERO = 273.15


def put_readings(store: Store, count: int = HOURS * 60) -> dict[datetime, float]:
    """Store minutes whose temperatures [deg C] all differ; return them."""
    temperatures = {BEGIN + timedelta(minutes=i): round(-5 + i / 32, 2) for i in range(count)}
    readings = [
        Reading("cn-source", "met", to_ns(when), {"TA": value + ZERO, "WD": 10.0, "P": 0.5})
        for when, value in temperatures.items()
    ]
    store.messages.commit([], readings)
    (layout,) = store.stations.read_layouts("cn-source", "met", "reading")
    with store.judgements.working() as work:
        stored = work.read(layout, BEGIN, END)
        n = len(stored.time_ns)
        keys = (np.full(n, layout.station_key, np.int32), np.full(n, layout.key, np.int32))
        work.put([FlagRows(*keys, stored.time_ns, stored.received_ns, np.ones((n, 3), np.int16), [None] * n)])
    return temperatures


def configure(settings: Settings, folder: Path, port: int, **numbers: float) -> Settings:
    more = "".join(f"{name} = {value}\n" for name, value in numbers.items())
    text = f'[devices]\n"{FAR_MN}" = "654321"\n' + DESTINATION.replace("port = 9003", f"port = {port}\n{more}")
    file = folder / "hj212.toml"
    file.write_text(text)
    file.chmod(0o600)
    return settings.model_copy(update={"hj212_port": port, "hj212_file": file})


class FakeBureau(socketserver.ThreadingTCPServer):
    """A fake of a bureau's platform: it keeps what it is sent and gives receipts as told; nothing of ours is in it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _FakeConnection)
        self.frames: list[str] = []
        self.answers = True
        self.silent_for = 0

    @property
    def port(self) -> int:
        return cast(int, self.server_address[1])

    def messages(self) -> dict[tuple[str, str], set[str]]:
        """(CN, DataTime) -> the names under which it came."""
        found: dict[tuple[str, str], set[str]] = {}
        for frame in self.frames:
            key = (re.findall(r"CN=(\d+)", frame)[0], re.findall(r"DataTime=(\d+)", frame)[0])
            found.setdefault(key, set()).add(re.findall(r"QN=(\d+)", frame)[0])
        return found


class _FakeConnection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        bureau = cast(FakeBureau, self.server)
        for line in self.rfile:
            frame = line.decode()
            bureau.frames.append(frame)
            if bureau.silent_for:
                bureau.silent_for -= 1
                continue
            if not bureau.answers:
                return
            qn = re.findall(r"QN=(\d+)", frame)[0]
            self.wfile.write(framed(f"QN={qn};ST=91;CN=9014;PW=654321;MN={FAR_MN};Flag=4;CP=&&&&"))


@pytest.fixture
def bureau() -> Iterator[FakeBureau]:
    with FakeBureau() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(PATIENCE)


@contextmanager
def forwarding(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run_forwarder, args=(settings, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def local(when: datetime) -> str:
    return f"{when + timedelta(hours=8):%Y%m%d%H%M%S}"


def test_a_bureau_gets_each_message_under_one_name(
    settings: Settings, store: Store, tmp_path: Path, bureau: FakeBureau
) -> None:
    store.stations.put(TEXT, "source.toml")
    temperatures = put_readings(store, 120)
    expected = {("2011", local(when)) for when in temperatures} | {
        ("2061", local(BEGIN + timedelta(hours=i))) for i in range(2)
    }
    bureau.silent_for = 3  # receipts that never come: these are sent again
    ours = configure(settings, tmp_path, bureau.port, resend_seconds=1, window=20)
    with forwarding(ours):
        wait_for(lambda: bureau.messages().keys() >= expected)
        # what came late is sent, what was sent stays as it was
        store.messages.commit(
            [], [Reading("cn-source", "met", to_ns(BEGIN) - 60 * 10**9, {"TA": 280.0, "WD": 1.0, "P": 0.0})]
        )
        late = ("2011", local(BEGIN - timedelta(minutes=1)))
    with forwarding(ours):  # a start looks back at once
        wait_for(lambda: late in bureau.messages())
        time.sleep(1)
    messages = bureau.messages()
    hour_before = ("2061", local(BEGIN - timedelta(hours=1)))  # of one reading: it has waited long enough
    assert messages.keys() == expected | {late, hour_before}
    assert {len(names) for names in messages.values()} == {1}
    assert len(bureau.frames) >= len(messages) + 3
    first = next(frame for frame in bureau.frames if f"CN=2061;PW=654321;MN={FAR_MN};Flag=5" in frame)
    # minutes from -5 in steps of 1/32, to two digits: their mean is -5 + 59 / 64
    assert "a01001-Min=-5.00,a01001-Avg=-4.08,a01001-Max=-3.16,a01001-Flag=N;a01008-Avg=10.0,a01008-Flag=N" in first
    assert "a01020-Cou=30.0,a01020-Flag=N" in first


def test_a_bureau_that_hangs_up_is_tried_again(
    settings: Settings, store: Store, tmp_path: Path, bureau: FakeBureau
) -> None:
    store.stations.put(TEXT, "source.toml")
    put_readings(store, 60)
    bureau.answers = False
    with forwarding(configure(settings, tmp_path, bureau.port)):
        wait_for(lambda: len(bureau.frames) > 2)
        bureau.answers = True
        wait_for(lambda: len(bureau.messages()) == 61)
    assert {len(names) for names in bureau.messages().values()} == {1}


def test_an_exported_file_is_what_would_be_sent(settings: Settings, store: Store, tmp_path: Path) -> None:
    store.stations.put(TEXT, "source.toml")
    temperatures = put_readings(store, 120)
    ours = configure(settings, tmp_path, 9003)
    file = tmp_path / "frames.txt"
    end = BEGIN + timedelta(hours=2)
    assert export_to_file(ours, store, "cn-source", BEGIN, end, file) == 122
    lines = file.read_bytes().split(b"\r\n")[:-1]
    assert len(lines) == 122
    assert len({re.findall(rb"QN=(\d+)", line)[0] for line in lines}) == 122
    for line, (when, value) in zip(lines, temperatures.items(), strict=False):
        assert f"DataTime={local(when)};a01001-Rtd={value:.2f},a01001-Flag=N;".encode() in line
    before = file.read_bytes()
    export_to_file(ours, store, "cn-source", BEGIN, end, file)
    assert file.read_bytes() == before


def test_an_exported_file_can_be_taken_in(settings: Settings, store: Store, tmp_path: Path) -> None:
    store.stations.put(TEXT, "source.toml")
    store.stations.put(FAR_TEXT, "far.toml")
    temperatures = put_readings(store, 60)
    file = tmp_path / "frames.txt"
    export_to_file(configure(settings, tmp_path, 9003), store, "cn-source", BEGIN, BEGIN + timedelta(hours=1), file)
    done = ingest_files(store, Request(), [file])
    assert (done.readings, done.failed) == (61, [])
    found = store.readings.read("cn-far", "now", BEGIN, END)
    assert dict(zip(found["time"], found["TA"].round(2), strict=True)) == temperatures


def test_the_command(settings: Settings, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                     environment: Mapping[str, str]) -> None:  # fmt: skip
    store.stations.put(TEXT, "source.toml")
    put_readings(store, 60)
    ours = configure(settings, tmp_path, 9003)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FLUXTOWER_HJ212_FILE", str(ours.hj212_file))
    file = tmp_path / "frames.txt"
    times = ["--from", f"{BEGIN:%Y-%m-%d %H:%M}", "--to", f"{END:%Y-%m-%d %H:%M}"]
    result = CliRunner().invoke(app, ["export", "hj212", "cn-source", *times, "--file", str(file)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("61 messages written to")


@pytest.mark.alone
def test_both_ends_are_killed_again_and_again(
    settings: Settings, store: Store, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    store.stations.put(TEXT, "source.toml")
    store.stations.put(FAR_TEXT, "far.toml")
    temperatures = put_readings(store)
    ours = configure(settings, tmp_path, free_port(), resend_seconds=2, window=3)
    where = {"FLUXTOWER_HJ212_PORT": str(ours.hj212_port), "FLUXTOWER_HJ212_FILE": str(ours.hj212_file)}

    def start(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "fluxtower", "hj212", name]
        return subprocess.Popen(command, cwd=ROOT, env={**environment, **where}, stderr=subprocess.DEVNULL)

    def there(stream: str) -> dict[datetime, float]:
        found = store.readings.read("cn-far", stream, BEGIN - timedelta(days=1), END + timedelta(days=1))
        return dict(zip(found["time"], found["TA"].round(2), strict=True))

    def received() -> int:
        return len(there("now")) + len(there("hours"))

    processes = {name: start(name) for name in ("listen", "forward")}
    kills = 0
    try:
        while received() < len(temperatures) + HOURS:
            least = min(received() + 50, len(temperatures) + HOURS)
            wait_for(lambda least=least: received() >= least)
            victim = ("listen", "forward")[kills % 2]
            processes[victim].kill()
            processes[victim].wait()
            processes[victim] = start(victim)
            kills += 1
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    assert kills >= 6
    assert there("now") == temperatures
    hours = there("hours")
    assert list(hours) == [BEGIN + timedelta(hours=i) for i in range(HOURS)]
    for when, value in hours.items():
        minutes = [temperatures[when + timedelta(minutes=i)] for i in range(60)]
        assert value == pytest.approx(sum(minutes) / 60, abs=0.0051)
    assert store.rejects.find() == []  # nothing came twice with other values


def test_a_closed_port_is_waited_for(
    settings: Settings, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.stations.put(TEXT, "source.toml")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with forwarding(configure(settings, tmp_path, port)):
        wait_for(lambda: "again in 1 s" in caplog.text)
    assert f"bureau (127.0.0.1:{port}): [Errno 111] Connection refused" in caplog.text
