"""Fewer points for a chart, without losing the spikes: mean, min and max of consecutive samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.records import FloatArray


class Decimated(NamedTuple):
    """Mean, min and max of each group; NaN where a group has no value. Each of shape (groups,)."""

    mean: FloatArray
    min: FloatArray
    max: FloatArray


def group_size(n: int, max_points: int) -> int:
    """Return how many samples go into one point so that at most ``max_points`` remain."""
    return max(1, -(-n // max_points))


def decimate(values: FloatArray, size: int) -> Decimated:
    """Summarise groups of ``size`` consecutive samples; NaN samples are left out, the last group may be short.

    Parameters
    ----------
    values : ndarray, shape (n,), float64
        Samples in any unit.
    size : int
        Samples per group, at least 1.

    Returns
    -------
    Decimated
        Arrays of shape (ceil(n / size),), in the unit of ``values``.
    """
    padded = np.full(-(-len(values) // size) * size, np.nan)
    padded[: len(values)] = values
    groups = padded.reshape(-1, size)
    finite = np.isfinite(groups)
    count = finite.sum(axis=1)
    total = np.where(finite, groups, 0.0).sum(axis=1)
    mean = np.divide(total, count, out=np.full(len(groups), np.nan), where=count > 0)
    low = np.where(finite, groups, np.inf).min(axis=1, initial=np.inf)
    high = np.where(finite, groups, -np.inf).max(axis=1, initial=-np.inf)
    return Decimated(mean, np.where(count > 0, low, np.nan), np.where(count > 0, high, np.nan))
