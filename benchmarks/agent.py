"""What the agent costs on a tower's computer: `python benchmarks/agent.py [--seconds 60] [--backlog 3000]`.

A logger of ten channels at 20 Hz writes a TOA5 file in real time; the agent (`fluxtower agent`, blocks of 10 s, and of
1 s) follows it into a real Mosquitto, a real collector and a real TimescaleDB of its own. Memory and processor time are
those of the agent's process, as the kernel counts them. Then the broker is away while a backlog of blocks of 10 s is
written, and comes back. Prints tables and, last, one line of JSON. Needs the private servers (scripts/setup).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.private import free_ports, private_settings  # noqa: E402
from core.store import Store  # noqa: E402
from deploy.group import servers  # noqa: E402
from ingest.collector import service  # noqa: E402

RATE = 20
CHANNELS = tuple(f"c{i}" for i in range(10))
BARS = {"rss_mb": 60.0, "cpu_percent": 5.0, "lost": 0.0, "doubled": 0.0}
STREAM = """
[[stream]]
name = "{name}"
kind = "block"
rate = 20.0
channels = [{channels}]
"""
STATION = """
[station]
id = "benchmark"
name = "Made-up tower"
latitude = 48.0
longitude = 10.0
altitude = 400.0
utc_offset = 0.0
"""


class Logger:
    """Writes a TOA5 file for one stream.

    Parameters
    ----------
    folder : Path
        Where to.
    begin : datetime
        START of the first sample.
    """

    def __init__(self, folder: Path, begin: datetime) -> None:
        folder.mkdir()
        self.begin = begin
        self.written: list[NDArray[np.float32]] = []
        self._path = folder / "ts.dat"
        self._chance = np.random.default_rng(1)
        names, blanks = "".join(f',"{name}"' for name in CHANNELS), ',""' * len(CHANNELS)
        self._path.write_text(
            f'"TOA5","tower","CR6","1","os","prog","2","ts"\r\n"TIMESTAMP"{names}\r\n"TS"{blanks}\r\n""{blanks}\r\n'
        )

    def write(self, count: int) -> None:
        """Append rows."""
        # as sensors give it: a slow part, turbulence, three decimals
        values = np.round(20 + self._chance.normal(size=(count, len(CHANNELS))), 3).astype(np.float32)
        with self._path.open("a") as file:
            for row in values:
                end = self.begin + timedelta(seconds=(len(self.written) + 1) / RATE)
                stamp = f"{end:%Y-%m-%d %H:%M:%S}.{end.microsecond // 10_000:02d}"
                file.write(f'"{stamp}",' + ",".join(f"{value:.3f}" for value in row) + "\r\n")
                self.written.append(row)


def write_config(folder: Path, stream: str, seconds: float, broker: str, root: str) -> Path:
    """Write an agent's configuration and return its file."""
    path = folder / f"{stream}.toml"
    lines = [
        '[agent]\nstation = "benchmark"',
        f'spool = "{folder}/{stream}.db"\nmax_spool_bytes = 1_000_000_000',
        f'status_file = "{folder}/{stream}.json"',
        f'[broker]\nurl = "{broker}"\ntopic_root = "{root}"',
        f'client_id = "agent-{stream}"\nrate_limit = 1e9',
        f'[[source]]\ntype = "toa5"\nstream = "{stream}"\nrate = {RATE}\nblock_seconds = {seconds}',
        f'folder = "{folder}/{stream}"\npattern = "*.dat"\nutc_offset = 0\nflush_seconds = 2',
        f"columns = {json.dumps(CHANNELS)}",
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def agent(config: Path) -> Iterator[int]:
    """Run the agent for the time of a block; give its process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fluxtower", "agent", "--config", str(config)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process so far, as the scheduler counts it. [s]"""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def peak_mb(pid: int) -> float:
    """Largest resident memory of a process so far. [MB]"""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


def waiting(config: Path) -> int:
    """Blocks in the spool, as the agent's status file says; -1 before there is one."""
    try:
        return int(json.loads(config.with_suffix(".json").read_text())["streams"][config.stem]["waiting"])
    except FileNotFoundError:
        return -1


def wait_for(done: Callable[[], bool], what: str, timeout: float = 300.0) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"error: waited {timeout:.0f} s for {what}")
        time.sleep(0.02)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the logger writes in real time (60)")
    parser.add_argument("--backlog", type=int, default=3000, help="blocks of 10 s that wait for the broker (3000)")
    arguments = parser.parse_args()

    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # the private servers run as an ordinary user where this runs as root
        folder.chmod(0o755)
        settings = private_settings(folder / "var", topic_root="benchmark", collector="benchmark")
        (closed_port,) = free_ports(1)
        with servers(settings, keep=False), Store(settings.store_dsn) as store:
            store.migrate()
            listed = ", ".join(f'{{ name = "{one}", variable = "TA", unit = "deg C" }}' for one in CHANNELS)
            streams = "".join(STREAM.format(name=one, channels=listed) for one in ("ten", "one", "backlog"))
            store.stations.put(STATION + streams, "benchmark")
            service.open_session(settings)
            stop = threading.Event()
            collecting = threading.Thread(target=service.run_collector, args=(settings, stop))
            collecting.start()
            try:
                result = measure(folder, settings.broker_url, store, arguments.seconds, arguments.backlog, closed_port)
            finally:
                stop.set()
                collecting.join()
    print("\nAgainst the bars")
    for key, bar in BARS.items():
        print(f"  {key:14s} {result[key]:10.2f}   bar {bar:6g}   {'met' if result[key] <= bar else 'NOT MET'}")
    print(json.dumps({key: round(value, 2) for key, value in result.items()}))


def measure(
    folder: Path, broker: str, store: Store, seconds: float, backlog: int, closed_port: int
) -> dict[str, float]:
    """Run the three parts; ``closed_port`` is a port on which no broker listens."""
    loggers = {name: Logger(folder / name, datetime.now(UTC).replace(microsecond=0)) for name in ("ten", "one")}
    print(f"\nTen channels at 20 Hz in real time, {seconds:.0f} s      processor   memory")
    live = [
        follow(folder, broker, store, loggers[name], name, length, seconds)
        for name, length in (("ten", 10.0), ("one", 1.0))
    ]
    result = {"rss_mb": max(memory for memory, _ in live), "cpu_percent": max(percent for _, percent in live)}

    logger = loggers["backlog"] = Logger(folder / "backlog", datetime(2026, 7, 1, tzinfo=UTC))
    logger.write(backlog * 10 * RATE)
    config = write_config(folder, "backlog", 10.0, f"mqtt://127.0.0.1:{closed_port}", "benchmark")
    with agent(config) as pid:
        wait_for(lambda: waiting(config) >= backlog, "the spool to fill")
        spooling = cpu_seconds(pid)
    spool_bytes = json.loads(config.with_suffix(".json").read_text())["spool_bytes"]
    write_config(folder, "backlog", 10.0, broker, "benchmark")
    with agent(config) as pid:
        wait_for(lambda: stored(store, "backlog") > 0, "the first block")
        began, first = time.monotonic(), stored(store, "backlog")
        wait_for(lambda: stored(store, "backlog") >= len(logger.written), "the backlog")
        took = time.monotonic() - began
        sending = cpu_seconds(pid)
        wait_for(lambda: waiting(config) == 0, "the spool to be empty")
        result["rss_mb"] = max(result["rss_mb"], peak_mb(pid))
    result["blocks_per_s_drain"] = (len(logger.written) - first) / (10 * RATE) / took
    result["spool_bytes_per_block"] = spool_bytes / backlog
    print(f"\nA backlog of {backlog} blocks of 10 s ({backlog / 360:.1f} hours)")
    print(
        f"  from the file into the spool, the start included  {1e3 * spooling / backlog:8.2f} ms of processor a block"
    )
    print(f"  from the spool to the broker, the start included  {1e3 * sending / backlog:8.2f} ms of processor a block")
    print(f"  from the spool into the database                  {result['blocks_per_s_drain']:8.0f} blocks/s")
    print(f"  on disk                                           {spool_bytes / backlog:8.0f} bytes a block")

    result["lost"] = result["doubled"] = 0.0
    for stream, written in loggers.items():
        end = written.begin + timedelta(seconds=len(written.written) / RATE)
        samples = store.samples.read("benchmark", stream, written.begin, end)
        same = np.array(list(samples.channels.values())) == np.array(written.written).T
        result["lost"] += float((~same).any(axis=0).sum())
        result["doubled"] += max(0, stored(store, stream) - len(written.written))
    return result


def follow(
    folder: Path, broker: str, store: Store, logger: Logger, stream: str, length: float, seconds: float
) -> tuple[float, float]:
    """Let the agent follow a logger in real time; return its memory [MB] and its share of a core [%]."""
    logger.begin = datetime.now(UTC).replace(microsecond=0)
    with agent(write_config(folder, stream, length, broker, "benchmark")) as pid:
        wait_for((folder / f"{stream}.json").exists, "the agent's start")
        cpu, began = cpu_seconds(pid), time.monotonic()
        while time.monotonic() - began < seconds:
            time.sleep(0.5)
            logger.write(RATE // 2)
        percent = 100 * (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
        wait_for(lambda: stored(store, stream) >= len(logger.written), "the last block")
        memory = peak_mb(pid)
    print(f"  blocks of {length:4.0f} s {'':27s} {percent:8.2f} % {memory:7.1f} MB")
    return memory, percent


def stored(store: Store, stream: str) -> int:
    """Samples of a stream in the database, repeated ones too."""
    span = store.samples.read_span("benchmark", stream)
    return span[2] if span else 0


if __name__ == "__main__":
    main()
