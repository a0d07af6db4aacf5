"""Gap filling by marginal distribution sampling (MDS), in the dialect of REddyProc."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.kernels.mds import COURSE, FULL, RADIATION, sample_marginal

IntArray = NDArray[np.int64]

UNFILLED = -1

STEPS: tuple[tuple[int, int], ...] = (
    *((FULL, days) for days in (7, 14)),
    (RADIATION, 7),
    *((COURSE, days) for days in (0, 1, 2)),
    *((FULL, days) for days in range(21, 71, 7)),
    *((RADIATION, days) for days in range(14, 71, 7)),
    *((COURSE, days) for days in range(7, 211, 7)),
)
"""Method and half-window in days; the first that finds two values wins."""

QUALITY_WINDOWS = {FULL: (14, 56), RADIATION: (14, 28), COURSE: (1, 5)}
"""Windows in days above which the quality is 2, and 3."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled series.

    Attributes
    ----------
    value : ndarray, shape (n,), float64
        The measured value where there is one, else the mean of those found; NaN where nothing was. [any]
    qc : ndarray of int, shape (n,)
        0 measured, 1 to 3 filled from ever wider windows, -1 not filled.
    looked_up, sd : ndarray, shape (n,), float64
        Mean and standard deviation (n - 1) of the values found; at a measured record its own value is among them. [any]
    count, method, window : ndarray of int, shape (n,)
        How many were found; 1 all drivers, 2 radiation alone, 3 mean diurnal course; whole window in days. 0: none.
    looked_up_qc : ndarray of int, shape (n,)
        Quality that the value found has or would have.
    """

    value: FloatArray
    qc: IntArray
    looked_up: FloatArray
    sd: FloatArray
    count: IntArray
    method: IntArray
    window: IntArray
    looked_up_qc: IntArray


def fill_mds(
    y: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    deficit: FloatArray,
    *,
    per_day: int = 48,
    longest_gap_days: int | None = 60,
    every_record: bool = True,
) -> Filled:
    """Fill gaps with the mean of what was measured under like conditions, near in time.

    Parameters
    ----------
    y : ndarray, shape (n,), float64
        Series on a regular grid; NaN is a gap. [any]
    radiation, temperature, deficit : ndarray, shape (n,), float64
        Incoming shortwave radiation, air temperature, vapour pressure deficit, as measured; NaN is missing and is like
        nothing. [W m-2], [deg C], [hPa]
    per_day : int
        Records a day.
    longest_gap_days : int or None
        Gaps longer than this stay; None fills all.
    every_record : bool
        Look up measured records too, which gives them a standard deviation.

    Returns
    -------
    Filled
        Measured values as they came.

    Raises
    ------
    ValueError
        Series of different lengths.

    References
    ----------
    Reichstein et al. (2005), doi:10.1111/j.1365-2486.2005.001002.x; Wutzler et al. (2018), doi:10.5194/bg-15-5015-2018
    """
    given = (y, radiation, temperature, deficit)
    if len({values.shape for values in given}) > 1:
        raise ValueError(f"series of one length, got {[values.shape for values in given]}")
    y, radiation, temperature, deficit = (np.ascontiguousarray(values, dtype=np.float64) for values in given)
    n = y.size
    gaps = np.isnan(y)
    too_long = np.zeros(n, dtype=bool)
    if longest_gap_days is not None:
        too_long = _in_long_gap(gaps, longest_gap_days * per_day)
    wanted = np.flatnonzero(~too_long if every_record else gaps & ~too_long)
    steps = np.array(STEPS, dtype=np.int64)
    mean, sd, count, method, days = sample_marginal(y, radiation, temperature, deficit, wanted, steps, per_day)

    looked_up, spread = np.full(n, np.nan), np.full(n, np.nan)
    counts, methods, windows = (np.zeros(n, dtype=np.int64) for _ in range(3))
    looked_up[wanted], spread[wanted], counts[wanted], methods[wanted] = mean, sd, count, method
    windows[wanted] = np.where(method == 0, 0, 2 * days + (method == COURSE))
    quality = _quality(methods, windows)
    return Filled(
        value=np.where(gaps, looked_up, y),
        qc=np.where(gaps, quality, 0),
        looked_up=looked_up,
        sd=spread,
        count=counts,
        method=methods,
        window=windows,
        looked_up_qc=quality,
    )


def _quality(method: IntArray, window: IntArray) -> IntArray:
    quality = np.full(method.size, UNFILLED, dtype=np.int64)
    for code, (fair, poor) in QUALITY_WINDOWS.items():
        here = method == code
        quality[here] = 1 + (window[here] > fair) + (window[here] > poor)
    return quality


def _in_long_gap(gaps: NDArray[np.bool_], longest: int) -> NDArray[np.bool_]:
    """Mark the records of runs of gaps that are longer than ``longest`` records."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], gaps, [False])).astype(np.int8)))
    marked = np.zeros(gaps.size, dtype=bool)
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        marked[first:end] = end - first > longest
    return marked
