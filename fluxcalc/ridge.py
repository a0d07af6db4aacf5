"""Ridge regression on random Fourier features: a smooth function of many variables, fitted in bounded memory.

References
----------
Rahimi & Recht (2007), Random features for large-scale kernel machines, NIPS 20
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

FEATURES = 800
WIDTH = 0.5
"""Frequencies are drawn from Student's t of 3 degrees of freedom times this over the root of the number of columns."""
FREEDOM = 3
PENALTY = 0.1
ROWS = 8192
"""Rows in memory at a time as features."""


def cross_fitted_ridge(
    X: FloatArray, y: FloatArray, fold: NDArray[np.int64], folds: int, random: np.random.Generator
) -> FloatArray:
    """Predict all rows with the fits that leave out one fold each.

    Parameters
    ----------
    X : ndarray, shape (n, p), float64
        Columns; they are standardised, and what is missing (NaN) counts as the mean. [any]
    y : ndarray, shape (n,), float64
        NaN rows teach nothing. [any]
    fold : ndarray of int, shape (n,)
        From 0 to ``folds`` - 1.
    folds : int
        Number of folds.
    random : numpy.random.Generator
        Draws the features.

    Returns
    -------
    ndarray, shape (folds, n), float64
        Row k: predicted by the fit without fold k. [as y]

    References
    ----------
    Rahimi & Recht (2007), algorithm 1
    """
    n, p = X.shape
    mean, spread = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    spread[spread == 0] = 1.0
    frequencies = random.standard_t(FREEDOM, (p, FEATURES)) * WIDTH / np.sqrt(p)
    phases = random.uniform(0, 2 * np.pi, FEATURES)

    def features(rows: slice) -> FloatArray:
        Z = np.nan_to_num((X[rows] - mean) / spread)
        waves = np.cos(Z @ frequencies + phases) * np.sqrt(2 / FEATURES)
        return np.column_stack((waves, Z, np.ones(len(Z))))

    size = FEATURES + p + 1
    gram, moment = np.zeros((folds, size, size)), np.zeros((folds, size))
    portions = [slice(first, first + ROWS) for first in range(0, n, ROWS)]
    for rows in portions:
        H = features(rows)
        for k in range(folds):
            teaches = (fold[rows] == k) & np.isfinite(y[rows])
            gram[k] += H[teaches].T @ H[teaches]
            moment[k] += H[teaches].T @ y[rows][teaches]
    whole_gram, whole_moment = gram.sum(axis=0) + PENALTY * np.eye(size), moment.sum(axis=0)
    weights = np.array([np.linalg.solve(whole_gram - gram[k], whole_moment - moment[k]) for k in range(folds)])
    predicted = np.empty((folds, n))
    for rows in portions:
        predicted[:, rows] = weights @ features(rows).T
    return predicted
