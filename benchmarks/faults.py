"""What is lost when something dies: `python benchmarks/faults.py [--runs 20] [--faults collector,link] [--cut 600]`.

Towers send blocks in real time to a real Mosquitto, a real collector stores them in a real TimescaleDB (private
servers in a temporary folder), and after a random time one part dies by kill -9, the link is cut, or the database's
disk is full. The senders keep every block until the platform says that it is committed, and send it again after a
while. When the senders have forgotten all, the stored samples are compared with the sent ones, each by its time and
value. `unsaid` are blocks that were not said to be committed in time, `longest_s` is from the fault to the last word.

`agent`: the sender is `fluxtower agent`, killed and started again while its logger writes. `disk`: the database lies
on a tmpfs of its own, full to the last byte until the database has complained, and some seconds more; this needs root
and is left out otherwise. Prints a table and, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from paho.mqtt.client import Client, MQTTMessage  # noqa: E402

from core.clock import NS, from_ns  # noqa: E402
from core.records import SampleBlock  # noqa: E402
from core.settings import Settings, read_settings  # noqa: E402
from core.store import Store  # noqa: E402
from deploy.group import servers  # noqa: E402
from deploy.group.supervisor import Control  # noqa: E402
from deploy.native.place import find_place  # noqa: E402
from deploy.native.postgres import cluster  # noqa: E402
from ingest import collector  # noqa: E402
from ingest.broker import connect, make_client, parse_address  # noqa: E402
from ingest.encoding import encode_block  # noqa: E402
from ingest.topics import block_topic, committed_topic  # noqa: E402
from ingest.watermark import Watermark, decode  # noqa: E402

RATE = 20
N = 10
"""Samples in a block."""
CHANNELS = ("c0", "c1")
RESEND_SECONDS = 4.0
"""How long a sender waits until it sends a block again that is not said to be committed. [s]"""
PATIENCE_SECONDS = 240.0
"""How long the platform may take until it has said that all is committed. [s]"""
VOLUME_MB = 400
NO_SPACE = "No space left on device"
STATION = """
[station]
id = "{id}"
name = "{id}"
latitude = 0.0
longitude = 0.0
altitude = 0.0
utc_offset = 0.0
[[stream]]
name = "ec"
kind = "block"
rate = 20.0
channels = [
    {{ name = "c0", variable = "W", unit = "m s-1" }},
    {{ name = "c1", variable = "T_SONIC", unit = "deg C" }},
]
"""
AGENT = """
[agent]
station = "{id}"
spool = "{folder}/spool.db"
max_spool_bytes = 100_000_000
[broker]
url = "{broker}"
topic_root = "{root}"
rate_limit = 1e9
resend_seconds = 4
[[source]]
type = "toa5"
stream = "ec"
rate = 20
block_seconds = 1
folder = "{folder}/logger"
pattern = "*.dat"
utc_offset = 0
flush_seconds = 1
columns = ["c0", "c1"]
"""

Samples = dict[tuple[str, int], tuple[float, float]]
"""(station, start of the sample [us since 1970 UTC]) -> a value for each channel."""


@dataclass(slots=True)
class Outcome:
    """What one run, or several, showed."""

    sent: int = 0
    lost: int = 0
    doubled: int = 0
    torn: int = 0
    unsaid: int = 0
    longest_s: float = 0.0

    def add(self, other: Outcome) -> None:
        """Add the samples of another run."""
        self.sent += other.sent
        self.lost += other.lost
        self.doubled += other.doubled
        self.torn += other.torn
        self.unsaid += other.unsaid
        self.longest_s = max(self.longest_s, other.longest_s)


class Towers:
    """Towers that keep their blocks until the platform has them; a thread, one connection."""

    def __init__(self, url: str, root: str, names: list[str]) -> None:
        self._root, self._names = root, names
        self._run = time.time_ns()
        self._start_ns = self._run // NS * NS
        self._kept: dict[tuple[str, int], float] = {}  # (tower, number) -> when it was sent last
        self._marks: dict[str, Watermark] = {}
        self.made = 0
        self._stop = threading.Event()
        self._client = make_client(parse_address(url), "")
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.max_inflight_messages_set(1000)
        connect(self._client, parse_address(url))
        self._thread = threading.Thread(target=self._send_until_stopped, daemon=True)
        self._thread.start()

    def finish(self, timeout: float) -> int:
        """Make no more blocks; return how many are not said to be committed when all should be."""
        self._stop.set()
        deadline = time.monotonic() + timeout
        while self._kept and time.monotonic() < deadline:
            time.sleep(0.1)
        left = len(self._kept)
        self._kept.clear()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()
        return left

    @property
    def sent(self) -> Samples:
        """Return every sample of every block that was made."""
        return {
            (name, (self._start_ns + (seq * N + i) * NS // RATE) // 1000): _values(name, seq * N + i)
            for name in self._names
            for seq in range(self.made)
            for i in range(N)
        }

    def _send_until_stopped(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set() or self._kept:
            if not self._stop.is_set() and time.monotonic() - began >= self.made * N / RATE:
                for name in self._names:
                    self._kept[name, self.made] = 0.0
                self.made += 1
            if self._client.is_connected():
                self._send_what_is_due()
            time.sleep(0.02)

    def _send_what_is_due(self) -> None:
        now = time.monotonic()
        for (name, seq), sent in list(self._kept.items()):
            mark = self._marks.get(name)
            if mark is not None and mark.run == self._run and mark.covers(seq):
                self._kept.pop((name, seq), None)
            elif now - sent > RESEND_SECONDS:
                self._kept[name, seq] = now
                values = np.array([_values(name, seq * N + i) for i in range(N)], np.float32).T
                start_ns = self._start_ns + seq * N * NS // RATE
                block = SampleBlock(name, "ec", start_ns, NS // RATE, CHANNELS, values, seq, self._run)
                self._client.publish(block_topic(name, "ec", self._root), encode_block(block), qos=1)

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe([(committed_topic(name, "ec", self._root), 1) for name in self._names])

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        self._marks[message.topic.split("/")[-3]] = decode(message.payload)


class Logger:
    """A logger that writes a TOA5 file, and the agent that follows it."""

    def __init__(self, folder: Path, url: str, root: str, name: str) -> None:
        self._name = name
        (folder / "logger").mkdir(parents=True)
        self._config = folder / "agent.toml"
        self._config.write_text(AGENT.format(id=name, folder=folder, broker=url, root=root))
        self._file = folder / "logger" / "ts.dat"
        self._file.write_text(
            '"TOA5","tower","CR6","1","os","prog","2","ts"\r\n"TIMESTAMP","c0","c1"\r\n"TS","",""\r\n"","",""\r\n'
        )
        self._start_ns = time.time_ns() // NS * NS
        self.made = 0
        self._url, self._topic = url, committed_topic(name, "ec", root)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_until_stopped, daemon=True)
        self._thread.start()
        self.agent = self._start()

    def kill(self) -> None:
        """End the agent as a power cut would, and start it again."""
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait()
        time.sleep(random.uniform(0.0, 1.0))
        self.agent = self._start()

    def finish(self, timeout: float, stored: Callable[[], int]) -> int:
        """Write no more, give the agent time to send all, and end it; return how many samples did not come."""
        self._stop.set()
        self._thread.join()
        deadline = time.monotonic() + timeout
        while stored() < self.made and time.monotonic() < deadline:
            time.sleep(0.2)
        self.agent.terminate()
        self.agent.wait(30)
        return max(0, self.made - stored())

    @property
    def sent(self) -> Samples:
        """Return every sample that was written."""
        return {
            (self._name, (self._start_ns + i * NS // RATE) // 1000): _values(self._name, i) for i in range(self.made)
        }

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ingest.agent", "--config", str(self._config)]
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def _write_until_stopped(self) -> None:
        began = time.monotonic()
        # whole seconds, so that the last block is full
        while not self._stop.wait(0.02) or self.made % RATE:
            while self.made < (time.monotonic() - began) * RATE:
                end = from_ns(self._start_ns) + timedelta(seconds=(self.made + 1) / RATE)
                c0, c1 = _values(self._name, self.made)
                with self._file.open("a") as file:
                    file.write(f'"{end:%Y-%m-%d %H:%M:%S}.{end.microsecond // 10_000:02d}",{c0:g},{c1:g}\r\n')
                self.made += 1


class Relay:
    """The link: passes bytes on to a port until it is cut."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and let none begin."""
        self._cut.set()
        for one in list(self._open):
            one.close()

    def mend(self) -> None:
        """Let connections begin again."""
        self._cut.clear()

    def close(self) -> None:
        """End."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._cut.is_set():
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(1 << 16):
                if self._cut.is_set():
                    break
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            end.close()
            self._open.discard(end)


class Platform:
    """Servers under their supervisor, which starts them again, and a collector that we start again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._collector = self._start()

    def kill_collector(self) -> None:
        """Kill the collector, and start it again a moment later."""
        self._collector.send_signal(signal.SIGKILL)
        self._collector.wait()
        time.sleep(random.uniform(0.0, 1.0))
        self._collector = self._start()

    def kill_database(self) -> None:
        """Kill the database server; its supervisor starts it again."""
        pid = (cluster(find_place(self.settings)) / "postmaster.pid").read_text().split()[0]
        os.kill(int(pid), signal.SIGKILL)

    def kill_broker(self) -> None:
        """Kill the broker; its supervisor starts it again."""
        os.kill(Control(self.settings).processes()["broker"]["pid"], signal.SIGKILL)

    def fill_disk(self, seconds: float) -> None:
        """Fill the database's volume to the last byte until it complains, and for a while more."""
        log = self.settings.var / "log" / "database.log"
        before = log.read_text(errors="replace").count(NO_SPACE)
        ballast = cluster(find_place(self.settings)) / "ballast"
        with ballast.open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2
        deadline = time.monotonic() + PATIENCE_SECONDS
        while log.read_text(errors="replace").count(NO_SPACE) == before:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the database does not notice that its disk is full: {log}")
            time.sleep(0.2)
        time.sleep(seconds)
        ballast.unlink()

    def stop(self) -> None:
        """End the collector."""
        self._collector.terminate()
        self._collector.wait(30)

    def _start(self) -> subprocess.Popen[bytes]:
        ours = {
            f"FLUXTOWER_{name.upper()}": str(value)
            for name, value in self.settings.model_dump().items()
            if value is not None
        }
        command = [sys.executable, "-m", "fluxtower", "collector"]
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **ours}, stderr=subprocess.DEVNULL)


FAULTS = ("collector", "database", "broker", "both", "link", "disk", "agent")


def run_fault(fault: str, platform: Platform, towers: int, seconds: float, cut_seconds: float) -> Outcome:
    """Let towers send for a while, let something happen in the middle, and compare when all should be stored."""
    began = time.monotonic()
    settings = platform.settings
    prefix = f"x{time.time_ns()}"
    names = [f"{prefix}-{i}" for i in range(1 if fault == "agent" else towers)]
    with Store(settings.store_dsn) as store, ExitStack() as stack:
        store.wait(60)
        store.put_stations([(STATION.format(id=name), name) for name in names])
        port = settings.broker_port
        if fault == "link":
            port = free_port()
            relay = Relay(port, settings.broker_port)
            stack.callback(relay.close)
        url = f"mqtt://127.0.0.1:{port}"
        sender: Towers | Logger
        if fault == "agent":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            sender = Logger(folder, url, settings.topic_root, names[0])
        else:
            sender = Towers(url, settings.topic_root, names)
        time.sleep(random.uniform(0.2, 0.8) * seconds)
        happened = time.monotonic()
        if fault in ("collector", "both"):
            if fault == "both":
                platform.kill_broker()
            platform.kill_collector()
        elif fault == "database":
            platform.kill_database()
        elif fault == "broker":
            platform.kill_broker()
        elif fault == "link":
            relay.cut()
            time.sleep(cut_seconds)
            relay.mend()
        elif fault == "disk":
            platform.fill_disk(random.uniform(2.0, 6.0))
        elif isinstance(sender, Logger):
            sender.kill()
        time.sleep(max(1.0, seconds - (time.monotonic() - began)))
        if isinstance(sender, Logger):
            unsaid = sender.finish(PATIENCE_SECONDS, lambda: len(read_samples(settings, prefix)[0]))
        else:
            unsaid = sender.finish(PATIENCE_SECONDS)
        recovered = time.monotonic() - happened
    return compare(sender.sent, *read_samples(settings, prefix), unsaid, recovered)


def read_samples(settings: Settings, prefix: str) -> tuple[Samples, int, int]:
    """Return what is stored, how many samples are stored twice, and how many blocks are not whole."""
    found: Samples = {}
    doubled = torn = 0
    with psycopg.connect(settings.store_dsn) as connection:
        rows = connection.execute(
            "SELECT s.id, (extract(epoch FROM b.time) * 1000000)::bigint, b.n, b.dt_ns, b.c1, b.c2 FROM sample_block b "
            "JOIN station s ON s.key = b.station WHERE s.id LIKE %s",
            (prefix + "%",),
        )
        for id, start, n, dt_ns, c0, c1 in rows:
            torn += not len(c0) == len(c1) == n
            for i, pair in enumerate(zip(c0, c1, strict=False)):
                if not np.isnan(pair).all():  # an agent that was killed fills up what it had
                    key = id, start + i * dt_ns // 1000
                    doubled += key in found
                    found[key] = pair
    return found, doubled, torn


def compare(sent: Samples, stored: Samples, doubled: int, torn: int, unsaid: int, seconds: float) -> Outcome:
    """Compare what was sent with what is stored; a value that is another, or that nobody sent, is torn."""
    lost = sum(key not in stored for key in sent)
    wrong = sum(key not in sent or not np.array_equal(sent[key], pair) for key, pair in stored.items())
    return Outcome(len(sent), lost, doubled, torn + wrong, unsaid, seconds)


def _values(name: str, i: int) -> tuple[float, float]:
    """Return the values of a sample: they belong to one tower and time only, and float32 holds them exactly."""
    tower = int(name.rpartition("-")[2])
    return float(i * 64 + tower % 64), -float(i * 64 + tower % 64) / 2


@contextmanager
def platform_in(folder: Path, *, small_disk: bool = False) -> Iterator[Platform]:
    """Run private servers and a collector in a folder; with the database on a small volume of its own, if so asked."""
    ours = read_settings()
    update = {
        "var": folder,
        "native": ours.native or ours.var / "native",
        "db_port": free_port(),
        "broker_port": free_port(),
        "dsn": None,
        "broker": None,
        "topic_root": "faults",
        "collector": "faults",
    }
    settings = ours.model_copy(update=update)
    with ExitStack() as stack:
        if small_disk:
            with servers(settings):
                pass
            stack.enter_context(_small_volume(cluster(find_place(settings))))
        with servers(settings, keep=small_disk), Store(settings.store_dsn) as store:
            store.wait(60)
            store.migrate()
            collector.open_session(settings)
            platform = Platform(settings)
            try:
                yield platform
            finally:
                platform.stop()


@contextmanager
def _small_volume(database: Path) -> Iterator[None]:
    """Put the database's folder on a small tmpfs."""
    away = database.with_name("database.away")
    database.rename(away)
    database.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={VOLUME_MB}m", "tmpfs", str(database)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{away}/.", str(database)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(database)], check=True)
        subprocess.run(["rm", "-rf", str(database.parent)], check=True)


def can_mount() -> bool:
    """Say whether we may mount a volume of our own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="of each fault (20)")
    parser.add_argument("--faults", default=",".join(FAULTS), help=f"which ({','.join(FAULTS)})")
    parser.add_argument("--towers", type=int, default=50, help="that send two blocks a second (50)")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long they send at least (8)")
    parser.add_argument("--cut", type=float, default=600.0, help="how long the link is cut [s] (600)")
    arguments = parser.parse_args()
    total, runs = Outcome(), 0
    print(
        f"{'fault':10} {'runs':>5} {'sent':>9} {'lost':>6} {'doubled':>8} {'torn':>6} {'unsaid':>7} {'longest_s':>10}"
    )
    for fault in arguments.faults.split(","):
        if fault == "disk" and not can_mount():
            print("disk       left out: no volume can be mounted here")
            continue
        of_fault = Outcome()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            with platform_in(Path(folder), small_disk=fault == "disk") as platform:
                for _ in range(arguments.runs):
                    of_fault.add(run_fault(fault, platform, arguments.towers, arguments.seconds, arguments.cut))
                    runs += 1
        numbers = (of_fault.sent, of_fault.lost, of_fault.doubled, of_fault.torn, of_fault.unsaid)
        print(
            f"{fault:10} {arguments.runs:5} {numbers[0]:9} {numbers[1]:6} {numbers[2]:8} {numbers[3]:6} "
            f"{numbers[4]:7} {of_fault.longest_s:10.1f}",
            flush=True,
        )
        total.add(of_fault)
    print(json.dumps({"runs": runs, "lost": total.lost, "doubled": total.doubled, "torn": total.torn}))


if __name__ == "__main__":
    main()
