"""A station with an analyser: some days through the whole chain, and longer stretches of hours put in as made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import psycopg

from core.clock import from_ns, to_ns
from core.records import Reading
from core.store import Store
from core.store.mole_fractions import StationEvent
from ingest.simulation.analyser import CHANNELS, Fault, SimulatedAnalyser, at
from qc.making import Made, make_period

ID = "cn-simulated-co2"
OTHER = "cn-background"
START = datetime(2026, 7, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FAULTS = (
    Fault("target_drift", at("2026-07-01T12:00"), at("2026-07-05T00:00"), size=0.25, port=12),
    Fault("outage", at("2026-07-02T02:00"), at("2026-07-02T05:30")),
    Fault("weak_pump", at("2026-07-02T14:00"), at("2026-07-02T17:00")),
)
HISTORY = '\n\n[[history]]\ntime = 2025-11-03\nwhat = "filled"\nwhere = "Fuzhou"\n'
"""What is said of the target's past."""


def register(store: Store, analyser: SimulatedAnalyser, id: str = ID, more: str = "") -> None:
    """Register the station and its tanks."""
    for serial, text in analyser.tank_texts.items():
        store.tanks.put(text + (HISTORY if serial == "SIM-T" else ""), f"{serial}.toml")
    store.stations.put(analyser.station_text.replace(ID, id) + more, f"{id}.toml")


def put_days(store: Store, days: float = 2, analyser: SimulatedAnalyser | None = None) -> Made:
    """Put days of raw samples in and make what comes of them."""
    analyser = analyser or SimulatedAnalyser(faults=FAULTS)
    register(store, analyser)
    end = START + days * DAY
    made = analyser.samples(to_ns(START), to_ns(end))
    rows = zip(made.time_ns.tolist(), made.in_units.tolist(), strict=True)
    readings = [Reading(ID, "analyser", time, dict(zip(CHANNELS, row, strict=True))) for time, row in rows]
    for first in range(0, len(readings), 20_000):
        store.messages.commit([], readings[first : first + 20_000])
    return make_period(store, store.stations.read(ID), START, end)


def put_hours(
    store: Store,
    id: str,
    times: Sequence[datetime],
    values: Sequence[float],
    *,
    code_version: str = "test",
    step_s: int = 3600,
    **more: Any,
) -> None:
    """Put means in as if they had been made; of [first, last] nothing else is left."""
    row, end = store.stations.read(id), times[-1] + timedelta(seconds=step_s)
    table = hours_table(times, values, step_s=step_s, **more)
    store.mole_fractions.put(row, times[0], end, table, [], [], tanks_sha256="t", code_version=code_version)


def hours_table(
    times: Sequence[datetime],
    values: Sequence[float],
    *,
    gas: str = "CO2",
    intake: str = "10m",
    flag: int = 1,
    sd: float = 0.1,
    u: float = 0.03,
    step_s: int = 3600,
) -> pl.DataFrame:
    """Rows as the chain makes them."""
    n = len(times)
    return pl.DataFrame(
        {
            "time": list(times),
            "gas": [gas] * n,
            "intake": [intake] * n,
            "step_s": [step_s] * n,
            "value": list(values),
            "sd": [sd] * n,
            "u": [u] * n,
            "n": [60] * n,
            "flag": [flag] * n,
            "reasons": [[] for _ in range(n)],
            "scale": [{"CO2": "WMO-CO2-X2019", "CH4": "WMO-CH4-X2004A"}[gas]] * n,
        },
        schema_overrides={"reasons": pl.List(pl.String)},
    )


def put_targets(store: Store, id: str, times: Sequence[datetime], biases: Sequence[float], *, n: int = 60) -> None:
    """Put good runs of the target SIM-T in, of CO2 that is assigned 422 ppm."""
    runs = [(time, store.stations.read(id).key, 422.0 + bias, n) for time, bias in zip(times, biases, strict=True)]
    with psycopg.connect(store.dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO target_run (time, station, gas, tank, value, u, sd, n, assigned, u_assigned, flag)"
            " VALUES (%s, %s, 'CO2', 'SIM-T', %s, 0.03, 0.04, %s, 422.0, 0.02, 1)",
            runs,
        )


def years_of_background(days: int) -> tuple[list[datetime], list[float]]:
    """Six quiet hours of each day: a trend of 2.5 ppm a year and a season of 7 ppm, without noise."""
    times = [START - (days - day) * DAY + hour * HOUR for day in range(days) for hour in range(4, 10)]
    t = np.array([(time - times[0]) / DAY for time in times]) / 365.0
    return times, (420.0 + 2.5 * t + 3.5 * np.sin(2 * np.pi * t)).tolist()


def alarm(time: datetime, kind: str = "target", severity: str = "critical") -> StationEvent:
    """An alarm as the chain finds it."""
    data = {"gas": "CO2", "about": "SIM-T", "value": 0.3, "limit": 0.2}
    return StationEvent(f"mole fraction {kind}", severity, f"{kind}: SIM-T is off by +0.300 in CO2", time, None, data)


def hours_from(start: datetime, n: int) -> list[datetime]:
    """N hours on end."""
    return [from_ns(to_ns(start) + i * 3_600_000_000_000) for i in range(n)]


def put_gases(store: Store, id: str, times: Sequence[datetime], values: dict[str, list[float]]) -> None:
    """Put good hours of several gases at the intake 10m in at once."""
    row = store.stations.read(id)
    tables = [hours_table(times, of, gas=gas) for gas, of in values.items()]
    store.mole_fractions.put(
        row, times[0], times[-1] + HOUR, pl.concat(tables), [], [], tanks_sha256="t", code_version="test"
    )
