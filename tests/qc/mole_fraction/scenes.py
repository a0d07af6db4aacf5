"""Simulated stretches of an analyser, processed, and their truth averaged by an own way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.tanks import Tanks
from ingest.simulation.analyser import CHANNELS, AnalyserSamples, SimulatedAnalyser, at, schedule
from qc.mole_fraction import Event, MoleFractions, RawSeries, process_mole_fractions

HOUR = 3600 * NS
DAY = at("2026-01-10")


def raw_of(made: AnalyserSamples) -> RawSeries:
    return RawSeries(made.time_ns, made.in_units, CHANNELS)


def cut(raw: RawSeries, start: int, end: int) -> RawSeries:
    low, high = np.searchsorted(raw.time_ns, (start, end))
    return RawSeries(raw.time_ns[low:high], raw.values[low:high], raw.channels)


def process(
    scene: SimulatedAnalyser,
    hours: float,
    *,
    start: int = DAY,
    events: Sequence[Event] = (),
    tanks: Tanks | None = None,
) -> tuple[MoleFractions, AnalyserSamples]:
    made = scene.samples(start, start + round(hours * HOUR))
    return process_mole_fractions(raw_of(made), scene.station, tanks or scene.tanks, events=events), made


def hourly_errors(result: MoleFractions, made: AnalyserSamples, gas: str, first: int, last: int) -> NDArray[np.float64]:
    """Return (value - truth, u) of the good hours in [first, last): truth is the air of the same samples.

    Which samples an hour is made of is told by the schedule and the good minutes, not by the chain's own sums.
    """
    port, since = schedule(made.time_ns)
    hour_of_day = made.time_ns // HOUR % 24
    flush = np.where((port == 1) & np.isin(hour_of_day, (3, 9, 15, 21)), 420, 120)
    minutes, hours = result.minutes[gas], result.hours[gas]
    good = {*zip(minutes.time_ns[minutes.flag == 1].tolist(), minutes.intake[minutes.flag == 1].tolist(), strict=True)}
    minute = made.time_ns // (60 * NS) * (60 * NS)
    used = np.array([key in good for key in zip(minute.tolist(), (port - 1).tolist(), strict=True)])
    used &= (port <= 2) & (since >= flush)
    found = []
    for i in range(len(hours)):
        if hours.flag[i] == 1 and first <= hours.time_ns[i] < last:
            own = used & (made.time_ns // HOUR * HOUR == hours.time_ns[i]) & (port - 1 == hours.intake[i])
            assert own.sum() == hours.n[i]
            found.append((hours.value[i] - made.truth[gas][own].mean(), hours.u[i]))
    return np.array(found).reshape(-1, 2)
