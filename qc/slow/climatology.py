"""Limits by month and hour, learnt from a station's own past."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray

MONTHS, HOURS = 12, 24
CELLS = MONTHS * HOURS
MIN_DAYS = 20
"""Different days with values that a month and hour need."""
TAIL = 0.005
"""Share of the values on either side that the limits leave out before they are widened."""
WIDENING = 0.5
"""By how much of their distance the limits are widened on either side: years to come differ from those learnt."""


def cells_of(times_ns: NDArray[np.int64], utc_offset: float) -> NDArray[np.int64]:
    """Return month times 24 plus hour of local standard time, 0 to 287."""
    local = times_ns + round(utc_offset * 3600) * NS
    months = local.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64) % MONTHS
    return np.asarray(months * HOURS + local // (3600 * NS) % HOURS, dtype=np.int64)


def learn_climatology(times_ns: NDArray[np.int64], values: FloatArray, utc_offset: float) -> FloatArray:
    """Learn limits from readings that are trusted; each hour is told with its neighbours.

    Parameters
    ----------
    times_ns : ndarray, shape (n,), int64
        STARTs of the readings. [ns]
    values : ndarray, shape (n, c), float64
        NaN where a value is missing or not good.
    utc_offset : float
        Local standard time minus UTC. [h]

    Returns
    -------
    ndarray, shape (c, 288, 2), float64
        Low and high of each month and hour; NaN where there are fewer than 20 days.
    """
    cells = cells_of(times_ns, utc_offset)
    days = (times_ns + round(utc_offset * 3600) * NS) // (86_400 * NS)
    limits = np.full((values.shape[1], CELLS, 2), np.nan)
    for cell in range(CELLS):
        month, hour = divmod(cell, HOURS)
        near = np.isin(cells, [month * HOURS + (hour + shift) % HOURS for shift in (-1, 0, 1)])
        for channel in range(values.shape[1]):
            there = near & np.isfinite(values[:, channel])
            if np.unique(days[there]).size < MIN_DAYS:
                continue
            low, high = np.quantile(values[there, channel], [TAIL, 1 - TAIL])
            widened = WIDENING * (high - low)
            limits[channel, cell] = low - widened, high + widened
    return limits
