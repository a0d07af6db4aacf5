"""How quickly the API answers: `python benchmarks/api.py`.

Fills a year of half-hours x 60 variables (a season of a made-up meadow) and a day of a 20 Hz tower into private servers
of its own, or into a new database on the server of FLUXTOWER_DSN, serves the API on a free port and fetches each format
by HTTP. Medians of five, wall-clock, from the question to the last byte, compression and reader included: the machine
should be idle. Last line: JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import numpy as np  # noqa: E402
import uvicorn  # noqa: E402

from api.app import create_app  # noqa: E402
from benchmarks import made_up_exports  # noqa: E402
from benchmarks.private import free_ports, new_store  # noqa: E402
from core.clock import to_ns  # noqa: E402
from core.records import SampleBlock  # noqa: E402
from core.settings import read_settings  # noqa: E402
from core.store import ON_DEMAND, Store  # noqa: E402

VARIABLES = 60
RATE = 20
DAY = datetime(2025, 6, 1, tzinfo=UTC)
SECONDS = 86_400
TIMES = 5
TOWER = """
[[stream]]
name = "ec"
kind = "block"
rate = 20
channels = [{ name = "Uz", variable = "W", unit = "m s-1", resolution = 0.001 }]
"""
BARS = {"csv_s": 1.0, "parquet_s": 0.4, "netcdf_s": 1.0, "fluxnet_zip_s": 3.0, "arrow_day_s": 0.4}


def fill(store: Store) -> None:
    """Store the season, and a day of samples in blocks of ten seconds."""
    head, tail = made_up_exports.STATION_TEXT.split("[metadata]", 1)
    store.stations.put(f"{head}{TOWER}[metadata]{tail}", "made-up.toml")
    plain = len(made_up_exports.season(2).columns)
    season = made_up_exports.season(versions=VARIABLES - plain)
    store.runs.put(
        season.station.id,
        kind=ON_DEMAND,
        config_sha256="c" * 64,
        code_version="0",
        methods={},
        started=season.end,
        product=season.values.drop("end"),
    )
    noise = np.random.default_rng(20).normal(0, 0.3, SECONDS * RATE).round(3).astype(np.float32)
    step, count = 10**9 // RATE, 10 * RATE
    blocks = [
        SampleBlock(
            season.station.id, "ec", to_ns(DAY) + i * step, step, ("Uz",), noise[None, i : i + count], i // count
        )
        for i in range(0, noise.size, count)
    ]
    store.messages.commit(blocks, [])


@contextmanager
def served(store: Store) -> Iterator[str]:
    """Serve the API on a free port; gives its address."""
    (port,) = free_ports(1)
    settings = read_settings().model_copy(update={"dsn": store.dsn, "api_port": port})
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/api/v1/stations/cn-meadow"
    finally:
        server.should_exit = True
        thread.join()


def time_of(client: httpx.Client, path: str, asked: Mapping[str, str]) -> float:
    """Fetch a file some times; return the median of the seconds."""
    seconds = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        answer = client.get(path, params=asked)
        seconds.append(time.perf_counter() - begin)
        answer.raise_for_status()
    print(f"{path} {asked['format']}: {median(seconds):.2f} s, {len(answer.content) / 1e6:.1f} MB", flush=True)
    return round(median(seconds), 3)


def main() -> int:
    """Measure; return the exit status: 1 if a bar is missed."""
    with new_store() as store:
        fill(store)
        with served(store) as address, httpx.Client(base_url=address, timeout=120) as client:
            forms = {"csv_s": "csv", "parquet_s": "parquet", "netcdf_s": "netcdf", "fluxnet_zip_s": "fluxnet"}
            found = {key: time_of(client, "/product", {"format": form}) for key, form in forms.items()}
            day = {"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat(), "stream": "ec"}
            found["arrow_day_s"] = time_of(client, "/samples", {**day, "format": "arrow"})
    missed = [key for key, bar in BARS.items() if found[key] > bar]
    print(f"missed: {', '.join(missed) or 'none'}")
    print(json.dumps(found))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
