"""Noise that grows: a loose plug, water in a cable, a failing amplifier."""

from __future__ import annotations

import numpy as np

from core.records import FloatArray
from qc.codes import BAD, SUSPECT
from qc.slow.finding import DAY_NS, ChannelSeries, Days, Finding

PAST_DAYS, MIN_PAST_DAYS = 10, 4
FACTOR, BAD_FACTOR = 5.0, 15.0
"""Noise of a day over the median of the days before from which it is told."""
MIN_ACCURACIES = 1.0
"""Noise of less than so many accuracies is none, however quiet the days before were."""
UNSTEADY = frozenset({"WS", "WS_MAX", "WD", "P", "SW_IN", "SW_OUT", "SW_DIF", "PPFD_IN", "PPFD_OUT", "NETRAD", "G"})
"""Weather itself makes these noisy from one day to the next."""


def find_noise(series: ChannelSeries, utc_offset: float) -> list[Finding]:
    """Compare the noise of each day with that of the ten days before.

    Noise is the median of the absolute second differences, which neither a spike nor the course of the day changes,
    over that of white noise of standard deviation 1 (0.6745 times the root of 6).
    """
    if series.base in UNSTEADY or series.times_ns.size < 3:
        return []
    days = Days.of(series.times_ns, utc_offset)
    values = series.standard
    second = np.full(values.size, np.nan)
    second[1:-1] = np.abs(values[2:] - 2 * values[1:-1] + values[:-2]) / (0.6745 * 6**0.5)
    levels = days.medians(second, series.quarter)
    found = []
    for i, level in enumerate(levels):
        usual = _usual(levels[max(i - PAST_DAYS, 0) : i])
        if not (level > FACTOR * usual and level > MIN_ACCURACIES * series.accuracy):
            continue
        start = int(days.starts_ns[i])
        flag = BAD if level > BAD_FACTOR * max(usual, series.accuracy / 5) else SUSPECT
        reason = f"noise: {level:.3g}, {level / usual:.0f} times as much as usual" if usual else f"noise: {level:.3g}"
        data = {"noise": float(level), "usual": usual}
        found.append(Finding("noise", series.channel, start, start + DAY_NS, flag, reason, data))
    return found


def _usual(levels: FloatArray) -> float:
    there = levels[np.isfinite(levels)]
    return float(np.median(there)) if there.size >= MIN_PAST_DAYS else float("nan")
