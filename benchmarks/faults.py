"""What is lost when something dies: `python benchmarks/faults.py [--runs 20] [--faults collector,link] [--cut 600]`.

Towers send blocks in real time to a real Mosquitto, a real collector stores them in a real TimescaleDB (private
servers in a temporary folder), and after a random time one part dies by kill -9, the link is cut, or the database's
disk is full. The senders keep every block until the platform says that it is committed, and send it again after a
while. When the senders have forgotten all, the stored samples are compared with the sent ones, each by its time and
value. `unacknowledged` are blocks that were not said to be committed in time, `longest_s` is from the fault to the last
acknowledgement.

`agent`: the sender is `fluxtower agent`, killed and started again while its logger writes. `disk`: the database lies
on a tmpfs of its own, full to the last byte until the database has complained, and some seconds more; this needs root
and is left out otherwise. Prints a table and, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import psycopg  # noqa: E402

from benchmarks.platforms import Platform, Relay, can_mount, platform_in  # noqa: E402
from benchmarks.private import free_ports  # noqa: E402
from benchmarks.senders import STATION, Logger, Samples, Towers  # noqa: E402
from core.settings import Settings  # noqa: E402
from core.store import Store  # noqa: E402

FAULTS = ("collector", "database", "broker", "both", "link", "disk", "agent")
MAX_RECOVERY_SECONDS = 240.0
"""How long the platform may take until it has said that all is committed. [s]"""


@dataclass(slots=True)
class FaultCounts:
    """What one run, or several, showed."""

    sent: int = 0
    lost: int = 0
    doubled: int = 0
    torn: int = 0
    unacknowledged: int = 0
    longest_s: float = 0.0

    def add(self, other: FaultCounts) -> None:
        """Add the samples of another run."""
        self.sent += other.sent
        self.lost += other.lost
        self.doubled += other.doubled
        self.torn += other.torn
        self.unacknowledged += other.unacknowledged
        self.longest_s = max(self.longest_s, other.longest_s)


def run_fault(fault: str, platform: Platform, towers: int, seconds: float, cut_seconds: float) -> FaultCounts:
    """Let towers send for a while, let something happen in the middle, and compare when all should be stored."""
    began = time.monotonic()
    settings = platform.settings
    prefix = f"x{time.time_ns()}"
    names = [f"{prefix}-{i}" for i in range(1 if fault == "agent" else towers)]
    with Store(settings.store_dsn) as store, ExitStack() as stack:
        store.wait(60)
        store.stations.put_all([(STATION.format(id=name), name) for name in names])
        port = settings.broker_port
        if fault == "link":
            (port,) = free_ports(1)
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
        fault_at = time.monotonic()
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
            relay.restore()
        elif fault == "disk":
            platform.fill_disk(random.uniform(2.0, 6.0))
        elif isinstance(sender, Logger):
            sender.kill()
        time.sleep(max(1.0, seconds - (time.monotonic() - began)))
        if isinstance(sender, Logger):
            unacknowledged = sender.finish(MAX_RECOVERY_SECONDS, lambda: len(read_samples(settings, prefix)[0]))
        else:
            unacknowledged = sender.finish(MAX_RECOVERY_SECONDS)
        recovered = time.monotonic() - fault_at
    return compare(sender.sent, *read_samples(settings, prefix), unacknowledged, recovered)


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


def compare(
    sent: Samples, stored: Samples, doubled: int, torn: int, unacknowledged: int, seconds: float
) -> FaultCounts:
    """Compare what was sent with what is stored; a value that is another, or that nobody sent, is torn."""
    lost = sum(key not in stored for key in sent)
    wrong = sum(key not in sent or not np.array_equal(sent[key], pair) for key, pair in stored.items())
    return FaultCounts(len(sent), lost, doubled, torn + wrong, unacknowledged, seconds)


def run_beside_each_other(fault: str, arguments: argparse.Namespace) -> FaultCounts:
    """Repeat a fault, on so many platforms beside each other."""
    of_fault = FaultCounts()
    at_once = min(arguments.at_once, arguments.runs)
    shares = [len(range(i, arguments.runs, at_once)) for i in range(at_once)]
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        for counts in pool.map(run_in_turn, repeat(fault), shares, repeat(arguments)):
            of_fault.add(counts)
    return of_fault


def run_in_turn(fault: str, runs: int, arguments: argparse.Namespace) -> FaultCounts:
    """Repeat a fault on one platform, one run after the other."""
    found = FaultCounts()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with platform_in(Path(folder), small_disk=fault == "disk") as platform:
            for _ in range(runs):
                found.add(run_fault(fault, platform, arguments.towers, arguments.seconds, arguments.cut))
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="of each fault (20)")
    parser.add_argument("--faults", default=",".join(FAULTS), help=f"which ({','.join(FAULTS)})")
    parser.add_argument("--towers", type=int, default=50, help="that send two blocks a second (50)")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long they send at least (8)")
    parser.add_argument("--cut", type=float, default=600.0, help="how long the link is cut [s] (600)")
    parser.add_argument("--at-once", type=int, default=1, help="so many platforms beside each other (1)")
    arguments = parser.parse_args()
    total, runs = FaultCounts(), 0
    print(
        f"{'fault':10} {'runs':>5} {'sent':>9} {'lost':>6} {'doubled':>8} {'torn':>6} "
        f"{'unacknowledged':>14} {'longest_s':>10}"
    )
    for fault in arguments.faults.split(","):
        if fault == "disk" and not can_mount():
            print("disk       left out: no volume can be mounted here")
            continue
        of_fault = run_beside_each_other(fault, arguments)
        runs += arguments.runs
        numbers = (of_fault.sent, of_fault.lost, of_fault.doubled, of_fault.torn, of_fault.unacknowledged)
        print(
            f"{fault:10} {arguments.runs:5} {numbers[0]:9} {numbers[1]:6} {numbers[2]:8} {numbers[3]:6} "
            f"{numbers[4]:14} {of_fault.longest_s:10.1f}",
            flush=True,
        )
        total.add(of_fault)
    print(json.dumps({"runs": runs, "lost": total.lost, "doubled": total.doubled, "torn": total.torn}))


if __name__ == "__main__":
    main()
