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
    medians = days.medians(series.standard - reference, series.quarter)
    leaps = [_leap(medians, i) for i in range(medians.size)]
    limits = [max(ACCURACIES * series.accuracy, SPREADS * _spread(medians, i)) for i in range(medians.size)]
    # days beside the leap have almost the same medians on either side: it is where one day differs most from the last
    differences = np.abs(np.diff(medians, prepend=np.nan))
    jumps = np.where(np.abs(leaps) > np.array(limits), differences, np.nan)
    found = []
    for i in map(int, np.flatnonzero(np.isfinite(jumps))):
        leap = leaps[i]
        if jumps[i] < np.nanmax(jumps[max(i - SIDE_DAYS, 0) : i + SIDE_DAYS + 1]):
            continue
        start = int(days.starts_ns[i])
        end = int(days.starts_ns[min(i + SIDE_DAYS, medians.size) - 1]) + DAY_NS
        flag = BAD if abs(leap) > BAD_ACCURACIES * series.accuracy else SUSPECT
        reason = f"level: leapt by {leap:+.3g} against the reference, and stayed there"
        data = {"leap": leap, "spread": _spread(medians, i)}
        found.append(Finding("level", series.channel, start, end, flag, reason, data))
    return found


def _spread(medians: FloatArray, i: int) -> float:
    """Return the usual distance of a day to the next one, of the days that the leap is told from."""
    near = np.abs(np.diff(medians[max(i - SIDE_DAYS, 0) : i + SIDE_DAYS]))
    near = near[np.isfinite(near)]
    return float(np.median(near)) if near.size else float("nan")


def _leap(medians: FloatArray, i: int) -> float:
    """Return the median of the days from i on minus that of the days before."""
    before, after = medians[max(i - SIDE_DAYS, 0) : i], medians[i : i + SIDE_DAYS]
    if min(np.isfinite(before).sum(), np.isfinite(after).sum()) < MIN_SIDE_DAYS:
        return float("nan")
    return float(np.nanmedian(after) - np.nanmedian(before))
