"""How fast a half-hour is: `python benchmarks/halfhour.py [--half-hours 384] [--year]`.

The full default chain at 20 Hz: 36 000 samples of u, v, w, sonic temperature, CO2 and H2O. Prints tables and, last, one
line of JSON. Everything is made up on the spot; raw files go to a temporary directory (3.5 MB a half-hour; TMPDIR
chooses the place). Times are wall-clock: the machine should be idle. Steps and single half-hours are medians of many;
whole runs on one core and on two take turns, and the fastest of each counts, for whatever else runs can only slow one
down.

A year is scaled from those runs unless `--year` is given: then all 17 520 half-hours are really read and computed on
two cores, in portions of which each is a run of the command of its own (1.7 GB on disk at a time; writing the files is
not timed, and takes longer than the rest).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

YEAR = 17_520
"""Half-hours of a year."""
N = 36_000
START = datetime(2026, 1, 1, tzinfo=UTC)
SHORT_RUN_HALF_HOURS = 2
"""Half-hours of the short runs, whose time is taken off the long ones' to leave out the start of processes."""
LONG_RUN_HALF_HOURS = 384
"""Half-hours from which on a run is cut as that of a year is, on one core and on two."""
PORTION = 480
"""Half-hours of a real year on disk at a time."""
SINGLE = 24
"""Files that are timed one by one."""
ROUNDS = 3
"""How often whole runs on one core and on two take turns."""
TIMES = 100
"""How often a half-hour in memory is timed."""
BARS = {
    "ms_arrays": 15.0,
    "ms_toa5": 30.0,
    "year_s": 300.0,
    "speedup_2_cores": 1.8,
    "cold_start_s": 30.0,
    "warm_start_s": 2.0,
    "peak_mb": 500.0,
}
STATION = """
[station]
id = "benchmark"
name = "Made-up meadow"
latitude = 48.0
longitude = 10.0
altitude = 400.0
utc_offset = 0.0

[site]
canopy_height = 0.5

[sonic]
model = "CSAT3"
height = 4.0

[[analyzer]]
model = "LI-7500"
gases = ["CO2", "H2O"]
eastward_separation = 0.15

[[stream]]
name = "ec"
kind = "block"
rate = 20.0
channels = [
    { name = "Ux", variable = "U", unit = "m s-1" },
    { name = "Uy", variable = "V", unit = "m s-1" },
    { name = "Uz", variable = "W", unit = "m s-1" },
    { name = "Ts", variable = "T_SONIC", unit = "deg C" },
    { name = "co2", variable = "CO2_DENSITY", unit = "mmol m-3" },
    { name = "h2o", variable = "H2O_DENSITY", unit = "mmol m-3" },
]

[flux]
stream = "ec"
"""


def make_channels(seed: int):
    """Half an hour of turbulence: eddies of some seconds, gases four samples late, a spike every few minutes."""
    import numpy as np

    random = np.random.default_rng(seed)

    def eddies(samples: int):
        total = np.cumsum(random.standard_normal(N + samples))
        return (total[samples:] - total[:-samples]) / samples**0.5 + 0.3 * random.standard_normal(N)

    w = 0.35 * eddies(15)
    gas = np.roll(w, 4)
    channels = {
        "Ux": 3.0 - 0.5 * w + 0.7 * eddies(60),
        "Uy": 1.0 + 0.6 * eddies(60),
        "Uz": 0.05 + w,
        "Ts": 18.0 + 0.35 * w + 0.25 * eddies(30),
        "co2": 15.5 - 0.05 * gas + 0.08 * eddies(40),
        "h2o": 520.0 + 12.0 * gas + 12.0 * eddies(40),
    }
    for values in channels.values():
        values[random.integers(0, N, 8)] += 9.0 * values.std()
    return channels


def make_samples(seed: int, start: datetime):
    """The same as arrays in memory."""
    from core.clock import to_ns
    from core.records import Samples

    return Samples(to_ns(start), 50_000_000, make_channels(seed))


def compute_first() -> None:
    """The first half-hour of a process: what a cold and a warm start do."""
    import fluxcalc
    from core.station import parse_station

    record = fluxcalc.process(make_samples(0, START), parse_station(STATION, "benchmark"))
    assert record.values["FC"] < 0, record.reasons


def write_toa5(folder: Path, count: int, first: int = 0) -> list[Path]:
    """TOA5 files of half an hour each, eleven columns as loggers write them, from the ``first`` half-hour of a year."""
    import polars as pl

    units = {"Ux": "m/s", "Uy": "m/s", "Uz": "m/s", "Ts": "C", "co2": "mmol/m^3", "h2o": "mmol/m^3"}
    names = [*units, "Ta", "press", "diag_csat"]
    header = [
        ["TOA5", "meadow", "CR3000", "0", "CR3000.Std.31", "CPU:meadow.CR3", "0", "ts_data"],
        ["TIMESTAMP", "RECORD", *names],
        ["TS", "RN", *units.values(), "C", "kPa", "unitless"],
        ["", "", *["Smp"] * len(names)],
    ]
    head = "".join(",".join(f'"{field}"' for field in line) + "\n" for line in header)
    bodies = []
    for seed in range(min(count, 6)):
        columns = {name: pl.Series(values).round(5) for name, values in make_channels(seed).items()}
        bodies.append(pl.DataFrame(columns | {"Ta": [17.5] * N, "press": [96.5] * N, "diag_csat": [0] * N}))
    files = []
    for i in range(first, first + count):
        start = START + i * timedelta(minutes=30)
        dt = timedelta(milliseconds=50)
        stamps = pl.datetime_range(start + dt, start + N * dt, dt, time_unit="ms", eager=True)
        text = '"' + stamps.dt.strftime("%Y-%m-%d %H:%M:%S%.3f").str.head(22) + '"'
        record = pl.Series("RECORD", range(i * N, (i + 1) * N))
        whole = bodies[i % len(bodies)].select(text.alias("TIMESTAMP"), record, pl.all())
        files.append(folder / f"TOA5_meadow_{start:%Y_%m_%d_%H%M}.dat")
        files[-1].write_text(head + whole.write_csv(include_header=False, quote_style="never"))
    return files


def time_calls(call: Callable[[], object], times: int) -> float:
    """Median time of a call. [ms]"""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return 1e3 * median(taken)


def time_steps(times: int) -> dict[str, float]:
    """Median time of each step of the default chain, arrays in memory. [ms]"""
    from core.station import parse_station
    from fluxcalc.halfhour.interval import HalfHour, Meteorology
    from fluxcalc.halfhour.record import build_record
    from fluxcalc.halfhour.steps import HALF_HOUR_STEPS

    station = parse_station(STATION, "benchmark")
    samples = make_samples(0, START)
    taken: dict[str, list[float]] = {}
    for _ in range(times):
        half = HalfHour(START, START + timedelta(minutes=30), samples, Meteorology())
        for step in (*HALF_HOUR_STEPS, build_record):
            began = time.perf_counter()
            half = step(half, station)
            taken.setdefault(step.__name__, []).append(time.perf_counter() - began)
    return {name: 1e3 * median(values) for name, values in taken.items()}


def time_files(files: list[Path]) -> dict[str, float]:
    """Median time of a half-hour from its TOA5 file, and of its parts, on one core. [ms]"""
    from core.station import parse_station
    from fluxcalc.halfhour.batch import compute
    from ingest.files.gathering import gather
    from ingest.files.raw import find_span

    station = parse_station(STATION, "benchmark")
    taken: dict[str, list[float]] = {
        "find the file's span": [],
        "read and place by stamp": [],
        "compute": [],
        "in all": [],
    }
    for i, file in enumerate(files):
        began = time.perf_counter()
        span = find_span(file, station, "ec")
        found = time.perf_counter()
        (half,) = gather([span], station, "ec", [START + i * timedelta(minutes=30)], 30, print)
        read = time.perf_counter()
        _, record = compute(half.samples, station, half.start)
        done = time.perf_counter()
        assert record.values["FC"] < 0, record.reasons
        for name, value in zip(taken, (found - began, read - found, done - read, done - began), strict=True):
            taken[name].append(value)
    return {name: 1e3 * median(values[1:]) for name, values in taken.items()}


class Taken(NamedTuple):
    """Time of a whole run: by the clock, and of all its processes together. [s]"""

    wall: float
    cpu: float


def run_command(files: list[Path], folder: Path, workers: int) -> Taken:
    """Time a whole `fluxtower process`."""
    station, output = folder / "station.toml", folder / "out.csv"
    station.write_text(STATION)
    command = [sys.executable, "-m", "fluxtower", "process", *map(str, files)]
    options = ["--station", str(station), "--output", str(output), "--workers", str(workers)]
    began, cpu = time.perf_counter(), _cpu_of_children()
    subprocess.run([*command, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    taken = Taken(time.perf_counter() - began, _cpu_of_children() - cpu)
    rows = output.read_text().splitlines()
    assert len(rows) == len(files) + 1, f"{len(rows)} lines for {len(files)} half-hours"
    return taken


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fastest(runs: list[Taken]) -> Taken:
    """Return the least time by the clock and the least of the processes."""
    return Taken(min(run.wall for run in runs), min(run.cpu for run in runs))


def run_year() -> float:
    """Time all half-hours of a year on two cores, portion by portion, each with the start of its processes. [s]"""
    taken = 0.0
    for first in range(0, YEAR, PORTION):
        with tempfile.TemporaryDirectory() as name:
            files = write_toa5(Path(name), min(PORTION, YEAR - first), first)
            taken += run_command(files, Path(name), 2).wall
        print(f"\r{min(first + PORTION, YEAR)} of {YEAR} half-hours", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return taken


def time_start(cache: str) -> float:
    """Time from nothing to the first half-hour's result in a process of its own. [s]"""
    began = time.perf_counter()
    command = [sys.executable, str(Path(__file__)), "--first"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"NUMBA_CACHE_DIR": cache}, check=True)
    return time.perf_counter() - began


@contextmanager
def watch_memory() -> Iterator[list[float]]:
    """Collect the memory of all processes started from here, pages that several share counted once. [MB]"""
    seen: list[float] = [0.0]
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            seen[0] = max(seen[0], sum(map(_proportional_mb, _descendants(os.getpid()))))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _descendants(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [one for child in map(int, children) for one in (child, *_descendants(child))]


def _proportional_mb(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def show(title: str, rows: dict[str, float], unit: str) -> None:
    """Print a table."""
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:48s} {value:10.2f} {unit}")


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--half-hours",
        type=int,
        default=LONG_RUN_HALF_HOURS,
        help=f"how many a timed run has (default {LONG_RUN_HALF_HOURS})",
    )
    parser.add_argument("--year", action="store_true", help="run all half-hours of a year, rather than scale")
    parser.add_argument("--first", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.first:
        compute_first()
        return
    os.environ["POLARS_MAX_THREADS"] = "1"  # one core means one: no helper threads beside it, here or in the command
    count = max(SINGLE, arguments.half_hours)
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load}")

    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache:
        result["cold_start_s"] = time_start(cache)
        result["warm_start_s"] = median(time_start(cache) for _ in range(3))

    import fluxcalc
    from core.station import parse_station

    compute_first()
    call = partial(fluxcalc.process, make_samples(0, START), parse_station(STATION, "benchmark"))
    result["ms_arrays"] = time_calls(call, TIMES)
    show("The default chain, arrays in memory, one core", time_steps(TIMES) | {"in all": result["ms_arrays"]}, "ms")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_toa5(folder, count)
        parts = time_files(files[:SINGLE])
        result["ms_toa5"] = parts["in all"]
        show("From a TOA5 file of half an hour, one core", parts, "ms")
        few: dict[int, list[Taken]] = {1: [], 2: []}
        many: dict[int, list[Taken]] = {1: [], 2: []}
        with watch_memory() as peak:
            for _ in range(ROUNDS):
                for workers in (1, 2):
                    few[workers].append(run_command(files[:SHORT_RUN_HALF_HOURS], folder, workers))
                    many[workers].append(run_command(files, folder, workers))
    least = {workers: fastest(many[workers]) for workers in (1, 2)}
    starts = {workers: fastest(few[workers]) for workers in (1, 2)}
    each = {
        workers: Taken(*(a - b for a, b in zip(least[workers], starts[workers], strict=True))) for workers in (1, 2)
    }
    scaled = least[2].wall + each[2].wall / (count - SHORT_RUN_HALF_HOURS) * (YEAR - count)
    result["year_s"] = run_year() if arguments.year else scaled
    result["speedup_2_cores"] = each[1].wall / each[2].wall
    result["peak_mb"] = peak[0]
    show(
        f"`fluxtower process` on TOA5 files, start of Python and processes included, the fastest of {ROUNDS}",
        {
            f"{SHORT_RUN_HALF_HOURS} half-hours, 1 process": starts[1].wall,
            f"{SHORT_RUN_HALF_HOURS} half-hours, 2 processes": starts[2].wall,
            f"{count} half-hours, 1 process": least[1].wall,
            f"{count} half-hours, 2 processes": least[2].wall,
            f"{count} half-hours, 1 process, processor time": least[1].cpu,
            f"{count} half-hours, 2 processes, processor time": least[2].cpu,
            f"a year ({YEAR}), 2 processes, scaled from {count}": scaled,
        }
        | ({f"a year ({YEAR}), 2 processes, really run": result["year_s"]} if arguments.year else {}),
        "s",
    )
    print("\nAgainst the bars")
    for name, bar in BARS.items():
        met = result[name] >= bar if name == "speedup_2_cores" else result[name] <= bar
        print(f"  {name:20s} {result[name]:10.2f}   bar {bar:6g}   {'met' if met else 'NOT MET'}")
    print(json.dumps({name: round(result[name], 3) for name in BARS}))


if __name__ == "__main__":
    main()
