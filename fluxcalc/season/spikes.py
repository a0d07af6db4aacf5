"""Spikes of half-hourly fluxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

BLOCK_DAYS = 13
"""Days of which a difference is judged by the median."""
CAREFUL_Z, USUAL_Z, TOLERANT_Z = 4.0, 5.5, 7.0
"""Strictness of the paper's test."""
MAD_OF_SD = 0.6745
"""Median absolute deviation of normal values, in standard deviations."""
MIN_DIFFERENCES = 5
"""Differences that a block needs for a median."""


def find_spikes(x: FloatArray, night: NDArray[np.bool_], *, z: float = USUAL_Z, per_day: int = 48) -> NDArray[np.bool_]:
    """Find half-hours that lie apart from both neighbours.

    d_i = (x_i - x_i-1) - (x_i+1 - x_i) is a spike's if it is farther from its block's median than z MAD / 0.6745; day
    and night have blocks of their own.

    Parameters
    ----------
    x : ndarray, shape (n,), float64
        Flux on a regular grid; NaN is missing, and then its neighbours are not judged. [any]
    night : ndarray of bool, shape (n,)
        Which records are the night's.
    z : float
        4, 5.5 or 7 in the paper: the smaller, the stricter.
    per_day : int
        Records a day.

    References
    ----------
    Papale et al. (2006), eqs 1-3, doi:10.5194/bg-3-571-2006
    """
    bend = np.full(x.size, np.nan)
    bend[1:-1] = (x[1:-1] - x[:-2]) - (x[2:] - x[1:-1])
    found = np.zeros(x.size, dtype=np.bool_)
    size = BLOCK_DAYS * per_day
    for first in range(0, x.size, size):
        block = slice(first, first + size)
        for part in (night[block], ~night[block]):
            some = bend[block][part]
            present = some[np.isfinite(some)]
            if present.size < MIN_DIFFERENCES:
                continue
            middle = np.median(present)
            deviation = np.median(np.abs(present - middle))
            found[block] |= part & (np.abs(bend[block] - middle) > z * deviation / MAD_OF_SD)
    return found
