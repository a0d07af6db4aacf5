"""All checks of stretches of time that a station can make by itself, and what each of them needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from core.records import FloatArray
from core.station import Identity
from qc.slow.clock import find_clock_errors
from qc.slow.drift import find_drifts
from qc.slow.finding import ChannelSeries, Finding
from qc.slow.level import find_leaps
from qc.slow.night_offset import find_night_offsets
from qc.slow.noise import find_noise
from qc.slow.unit import find_units

NEEDED_DAYS: Mapping[str, tuple[int, int]] = {
    "night_offset": (1, 1),
    "clock": (15, 15),
    "buddy": (1, 1),
    "level": (11, 11),
    "drift": (60, 60),
    "noise": (11, 1),
    "unit": (15, 1),
}
"""Check -> days before and after a day that a finding of this day may hang on: with these it is always the same."""


def find_all(series: ChannelSeries, site: Identity, reference: FloatArray | None = None) -> list[Finding]:
    """Make all checks of stretches of a channel, in the order of their beginnings.

    Parameters
    ----------
    series : ChannelSeries
        What is judged: good readings, NaN where one is missing or bad.
    site : Identity
        Where.
    reference : ndarray, shape (n,), float64, optional
        What the channel should be, in its variable's own unit: ``level`` and ``drift`` need it.
    """
    offset = site.utc_offset
    found = [*find_night_offsets(series, site), *find_clock_errors(series, site)]
    found += [*find_noise(series, offset), *find_units(series, offset)]
    if reference is not None:
        found += [*find_leaps(series, reference, offset), *find_drifts(series, reference, offset)]
    return sorted(found, key=lambda one: (one.start_ns, one.check))


def reference_of(series: ChannelSeries, others: Sequence[ChannelSeries]) -> FloatArray | None:
    """Return the median of other channels of the same variable at its times; None where there is no other one.

    Where two sensors alone disagree nobody knows which of them is wrong: both are told.

    Parameters
    ----------
    series : ChannelSeries
        What is judged.
    others : sequence of ChannelSeries
        Of the same station, or of its neighbours at the same height.
    """
    same = [one for one in others if one.base == series.base and one is not series]
    if not same or not series.times_ns.size:
        return None
    table = np.full((len(same), series.times_ns.size), np.nan)
    for row, one in zip(table, same, strict=True):
        _, own, its = np.intersect1d(series.times_ns, one.times_ns, assume_unique=True, return_indices=True)
        row[own] = one.standard[its]
    known = np.isfinite(table).any(axis=0)
    medians = np.full(series.times_ns.size, np.nan)
    medians[known] = np.nanmedian(table[:, known], axis=0)
    return medians
