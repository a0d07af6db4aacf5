"""Radiation at night: a good sensor gives almost nothing."""

from __future__ import annotations

import numpy as np

from core.station import Identity
from qc.codes import BAD, SUSPECT
from qc.slow.finding import ChannelSeries, Days, Finding
from qc.slow.kernels import sines_of_sun

DARK_SINE = -0.14
"""The sun is 8 degrees below the horizon: nothing is left of the day."""
MIN_READINGS_HOURS = 1.0
"""A night needs as many readings as come in this time."""
LIMITS = {"suspect": (-10.0, 5.0), "bad": (-25.0, 20.0)}
"""Medians of a good and of a tolerable night: a dome that cools gives less than 0 (ISO 9060:2018: zero offsets of
10 W m-2 in class A, 21 in class B), nothing makes it give more. [W m-2]"""
WATTS = {"SW_IN": 1.0, "SW_OUT": 1.0, "SW_DIF": 1.0, "PPFD_IN": 2.05, "PPFD_OUT": 2.05}
"""What is judged, and how much of its unit is 1 W m-2."""


def find_night_offsets(series: ChannelSeries, site: Identity) -> list[Finding]:
    """Judge each night (noon to noon, local standard time) by the median of what was measured in the dark.

    Returns
    -------
    list of Finding
        Of nights outside the limits, from noon to noon.
    """
    if series.base not in WATTS:
        return []
    days = Days.of(series.times_ns, site.utc_offset, 12.0)
    dark = sines_of_sun(series.times_ns, site.latitude, site.longitude) < DARK_SINE
    values = np.where(dark, series.standard, np.nan) / WATTS[series.base]
    found = []
    for i, offset in enumerate(days.medians(values, MIN_READINGS_HOURS * 3600e9 / series.interval_ns)):
        outside = [name for name, (low, high) in LIMITS.items() if offset < low or offset > high]
        if outside:
            start = int(days.starts_ns[i])
            low, high = LIMITS[outside[-1]]
            reason = f"night_offset: {offset:.3g} W m-2 in the dark, expected {low:g} to {high:g}"
            flag = BAD if "bad" in outside else SUSPECT
            found.append(
                Finding(
                    "night_offset",
                    series.channel,
                    start,
                    start + 86_400 * 10**9,
                    flag,
                    reason,
                    {"offset": float(offset)},
                )
            )
    return found
