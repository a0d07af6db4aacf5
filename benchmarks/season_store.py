"""What a season costs in the platform: `python benchmarks/season_store.py [--days 365] [--minutes 30] [--runs 5]`.

Stores a made-up station's half-hours, and its weather each so many minutes, in private servers of its own or in a new
database on the server of FLUXTOWER_DSN; makes its provisional run again and again, as the worker does; drops the
superseded ones, as `fluxtower keep` does, and makes one more. Measures CPU time of this process (the fastest; the
server's comes on top) and wall-clock (the median: the machine should be idle), and bytes on disk with indexes. Prints a
table and, last, one line of JSON. Fails if a run lacks what its season has, or dropping leaves more than two runs.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402

from benchmarks.private import bytes_of, new_store  # noqa: E402
from benchmarks.season import make_year, peak  # noqa: E402
from core.clock import to_ns  # noqa: E402
from core.records import FluxRecord, Reading  # noqa: E402
from core.store import Store  # noqa: E402
from core.variables import FLUX_COLUMNS  # noqa: E402
from fluxcalc import worker  # noqa: E402
from fluxcalc.season.grid import TimeGrid  # noqa: E402

ID = "made-up"
STATION = """
[station]
id = "made-up"
name = "Made-up meadow"
latitude = 51.0
longitude = 13.6
altitude = 300.0
utc_offset = 1.0
[site]
canopy_height = 0.5
[sonic]
model = "CSAT3"
height = 4.0
[[stream]]
name = "ec"
kind = "block"
rate = 20.0
channels = [
    { name = "Ux", variable = "U", unit = "m s-1" }, { name = "Uy", variable = "V", unit = "m s-1" },
    { name = "Uz", variable = "W", unit = "m s-1" }, { name = "Ts", variable = "T_SONIC", unit = "deg C" },
]
[[stream]]
name = "met"
kind = "reading"
interval = 60
channels = [
    { name = "sun", variable = "SW_IN", unit = "W m-2" }, { name = "air", variable = "TA", unit = "deg C" },
    { name = "vpd", variable = "VPD", unit = "hPa" },
]
[flux]
stream = "ec"
meteorology = "met"
"""
HALF_HOUR = timedelta(minutes=30)
AT_ONCE = 20_000
MADE = ("NEE_F", "RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT", "NEE_RANDUNC", "LE_F", "ET", "TA_F")
"""Series that every run of a year must have."""


def fill(store: Store, grid: TimeGrid, days: int, minutes: int) -> tuple[int, int]:
    """Store the station's half-hours and readings; return how many of either."""
    store.stations.put(STATION, "made-up.toml")
    nothing = dict.fromkeys(FLUX_COLUMNS, math.nan)
    good = {"FC_SSITC_TEST": 0.0, "LE_SSITC_TEST": 0.0, "H_SSITC_TEST": 0.0}
    records, readings = [], []
    columns = {name: values.tolist() for name, values in grid.variables.items()}
    for i, local in enumerate(grid.starts[: 48 * days].to_list()):
        start = local.replace(tzinfo=UTC) - timedelta(hours=1)
        measured = {"FC": columns["NEE"][i], **{name: columns[name][i] for name in ("LE", "H", "USTAR")}}
        records.append(FluxRecord(ID, start, start + HALF_HOUR, nothing | good | measured, {}, {}))
        values = {"sun": columns["SW_IN"][i], "air": columns["TA"][i], "vpd": columns["VPD"][i]}
        readings += [
            Reading(ID, "met", to_ns(start + j * timedelta(minutes=minutes)), values) for j in range(30 // minutes)
        ]
    for i in range(0, len(records), 2000):
        store.fluxes.put_history(records[i : i + 2000], config_sha256="c" * 64, code_version="made up")
    for i in range(0, len(readings), AT_ONCE):
        store.messages.commit([], readings[i : i + AT_ONCE])
    return len(records), len(readings)


def timed(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Return median wall-clock and smallest CPU time of some work. [s]"""
    walls, processes = [], []
    for _ in range(times):
        wall, process = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processes.append(time.process_time() - process)
    return median(walls), min(processes)


def make_old(store: Store) -> None:
    """Say that all runs but the newest were made a month ago, as only an administrator can."""
    with psycopg.connect(store.dsn) as connection:
        connection.execute("ALTER TABLE run DISABLE TRIGGER run_stays")
        connection.execute(
            "UPDATE run SET finished = finished - interval '40 days' WHERE id < (SELECT max(id) FROM run)"
        )
        connection.execute("ALTER TABLE run ENABLE TRIGGER run_stays")


def measure(days: int, minutes: int, runs: int) -> dict[str, float]:
    """Fill a store, make runs, drop what is superseded."""
    with new_store() as store:
        half_hours, readings = fill(store, make_year(), days, minutes)
        row, span = store.stations.read(ID), store.fluxes.read_span(ID)
        if span is None:
            sys.exit("error: nothing was stored")
        worker.fill_season(store, ID)  # compiles
        making = timed(lambda: worker.fill_season(store, ID), runs)
        reading = timed(lambda: worker.read_inputs(store, ID, row.station, *span), 3)
        newest = store.runs.find(limit=1)[0]
        product = store.runs.read_product(newest, *span)
        lacking = [name for name in MADE if product[name].null_count() == product.height]
        if lacking or product.height != half_hours:
            sys.exit(f"error: {product.height} of {half_hours} half-hours, without {', '.join(lacking)}")
        back = timed(lambda: store.runs.read_product(newest, *span), 5)
        made = len(store.runs.find(limit=1000))
        before = bytes_of(store, "product")
        make_old(store)
        begin = time.perf_counter()
        dropped = store.retention.drop("runs", datetime.now(UTC) - timedelta(days=7))
        dropping = (time.perf_counter() - begin) / dropped.rows
        if len(store.runs.find(limit=1000)) != 2:
            sys.exit(f"error: {len(store.runs.find(limit=1000))} runs are left, not the newest and the month's last")
        for _ in range(dropped.rows):
            worker.fill_season(store, ID)
        after = bytes_of(store, "product")
    print(f"{half_hours} half-hours, {readings} readings; {made} runs of {product.height} half-hours")
    print(f"{'':44}{'median wall s':>14}{'CPU here s':>12}")
    for name, times in (
        ("a provisional run: read, process, store", making),
        ("of this: read the inputs", reading),
        ("a run's half-hours read back", back),
    ):
        print(f"{name:44}{times[0]:14.2f}{times[1]:12.2f}")
    print(f"{'a superseded run dropped':44}{dropping:14.2f}")
    size = before / (made * half_hours)
    print(f"a half-hour of a run: {size:.0f} bytes, a run {before / made / 1e6:.1f} MB")
    print(f"{made} runs: {before / 1e6:.1f} MB; the same number after dropping: {after / 1e6:.1f} MB")
    return {
        "half_hours": half_hours,
        "readings": readings,
        "run_cpu_s": round(making[1], 3),
        "run_wall_s": round(making[0], 3),
        "inputs_cpu_s": round(reading[1], 3),
        "product_cpu_s": round(back[1], 3),
        "drop_wall_s": round(dropping, 3),
        "bytes_per_row": round(size, 1),
        "mb_per_run": round(before / made / 1e6, 2),
        "runs": made,
        "runs_mb": round(before / 1e6, 1),
        "runs_again_mb": round(after / 1e6, 1),
        "peak_mb": round(peak(), 1),
    }


def main() -> None:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365, choices=range(60, 366), metavar="60..365")
    parser.add_argument("--minutes", type=int, default=30, choices=(1, 5, 10, 30), help="between readings")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(json.dumps(measure(options.days, options.minutes, options.runs)))


if __name__ == "__main__":
    main()
