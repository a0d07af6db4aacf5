"""Gap filling by marginal distribution sampling (MDS), in the dialects of REddyProc and ONEFlux."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.kernels.mds import (
    BY_SIDE,
    BY_SIDE_WITH_TIES,
    COURSE,
    FULL,
    POOLED,
    RADIATION,
    sample_marginal,
)
from fluxcalc.season.gapfill.gaps import UNFILLED, check_lengths, in_long_gap

IntArray = NDArray[np.int64]

Steps = tuple[tuple[int, int], ...]
"""Method and half-window in days; the first that finds two values wins."""


def _steps(longest_likeness: int, courses: range) -> Steps:
    return (
        *((FULL, days) for days in (7, 14)),
        (RADIATION, 7),
        *((COURSE, days) for days in (0, 1, 2)),
        *((FULL, days) for days in range(21, longest_likeness + 1, 7)),
        *((RADIATION, days) for days in range(14, longest_likeness + 1, 7)),
        *((COURSE, days) for days in courses),
    )


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a program does MDS.

    Attributes
    ----------
    steps : Steps
        What is tried, in order; a mean diurnal course is tried no farther than the series is long.
    short : int
        Records by which windows of like conditions are shorter at either end.
    longest_gap_days : int or None
        Gaps longer than this stay; None fills all.
    averaging : int
        How like conditions are averaged (``fluxcalc.kernels.mds``).
    """

    steps: Steps
    short: int
    longest_gap_days: int | None
    averaging: int = POOLED


REDDYPROC = Dialect(_steps(70, range(7, 211, 7)), short=0, longest_gap_days=60)
"""Wutzler et al. (2018), doi:10.5194/bg-15-5015-2018."""
ONEFLUX = Dialect(_steps(77, range(3, 100_000, 3)), short=1, longest_gap_days=None)
"""Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3."""
REDDYPROC_SYMMETRIC = replace(REDDYPROC, averaging=BY_SIDE)
ONEFLUX_SYMMETRIC = replace(ONEFLUX, averaging=BY_SIDE_WITH_TIES)
"""Vekuri et al. (2023), doi:10.1038/s41598-023-28827-2: without the bias where radiation is skewed."""
DIALECTS = {
    "mds_reddyproc": REDDYPROC,
    "mds_oneflux": ONEFLUX,
    "mds_reddyproc_symmetric": REDDYPROC_SYMMETRIC,
    "mds_oneflux_symmetric": ONEFLUX_SYMMETRIC,
}

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
    dialect: Dialect = REDDYPROC,
    every_record: bool = True,
    leave_one_out: bool = False,
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
    dialect : Dialect
        Whose way.
    every_record : bool
        Look up measured records too, which gives them a standard deviation.
    leave_one_out : bool
        Leave a measured record out of its own candidates, which other programs do not: what is looked up then says
        how well a gap there would be filled.

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
    check_lengths(given)
    y, drivers = np.ascontiguousarray(y, dtype=np.float64), np.array(given[1:], dtype=np.float64)
    n = y.size
    gaps = np.isnan(y)
    too_long = in_long_gap(gaps, dialect.longest_gap_days, per_day)
    wanted = np.flatnonzero(~too_long if every_record else gaps & ~too_long)
    steps = _usable_steps(dialect.steps, drivers, n // per_day + 2)
    mean, sd, count, method, days = sample_marginal(
        y, drivers, wanted, steps, per_day, dialect.short, dialect.averaging, leave_one_out
    )

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


def fill_driver(values: FloatArray, radiation: FloatArray | None, *, per_day: int = 48) -> Filled:
    """Fill a meteorological series: under like radiation, where it is given, and by the mean diurnal course.

    Parameters
    ----------
    values, radiation : ndarray, shape (n,), float64
        Series, and incoming radiation as measured; None for radiation itself. [any], [W m-2]
    per_day : int
        Records a day.

    References
    ----------
    As ``fill_mds``, in the way of REddyProc.
    """
    nothing = np.full(values.shape, np.nan)
    return fill_mds(
        values, nothing if radiation is None else radiation, nothing, nothing, per_day=per_day, every_record=False
    )


def _usable_steps(steps: Steps, drivers: FloatArray, days: int) -> IntArray:
    """Leave out the steps whose drivers are never there, and courses longer than the series."""
    some = np.any(~np.isnan(drivers), axis=1)
    needed = {FULL: bool(some.all()), RADIATION: bool(some[0]), COURSE: True}
    usable = [(method, half) for method, half in steps if needed[method] and (method != COURSE or half <= days)]
    return np.array(usable, dtype=np.int64).reshape(-1, 2)


def _quality(method: IntArray, window: IntArray) -> IntArray:
    quality = np.full(method.size, UNFILLED, dtype=np.int64)
    for code, (fair, poor) in QUALITY_WINDOWS.items():
        here = method == code
        quality[here] = 1 + (window[here] > fair) + (window[here] > poor)
    return quality
