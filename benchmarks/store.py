"""How small and how quick the store is: `python benchmarks/store.py [--stations 3] [--half-hours 48]`.

Fills a day of some towers (20 Hz, ten channels: simulated turbulence, rounded to the steps of real sensors) into
private servers of its own, or into a new database on the server of FLUXTOWER_DSN. Measures bytes per sample, how long
it takes to read a half-hour back as arrays, live and compacted, and how quick compaction is; checks that the samples
are the same before and after. Prints a table and, last, one line of JSON, whose times are medians of wall-clock: the
machine should be idle.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.private import bytes_of, new_store  # noqa: E402
from core.clock import to_ns  # noqa: E402
from core.records import SampleBlock  # noqa: E402
from core.station import Station, parse_station  # noqa: E402
from core.store import Store  # noqa: E402
from ingest.simulation.tower import Tower, half_hour_samples  # noqa: E402

START = datetime(2025, 6, 2, tzinfo=UTC)
"""A Monday long ago: all of it is old enough to be compacted."""
HALF_HOUR = timedelta(minutes=30)
STREAM = "ec"
CHANNELS = (
    # name, variable, unit, step of the sensor, noise that the simulator does not make
    ("Ux", "U", "m s-1", 0.001, 0.0),
    ("Uy", "V", "m s-1", 0.001, 0.0),
    ("Uz", "W", "m s-1", 0.001, 0.0),
    ("Ts", "T_SONIC", "deg C", 0.002, 0.0),
    ("diag_sonic", "DIAG_SONIC", "1", 1.0, 0.0),
    ("co2", "CO2_DENSITY", "mmol m-3", 0.001, 0.0),
    ("h2o", "H2O_DENSITY", "mmol m-3", 0.01, 0.0),
    ("diag_irga", "DIAG_IRGA", "1", 1.0, 0.0),
    ("t_cell", "TA", "deg C", 0.01, 0.05),
    ("p_cell", "PA", "kPa", 0.01, 0.01),
)
BARS = {
    "bytes_live": 40,
    "bytes_compacted": 16,
    "readback_live_ms": 20,
    "readback_compacted_ms": 20,
    "minute_means_ms": 5,
}


def station_text(id: str) -> str:
    """Return the station file of a tower that declares its sensors' resolutions."""
    channels = "\n".join(
        f'    {{ name = "{name}", variable = "{variable}", unit = "{unit}", resolution = {step} }},'
        for name, variable, unit, step, _ in CHANNELS
    )
    return f"""
[station]
id = "{id}"
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
[[stream]]
name = "{STREAM}"
kind = "block"
rate = 20.0
channels = [
{channels}
]
"""


def make_blocks(station: Station, seed: int, start: datetime, block_seconds: float) -> list[SampleBlock]:
    """Make a half-hour of a tower as its sensors would give it."""
    stream = station.streams[STREAM]
    samples = half_hour_samples(Tower(station, seed=seed), stream, start)
    random = np.random.default_rng([seed, to_ns(start)])
    noise, step = (np.array([channel[i] for channel in CHANNELS])[:, None] for i in (4, 3))
    samples = (np.rint((samples + noise * random.standard_normal(samples.shape)) / step) * step).astype(np.float32)
    names, n = tuple(stream.channel_index), round(block_seconds * 1e9 / stream.dt_ns)
    return [
        SampleBlock(
            station.id, STREAM, to_ns(start) + i * stream.dt_ns, stream.dt_ns, names, samples[:, i : i + n], i // n
        )
        for i in range(0, samples.shape[1], n)
    ]


Times = tuple[float, float, float]
"""Median and smallest wall-clock, smallest CPU time of this process. [ms]"""


def time_of(work: Callable[[], object], times: int) -> Times:
    """Do some work so many times, and time it."""
    walls, processes = [], []
    for _ in range(times):
        wall, process = time.perf_counter(), time.process_time()
        work()
        walls.append(1e3 * (time.perf_counter() - wall))
        processes.append(1e3 * (time.process_time() - process))
    return median(walls), min(walls), min(processes)


def time_readback(
    store: Store, ids: Sequence[str], starts: Sequence[datetime], times: int = 100
) -> tuple[float, float]:
    """Return median wall-clock and smallest CPU time of reading a half-hour back as arrays. [ms]"""
    random = np.random.default_rng(1)

    def read() -> None:
        start = starts[random.integers(len(starts))]
        store.samples.read(ids[random.integers(len(ids))], STREAM, start, start + HALF_HOUR)

    read()
    return time_of(read, times)


def time_minute_means(store: Store, id: str, channel: str, day: datetime, times: int = 100) -> Times:
    """Time how long it takes to read a day of 1-minute means of one channel."""
    return time_of(lambda: store.minutes.read_means(id, STREAM, channel, day, day + timedelta(days=1)), times)


def fill(store: Store, ids: Sequence[str], starts: Sequence[datetime], block_seconds: float) -> int:
    """Store all half-hours of all towers; return how many samples these are."""
    samples = 0
    for seed, id in enumerate(ids, start=1):
        text = station_text(id)
        store.stations.put(text, id)
        station = parse_station(text, id)
        for start in starts:
            samples += store.messages.commit(make_blocks(station, seed, start, block_seconds), []).samples
    return samples


def fingerprint(store: Store, ids: Sequence[str], starts: Sequence[datetime]) -> list[int]:
    """Return a hash of every half-hour of every tower."""
    found = []
    for id in ids:
        for start in starts:
            channels = store.samples.read(id, STREAM, start, start + HALF_HOUR).channels.values()
            found.append(hash(b"".join(channel.tobytes() for channel in channels)))
    return found


def measure(stations: int, half_hours: int, block_seconds: float) -> dict[str, float]:
    """Fill a store, measure it, compact it, measure it again."""
    ids = [f"tower-{i}" for i in range(stations)]
    starts = [START + i * HALF_HOUR for i in range(half_hours)]
    with new_store() as store:
        samples = fill(store, ids, starts, block_seconds)
        live = bytes_of(store, "sample_block") / samples
        minutes = bytes_of(store, "minute") / samples
        readback_live = time_readback(store, ids, starts)
        means = time_minute_means(store, ids[0], "Uz", START)
        before = fingerprint(store, ids, starts)
        begun, cpu = time.perf_counter(), time.process_time()
        done = store.compaction.compact(starts[-1] + timedelta(days=2))
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        if done.samples != samples or done.left or fingerprint(store, ids, starts) != before:
            sys.exit("error: the samples are not the same after compaction")
        if bytes_of(store, "sample_block") > 100_000:
            sys.exit("error: the rows' disk was not given back")
        compacted = bytes_of(store, "sample_blob") / samples
        readback_compacted = time_readback(store, ids, starts)
    print(f"{samples} samples of {len(CHANNELS)} channels, {stations} towers, blocks of {block_seconds:g} s")
    for name, size in (("live", live), ("per-minute statistics", minutes), ("compacted", compacted)):
        print(f"{name:40}{size:10.2f} bytes/sample")
    print(f"{'':40}{'median ms':>12}{'best ms':>12}{'CPU here ms':>12}")
    for name, times in (
        ("half-hour read back, live", readback_live),
        ("half-hour read back, compacted", readback_compacted),
        ("a day's 1-minute means of a channel", means),
    ):
        print(f"{name:40}" + "".join(f"{one:12.2f}" for one in times))
    mean = 1e3 * seconds / done.half_hours
    print(f"{'compaction of a half-hour (mean)':40}{mean:12.2f}{'':12}{1e3 * cpu / done.half_hours:12.2f}")
    return {
        "samples": samples,
        "bytes_live": round(live, 2),
        "bytes_compacted": round(compacted, 2),
        "readback_live_ms": round(readback_live[0], 2),
        "readback_compacted_ms": round(readback_compacted[0], 2),
        "minute_means_ms": round(means[0], 2),
        "compaction_samples_per_s": round(samples / seconds),
    }


def main() -> None:
    """Measure, compare with what is promised, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=3)
    parser.add_argument("--half-hours", type=int, default=48)
    parser.add_argument("--block-seconds", type=float, default=10.0)
    options = parser.parse_args()
    found = measure(options.stations, options.half_hours, options.block_seconds)
    print("promised: " + ", ".join(f"{name} <= {bar}" for name, bar in BARS.items()))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
