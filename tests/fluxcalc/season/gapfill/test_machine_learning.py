"""Filling by machine learning: where the truth is known, on real gaps, and on what nobody can learn from."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks import gapfill as benchmark
from core.records import FloatArray
from fluxcalc.season.gapfill import machine_learning
from fluxcalc.season.gapfill.gaps import UNFILLED
from fluxcalc.season.gapfill.machine_learning import METHOD_LEARNED, MIN_MEASURED, LearnedFill, fill_by_learning
from fluxcalc.season.gapfill.mds import fill_mds
from fluxcalc.season.gapfill.predictors import predictors
from fluxcalc.sun import potential_radiation
from tests.fluxcalc.reference import SEASON, needs_season

NOISE = 1.0


class Site:
    """A made-up forest: exchange is a known function of weather and season, measured with noise."""

    def __init__(self, days: int = 120) -> None:
        random = np.random.default_rng(7)
        n = days * 48
        first = datetime(2025, 4, 1, 0, 15)
        self.middles = pl.datetime_range(
            first, first + timedelta(minutes=30 * (n - 1)), "30m", time_unit="us", eager=True
        )
        self.potential = potential_radiation(self.middles, 51.0, 13.6, 1.0)
        day = np.arange(n) / 48
        cloud = np.repeat(random.uniform(0.2, 0.8, days * 8), 6)
        radiation = self.potential * cloud
        temperature = (
            10 + 6 * np.sin(day / 60) + 5 * np.sin(2 * np.pi * (day - 0.35)) + np.repeat(random.normal(0, 2, days), 48)
        )
        deficit = np.maximum(0.0, 0.6 * temperature + radiation / 80 - 2)
        self.drivers = {"radiation": radiation, "temperature": temperature, "deficit": deficit}
        leaves = 12 + 12 * np.sin(day / 40)
        uptake = leaves * radiation / (radiation + 250) * np.exp(-deficit / 25)
        self.truth = 2 * 2 ** ((temperature - 10) / 10) - uptake
        self.measured = self.truth + random.normal(0, NOISE, n)
        self.gap = np.zeros(n, dtype=bool)
        for start, length in ((900, 60), (2000, 200), (3600, 96), (4800, 300)):
            self.gap[start : start + length] = True
        self.gap |= random.uniform(size=n) < 0.2
        self.y = np.where(self.gap, np.nan, self.measured)

    def fill(self, y: FloatArray | None = None, **options: object) -> LearnedFill:
        """Fill, with some arguments replaced."""
        given = {"drivers": self.drivers, "middles": self.middles, "potential": self.potential} | options
        return fill_by_learning(self.y if y is None else y, **given)  # type: ignore[arg-type]


@cache
def site() -> Site:
    return Site()


@cache
def filled() -> LearnedFill:
    return site().fill()


def error(values: FloatArray, truth: FloatArray) -> float:
    return float(np.sqrt(((values - truth) ** 2).mean()))


def test_it_comes_nearer_to_the_truth_than_mds():
    made, gap = site(), site().gap
    mds = fill_mds(made.y, *made.drivers.values(), every_record=False)
    both = gap & ~np.isnan(mds.value)
    assert both.sum() > 1500
    assert error(filled().value[both], made.truth[both]) < 0.8 * error(mds.value[both], made.truth[both])


def test_ninety_of_a_hundred_withheld_values_are_within_its_interval():
    made, gap, ours = site(), site().gap, filled()
    within = (ours.lower <= made.measured) & (made.measured <= ours.upper)
    assert 0.88 <= within[gap].mean() <= 0.93
    assert_allclose(ours.sd[gap].mean(), error(ours.value[gap], made.measured[gap]), rtol=0.1)


def test_its_error_is_what_it_says():
    """Blocks left out are predicted as well as real gaps; R2 by hand."""
    made, ours = site(), filled()
    truly = error(ours.value[made.gap], made.measured[made.gap])
    assert_allclose(ours.skill["all"].rmse, truly, rtol=0.1)
    assert ours.skill["all"].n == (~made.gap).sum() == ours.skill["day"].n + ours.skill["night"].n
    known = ~made.gap
    misses = ours.looked_up[known] - made.y[known]
    assert_allclose(ours.skill["all"].bias, misses.mean())
    assert_allclose(ours.skill["all"].r2, 1 - (misses**2).sum() / ((made.y[known] - made.y[known].mean()) ** 2).sum())
    assert ours.skill["night"].rmse == pytest.approx(NOISE, abs=0.15)


def test_a_measured_value_is_never_altered_and_every_filled_one_is_marked():
    made, ours = site(), filled()
    known = ~made.gap
    assert_array_equal(ours.value[known], made.measured[known])
    assert (ours.qc[known] == 0).all()
    assert (ours.method == np.where(made.gap, METHOD_LEARNED, 0)).all()
    assert (ours.qc[made.gap] >= 1).all()
    for only_filled in (ours.sd, ours.lower, ours.upper):
        assert_array_equal(np.isnan(only_filled), known)
    assert ours.reason == ""


def test_what_is_looked_up_at_a_measured_record_has_not_seen_it():
    """A value far off does not draw its own prediction after it."""
    made = site()
    odd = int(np.flatnonzero(~made.gap)[2500])
    y = made.y.copy()
    y[odd] += 15
    assert abs(made.fill(y).looked_up[odd] - filled().looked_up[odd]) < 1.0


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for what does not depend on how well they predict."""
    monkeypatch.setattr(machine_learning, "ROUNDS", 20)
    monkeypatch.setattr(machine_learning, "WIDTH_ROUNDS", 20)


@pytest.mark.usefixtures("few_trees")
def test_seed_and_not_threads_decide():
    made = Site(days=45)
    one, again, other, two = made.fill(), made.fill(), made.fill(seed=1), made.fill(threads=2)
    assert_array_equal(again.value, one.value)
    assert_array_equal(again.upper, one.upper)
    assert_allclose(two.value, one.value, atol=1e-9)
    assert not np.array_equal(other.value, one.value)


def test_units_do_not_matter():
    """Methane in small numbers is filled as well: the result is scaled and shifted with the series."""
    made = site()
    small = made.fill(made.y * 2**-10 + 1)
    assert_allclose((small.value - 1) * 2**10, filled().value, atol=0.05)


def test_missing_drivers_cost_accuracy_and_quality_only():
    made = site()
    deficit = made.drivers["deficit"].copy()
    deficit[1000:3000] = np.nan
    part = made.fill(drivers={**made.drivers, "deficit": deficit})
    assert not np.isnan(part.value).any()
    hole = made.gap & np.isnan(deficit)
    assert (part.qc[hole] >= 2).all()
    without = made.fill(drivers={"radiation": np.full_like(deficit, np.nan)})
    assert not np.isnan(without.value).any()
    assert (without.qc[made.gap] == 3).all()
    assert filled().skill["all"].rmse < without.skill["all"].rmse < made.measured.std()


def test_a_further_driver_helps_where_it_tells_something():
    made = site()
    hidden = np.repeat(np.random.default_rng(3).normal(0, 4, made.y.size // 48), 48)
    plain = made.fill(made.y + hidden).skill["all"].rmse
    told = made.fill(made.y + hidden, drivers={**made.drivers, "greenness": hidden}).skill["all"].rmse
    assert told < 0.75 * plain


@pytest.mark.usefixtures("few_trees")
def test_gaps_longer_than_allowed_stay_and_are_counted():
    made = site()
    y = made.y.copy()
    y[1000:2500] = np.nan
    ours = made.fill(y, longest_gap_days=30)
    assert np.isnan(ours.value[1000:2500]).all()
    assert (ours.qc[1000:2500] == UNFILLED).all()
    assert ours.unfilled_long >= 1500
    assert not np.isnan(ours.value[:990]).any()
    whole = made.fill(y, longest_gap_days=None)
    assert whole.unfilled_long == 0
    assert {1, 2, 3} == set(whole.qc[1000:2500])


@pytest.mark.parametrize("series", ["all gaps", "too few", "constant", "infinite"])
def test_nothing_to_learn_from_is_a_reason_and_no_exception(series):
    made = site()
    y = np.full(made.y.size, np.inf if series == "infinite" else np.nan)
    if series == "too few":
        y[: MIN_MEASURED - 1] = made.measured[: MIN_MEASURED - 1]
    if series == "constant":
        y[: 2 * MIN_MEASURED] = 3.7
    ours = made.fill(y)
    assert ours.reason
    assert_array_equal(ours.value, np.where(np.isfinite(y), y, np.nan))
    assert (ours.qc[~np.isfinite(y)] == UNFILLED).all()
    assert (ours.method == 0).all()
    assert ours.skill == {}


def test_series_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        site().fill(np.zeros(48))


def test_columns_by_hand():
    """Running means are centred and pass over what is missing; lags look back."""
    n = 96
    middles = pl.datetime_range(
        datetime(2025, 1, 1, 0, 15), datetime(2025, 1, 2, 23, 45), "30m", time_unit="us", eager=True
    )
    radiation = np.arange(n, dtype=float)
    radiation[10] = np.nan
    columns = predictors({"radiation": radiation, "water": np.full(n, np.nan)}, middles, np.zeros(n))
    assert columns["radiation_0.083d"][50] == 50
    assert columns["radiation_0.083d"][10] == pytest.approx(np.mean([8, 9, 11, 12]))
    assert columns["radiation_4_ago"][50] == 46
    assert columns["radiation_change"][50] == 1
    assert np.isnan(columns["radiation_1_ago"][0])
    assert columns["hour_cosine"][24] == pytest.approx(np.cos(2 * np.pi * 12.25 / 24))
    assert columns["day"][48] == 1
    assert "water" not in columns


@pytest.mark.figures
@needs_season
def test_artificial_gaps_of_a_real_year():
    """A part of the benchmark: gaps of 1.5 days at Tharandt."""
    folder = SEASON / "DE-Tha_1998"
    gaps = folder / "gaps_DE-Tha_1998.parquet"
    found = benchmark.result(benchmark.score_year(folder, gaps, benchmark.PLACES["DE-Tha"], ("m",), 2))
    assert found["rmse_ratio"] < 0.88
    assert 0.86 <= found["coverage90"] <= 0.94
    print(f"gaps of 1.5 days at Tharandt 1998, two of five repeats: {json.dumps(found)}")
