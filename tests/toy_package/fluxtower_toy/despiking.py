"""A method of despiking that only shows how one is added."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.station import Station
from fluxcalc.halfhour.interval import HalfHour


def clip(half: HalfHour, _: Station) -> HalfHour:
    """Set what is further than four standard deviations from the mean to that distance."""
    series = dict(half.series)
    for name in ("u", "v", "w", "ts"):
        if half.has(name):
            mean, reach = np.nanmean(series[name]), 4 * np.nanstd(series[name])
            series[name] = np.clip(series[name], mean - reach, mean + reach)
    return replace(half, series=series)
