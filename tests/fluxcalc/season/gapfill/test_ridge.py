"""The ridge regression: written out, on a curve, in portions, with holes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from core.records import FloatArray
from fluxcalc.season.gapfill import ridge
from fluxcalc.season.gapfill.ridge import predict_by_ridge


def table() -> tuple[FloatArray, FloatArray, FloatArray]:
    random = np.random.default_rng(2)
    X, others = random.normal(3, 2, (600, 3)), random.normal(3, 2, (150, 3))
    return X, curve(X) + random.normal(0, 0.1, 600), others


def curve(X: FloatArray) -> FloatArray:
    y: FloatArray = np.sin(X[:, 0]) + 0.5 * X[:, 1]
    return y


def predict(X: FloatArray, y: FloatArray, others: FloatArray) -> FloatArray:
    return predict_by_ridge(X, y, others, np.random.default_rng(1))


def test_it_is_the_ridge_regression_written_out():
    X, y, others = table()
    random = np.random.default_rng(1)
    frequencies = random.standard_t(ridge.FREEDOM_DEGREES, (3, ridge.FEATURES)) * ridge.FREQUENCY_WIDTH / np.sqrt(3)
    phases = random.uniform(0, 2 * np.pi, ridge.FEATURES)

    def features(rows: FloatArray) -> FloatArray:
        Z = (rows - X.mean(axis=0)) / X.std(axis=0)
        waves = np.cos(Z @ frequencies + phases) * np.sqrt(2 / ridge.FEATURES)
        return np.column_stack((waves, Z, np.ones(len(Z))))

    # the same minimum, found as that of a longer least squares problem
    size = ridge.FEATURES + 4
    longer = np.vstack((features(X), np.sqrt(ridge.PENALTY) * np.eye(size)))
    weights = np.linalg.lstsq(longer, np.concatenate((y, np.zeros(size))), rcond=None)[0]
    assert_allclose(predict(X, y, others), features(others) @ weights, atol=1e-7)


def test_it_follows_a_curve():
    X, y, others = table()
    assert np.std(predict(X, y, others) - curve(others)) < 0.25 * np.std(curve(others))


@pytest.mark.parametrize("rows", [1, 64, 600])
def test_portions_do_not_matter(monkeypatch, rows):
    whole = predict(*table())
    monkeypatch.setattr(ridge, "ROWS_AT_ONCE", rows)
    assert_allclose(predict(*table()), whole, atol=1e-8)


def test_what_is_missing_counts_as_the_mean():
    X, y, others = table()
    X[5, 1] = np.nan
    mean, hole = others.copy(), others.copy()
    mean[7, 1], hole[7, 1] = np.nanmean(X[:, 1]), np.nan
    assert_allclose(predict(X, y, hole), predict(X, y, mean))


def test_a_column_that_was_never_measured_while_learning_tells_nothing():
    X, y, others = table()
    X[:, 2] = np.nan
    empty = others.copy()
    empty[:, 2] = np.nan
    assert_allclose(predict(X, y, others), predict(X, y, empty))
