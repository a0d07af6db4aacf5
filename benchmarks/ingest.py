"""How many towers one machine takes in: `python benchmarks/ingest.py [--towers 20000] [--seconds 600]`.

Broker, database, collector and simulator run together on this machine, in a private folder, with fsync and
synchronous_commit on. Every tower sends 20 Hz x 10 channels in messages of one second; stations of weather send 30
variables a minute. Afterwards every (station, block number) that was sent is looked for in the database.

Latency is the time from the call that sends a message to the commit of the transaction that holds it, both by this
machine's clock (`track_commit_timestamp`); the machine should be idle. `--search 2500` goes on with so many more towers
until a run is not held, each in a new database. Prints tables and, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psycopg

from benchmarks.meter import CpuMeter
from benchmarks.private import private_settings
from benchmarks.store import CHANNELS, HALF_HOUR, STREAM, make_blocks, station_text
from core.settings import Settings
from core.store import Store
from deploy.group import servers
from deploy.group.supervisor import make_environment
from fluxtower.sending import register_load
from ingest.collector import service
from ingest.simulation.load import JOURNAL_ENTRY, Load

ROOT = Path(__file__).resolve().parents[1]

BARS = {"p50_s": 0.3, "p99_s": 1.5, "bytes_per_sample": 40.0, "readback_ms": 20.0, "minute_means_ms": 5.0}
STALL_SECONDS = 20.0
"""What is not stored although nothing came for so long is lost. [s]"""
SETTLE_SECONDS = 5.0
"""CPU time is counted from so long after the begin. [s]"""
ROW = np.dtype(
    [("fields", ">i2"), ("l1", ">i4"), ("stream", ">i4"), ("l2", ">i4"), ("seq", ">i8"), ("l3", ">i4"), ("xid", ">i8")]
)
"""A row of the binary COPY that reads the stored blocks back."""


@contextmanager
def machine(folder: Path) -> Iterator[Settings]:
    """Private servers in a folder, with the time of each commit kept."""
    settings = private_settings(folder)
    with servers(settings), psycopg.connect(settings.store_dsn, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    with servers(settings, keep=False):
        yield settings


def start(settings: Settings, log: Path, *arguments: str, name: str = "collector") -> subprocess.Popen[bytes]:
    """Start a command of ours."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "fluxtower", *arguments],
            cwd=ROOT,
            env={**os.environ, **make_environment(settings.model_copy(update={"collector": name}))},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def run(load: Load, seconds: float, collectors: int) -> dict[str, float]:
    """One run in a new database; prints what it finds."""
    with tempfile.TemporaryDirectory(prefix="fluxtower-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with machine(folder / "var") as settings:
            return measure(settings, folder, load, seconds, collectors)


def measure(settings: Settings, folder: Path, load: Load, seconds: float, collectors: int) -> dict[str, float]:
    """Register, collect, send, compare."""
    with Store(settings.store_dsn) as store:
        store.migrate()
        began = time.perf_counter()
        register_load(store, load)
        registered = time.perf_counter() - began
    names = [f"collector-{i}" for i in range(collectors)]
    service.open_session(settings.model_copy(update={"collector": names[0]}))
    running = {name: start(settings, folder / f"{name}.log", "collector", name=name) for name in names}
    journal = folder / "journal"
    arguments = ["--towers", load.towers, "--rate", load.rate, "--block-seconds", load.block_seconds]
    arguments += ["--weather", load.weather, "--seconds", seconds, "--seed", load.seed]
    arguments += ["--journal", journal, "--no-register"]
    try:
        for words in ("connected to the broker", "stations are known"):
            wait_for_line(folder / f"{names[0]}.log", words)
        sender = start(settings, folder / "sender.log", "simulate", *map(str, arguments))
        time.sleep(SETTLE_SECONDS)
        meter = CpuMeter(settings, {"simulator": sender.pid, **{name: one.pid for name, one in running.items()}})
        time.sleep(max(1.0, seconds - 2 * SETTLE_SECONDS))
        cores = meter.read()
        if sender.wait(seconds + 120) != 0:
            raise SystemExit((folder / "sender.log").read_text())
        ended = time.monotonic()
        sent = np.fromfile(journal, JOURNAL_ENTRY)
        expected = len(np.unique(keys(sent["tower"], sent["seq"], sent["seq"].min())))
        wait_for_rows(settings, expected, ended)
    finally:
        for one in running.values():
            one.terminate()
        for one in running.values():
            one.wait(60)
    found = compare(settings, sent)
    with psycopg.connect(settings.store_dsn) as connection:
        (minutes,) = connection.execute("SELECT hypertable_size('minute')").fetchone()
        (readings, rejects) = connection.execute(
            "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM reject)"
        ).fetchone()
        missing = minutes_missing(connection, found["stored"], load.n)
    size = block_bytes(settings)
    rate = load.towers / load.block_seconds
    samples = found["stored"] * load.n
    result = {
        "towers": load.towers,
        "lost": found["lost"],
        "doubled": found["doubled"],
        "p50_s": round(found["p50_s"], 3),
        "p99_s": round(found["p99_s"], 3),
    }
    show(
        f"{load.towers:,} towers, {load.rate:g} Hz x 10 channels in {load.block_seconds:g} s messages, {seconds:g} s, "
        f"{load.weather:,} weather stations",
        {
            "stations registered [s]": registered,
            "blocks sent": len(sent),
            "of them different": expected,
            "lost": found["lost"],
            "doubled": found["doubled"],
            "samples not in the minutes": missing,
            "readings stored": readings,
            "rejects": rejects,
            "latency p50 [s]": found["p50_s"],
            "latency p99 [s]": found["p99_s"],
            "latency max [s]": found["max_s"],
            "all stored after the last message [s]": found["last_s"],
            "bytes on disk per sample (10 channels)": size / max(samples, 1),
            "bytes on disk per sample, minutes": minutes / max(samples, 1),
        },
    )
    show(
        "CPU",
        {f"{kind} [cores]": one for kind, one in sorted(cores.items())} | {"together [cores]": sum(cores.values())},
    )
    show("CPU of a message", {f"{kind} [us]": 1e6 * one / rate for kind, one in sorted(cores.items())})
    result |= read_back(settings, load.seed)
    result["held"] = float(
        not found["lost"]
        and not found["doubled"]
        and found["last_s"] < 2
        and all(result[bar] <= BARS[bar] for bar in ("p50_s", "p99_s"))
    )
    return result


def wait_for_line(log: Path, words: str) -> None:
    """Wait until a program has logged some words."""
    deadline = time.monotonic() + 60
    while words not in log.read_text():
        if time.monotonic() > deadline:
            raise SystemExit(log.read_text())
        time.sleep(0.1)


def wait_for_rows(settings: Settings, expected: int, ended: float) -> None:
    """Wait until so many blocks are stored, or no more come."""
    with psycopg.connect(settings.store_dsn, autocommit=True) as connection:
        before, moved = -1, ended
        while True:
            (stored,) = connection.execute("SELECT count(*) FROM sample_block").fetchone()
            now = time.monotonic()
            moved = now if stored > before else moved
            before = stored
            if stored >= expected or now - moved > STALL_SECONDS:
                return
            time.sleep(0.2)


def keys(tower: np.ndarray, seq: np.ndarray, first: int) -> np.ndarray:
    """One number for each (tower, block number)."""
    return (seq.astype(np.int64) - first) * 100_000 + tower


def compare(settings: Settings, sent: np.ndarray) -> dict[str, float]:
    """Compare what was sent with what is stored."""
    first = sent["seq"].min()
    with psycopg.connect(settings.store_dsn) as connection:
        streams = dict(
            connection.execute("SELECT t.key, s.id FROM stream t JOIN station s ON s.key = t.station").fetchall()
        )
        number = np.full(max(streams) + 1, -1)
        for key, station in streams.items():
            if station.startswith("tower-"):
                number[key] = int(station.removeprefix("tower-"))
        rows = read_rows(connection, "SELECT stream, seq, xmin::text::bigint FROM sample_block")
        xids, place = np.unique(rows["xid"].astype(np.int64), return_inverse=True)
        times = connection.execute(
            "SELECT extract(epoch FROM pg_xact_commit_timestamp(x::text::xid)) FROM unnest(%s::bigint[]) x",
            [xids.tolist()],
        ).fetchall()
    committed = np.array([float(one) for (one,) in times])[place]
    stored = keys(number[rows["stream"].astype(np.int64)], rows["seq"], first)
    published = keys(sent["tower"], sent["seq"], first)
    unique, at = np.unique(published, return_index=True)  # the first time that it was sent
    held, of = np.unique(stored, return_index=True)
    _, left, right = np.intersect1d(unique, held, assume_unique=True, return_indices=True)
    sent_s = sent["sent_ns"][at[left]] / 1e9
    latency = committed[of[right]] - sent_s
    show_latency_by_minute(sent_s - sent_s.min(initial=np.inf), latency)
    last = float(committed.max() - sent["sent_ns"].max() / 1e9) if len(committed) else np.nan
    quantiles = np.quantile(latency, [0.5, 0.99, 1.0]) if len(latency) else [np.nan] * 3
    return {
        "stored": len(stored),
        "lost": len(unique) - len(left),
        "doubled": len(stored) - len(held),
        "last_s": last,
        **dict(zip(("p50_s", "p99_s", "max_s"), map(float, quantiles), strict=True)),
    }


def show_latency_by_minute(sent_s: np.ndarray, latency: np.ndarray) -> None:
    """Print how the latency went, minute by minute."""
    print(f"\n{'latency of the minute':24s}{'p50 [s]':>10s}{'p99 [s]':>10s}{'max [s]':>10s}")
    minute = (sent_s // 60).astype(int)
    for one in np.unique(minute):
        quantiles = np.quantile(latency[minute == one], [0.5, 0.99, 1.0])
        print(f"{one + 1:24d}" + "".join(f"{value:10.3f}" for value in quantiles))


def read_rows(connection: psycopg.Connection, query: str) -> np.ndarray:
    """Read rows of three numbers."""
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as copy:
        content = b"".join(copy)
    return np.frombuffer(content[19:-2], ROW)


def minutes_missing(connection: psycopg.Connection, blocks: int, n: int) -> int:
    """Samples that the minutes do not count, or count twice: what is merged and what is not, together."""
    query = "SELECT coalesce(sum(n[1]), 0) FROM minute"
    parts = "SELECT coalesce(sum(n[i]), 0) FROM minute_part, LATERAL generate_series(1, cardinality(n), channels) i"
    ((merged,), (waiting,)) = (connection.execute(one).fetchone() for one in (query, parts))
    return int(blocks * n - merged - waiting)


def read_back(settings: Settings, seed: int) -> dict[str, float]:
    """Time a half-hour as arrays and a day of 1-minute means of stations of their own; weigh a day.

    They send what sensors give, rounded to their steps. The figures that have a bar are of blocks of 10 s, which
    senders make unless they want a live view.
    """
    found = {}
    for seconds in (1.0, 10.0):
        samples, means, size = found[seconds] = _read_back(settings, seconds, seed)
        show(
            f"A day of a station in blocks of {seconds:g} s",
            {
                "bytes on disk per sample (10 channels)": size,
                "a half-hour as arrays [ms]": samples,
                "1-minute means of a channel, the whole day [ms]": means,
            },
        )
    return {
        "bytes_per_sample": round(found[10.0][2], 1),
        "readback_ms": round(found[10.0][0], 2),
        "minute_means_ms": round(found[10.0][1], 2),
        "bytes_per_sample_1s": round(found[1.0][2], 1),
        "readback_1s_ms": round(found[1.0][0], 2),
    }


def _read_back(settings: Settings, block_seconds: float, seed: int) -> tuple[float, float, float]:
    """Return the time for a half-hour [ms] and for a day's means [ms], and the size of a sample [bytes]."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    name = f"reader-{block_seconds:g}"
    text = station_text(name)
    with Store(settings.store_dsn) as store:
        before = block_bytes(settings)
        station = store.stations.put(text, f"{name}.toml").station
        half_hours = [day + i * HALF_HOUR for i in range(48)]
        count = sum(
            store.messages.commit(make_blocks(station, seed, one, block_seconds), []).samples for one in half_hours
        )
        size = (block_bytes(settings) - before) / count
        noon = day + timedelta(hours=12)
        samples = timed(lambda: store.samples.read(name, STREAM, noon, noon + HALF_HOUR))
        means = timed(lambda: store.minutes.read_means(name, STREAM, CHANNELS[2][0], day, day + timedelta(days=1)))
    return samples, means, size


def block_bytes(settings: Settings) -> int:
    """Bytes on disk of all blocks, indices included."""
    with psycopg.connect(settings.store_dsn) as connection:
        (size,) = connection.execute("SELECT hypertable_size('sample_block')").fetchone()
    return int(size)


def timed(call: Callable[[], object]) -> float:
    """Median time of a call. [ms]"""
    taken = []
    for _ in range(15):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return 1e3 * float(np.median(taken))


def show(title: str, rows: dict[str, float]) -> None:
    """Print a table."""
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:48s} {value:14,.3f}".rstrip("0").rstrip("."))
    sys.stdout.flush()


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--towers", type=int, default=20_000, help="how many (default 20000)")
    parser.add_argument("--seconds", type=float, default=600, help="how long they send (default 600)")
    parser.add_argument("--weather", type=int, default=2500, help="stations with 30 variables a minute (default 2500)")
    parser.add_argument("--block-seconds", type=float, default=1.0, help="length of a message (default 1)")
    parser.add_argument("--search", type=int, default=0, help="go on with so many more towers until it is too much")
    arguments = parser.parse_args()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    towers = arguments.towers
    best: dict[str, float] = {}
    while True:
        result = run(Load(towers, 20.0, arguments.block_seconds, arguments.weather), arguments.seconds, 1)
        if result.pop("held") or not best:
            best = result
        if best is not result or not arguments.search:
            break
        towers += arguments.search
    print()
    for name, bar in BARS.items():
        print(f"  {name:20s} {best[name]:10.3f}   bar {bar:g}")
    print(json.dumps(best))


if __name__ == "__main__":
    main()
