"""What the watermarks cost beside the data: `python benchmarks/watermarks.py [--streams 20000] [--seconds 30]`.

Streams that send a block a second, in order; a collector that counts them (in arrays, as it gets many), updates the
store and makes the messages for the broker; then the search for gaps. Nothing else runs: no data are stored, nothing
is published. CPU time, of the collector's process and of its database connection. A private database in a temporary
folder; the last line is one JSON object, shares of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.private import private_settings  # noqa: E402
from core.clock import NS  # noqa: E402
from core.store import BlockArrays, Committed, Store  # noqa: E402
from deploy.group import servers  # noqa: E402
from ingest.collector.acknowledgements import MAX_SEQUENCES_PER_TICK, TICK_SECONDS, Acknowledgements  # noqa: E402

START = 1_782_864_000 * NS
BATCH = 2000
"""Blocks in a commit."""
STATION = """
[station]
id = "t{number}"
name = "t{number}"
latitude = 0.0
longitude = 0.0
altitude = 0.0
utc_offset = 0.0
[[stream]]
name = "ec"
kind = "block"
rate = 20.0
channels = [{{ name = "w", variable = "W", unit = "m s-1" }}]
"""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = private_settings(Path(folder))
        with servers(settings, keep=False), Store(settings.store_dsn, pool_size=1) as store:
            store.wait(30)
            store.migrate()
            measure(store, arguments.streams, arguments.seconds)


def measure(store: Store, streams: int, seconds: int) -> None:
    """Count, publish and search; print a table and the JSON line."""
    store.stations.put_all([(STATION.format(number=i), f"{i}.toml") for i in range(streams)])
    store.catalogue.refresh()
    layouts = [store.catalogue.layout(f"t{i}", "ec", "block", ("w",)) for i in range(streams)]
    published = 0

    def publish(messages: Sequence[tuple[str, bytes]]) -> int:
        nonlocal published
        published += len(messages)
        return len(messages)

    acknowledgements = Acknowledgements(store, "flux/v1", publish)
    backend = backend_of(store)
    count_s = publish_s = database_s = 0.0
    for second in range(seconds):
        began = time.process_time()
        for first in range(0, streams, BATCH):
            rows = layouts[first : first + BATCH]
            acknowledgements.add_commit([], [blocks(rows, second)], Committed())
        counted = time.process_time()
        in_database = cpu_seconds(backend)
        for _ in range(round(1 / TICK_SECONDS)):
            acknowledgements.publish_due()
        database_s += cpu_seconds(backend) - in_database
        count_s, publish_s = count_s + counted - began, publish_s + time.process_time() - counted
    acknowledgements.publish_all()
    before = cpu_seconds(backend)
    store.gaps.search()
    first_search = cpu_seconds(backend) - before
    for second in range(seconds, seconds + 90):
        acknowledgements.add_commit([], [blocks(layouts[:BATCH], second)], Committed())
    acknowledgements.publish_all()
    store.gaps.search()
    before = cpu_seconds(backend)
    store.gaps.search()
    result = {
        "streams": streams,
        "count_share": count_s / seconds,
        "publish_share": publish_s / seconds,
        "database_share": database_s / seconds,
        "search_s": first_search,
        "search_again_s": cpu_seconds(backend) - before,
        "published_every_s": max(TICK_SECONDS, streams / MAX_SEQUENCES_PER_TICK * TICK_SECONDS),
        "watermarks": published,
    }
    for name, value in result.items():
        print(f"{name:16} {value:10.4g}")
    print(json.dumps(result))


def blocks(rows: list, second: int) -> BlockArrays:  # type: ignore[type-arg]
    """Return a block of one second of each stream."""
    n = len(rows)
    return BlockArrays(
        np.array([row.station_key for row in rows], np.int32),
        np.array([row.key for row in rows], np.int32),
        np.full(n, START + second * NS),
        np.full(n, NS // 20),
        np.full(n, second),
        np.zeros(n, np.int64),
        np.zeros((n, 1, 20), np.float32),
    )


def backend_of(store: Store) -> int:
    """Return the process of the store's one connection."""
    store.health()
    with psycopg.connect(store.dsn) as connection:
        own = "pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"
        ((pid,),) = connection.execute(f"SELECT pid FROM pg_stat_activity WHERE {own}").fetchall()
    return int(pid)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process. [s]"""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    main()
