"""The demonstration's CO2 station: two days of an analyser with its calibrations, held against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from rich.console import Console

from core.clock import NS, from_ns, to_ns
from core.errors import FluxTowerError
from core.records import Reading
from core.store import Store
from ingest.simulation.analyser import SimulatedAnalyser

DAYS = 2
LIVE_NS = 300 * NS
"""So much of the analyser is simulated at once as it goes on."""
TOLERANCE = 0.05
"""Largest mean difference of calibrated hours of CO2 from the truth. [umol mol-1]"""
HOUR_NS = 3600 * NS
SCENE = SimulatedAnalyser(seed=2)
STATION = SCENE.station.id


def register_analyser(store: Store) -> None:
    """Register the tanks and the station."""
    for serial, text in SCENE.tank_texts.items():
        store.tanks.put(text, f"{serial}.toml")
    store.stations.put(SCENE.station_text, f"{STATION}.toml")


def past_readings(now: datetime) -> Iterator[Reading]:
    """Give what the analyser sent in the days before."""
    return SCENE.readings(to_ns(now - timedelta(days=DAYS)), to_ns(now))


def live_readings(now: datetime) -> Iterator[Reading]:
    """Give what the analyser sends from now on, without end."""
    start = to_ns(now)
    while True:
        yield from SCENE.readings(start, start + LIVE_NS)
        start += LIVE_NS


def is_made(store: Store, now: datetime) -> bool:
    """Whether values are made up to the last reading before now."""
    row = store.stations.read(STATION)
    state = store.mole_fractions.read_state(row)
    part = SCENE.station.mole_fraction
    span = store.mole_fractions.read_raw_span(row, part.stream) if part else None
    return state is not None and span is not None and span[1] >= now - timedelta(seconds=10) and state.seen >= span[1]


def check_values(store: Store, now: datetime, console: Console) -> None:
    """Compare the calibrated hours with what the simulator built in.

    Raises
    ------
    FluxTowerError
        They differ by more than ``TOLERANCE``, or there are none.
    """
    start = to_ns(now - timedelta(days=DAYS))
    made = SCENE.samples(start, to_ns(now))
    part = SCENE.station.mole_fraction
    if part is None:
        raise FluxTowerError(f"{STATION} has no analyser")
    table = store.mole_fractions.read(STATION, from_ns(start), now, gases=["CO2"]).filter(pl.col("flag") == 1)
    if table.is_empty():
        raise FluxTowerError(f"{STATION} has no good hour of CO2")
    ports = {port.intake: port.number for port in part.port if port.intake}
    hour, open_port = made.time_ns // HOUR_NS * HOUR_NS, made.values[:, 0]
    differences = []
    for row in table.iter_rows(named=True):
        own = (hour == to_ns(row["time"])) & (open_port == ports[row["intake"]])
        differences.append(row["value"] - made.truth["CO2"][own].mean())
    bias, spread = float(np.mean(differences)), float(np.std(differences))
    console.print(
        f"{STATION}: {table.height} good hours of CO2 differ from what the simulator built in by {bias:+.3f} "
        f"± {spread:.3f} ppm"
    )
    if abs(bias) > TOLERANCE:
        raise FluxTowerError(f"CO2 of {STATION} is {bias:+.3f} ppm off")
