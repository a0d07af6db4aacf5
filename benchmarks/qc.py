"""How well the checks of slow sensors tell faults planted into clean weather, and how often they tell a clean reading.

    python benchmarks/qc.py                 # 1000 random cases of each kind: five minutes of processor time
    python benchmarks/qc.py --cases 50
    python benchmarks/qc.py --by-size       # tables by size and by limits, too

The last line is JSON. ``found_min`` is the smallest share found of any kind, ``false_alarm_max`` the largest share of
clean readings of any variable in any climate, or of clean stretches, that a check tells; ``core_share_2500`` and
``flag_latency_s`` are those of ``qc_live.py``, through broker, collector and database.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.qc_cases import KINDS, SEEDS, SHORT, Tally, alarms_at, clean, false_alarms, run_case
from benchmarks.qc_live import measure_live
from core.clock import NS
from core.station import ChannelQuality
from ingest.simulation.weather import UNITS
from qc.slow.judging import Judge, reasons
from qc.slow.limits import limits_of

STATIONS, CHANNELS = 2500, 30

SIZES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Sizes of the table by size, as multiples of the smallest size of each kind."""
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the limits of spike, step and rate."""


def run(kind: str, cases: int, size: float | None = None, scale: float = 1.0) -> Tally:
    """Run so many cases of a kind."""
    tally = Tally()
    for number in range(cases):
        tally.count(run_case(kind, number, size, scale), KINDS[kind].names)
    return tally


def print_kinds(cases: int) -> float:
    """Print what was found of each kind and by which checks; return the smallest share."""
    print(f"{'kind':14s} {'cases':>6s} {'found':>7s} {'named':>7s}  size, and by which checks")
    least = 1.0
    for kind, facts in KINDS.items():
        tally = run(kind, cases)
        share = tally.found / tally.tried
        least = min(least, share)
        low, high = facts.sizes
        often = sorted(((count, name) for name, count in tally.by.items() if count >= cases / 100), reverse=True)
        by = ", ".join(f"{name} {count / cases:.0%}" for count, name in often)
        print(
            f"{kind:14s} {tally.tried:6d} {share:7.1%} {tally.named / tally.tried:7.1%}  "
            f"{low:g} to {high:g} {facts.measure}: {by}",
            flush=True,
        )
    return least


def print_sizes(cases: int) -> None:
    """Print the share that is found by size, then by limits."""
    print(f"\n{'kind':14s} " + " ".join(f"{size:>7g}x" for size in SIZES) + "  of")
    for kind, facts in KINDS.items():
        if facts.sizes[1] < 1.5 * facts.sizes[0] and kind != "snow":
            continue  # has no size
        sizes = [facts.sizes[0] * size for size in SIZES]
        if kind == "snow":
            sizes = [1 - 0.3 / size if size >= 1 else facts.sizes[0] * size for size in SIZES]
        shares = [run(kind, cases, size).found / cases for size in sizes]
        print(
            f"{kind:14s} " + " ".join(f"{share:8.1%}" for share in shares) + f"  {facts.sizes[0]:g} {facts.measure}",
            flush=True,
        )
    print(f"\n{'kind':14s} " + " ".join(f"{scale:>7g}x" for scale in SCALES) + "  limits, faults of the smallest size")
    print(f"{'false alarms':14s} " + " ".join(f"{alarms_at(scale):8.2%}" for scale in SCALES), flush=True)
    for kind in ("spike", "step", "rate"):
        shares = [run(kind, cases, KINDS[kind].sizes[0], scale).found / cases for scale in SCALES]
        print(f"{kind:14s} " + " ".join(f"{share:8.1%}" for share in shares), flush=True)


def judging_share() -> float:
    """Return the share of a core that judging takes, without the database: 2 500 stations, 30 channels, each minute."""
    weather = clean("temperate", 0, SHORT)
    names = [*UNITS, *(list(UNITS)[: CHANNELS - len(UNITS)])]
    channels = [(f"{name}_{i}", name, UNITS[name], ChannelQuality()) for i, name in enumerate(names)]
    limits = limits_of(channels, weather.step_s * NS, weather.site)
    values = np.column_stack([weather.values[name] for name in names])
    judges = [Judge(limits, weather.site, weather.times_ns[:600], values[:600]) for _ in range(50)]
    for minute in range(600, 610):  # the first call compiles
        began = time.process_time()
        for one in judges:
            judged = one.add(weather.times_ns[minute : minute + 1], values[minute : minute + 1])
            reasons(judged, limits)
    return (time.process_time() - began) / len(judges) * STATIONS / 60


def main() -> None:
    """Run it all, print tables and a line of JSON."""
    parser = argparse.ArgumentParser(description="Faults planted into simulated weather stations.")
    parser.add_argument("--cases", type=int, default=1000, help="of each kind")
    parser.add_argument("--by-size", action="store_true", help="tables by size and by limits, too")
    parser.add_argument("--live-seconds", type=float, default=120.0, help="how long to judge live; 0 = not at all")
    given = parser.parse_args()

    least = print_kinds(given.cases)
    alarms = false_alarms(SEEDS)
    print("\nfalse alarms: " + ", ".join(f"{name} {share:.3%}" for name, share in alarms.items()))
    if given.by_size:
        print_sizes(min(given.cases, 200))
    share = judging_share()
    print(f"judging {STATIONS} stations of {CHANNELS} channels a minute: {share:.2%} of a core, without the database")
    figures: dict[str, float | None] = {
        "found_min": round(least, 4),
        "false_alarm_max": round(max(alarms.values()), 5),
        "core_share_2500": None,
        "flag_latency_s": None,
    }
    if given.live_seconds > 0:
        figures |= measure_live(STATIONS, given.live_seconds)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
