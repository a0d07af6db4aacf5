"""Short peaks of close-by sources, found on minutes: two methods of which the station file chooses one.

What a clock hour is judged by is bounded (the day before it, an hour around it), so that live work and a whole period
give the same spikes.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray
from core.station.mole_fraction import SpikeMethod
from qc.codes import GOOD
from qc.mole_fraction import kernels
from qc.mole_fraction.series import Means, Times

HOUR_NS, DAY_NS = 3600 * NS, 86_400 * NS
LOOK_BACK_NS, LOOK_AHEAD_NS = DAY_NS + HOUR_NS, HOUR_NS
MIN_POINTS = 60
"""Minutes of the day before that a standard deviation needs."""
SPIKE_DELTA = 2.0
"""Local regressions are made this far apart. [minutes]"""
MIN_REGRESSION = 30
"""Minutes that a local regression needs."""


def find_spikes(minutes: Means, how: SpikeMethod) -> NDArray[np.bool_]:
    """Tell which good minutes are spikes, each intake by itself.

    Method ``sd``: a minute is a spike if it is above the last one that is none by more than alpha sigma + sqrt(n)
    sigma, n minutes later; sigma is the sd of what lies between the quartiles of the day before. Method ``rebs``: a
    minute is a spike if it is above a robust local regression by more than beta times the scatter below it.

    References
    ----------
    El Yazidi et al. (2018), doi:10.5194/amt-11-1599-2018; Ruckstuhl et al. (2012), doi:10.5194/amt-5-2613-2012;
    Cristofanelli et al. (2023), doi:10.5194/amt-16-5977-2023, compares both: rebs flags more and moves means more
    """
    found = np.zeros(len(minutes), bool)
    if how.method == "none":
        return found
    for intake in range(len(minutes.intakes)):
        rows = np.flatnonzero((minutes.intake == intake) & (minutes.flag == GOOD))
        time, value = minutes.time_ns[rows], minutes.value[rows]
        if how.method == "sd":
            found[rows] = kernels.spikes_by_sd(time, value, how.alpha, HOUR_NS, DAY_NS, MIN_POINTS)
        else:
            found[rows] = _spikes_by_regression(time, value, how)
    return found


def _spikes_by_regression(time: Times, value: FloatArray, how: SpikeMethod) -> NDArray[np.bool_]:
    found = np.zeros(len(time), bool)
    for hour in np.unique(time // HOUR_NS):
        start = int(hour) * HOUR_NS
        low, first, last, high = np.searchsorted(time, (start - HOUR_NS, start, start + HOUR_NS, start + 2 * HOUR_NS))
        if high - low < MIN_REGRESSION:
            continue
        x = (time[low:high] - start) / (60 * NS)
        line = asymmetric_regression(x, value[low:high], int(2 * how.window + 1), delta=SPIKE_DELTA)
        excess = value[low:high] - line
        below = excess[excess < 0]
        scatter = np.sqrt(np.mean(below**2)) if below.size else 0.0
        found[first:last] = (excess > how.beta * scatter)[first - low : last - low]
    return found


def asymmetric_regression(
    x: FloatArray, y: FloatArray, points: int, *, delta: float = 0.0, scale: float = 3.5
) -> FloatArray:
    """Return the baseline by a robust local regression that distrusts what lies above it.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        x ascends; no NaN.
    points : int
        Of each local regression; at most n are used.
    delta : float
        Regressions are made this far apart on x and interpolated between; 0 makes one a point.
    scale : float
        b of the robust weights: what lies b scatters above the line has no weight.

    References
    ----------
    Ruckstuhl et al. (2012), doi:10.5194/amt-5-2613-2012
    """
    # takes a second to load, and few need it
    from pybaselines import Baseline

    with warnings.catch_warnings():
        # the library warns where it stops before it converges: the line is good enough to judge spikes by
        warnings.simplefilter("ignore")
        line, _ = Baseline(x_data=x).loess(
            y,
            total_points=max(3, min(points, len(x))),
            scale=scale,
            poly_order=1,
            symmetric_weights=False,
            conserve_memory=True,
            delta=delta,
        )
    result: FloatArray = line
    return result
