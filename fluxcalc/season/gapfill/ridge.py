"""Ridge regression on random Fourier features: a smooth function of many variables, fitted in bounded memory.

References
----------
Rahimi & Recht (2007), Random features for large-scale kernel machines, NIPS 20
"""

from __future__ import annotations

import numpy as np

from core.records import FloatArray

FEATURES = 800
FREQUENCY_WIDTH = 0.5
"""Frequencies are drawn from Student's t of 3 degrees of freedom times this over the root of the number of columns."""
FREEDOM_DEGREES = 3
PENALTY = 0.1
ROWS_AT_ONCE = 8192
"""Rows in memory at a time as features."""


def predict_by_ridge(X: FloatArray, y: FloatArray, others: FloatArray, random: np.random.Generator) -> FloatArray:
    """Fit values to columns, and predict from other rows of the columns.

    Parameters
    ----------
    X : ndarray, shape (n, p), float64
        Columns; they are standardised, and what is missing (NaN) counts as the mean. [any]
    y : ndarray, shape (n,), float64
        Values; all are there. [any]
    others : ndarray, shape (m, p), float64
        Columns of rows to predict.
    random : numpy.random.Generator
        Draws the features.

    Returns
    -------
    ndarray, shape (m,), float64
        [as y]

    References
    ----------
    Rahimi & Recht (2007), algorithm 1
    """
    p = X.shape[1]
    measured = np.isfinite(X).any(axis=0)
    mean, spread = np.zeros(p), np.ones(p)
    mean[measured], spread[measured] = np.nanmean(X[:, measured], axis=0), np.nanstd(X[:, measured], axis=0)
    spread[spread == 0] = 1.0
    frequencies = random.standard_t(FREEDOM_DEGREES, (p, FEATURES)) * FREQUENCY_WIDTH / np.sqrt(p)
    phases = random.uniform(0, 2 * np.pi, FEATURES)

    def features(rows: FloatArray) -> FloatArray:
        Z = np.where(measured, np.nan_to_num((rows - mean) / spread), 0.0)
        waves = np.cos(Z @ frequencies + phases) * np.sqrt(2 / FEATURES)
        return np.column_stack((waves, Z, np.ones(len(Z))))

    size = FEATURES + p + 1
    gram, moment = PENALTY * np.eye(size), np.zeros(size)
    for first in range(0, len(X), ROWS_AT_ONCE):
        H = features(X[first : first + ROWS_AT_ONCE])
        gram += H.T @ H
        moment += H.T @ y[first : first + ROWS_AT_ONCE]
    weights = np.linalg.solve(gram, moment)
    return np.concatenate(
        [features(others[first : first + ROWS_AT_ONCE]) @ weights for first in range(0, len(others), ROWS_AT_ONCE)]
    )
