"""How long a year of files takes: `python benchmarks/backfill.py [--half-hours 1440]`.

Writes TOA5 files of half an hour at 20 Hz (benchmarks/halfhour.py; 3.5 MB each, TMPDIR chooses the place) and stores
them by one `fluxtower ingest` into private servers, then once more with `--again`, which must store nothing. What is
stored is counted in the database. A year is scaled from the half-hours that were really stored. Prints a table and,
last, one line of JSON; times are wall-clock: the machine should be idle.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402

from benchmarks.halfhour import STATION, YEAR, N, show, write_toa5  # noqa: E402
from benchmarks.private import private_settings  # noqa: E402
from core.settings import Settings  # noqa: E402
from core.store import Store  # noqa: E402
from deploy.group import servers  # noqa: E402
from deploy.group.supervisor import make_environment  # noqa: E402


def ingest(settings: Settings, folder: Path, *options: str) -> float:
    """Store a folder of files, and time it. [s]"""
    command = [sys.executable, "-m", "fluxtower", "ingest", str(folder), "--station", "benchmark", *options]
    began = time.perf_counter()
    subprocess.run(
        command, cwd=ROOT, env={**os.environ, **make_environment(settings)}, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began


def count(settings: Settings) -> tuple[int, int, int]:
    """Return how many samples are stored, the bytes of their table, and the samples that the minutes count."""
    with psycopg.connect(settings.store_dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT sum(n) FROM sample_block), hypertable_size('sample_block'), (SELECT sum(n[1]) FROM minute)"
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def main() -> None:
    """Write, store, store again, count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--half-hours", type=int, default=1440, help="how many (default 1440, a month)")
    half_hours = parser.parse_args().half_hours
    with tempfile.TemporaryDirectory(prefix="fluxtower-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "files").mkdir()
        size = sum(file.stat().st_size for file in write_toa5(folder / "files", half_hours))
        settings = private_settings(folder / "var")
        with servers(settings, keep=False):
            with Store(settings.store_dsn) as store:
                store.wait(60)
                store.migrate()
                store.stations.put(STATION, "benchmark.toml")
            first = ingest(settings, folder / "files")
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            stored, on_disk, minutes = count(settings)
            again = ingest(settings, folder / "files", "--again")
            doubled = count(settings)[0] - stored
    found = {
        "half_hours": half_hours,
        "ms_half_hour": round(1e3 * first / half_hours, 1),
        "year_min": round(first / half_hours * YEAR / 60, 1),
        "ms_half_hour_again": round(1e3 * again / half_hours, 1),
        "bytes_per_sample": round(on_disk / stored, 1),
        "peak_mb": round(peak),
        "missing": half_hours * N - stored,
        "missing_in_minutes": half_hours * N - minutes,
        "doubled": doubled,
    }
    show(
        f"{half_hours} half-hours of TOA5, {size / 1e9:.1f} GB", {key: float(value) for key, value in found.items()}, ""
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
