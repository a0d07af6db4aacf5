"""Intervals from left-out errors: where the errors of one model and of the mean of many are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from core.records import FloatArray
from fluxcalc.season.gapfill.prediction_intervals import MAX_AMBIGUITY, MIN_ERRORS, error_intervals

MODELS = 10
SPREAD = 0.5
"""Of the models around the truth; the noise of what is measured is one."""
ONE, MEAN = np.hypot(1, SPREAD), np.hypot(1, SPREAD / np.sqrt(MODELS))


class World:
    """Models that err on their own around a truth which is measured with noise; half of it is withheld."""

    def __init__(self, n: int, size: FloatArray | float = 1.0, spread: FloatArray | float = SPREAD) -> None:
        random = np.random.default_rng(11)
        truth = random.normal(0, 5, n)
        self.measured = truth + size * random.normal(0, 1, n)
        self.fits = truth + size * spread * random.normal(0, 1, (MODELS, n))
        self.gap = np.arange(n) % 2 == 1
        self.y = np.where(self.gap, np.nan, self.measured)
        left_out_by = random.integers(MODELS, size=n)
        self.fits[~self.gap & (left_out_by != np.arange(MODELS)[:, None])] = np.nan


def test_a_mean_of_models_is_given_the_smaller_error_that_it_has():
    made = World(60_000)
    sd, lower, upper = error_intervals(made.y, made.fits, np.ones(60_000), np.zeros(60_000, dtype=np.int64))
    assert_allclose(sd[~made.gap], ONE, rtol=0.02)
    assert_allclose(sd[made.gap], MEAN, rtol=0.02)
    within = (lower <= made.measured) & (made.measured <= upper)
    assert within[made.gap].mean() == pytest.approx(0.9, abs=0.01)
    assert within[~made.gap].mean() == pytest.approx(0.9, abs=0.01)
    # as wide as at left-out values it would have been too wide
    middle, half = (upper + lower) / 2, (upper - lower) / 2 * np.where(made.gap, ONE / MEAN, 1)
    assert (np.abs(made.measured - middle) <= half)[made.gap].mean() > 0.92


def test_errors_are_in_widths_and_classes():
    n = 60_000
    size, group = np.where(np.arange(n) < n // 2, 1.0, 7.0), np.arange(n) // 100 % 2
    made = World(n, size, np.where(group == 1, SPREAD, 0.0))
    sd, _, _ = error_intervals(made.y, made.fits, 3 * size, group)
    assert_allclose(sd[group == 0], size[group == 0], rtol=0.03)
    assert_allclose(sd[(group == 1) & made.gap], MEAN * size[(group == 1) & made.gap], rtol=0.03)


def test_a_small_class_has_the_quantiles_of_all():
    n, few = 20_000, 2 * (MIN_ERRORS - 1)
    made, group = World(n), np.zeros(n, dtype=np.int64)
    made.y[:few] *= 100  # nobody could tell from so few
    group[:few] = 1
    sd, _, _ = error_intervals(made.y, made.fits, np.ones(n), group)
    known = ~made.gap
    everybody = np.sqrt(((made.y - np.nanmean(made.fits, axis=0))[known] ** 2).mean())
    assert_allclose(sd[:few][known[:few]], everybody)


def test_wild_disagreement_makes_nothing_narrower_than_its_bound():
    made = World(20_000)
    made.fits[:, made.gap] *= 100
    sd, _, _ = error_intervals(made.y, made.fits, np.ones(20_000), np.zeros(20_000, dtype=np.int64))
    assert_allclose(sd[made.gap], sd[0] * np.sqrt(1 - MAX_AMBIGUITY), rtol=0.01)
