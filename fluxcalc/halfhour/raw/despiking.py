"""Removing spikes before anything is averaged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.records import FloatArray
from core.station import Station
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.kernels.despike import bridge_outliers, despike_pass

OUTLIER_LIMITS = {"u": 3.5, "v": 3.5, "w": 5.0, "ts": 3.5, "co2": 3.5, "h2o": 3.5}
"""Distance from the window's mean in the first pass. [standard deviations]"""

TRACE_GAS_LIMIT = 8.0
"""The same for other gases, which come in bursts that are no spikes. [standard deviations]"""

LIMIT_INCREMENT = 0.1  # what each pass adds to the limits [standard deviations]
MAX_PASSES = 10
MAX_SPIKE_LENGTH = 3  # longest run that is a spike [samples]
WINDOW_STEP = 100  # how far the window moves [samples]

MEDIAN_DEVIATION_LIMIT = 7.0
"""Distance from the median beyond which a sample is a spike. [median absolute deviations / 0.6745]"""

NORMAL_MEDIAN_DEVIATION = 0.6745  # median absolute deviation of a normal distribution [standard deviations]


def despike(half: HalfHour, station: Station) -> HalfHour:
    """Remove spikes by the station's method and count them as ``spikes_<series>``."""
    return DESPIKING[flux_of(station).methods.despike](half, station)


def keep_spikes(half: HalfHour, _: Station) -> HalfHour:
    """Leave the series as they are."""
    return half


def despike_vickers_mahrt(half: HalfHour, _: Station) -> HalfHour:
    """Replace runs of one to three outliers by straight lines.

    Mean and standard deviation of a window of a sixth of the interval (in whole minutes) hold for its middle
    100 samples. Passes over all series, each with a limit 0.1 sd wider, go on until one finds no spike in any series:
    a wider limit can cut a long run of one series short enough to be a spike. A spike that ends in a sample which an
    earlier pass replaced is the rest of one that is counted.

    References
    ----------
    Vickers & Mahrt (1997), doi:10.1175/1520-0426(1997)014<0512:QCAFSP>2.0.CO;2
    """
    minutes = (half.end - half.start).total_seconds() / 60
    window = min(max(WINDOW_STEP, round(max(1, minutes // 6) * 60 / half.dt)), half.n)
    step = min(WINDOW_STEP, window)
    limits = outlier_limits(half)
    clean = {name: np.array(half.series[name]) for name in limits}
    replaced = {name: np.zeros(len(series), dtype=np.bool_) for name, series in clean.items()}
    spikes = dict.fromkeys(clean, 0)
    pending = set(clean)
    for number in range(MAX_PASSES):
        found = 0
        for name in tuple(pending):
            limit = limits[name] + LIMIT_INCREMENT * number
            count, repeated, kept = despike_pass(clean[name], replaced[name], window, step, limit, MAX_SPIKE_LENGTH)
            spikes[name] += count
            found += count + repeated
            if count + repeated + kept == 0:
                pending.discard(name)  # no outlier is left, and a wider limit makes none
        if found == 0:
            break
    return _despiked(half, clean, spikes)


def despike_mauder(half: HalfHour, _: Station) -> HalfHour:
    """Replace every sample further from the median than seven median absolute deviations / 0.6745 by a straight line.

    The median is that of the whole interval, and a run of outliers may have any length. Passes go on until one finds
    nothing, ten at most. Where more than half of the samples are equal nothing is replaced.

    References
    ----------
    Mauder et al. (2013), doi:10.1016/j.agrformet.2012.09.006
    """
    clean = {name: np.array(half.series[name]) for name in outlier_limits(half)}
    spikes = dict.fromkeys(clean, 0)
    for name, values in clean.items():
        for _number in range(MAX_PASSES):
            found = bridge_outliers(values, *median_bounds(values))
            spikes[name] += found
            if found == 0:
                break
    return _despiked(half, clean, spikes)


def _despiked(half: HalfHour, clean: Mapping[str, FloatArray], spikes: Mapping[str, int]) -> HalfHour:
    published = half.diagnostics_with(**{f"spikes_{name}": float(count) for name, count in spikes.items()})
    return replace(half, series={**half.series, **clean}, spikes=spikes, diagnostics=published)


def outlier_limits(half: HalfHour) -> dict[str, float]:
    """Return the series to be despiked with the limit of each. [standard deviations]"""
    names = (*OUTLIER_LIMITS, *(gas for gas in half.gases if gas not in OUTLIER_LIMITS))
    return {name: OUTLIER_LIMITS.get(name, TRACE_GAS_LIMIT) for name in names if half.has(name)}


def median_bounds(values: FloatArray) -> tuple[float, float]:
    """Return the lowest and the highest value that is no outlier; NaN, NaN, which nothing is outside of, if unknown."""
    valid = values[~np.isnan(values)]
    if valid.size == 0:
        return math.nan, math.nan
    centre = float(np.median(valid))
    deviation = float(np.median(np.abs(valid - centre)))
    reach = MEDIAN_DEVIATION_LIMIT * deviation / NORMAL_MEDIAN_DEVIATION
    return (centre - reach, centre + reach) if deviation > 0 else (math.nan, math.nan)


DESPIKING = choices(
    "despike",
    {
        "none": keep_spikes,
        "vickers_mahrt_1997": despike_vickers_mahrt,
        "mauder_2013": despike_mauder,
    },
)
