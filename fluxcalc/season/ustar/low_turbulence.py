"""Which records a threshold of the friction velocity takes out, and what counts as night."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

NIGHT_RADIATION = 10.0
"""It is night below this incoming radiation. [W m-2]"""
ENOUGH_TURBULENCE, LOW_USTAR, NO_THRESHOLD, NO_USTAR = 0, 1, 3, 4
"""What the filter says of a record."""


def flag_low_turbulence(
    ustar: FloatArray, threshold: FloatArray, radiation: FloatArray, *, day_too: bool = False
) -> NDArray[np.int64]:
    """Flag records whose u* is below the threshold, at night, or by day, too.

    Parameters
    ----------
    ustar, threshold, radiation : ndarray, shape (n,), float64
        NaN is missing; a record without radiation counts as night. [m s-1], [m s-1], [W m-2]
    day_too : bool
        Whether the threshold holds by day.

    Returns
    -------
    ndarray, shape (n,), int64
        ``ENOUGH_TURBULENCE``, ``LOW_USTAR``, or where one cannot tell ``NO_USTAR`` (first) or ``NO_THRESHOLD``.
    """
    flags = np.where(ustar < threshold, LOW_USTAR, ENOUGH_TURBULENCE)
    flags[np.isnan(threshold)] = NO_THRESHOLD
    flags[np.isnan(ustar)] = NO_USTAR
    if not day_too:
        flags[radiation >= NIGHT_RADIATION] = ENOUGH_TURBULENCE
    return flags


def in_low_turbulence(ustar: FloatArray, threshold: FloatArray) -> NDArray[np.bool_]:
    """Mark what ONEFlux drops: records under the threshold, by day and night, and the one after each of them.

    The one after is suspect because what was stored under the sensors leaves when the air begins to move. Where u* or
    the threshold is missing (NaN) a record is dropped.
    """
    low = ~(ustar >= threshold)
    low[1:] |= low[:-1].copy()
    return low
