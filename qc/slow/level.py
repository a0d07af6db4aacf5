"""Leaps of level: what a channel shows of another sensor, or of another calibration, against a reference."""

from __future__ import annotations

import numpy as np

from core.records import FloatArray
from qc.codes import BAD, SUSPECT
from qc.slow.finding import DAY_NS, ChannelSeries, Days, Finding

SIDE_DAYS = 5
"""Days on either side that are compared."""
MIN_SIDE_DAYS = 3
ACCURACIES, BAD_ACCURACIES = 3.0, 6.0
"""A leap is told from so many accuracies on, and if it is"""
SPREADS = 5.0
"""so many times the usual distance of a day to the next one, too."""


def find_leaps(series: ChannelSeries, reference: FloatArray, utc_offset: float) -> list[Finding]:
    """Find days at which the difference to a reference leaps.

    Parameters
    ----------
    series : ChannelSeries
        What is judged.
    reference : ndarray, shape (n,), float64
        What it should be, at its times and in the variable's own unit: the median of neighbours, or another sensor.
    utc_offset : float
        Local standard time minus UTC. [h]

    Returns
    -------
    list of Finding
        Each from the day of the leap to the end of the days that show it.
    """
    days = Days.of(series.times_ns, utc_offset)
    medians = days.medians(series.standard - reference, np.diff(days.bounds).max(initial=1) / 4)
    spread = float(np.nanmedian(np.abs(np.diff(medians)))) if np.isfinite(medians).sum() > 2 else float("nan")
    leaps: FloatArray = np.array([_leap(medians, i) for i in range(medians.size)])
    limit = max(ACCURACIES * series.accuracy, SPREADS * spread)
    # days beside the leap have almost the same medians on either side: it is where one day differs most from the last
    jumps = np.where(np.abs(leaps) > limit, np.abs(np.diff(medians, prepend=np.nan)), np.nan)
    found = []
    for i in map(int, np.flatnonzero(np.isfinite(jumps))):
        leap = float(leaps[i])
        if jumps[i] < np.nanmax(jumps[max(i - SIDE_DAYS, 0) : i + SIDE_DAYS + 1]):
            continue
        start = int(days.starts_ns[i])
        end = int(days.starts_ns[min(i + SIDE_DAYS, medians.size) - 1]) + DAY_NS
        flag = BAD if abs(leap) > BAD_ACCURACIES * series.accuracy else SUSPECT
        reason = f"level: leapt by {leap:+.3g} against the reference, and stayed there"
        found.append(Finding("level", series.channel, start, end, flag, reason, {"leap": leap, "spread": spread}))
    return found


def _leap(medians: FloatArray, i: int) -> float:
    """Return the median of the days from i on minus that of the days before."""
    before, after = medians[max(i - SIDE_DAYS, 0) : i], medians[i : i + SIDE_DAYS]
    if min(np.isfinite(before).sum(), np.isfinite(after).sum()) < MIN_SIDE_DAYS:
        return float("nan")
    return float(np.nanmedian(after) - np.nanmedian(before))
