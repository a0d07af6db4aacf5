"""A weather station whose sensors sometimes fail, and what a store has of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson

from core.clock import to_ns
from core.records import Reading
from core.store import Store

ID = "cn-weather"
START = datetime(2026, 7, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHANNELS = ("TA", "RH", "WS", "SW")
FILE = """
[station]
id = "cn-weather"
name = "Weather"
latitude = 26.0
longitude = 118.0
altitude = 10.0
utc_offset = 8.0
[[stream]]
name = "met"
kind = "reading"
interval = 60.0
channels = [
    { name = "TA", variable = "TA", unit = "deg C" },
    { name = "RH", variable = "RH", unit = "%" },
    { name = "WS", variable = "WS", unit = "m s-1" },
    { name = "SW", variable = "SW_IN", unit = "W m-2" },
]
"""


def readings(minutes: int, seed: int, start: datetime = START) -> list[Reading]:
    """Weather with spikes, impossible values, a stuck sensor, missing values and minutes that were never sent."""
    chance = np.random.default_rng(seed)
    n = np.arange(minutes)
    values = np.stack([
        25.0 + 5.0 * np.sin(n / 229.0) + chance.normal(0.0, 0.05, minutes),
        60.0 + 10.0 * np.cos(n / 229.0) + chance.normal(0.0, 0.2, minutes),
        np.abs(2.0 + chance.normal(0.0, 0.5, minutes)),
        np.full(minutes, 100.0) + chance.normal(0.0, 5.0, minutes),
    ], axis=1)  # fmt: skip
    for channel, low, high in ((0, 8.0, 40.0), (1, 25.0, 80.0), (2, 20.0, 100.0), (3, 900.0, 5000.0)):
        where = chance.choice(minutes, max(minutes // 60, 1), replace=False)
        values[where, channel] += chance.uniform(low, high, len(where))
    stuck = int(chance.integers(0, max(minutes - 150, 1)))
    values[stuck : stuck + 140, 0] = values[stuck, 0]
    values[chance.random(values.shape) < 0.01] = np.nan
    sent = np.flatnonzero(chance.random(minutes) > 0.02)
    return [
        Reading(ID, "met", to_ns(start + int(i) * MINUTE), dict(zip(CHANNELS, values[i].tolist(), strict=True)))
        for i in sent
    ]


def commit(store: Store, some: Sequence[Reading]) -> None:
    store.messages.commit([], list(some))


def judged(store: Store, start: datetime = START, end: datetime = START + timedelta(days=400)) -> str:
    """SHA-256 of all flags and reasons of the station's readings; a reading without flags is an error."""
    table = store.readings.read(ID, "met", start, end)
    assert table["flags"].null_count() == 0
    digest = hashlib.sha256()
    for time, flags, reasons in table.select("time", "flags", "reasons").iter_rows():
        said = orjson.loads(reasons) if reasons else None
        digest.update(orjson.dumps([time, flags, said], option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()
