"""Whether a logger's clock is right, by the sun."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray
from core.station import Identity
from qc.codes import BAD, SUSPECT
from qc.slow.finding import DAY_NS, ChannelSeries, Finding
from qc.slow.kernels import sines_of_sun

WINDOW_DAYS = 15
"""Windows are whole, and counted from 1970, so that every run cuts them alike."""
MIN_DAYS = 8
"""Days with light that a window needs."""
MIN_LIGHT = 100.0
"""Least maximum of a window's composite day. [W m-2]"""
BIN_S = 300
"""Slots of the composite day are at least so long. [s]"""
STEP_S = 60
"""Lags are tried at every such step. [s]"""
MAX_LAG_S = 12 * 3600
SUSPECT_S, BAD_S = 22 * 60, 45 * 60
"""From where a lag is told: what rounds to half an hour, with the uncertainty of a cloudy fortnight; and to an hour."""
WATTS = {"SW_IN": 1.0, "PPFD_IN": 2.05}


def find_clock_errors(series: ChannelSeries, site: Identity) -> list[Finding]:
    """Find the lag of the sun's day in each window of 15 days.

    The largest value of each time of day over the window is what a clear sky gives; it is compared with the potential
    radiation of the same days at every lag.

    Returns
    -------
    list of Finding
        Of windows with a lag of 22 minutes or more; ``lag_minutes`` is positive where stamps are late.

    References
    ----------
    Pastorello et al. (2014), Observational data patterns for time series data quality assessment,
    doi:10.1109/eScience.2014.45
    """
    if series.base not in WATTS or series.times_ns.size < 2:
        return []
    light = series.standard / WATTS[series.base]
    found = []
    for number in np.unique(series.times_ns // (WINDOW_DAYS * DAY_NS)):
        start = int(number) * WINDOW_DAYS * DAY_NS
        rows = (series.times_ns >= start) & (series.times_ns < start + WINDOW_DAYS * DAY_NS)
        lag = clock_lag(series.times_ns[rows], light[rows], series.interval_ns, site)
        if abs(lag) >= SUSPECT_S:
            minutes = lag / 60
            flag = BAD if abs(lag) >= BAD_S else SUSPECT
            word = "late" if lag > 0 else "early"
            reason = f"clock: stamps are {abs(minutes):.0f} minutes {word} against the sun"
            end = start + WINDOW_DAYS * DAY_NS
            found.append(Finding("clock", series.channel, start, end, flag, reason, {"lag_minutes": minutes}))
    return found


def clock_lag(times_ns: NDArray[np.int64], values: FloatArray, interval_ns: int, site: Identity) -> float:
    """Return by how much stamps are late against the sun; NaN where light is lacking. [s]

    Parameters
    ----------
    times_ns : ndarray, shape (n,), int64
        STARTs of readings of some days. [ns]
    values : ndarray, shape (n,), float64
        [W m-2]
    interval_ns : int
        Declared time between readings. [ns]
    """
    there = np.isfinite(values)
    times, light = times_ns[there], values[there]
    if times.size < 2:
        return float("nan")
    size = max(BIN_S * NS, interval_ns)
    lit = np.unique(times[light > MIN_LIGHT / 2] // DAY_NS).size
    slots = (times + interval_ns // 2) % DAY_NS // size
    composite = np.full(int(-(-DAY_NS // size)), np.nan)
    np.fmax.at(composite, slots, light)
    if lit < MIN_DAYS or not np.nanmax(composite) > MIN_LIGHT:
        return float("nan")
    middle = (int(times.min()) + int(times.max())) // 2 // DAY_NS * DAY_NS
    fine = np.arange(DAY_NS // (STEP_S * NS)) * STEP_S * NS
    sun = np.maximum(sines_of_sun(middle + fine, site.latitude, site.longitude), 0.0)
    sun = sun * np.exp(-0.09 / np.maximum(sun, 0.02))  # what a clear sky lets through
    used = np.flatnonzero(np.isfinite(composite))
    at = (used * size + size // 2) // (STEP_S * NS)
    lags = np.arange(-MAX_LAG_S // STEP_S, MAX_LAG_S // STEP_S)
    patterns = sun[(at[None, :] - lags[:, None]) % sun.size]
    return float(lags[np.argmax(_correlations(patterns, composite[used]))]) * STEP_S


def _correlations(patterns: FloatArray, values: FloatArray) -> FloatArray:
    patterns = patterns - patterns.mean(axis=1, keepdims=True)
    values = values - values.mean()
    return np.asarray(patterns @ values / np.sqrt((patterns**2).sum(axis=1) * (values @ values) + 1e-30))
