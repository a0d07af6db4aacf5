"""Samples made for a test: turbulence whose covariances are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from core.clock import to_ns
from core.records import FloatArray, Samples

START = datetime(2024, 6, 20, 12, 0, tzinfo=UTC)


def turbulence(seed: int = 0, n: int = 36000) -> dict[str, FloatArray]:
    """Half an hour at 20 Hz in the channels and units of the station ``synthetic``: unstable, downward momentum."""
    random = np.random.default_rng(seed)
    w = 0.45 * random.standard_normal(n)
    along = 3.0 - 0.45 * w + 0.7 * random.standard_normal(n)
    across = 0.6 * random.standard_normal(n)
    direction = np.radians(25.0)
    return {
        "Ux": along * np.cos(direction) - across * np.sin(direction),
        "Uy": along * np.sin(direction) + across * np.cos(direction),
        "Uz": w,
        "Ts": 20.0 + 0.25 * w + 0.3 * random.standard_normal(n),
        "co2": 700.0 - 1.5 * w + 2.0 * random.standard_normal(n),
        "h2o": 9.0 + 0.15 * w + 0.2 * random.standard_normal(n),
        "Ta": np.full(n, 19.0) + 0.01 * random.standard_normal(n),
        "press": np.full(n, 98.5) + 0.001 * random.standard_normal(n),
    }


def samples(channels: Mapping[str, FloatArray], start: datetime = START, dt_ns: int = 50_000_000) -> Samples:
    return Samples(to_ns(start), dt_ns, channels)


def with_channel(original: Samples, **channels: FloatArray) -> Samples:
    return replace(original, channels={**original.channels, **channels})
