"""The moving response: its naive twin, a response that is known, and what it must not see."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from core.records import FloatArray
from fluxcalc.season.gapfill.moving_response import (
    HALF_LIGHT,
    PENALTY,
    PRIOR_RECORDS,
    REACH_DEVIATIONS,
    SPREAD_DAYS,
    moving_response,
)

FOLDS = 5
DAYS = 90


class Field:
    """A crop: its uptake comes and goes within weeks."""

    def __init__(self) -> None:
        random = np.random.default_rng(4)
        n = DAYS * 48
        self.day = np.arange(n) / 48
        self.potential = np.maximum(0.0, 1000 * np.sin(2 * np.pi * (self.day - 0.25)))
        radiation = self.potential * np.repeat(random.uniform(0.2, 0.8, DAYS * 4), 12)
        temperature = 12 + 8 * np.sin(2 * np.pi * (self.day - 0.4)) + np.repeat(random.normal(0, 3, DAYS), 48)
        self.drivers = {"radiation": radiation, "temperature": temperature, "deficit": np.maximum(0, temperature / 2)}
        self.light = radiation / (radiation + HALF_LIGHT)
        self.dark, self.uptake = 2 + self.day / DAYS, -20 * np.exp(-(((self.day - 45) / 25) ** 2))
        self.truth = self.dark + self.uptake * self.light
        measured = self.truth + random.normal(0, 0.3, n)
        self.y = np.where(random.uniform(size=n) < 0.4, np.nan, measured)
        self.fold = np.arange(n) // 30 % FOLDS

    def respond(self, y: FloatArray | None = None, **options: object) -> dict[str, FloatArray]:
        given = {"drivers": self.drivers, "potential": self.potential, "fold": self.fold, "folds": FOLDS} | options
        return moving_response(self.y if y is None else y, **given)  # type: ignore[arg-type]


def twin(made: Field, record: int, without: int) -> float:
    """Predict a record as the definition has it: two regressions with weights, one record of a day after the other."""
    known = np.isfinite(made.y)
    taught = known & (made.fold != without)
    if known[record]:
        taught &= made.fold != made.fold[record]

    def standard(values: FloatArray) -> FloatArray:
        return (values - values.mean()) / (2 * values.std())

    warmth, dryness = standard(made.drivers["temperature"]), standard(np.sqrt(made.drivers["deficit"]))
    one = np.ones(made.y.size)
    terms = np.column_stack((one, made.light, warmth, made.light * warmth, made.light * dryness))

    def regress(y: FloatArray, weights: FloatArray, penalty: float) -> FloatArray:
        root = np.sqrt(weights)[:, None]
        longer = np.vstack((root * terms[taught], math.sqrt(penalty) * np.eye(5)))
        coefficients: FloatArray = np.linalg.lstsq(
            longer, np.concatenate((root[:, 0] * y[taught], np.zeros(5))), rcond=None
        )[0]
        return coefficients

    whole = regress(made.y, np.ones(int(taught.sum())), PENALTY)
    left = made.y - terms @ whole

    def around(day: int) -> FloatArray:
        distance = np.floor(made.day[taught]) - day
        weights = np.exp(-((distance / SPREAD_DAYS) ** 2) / 2) * (np.abs(distance) <= REACH_DEVIATIONS * SPREAD_DAYS)
        return whole + regress(left, weights, PRIOR_RECORDS)

    time = made.day[record] - 0.5
    before = min(max(math.floor(time), 0), DAYS - 1)
    after, share = min(before + 1, DAYS - 1), min(max(time - before, 0.0), 1.0)
    return float(terms[record] @ ((1 - share) * around(before) + share * around(after)))


def test_its_naive_twin_predicts_the_same():
    made = Field()
    response = made.respond()["response"]
    for k, record in enumerate((0, 30, 1000, 2222, 2223, 3107, made.y.size - 1)):
        assert response[k % FOLDS, record] == pytest.approx(twin(made, record, k % FOLDS), abs=2e-3)


def test_it_follows_growth_and_harvest():
    made = Field()
    found = {name: values[0] for name, values in made.respond().items()}
    inside = (made.day > 10) & (made.day < DAYS - 10)
    # weights of nine days flatten what comes and goes in twenty-five
    assert np.abs(found["response_light"] - made.uptake)[inside].mean() < 0.1 * np.ptp(made.uptake)
    assert np.abs(found["response_dark"] - made.dark)[inside].mean() < 0.15
    assert np.std((found["response"] - made.truth)[inside]) < 0.3 * np.std(made.truth[inside])


def test_nothing_of_a_fold_is_in_what_is_without_it():
    made = Field()
    odd = made.y.copy()
    odd[made.fold == 3] += 1000
    own = (made.fold == 3) & np.isfinite(made.y)
    before, after = made.respond(), made.respond(odd)
    for name, values in after.items():
        assert_array_equal(values[3], before[name][3])
        assert_array_equal(values[:, own], before[name][:, own])
        assert not np.isclose(values[2, ~own], before[name][2, ~own]).any()


@pytest.mark.parametrize("missing", ["radiation", "temperature", "deficit", "all", "here and there"])
def test_missing_drivers_leave_no_hole(missing):
    made = Field()
    if missing == "all":
        drivers = {}
    elif missing == "here and there":
        drivers = {name: np.where(np.arange(made.y.size) % 3, values, np.nan) for name, values in made.drivers.items()}
    else:
        drivers = {name: values for name, values in made.drivers.items() if name != missing}
    found = made.respond(drivers=drivers)
    assert all(np.isfinite(values).all() for values in found.values())
    known = np.isfinite(made.y)
    assert np.std((found["response"][1] - made.y)[known]) < 0.8 * np.std(made.y[known])


def test_a_long_hole_takes_the_response_of_the_whole_series():
    made = Field()
    y = np.where(made.day > 1, np.nan, made.y)
    found = made.respond(y)
    assert np.isfinite(found["response"]).all()
    assert_allclose(found["response_dark"][0, -48:], found["response_dark"][0, -1])
