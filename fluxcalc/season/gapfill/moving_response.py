"""How a flux answers to light and warmth around each day: what sowing, growth and harvest do to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from core.records import FloatArray

SPREAD_DAYS = 9.0
"""Standard deviation of the weights in time. [d]"""
REACH_DEVIATIONS = 4.0
"""How far the weights go, in standard deviations."""
PRIOR_RECORDS = 2.0
"""Records that the response of the whole series counts for."""
PENALTY = 1e-3
"""Keeps the response of the whole series solvable where a term is zero throughout."""
HALF_LIGHT = 400.0
"""Radiation at which uptake is half its limit. [W m-2]"""


def moving_response(
    y: FloatArray,
    drivers: Mapping[str, FloatArray],
    potential: FloatArray,
    fold: NDArray[np.int64],
    folds: int,
    *,
    per_day: int = 48,
) -> dict[str, FloatArray]:
    """Regress a flux on light, temperature and deficit with weights that fade in time, and predict it.

    The regression of the whole series comes first; what it leaves is regressed again around each day, pulled towards
    nothing where little was measured.

    Parameters
    ----------
    y : ndarray, shape (n,), float64
        NaN is a gap. [any]
    drivers : mapping of str to ndarray, shape (n,), float64
        ``radiation`` [W m-2], ``temperature`` [deg C], ``deficit`` [hPa], each if there is. For missing radiation
        stands its usual share of ``potential``, for the others their mean.
    potential : ndarray, shape (n,), float64
        Radiation above the atmosphere. [W m-2]
    fold : ndarray of int, shape (n,)
        From 0 to ``folds`` - 1; a measured record is never predicted by its own.
    folds : int
        Number of folds.
    per_day : int
        Records a day.

    Returns
    -------
    dict of str to ndarray, shape (folds, n), float64
        ``response``, the prediction; ``response_dark`` and ``response_light``, what of it is without light and
        what saturating light would add. Row k is by what is neither in fold k nor in the record's own: what learns from
        it has not seen fold k, not by way of its neighbours' response either. [as y]
    """
    n, known = y.size, np.isfinite(y)
    terms = _terms(drivers, potential)
    size, day = terms.shape[1], np.arange(n) // per_day
    days = int(day[-1]) + 1
    squares, moments = np.zeros((folds, days, size, size)), np.zeros((folds, days, size))
    np.add.at(squares, (fold[known], day[known]), terms[known, :, None] * terms[known, None, :])
    np.add.at(moments, (fold[known], day[known]), terms[known] * y[known, None])
    near_squares, near_moments = _spread(squares), _spread(moments)

    response = {name: np.empty((folds, n)) for name in ("response", "response_dark", "response_light")}
    for without, own in np.ndindex(folds, folds + 1):
        rows = np.flatnonzero(known & (fold == own) if own < folds else ~known)
        taught = [k for k in range(folds) if k not in (without, own)]
        whole = np.linalg.solve(
            squares[taught].sum(axis=(0, 1)) + PENALTY * np.eye(size), moments[taught].sum(axis=(0, 1))
        )
        matrix = near_squares[taught].sum(axis=0)
        left = near_moments[taught].sum(axis=0) - matrix @ whole
        local = whole + np.linalg.solve(matrix + PRIOR_RECORDS * np.eye(size), left[..., None])[..., 0]
        here = np.column_stack([np.interp(rows / per_day - 0.5, np.arange(days), c) for c in local.T])
        response["response"][without, rows] = (terms[rows] * here).sum(axis=1)
        response["response_dark"][without, rows] = here[:, 0]
        response["response_light"][without, rows] = here[:, 1]
    return response


def _terms(drivers: Mapping[str, FloatArray], potential: FloatArray) -> FloatArray:
    missing = np.full(potential.size, np.nan)
    radiation, temperature, deficit = (drivers.get(name, missing) for name in ("radiation", "temperature", "deficit"))
    measured = np.isfinite(radiation)
    share = radiation[measured].sum() / max(potential[measured].sum(), 1.0) if measured.any() else 0.5
    light = np.maximum(np.where(measured, radiation, share * potential), 0.0)
    light = light / (light + HALF_LIGHT)
    warmth, dryness = _standard(temperature), _standard(np.sqrt(np.maximum(deficit, 0.0)))
    return np.column_stack((np.ones(light.size), light, warmth, light * warmth, light * dryness))


def _standard(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    if not known.any() or values[known].std() == 0:
        return np.zeros(values.size)
    standard: FloatArray = np.where(known, (values - values[known].mean()) / (2 * values[known].std()), 0.0)
    return standard


def _spread(sums: FloatArray) -> FloatArray:
    """Spread the sums of days over their neighbours, the weight of the day itself being one."""
    peak = SPREAD_DAYS * np.sqrt(2 * np.pi)
    spread: FloatArray = gaussian_filter1d(sums, SPREAD_DAYS, axis=1, mode="constant", truncate=REACH_DEVIATIONS) * peak
    return spread
