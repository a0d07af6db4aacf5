"""Mole fractions against the simulator's truth: bias and stated uncertainty by regime, mistakes named, speed of a year.

    python benchmarks/mole_fraction.py [--stations 800] [--mistakes 40]

Each simulated station has an analyser, tanks and air of its own, so that what a set of tanks is off by is drawn anew.
An hour counts if it is good; its truth is the mean of the true air over the same samples, as schedule and good minutes
tell.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.clock import NS  # noqa: E402
from ingest.simulation.analyser import (  # noqa: E402
    CHANNELS,
    GASES,
    WATER,
    AnalyserSamples,
    Fault,
    SimulatedAnalyser,
    at,
    schedule,
)
from qc.mole_fraction import MoleFractions, RawSeries, process_mole_fractions  # noqa: E402

HOUR = 3600 * NS
DAY = at("2026-01-10")
FOREVER = DAY + 10_000 * HOUR
GOAL = {"CO2": 0.1, "CH4": 2.0}


class Regime(NamedTuple):
    """What is simulated, and which hours of the day count."""

    make: Callable[[int], SimulatedAnalyser]
    first: float = 5
    last: float = 12
    hours: float = 14


def faulty(kind: str, start: float, end: float) -> Callable[[int], SimulatedAnalyser]:
    """Return what makes stations with a fault between two hours of the day."""
    fault = Fault(kind, DAY + round(start * HOUR), DAY + round(end * HOUR))  # type: ignore[arg-type]
    return lambda seed: SimulatedAnalyser(seed=seed, faults=(fault,))


REGIMES = {
    "as usual": Regime(lambda seed: SimulatedAnalyser(seed=seed)),
    "wet (2.8 %)": Regime(lambda seed: SimulatedAnalyser(seed=seed, humidity=2.8)),
    "dry (0.05 %)": Regime(lambda seed: SimulatedAnalyser(seed=seed, humidity=0.05)),
    "low pressure": Regime(faulty("weak_pump", 3, 20)),
    "after an outage": Regime(faulty("outage", 4.3, 6.3), 8, 12),
    "after a tank change": Regime(lambda seed: SimulatedAnalyser(seed=seed, change="2026-01-10T06:30:00"), 7, 12, 14),
    "calm baseline": Regime(lambda seed: SimulatedAnalyser(seed=seed, walk=0.02)),
    "restless baseline": Regime(lambda seed: SimulatedAnalyser(seed=seed, walk=0.4)),
    "curved response": Regime(lambda seed: SimulatedAnalyser(seed=seed, degree=2)),
}


def run(scene: SimulatedAnalyser, hours: float) -> tuple[MoleFractions, AnalyserSamples]:
    """Simulate and process the first hours of a day."""
    made = scene.samples(DAY, DAY + round(hours * HOUR))
    return process_mole_fractions(RawSeries(made.time_ns, made.in_units, CHANNELS), scene.station, scene.tanks), made


def errors_of(job: tuple[str, int]) -> dict[str, NDArray[np.float64]]:
    """Return by gas (value - truth, u) of a station's good hours."""
    name, seed = job
    regime = REGIMES[name]
    result, made = run(regime.make(seed), regime.hours)
    port, since = schedule(made.time_ns)
    flush = np.where((port == 1) & np.isin(made.time_ns // HOUR % 24, (3, 9, 15, 21)), 420, 120)
    minute = made.time_ns // (60 * NS)
    found = {}
    for gas in GASES:
        minutes, hours = result.minutes[gas], result.hours[gas]
        good = minutes.flag == 1
        keys = minutes.time_ns[good] // (60 * NS) * 8 + minutes.intake[good]
        used = np.isin(minute * 8 + port - 1, keys) & (port <= 2) & (since >= flush)
        rows = []
        for i in np.flatnonzero(hours.flag == 1):
            if DAY + regime.first * HOUR <= hours.time_ns[i] < DAY + regime.last * HOUR:
                own = used & (made.time_ns // HOUR * HOUR == hours.time_ns[i]) & (port - 1 == hours.intake[i])
                rows.append((hours.value[i] - made.truth[gas][own].mean(), hours.u[i]))
        found[gas] = np.array(rows).reshape(-1, 2)
    return found


def mistakes(seed: int) -> dict[str, bool]:
    """Return for each kind of mistake whether it is named within a day, and whether a clean station is silent."""
    port = 9 + seed % 3
    sign = 1 if seed % 2 else -1
    tank = f"SIM-{port - 8}"
    rng = np.random.default_rng(seed)
    wrong_gas = Fault("wrong_gas", DAY - HOUR, FOREVER, sign * float(rng.uniform(1, 30)), port)
    slope = -0.0120 + sign * float(rng.uniform(0.0005, 0.002))
    drift = Fault("target_drift", DAY, FOREVER, sign * float(rng.uniform(0.1, 0.3)), 12)
    target, _ = run(SimulatedAnalyser(seed=seed, faults=(drift,)), 60)
    runs = [one for one in target.targets if one.gas == "CO2" and one.flag == 1]
    beyond = [i for i, one in enumerate(runs) if abs(one.bias) > GOAL["CO2"]]
    alarms = [one.time_ns for one in target.alarms if one.kind == "target" and one.gas == "CO2"]
    late = runs[min(beyond[0] + 1, len(runs) - 1)].time_ns if beyond else 0
    return {
        "wrong tank": ("tank", tank) in named(SimulatedAnalyser(seed=seed, faults=(wrong_gas,))),
        "all standards on X2007": "scale" in kinds(SimulatedAnalyser(seed=seed, x2007=frozenset((9, 10, 11)))),
        "one standard on X2007": any(
            kind == "scale" and tank in about
            for kind, about in named(SimulatedAnalyser(seed=seed, x2007=frozenset((port,))))
        ),
        "wrong water coefficient": "water"
        in kinds(SimulatedAnalyser(seed=seed, water={**WATER, "CO2": (1.0, slope, -2.674e-4)})),
        "drifting target, two runs": bool(alarms) and min(alarms) <= late,
        "clean station is silent": not named(SimulatedAnalyser(seed=seed)),
    }


def named(scene: SimulatedAnalyser) -> set[tuple[str, str]]:
    """Return kind and object of each alarm within a day."""
    return {(alarm.kind, alarm.about) for alarm in run(scene, 24)[0].alarms}


def kinds(scene: SimulatedAnalyser) -> set[str]:
    """Return the kinds of alarms within a day."""
    return {kind for kind, _ in named(scene)}


def year_seconds() -> tuple[float, float, int]:
    """Return how long a year of samples every 5 s takes (wall, processor; both gases), and how many there are."""
    scene = SimulatedAnalyser(seed=1)
    made = scene.samples(DAY, DAY + 365 * 24 * HOUR)
    raw = RawSeries(made.time_ns, made.in_units, CHANNELS)
    start, cpu = time.perf_counter(), time.process_time()
    process_mole_fractions(raw, scene.station, scene.tanks)
    return time.perf_counter() - start, time.process_time() - cpu, len(raw.time_ns)


def main(arguments: Sequence[str]) -> None:
    """Run, print the table, and a last line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=800, help="simulated stations a regime")
    parser.add_argument("--mistakes", type=int, default=40, help="simulated stations a kind of mistake")
    options = parser.parse_args(arguments)
    run(SimulatedAnalyser(), 2)  # compiles
    table, biases = {}, {}
    print(f"{'regime':22}{'gas':5}{'hours':>7}{'bias':>9}{'rms':>9}{'u':>9}{'within 1 u':>12}{'+/-':>7}")
    with ProcessPoolExecutor(2) as pool:
        for name in REGIMES:
            found = [*pool.map(errors_of, [(name, seed) for seed in range(options.stations)], chunksize=20)]
            for gas in GASES:
                all_of = np.concatenate([one[gas] for one in found])
                shares = [np.mean(np.abs(one[gas][:, 0]) <= one[gas][:, 1]) for one in found if len(one[gas])]
                within, error = float(np.mean(shares)), float(np.std(shares) / np.sqrt(len(shares)))
                bias, rms = float(all_of[:, 0].mean()), float(np.sqrt(np.mean(all_of[:, 0] ** 2)))
                u = float(np.sqrt(np.mean(all_of[:, 1] ** 2)))
                table[f"{name}, {gas}"], biases[f"{name}, {gas}"] = within, bias
                shown = f"{bias:9.4f}{rms:9.4f}{u:9.4f}{100 * within:11.1f}%{100 * error:6.1f}%"
                print(f"{name:22}{gas:5}{len(all_of):7}{shown}", flush=True)
        judged = [*pool.map(mistakes, range(options.mistakes), chunksize=2)]
    shares_named = {kind: float(np.mean([one[kind] for one in judged])) for kind in judged[0]}
    for kind, share in shares_named.items():
        print(f"{kind:30}{100 * share:6.1f} % of {options.mistakes}")
    seconds, cpu, samples = year_seconds()
    print(f"a year of {samples} samples, two gases: {seconds:.1f} s, {cpu:.1f} s of a processor")
    summary = {
        "co2_bias_max": round(max(abs(bias) for name, bias in biases.items() if name.endswith("CO2")), 4),
        "within_min": round(min(table.values()), 3),
        "within_max": round(max(table.values()), 3),
        "named": {kind: round(share, 3) for kind, share in shares_named.items()},
        "year_s": round(seconds, 1),
        "year_cpu_s": round(cpu, 1),
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main(sys.argv[1:])
