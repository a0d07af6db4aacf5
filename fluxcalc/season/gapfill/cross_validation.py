"""How a series is cut for cross-validation: blocks of several lengths, dealt to folds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Columns = Callable[[int], FloatArray]
"""What is learned from, shape (n, p), as it is known without a fold."""
Predict = Callable[[FloatArray, FloatArray, FloatArray, int], FloatArray]
"""Learns from columns and values, and predicts from other rows of the columns; the number tells folds apart."""

FOLDS = 10
BLOCK_DAYS = (1 / 48, 1 / 6, 1.5, 12.0)
"""Lengths of the blocks left out, each with as many records in all. [d]"""


class CrossValidation:
    """A standardised series, and how it is cut for cross-validation.

    Predictions of it have a row for each fold, by models that have not seen the fold: at its records and at gaps, else
    NaN. Their mean is that of one model at a measured record, of all models at a gap.
    """

    def __init__(self, y: FloatArray, day: BoolArray, per_day: int, seed: int) -> None:
        self.y, self.day, self.per_day = y, day, per_day
        self.known = ~np.isnan(y)
        self.random = np.random.default_rng(seed)
        self.fold = deal_blocks(y.size, per_day, self.random)
        self.near, self.far = gap_distances(self.known)
        for k in range(FOLDS):
            left_out = self.known & (self.fold == k)
            near, far = gap_distances(self.known & (self.fold != k))
            self.near[left_out], self.far[left_out] = near[left_out], far[left_out]

    def leave_out(self, columns: Columns, y: FloatArray, predict: Predict) -> FloatArray:
        """Learn without each fold in turn, and predict what was left out and the gaps."""
        found = np.full((FOLDS, y.size), np.nan)
        for k in range(FOLDS):
            taught = self.known & (self.fold != k)
            if not taught.all():
                X = columns(k)
                found[k, ~taught] = predict(X[taught], y[taught], X[~taught], k)
        return found


def deal_blocks(n: int, per_day: int, random: np.random.Generator) -> IntArray:
    """Cut a series into blocks and deal them to the folds."""
    lengths = np.maximum(1, np.round(np.array(BLOCK_DAYS) * per_day)).astype(np.int64)
    fold = np.empty(n, dtype=np.int64)
    first = 0
    while first < n:
        length = int(random.choice(lengths, p=1 / lengths / (1 / lengths).sum()))
        fold[first : first + length] = random.integers(FOLDS)
        first += length
    return fold


def gap_distances(known: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return how many records it is to the known ones on either side, the nearer first; at most the series' length."""
    n = known.size
    place = np.arange(n)
    before = place - np.maximum.accumulate(np.where(known, place, -n))
    after = np.minimum.accumulate(np.where(known, place, 2 * n)[::-1])[::-1] - place
    near, far = (
        np.minimum(side, n).astype(np.float64) for side in (np.minimum(before, after), np.maximum(before, after))
    )
    return near, far
