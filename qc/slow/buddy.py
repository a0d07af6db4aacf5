"""Stations against their neighbours at the same time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import titanlib
from numpy.typing import NDArray

from core.records import FloatArray
from core.station import Identity
from qc.codes import SUSPECT
from qc.slow.finding import Finding

RADIUS_M = 50_000.0
MIN_NEIGHBOURS = 5
THRESHOLD = 3.0
"""Standard deviations of the neighbours, of which there are at least"""
MIN_SPREAD = 1.0
"""so many kelvins."""
MAX_ELEVATION_M, GRADIENT = 200.0, -0.0065
"""Neighbours are at most so much higher or lower [m]; what height does to temperature between them. [K m-1]"""
ITERATIONS = 2
MIN_HOURS = 2
"""Hours, one after the other, that must be outside: a thunderstorm over one station takes less."""
HOUR_NS = 3600 * 10**9


def buddy_outliers(sites: Sequence[Identity], values: FloatArray) -> NDArray[np.bool_]:
    """Say which stations are apart from their neighbours at one moment.

    Parameters
    ----------
    sites : sequence of Identity, length n
        Where the stations are.
    values : ndarray, shape (n,), float64
        Air temperature; NaN is missing. [deg C]

    Returns
    -------
    ndarray, shape (n,), bool
        False where there are fewer than five neighbours: nothing is known then.

    References
    ----------
    Båserud et al. (2020), TITAN automatic spatial quality control of meteorological in-situ observations,
    doi:10.5194/asr-17-153-2020
    """
    there = np.flatnonzero(np.isfinite(values))
    outside = np.zeros(values.size, dtype=np.bool_)
    if there.size <= MIN_NEIGHBOURS:
        return outside
    places = [[getattr(sites[int(i)], key) for i in there] for key in ("latitude", "longitude", "altitude")]
    flags = titanlib.buddy_check(
        titanlib.Points(*places), values[there].tolist(), [RADIUS_M] * there.size, [MIN_NEIGHBOURS] * there.size,
        THRESHOLD, MAX_ELEVATION_M, GRADIENT, MIN_SPREAD, ITERATIONS,
    )  # fmt: skip
    outside[there] = np.asarray(flags) == 1
    return outside


def find_outsiders(
    sites: Sequence[Identity], channels: Sequence[str], hours_ns: NDArray[np.int64], means: FloatArray
) -> list[tuple[str, Finding]]:
    """Find stations that are apart from their neighbours for hours.

    Parameters
    ----------
    sites : sequence of Identity, length n
        Stations.
    channels : sequence of str, length n
        What each of them calls the channel.
    hours_ns : ndarray, shape (t,), int64
        STARTs of hours, ascending. [ns]
    means : ndarray, shape (t, n), float64
        Means of the hours. [deg C]

    Returns
    -------
    list of (station id, Finding)
        A finding for each stretch of two hours or more.
    """
    outside = np.array([buddy_outliers(sites, row) for row in means]).reshape(means.shape)
    found = []
    for i, site in enumerate(sites):
        for begin, end in _stretches(outside[:, i], hours_ns):
            start, stop = int(hours_ns[begin]), int(hours_ns[end - 1]) + HOUR_NS
            reason = f"buddy: apart from its neighbours for {end - begin} hours"
            data: dict[str, float | str] = {"hours": float(end - begin)}
            found.append((site.id, Finding("buddy", channels[i], start, stop, SUSPECT, reason, data)))
    return found


def _stretches(outside: NDArray[np.bool_], hours_ns: NDArray[np.int64]) -> list[tuple[int, int]]:
    found, begin = [], 0
    for i in range(outside.size + 1):
        follows = i < outside.size and outside[i] and (i == begin or hours_ns[i] - hours_ns[i - 1] == HOUR_NS)
        if not follows:
            if i - begin >= MIN_HOURS:
                found.append((begin, i))
            begin = i if i < outside.size and outside[i] else i + 1
    return found
