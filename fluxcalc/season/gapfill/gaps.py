"""Gaps of a series: their runs, and which are too long to be filled."""

from __future__ import annotations

from collections.abc import Iterable, Sized

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

UNFILLED = -1
"""Quality of a gap that stays."""


def check_lengths(series: Iterable[Sized]) -> None:
    """Raise ``ValueError`` if series are not of one length."""
    lengths = sorted({len(values) for values in series})
    if len(lengths) > 1:
        raise ValueError(f"series of one length, got {lengths}")


def run_lengths(gaps: BoolArray) -> tuple[IntArray, IntArray]:
    """Return where each run of gaps begins, and how many records it has."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], gaps, [False])).astype(np.int8)))
    return edges[::2], np.diff(edges)[::2]


def in_long_gap(gaps: BoolArray, longest_days: int | None, per_day: int) -> BoolArray:
    """Mark the records of gaps that are too long to be filled.

    Parameters
    ----------
    gaps : ndarray, shape (n,), bool
        Which records are gaps.
    longest_days : int or None
        Longer runs of gaps are marked; None marks nothing. [d]
    per_day : int
        Records a day.
    """
    marked = np.zeros(gaps.size, dtype=bool)
    if longest_days is not None:
        for first, length in zip(*run_lengths(gaps), strict=True):
            marked[first : first + length] = length > longest_days * per_day
    return marked
