"""Drift against neighbours, or against another sensor of the station."""

from __future__ import annotations

import numpy as np
from scipy.stats import theilslopes

from core.records import FloatArray
from qc.codes import BAD, SUSPECT
from qc.slow.finding import DAY_NS, ChannelSeries, Days, Finding

WINDOW_DAYS = 60
"""Windows are whole, and counted from 1970."""
MIN_DAYS = 20
ACCURACIES, BAD_ACCURACIES = 3.0, 6.0
"""A drift is told from so many accuracies over the window on, if its 99 % interval is on one side of 0."""
CONFIDENCE = 0.99
MAX_LEAP_SHARE = 0.5
"""What happens by a leap of more than this share of all is a leap and no drift."""


def find_drifts(series: ChannelSeries, reference: FloatArray, utc_offset: float) -> list[Finding]:
    """Find windows of 60 days over which the difference to a reference moves steadily.

    Parameters
    ----------
    series : ChannelSeries
        What is judged.
    reference : ndarray, shape (n,), float64
        What it should be, at its times and in the variable's own unit.
    utc_offset : float
        Local standard time minus UTC. [h]

    References
    ----------
    Sen (1968), Estimates of the regression coefficient based on Kendall's tau, doi:10.1080/01621459.1968.10480934
    """
    days = Days.of(series.times_ns, utc_offset)
    medians = days.medians(series.standard - reference, series.quarter)
    numbers = days.starts_ns / DAY_NS
    found = []
    for window in np.unique(numbers // WINDOW_DAYS):
        rows = (numbers // WINDOW_DAYS == window) & np.isfinite(medians)
        if rows.sum() < MIN_DAYS:
            continue
        slope, _, low, high = theilslopes(medians[rows], numbers[rows], CONFIDENCE)
        span = float(np.ptp(numbers[rows]))
        total = float(slope) * span
        if low * high <= 0 or not abs(total) > ACCURACIES * series.accuracy or _leaps(medians[rows], total):
            continue
        start = int(days.starts_ns[np.flatnonzero(rows)[0]])
        end = int(days.starts_ns[np.flatnonzero(rows)[-1]]) + DAY_NS
        flag = BAD if abs(total) > BAD_ACCURACIES * series.accuracy else SUSPECT
        reason = f"drift: {total:+.3g} in {span:.0f} days against the reference"
        found.append(Finding("drift", series.channel, start, end, flag, reason, {"drift": total, "days": span}))
    return found


def _leaps(medians: FloatArray, total: float) -> bool:
    """Say whether most of the change happens at once: between three days and the three that follow."""
    sides = [np.median(medians[i : i + 3]) - np.median(medians[i - 3 : i]) for i in range(3, medians.size - 2)]
    return bool(
        max(abs(one) for one in sides) > MAX_LEAP_SHARE * abs(total) and abs(max(sides, key=abs)) > 0.8 * abs(total)
    )
