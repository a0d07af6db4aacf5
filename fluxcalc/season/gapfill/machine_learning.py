"""Gap filling by machine learning: trees and a smooth regression, trained on what the site itself measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import nnls

from core.records import FloatArray
from fluxcalc.season.gapfill.cross_validation import FOLDS, Columns, CrossValidation, Predict, gap_distances
from fluxcalc.season.gapfill.gaps import UNFILLED, check_lengths, in_long_gap
from fluxcalc.season.gapfill.moving_response import moving_response
from fluxcalc.season.gapfill.prediction_intervals import error_intervals
from fluxcalc.season.gapfill.predictors import AVERAGED_DRIVERS, predictors
from fluxcalc.season.gapfill.ridge import predict_by_ridge

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

METHOD_LEARNED = 4
"""Method code of a filled value, after MDS' 1 to 3."""
MIN_MEASURED = 500
"""Measured values that learning needs."""
QUALITY_DAYS = (7, 14)
"""Distance from the nearest measured value above which the quality is 2, and 3. [d]"""
TREES = {
    "objective": "l2",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
RANDOM_TREES = TREES | {"learning_rate": 0.1, "num_leaves": 63, "extra_trees": True}
ROUNDS = 200
WIDTH_TREES = RANDOM_TREES | {"learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 50}
WIDTH_ROUNDS = 80
EQUAL_SHARES_PULL = 0.01
"""How strongly shares are pulled towards equal ones: as much as this part of the records."""
GAP_DAYS = (0.5, 3.0)
"""Lengths of gaps that part the errors in classes. [d]"""


@dataclass(frozen=True, slots=True)
class Skill:
    """How well left-out values were predicted: number, rms error, mean error (predicted - measured), R2."""

    n: int
    rmse: float
    bias: float
    r2: float


@dataclass(frozen=True, slots=True)
class LearnedFill:
    """A series filled by machine learning.

    Attributes
    ----------
    value : ndarray, shape (n,), float64
        The measured value where there is one, else the predicted; NaN where nothing is. [any]
    qc : ndarray of int, shape (n,)
        0 measured; filled: 1 with a measured value within 7 days, 2 within 14 days or a driver missing, 3 farther or
        all drivers missing; -1 not filled.
    method : ndarray of int, shape (n,)
        4 where filled, else 0.
    looked_up : ndarray, shape (n,), float64
        What is predicted; at a measured record, by models that have not seen its block. [any]
    sd, lower, upper : ndarray, shape (n,), float64
        Standard deviation of the error of a filled value, and the 90 % interval of what would have been measured; NaN
        at others. [any]
    skill : dict of str to Skill
        Cross-validated by blocks: ``all``, ``day``, ``night`` (sun below the horizon).
    unfilled_long : int
        Records left because their gap is too long.
    reason : str
        Why there is no result; empty if there is.
    """

    value: FloatArray
    qc: IntArray
    method: IntArray
    looked_up: FloatArray
    sd: FloatArray
    lower: FloatArray
    upper: FloatArray
    skill: dict[str, Skill] = field(default_factory=dict)
    unfilled_long: int = 0
    reason: str = ""


def fill_by_learning(
    y: FloatArray,
    drivers: Mapping[str, FloatArray],
    middles: pl.Series,
    potential: FloatArray,
    *,
    per_day: int = 48,
    longest_gap_days: int | None = 60,
    seed: int = 0,
    threads: int = 1,
) -> LearnedFill:
    """Fill gaps with what models predict that were trained on what the site measured.

    The series is cut into blocks of half an hour to twelve days, which fall into ten folds. Boosted trees, boosted
    trees with random splits and a ridge regression on random Fourier features learn from nine folds and predict the
    tenth, ten times over; what they learn from is made of the nine, too. By day and by night the three are mixed in the
    shares that fit the left-out values best; a gap takes the mean of the ten. The errors of left-out values say how
    good that is, and calibrate the interval: divided by a width, which is learned in the same way, errors have the same
    quantiles everywhere within day and night and gaps of hours, days and weeks. As a left-out value is predicted by one
    model, and a gap by the mean of ten, they are made smaller by what the ten differ (``error_intervals``).

    Parameters
    ----------
    y : ndarray, shape (n,), float64
        Series on a regular grid; what is not finite is a gap. [any]
    drivers : mapping of str to ndarray, shape (n,), float64
        See ``predictors``; values or whole drivers may be missing.
    middles : pl.Series of datetime, length n
        Middles of the intervals, local standard time.
    potential : ndarray, shape (n,), float64
        Radiation above the atmosphere (``sun.potential_radiation``). [W m-2]
    per_day : int
        Records a day.
    longest_gap_days : int or None
        Gaps longer than this stay; None fills all.
    seed : int
        The same seed gives the same result; how many threads work does not change the trees, and the rest by
        rounding only.
    threads : int
        Threads of the trees.

    Returns
    -------
    LearnedFill
        Measured values as they came. Where there is too little to learn from all gaps stay, with a reason.

    Raises
    ------
    ValueError
        Series of different lengths.

    References
    ----------
    Ke et al. (2017), LightGBM, NIPS 30; Geurts et al. (2006), doi:10.1007/s10994-006-6226-1 (randomised splits);
    Breiman (1996), doi:10.1007/BF00117832 (shares that are not negative, of left-out predictions)
    """
    check_lengths((y, middles, potential, *drivers.values()))
    y = np.where(np.isfinite(y), y, np.nan)
    known = ~np.isnan(y)
    if known.sum() < MIN_MEASURED:
        return _nothing(y, f"only {known.sum()} measured values, learning needs {MIN_MEASURED}")
    mean, scale = float(y[known].mean()), float(y[known].std())
    if scale <= 1e-9 * abs(mean):
        return _nothing(y, "all measured values are the same, there is nothing to learn")
    validation = CrossValidation((y - mean) / scale, potential > 0, per_day, seed)
    trees = _Trees(seed, threads)
    if known.sum() - np.bincount(validation.fold[known]).max() < MIN_MEASURED // 2:
        return _nothing(y, "all measured values are so close together that leaving out some leaves too few")
    steady = predictors(drivers, middles, potential, per_day=per_day)
    moving = moving_response(validation.y, drivers, potential, validation.fold, FOLDS, per_day=per_day)

    def columns(fold: int) -> FloatArray:
        return np.column_stack((*steady.values(), *(values[fold] for values in moving.values())))

    try:
        fits = _expect(validation, columns, trees)
        expected = np.nanmean(fits, axis=0)
        width = _expect_width(validation, columns, expected, trees)
    except lgb.basic.LightGBMError as error:
        return _nothing(y, f"training failed: {error}")
    sd, lower, upper = error_intervals(validation.y, fits, width, _classes(validation))
    predicted = mean + scale * expected

    wanted = ~known & ~in_long_gap(~known, longest_gap_days, per_day)
    only = np.where(wanted, 1.0, np.nan)
    return LearnedFill(
        value=np.where(wanted, predicted, y),
        qc=_quality(known, wanted, drivers, per_day),
        method=np.where(wanted, METHOD_LEARNED, 0),
        looked_up=np.where(known | wanted, predicted, np.nan),
        sd=only * scale * sd,
        lower=only * (mean + scale * lower),
        upper=only * (mean + scale * upper),
        skill={
            name: _skill(y[part], predicted[part])
            for name, part in (("all", known), ("day", known & validation.day), ("night", known & ~validation.day))
        },
        unfilled_long=int((~known & ~wanted).sum()),
    )


@dataclass(frozen=True, slots=True)
class _Trees:
    """How trees are grown: the seed of their random numbers, and on how many threads."""

    seed: int
    threads: int

    def grow(self, parameters: Mapping[str, object], rounds: int) -> Predict:
        def predict(X: FloatArray, y: FloatArray, others: FloatArray, fold: int) -> FloatArray:
            settings = {**parameters, "num_threads": self.threads, "seed": self.seed * 1000 + fold}
            model = lgb.train(settings, lgb.Dataset(X, y, params=settings), rounds)
            return np.asarray(model.predict(others, num_threads=self.threads), dtype=np.float64)

        return predict


def _expect(validation: CrossValidation, columns: Columns, trees: _Trees) -> FloatArray:
    """Predict with each kind of model and mix them, by day and by night."""
    lowest, highest = validation.y[validation.known].min(), validation.y[validation.known].max()

    def curve(X: FloatArray, y: FloatArray, others: FloatArray, _: int) -> FloatArray:
        # a smooth function may run away where it has seen nothing
        return np.clip(predict_by_ridge(X, y, others, validation.random), lowest, highest)

    kinds = (trees.grow(TREES, ROUNDS), trees.grow(RANDOM_TREES, ROUNDS), curve)
    members = np.stack([validation.leave_out(columns, validation.y, kind) for kind in kinds], axis=-1)
    expected = np.empty(members.shape[:2])
    for part in (validation.day, ~validation.day):
        left_out = np.nanmean(members[:, part & validation.known], axis=0)
        expected[:, part] = members[:, part] @ _shares(left_out, validation.y[part & validation.known])
    return expected


def _shares(members: FloatArray, y: FloatArray) -> FloatArray:
    """Return the shares, none negative and one in all, in which members come nearest to what was measured."""
    number = members.shape[1]
    pull, firm = np.sqrt(EQUAL_SHARES_PULL * max(y.size, 1)), 1e3 * np.sqrt(max(y.size, 1))
    equations = np.vstack((members, pull * np.eye(number), np.full(number, firm)))
    shares: FloatArray = nnls(equations, np.concatenate((y, np.full(number, pull / number), [firm])))[0]
    shares /= shares.sum()
    return shares


def _expect_width(validation: CrossValidation, columns: Columns, expected: FloatArray, trees: _Trees) -> FloatArray:
    """Learn how large the error is under the conditions of a record, and as far into a gap of such length."""
    error = np.abs(validation.y - expected)
    away = np.log1p(np.column_stack((validation.near, validation.far)) / validation.per_day)
    floor = 0.05 * float(error[validation.known].mean())

    def conditions(fold: int) -> FloatArray:
        return np.column_stack((expected, away, columns(fold)))

    found = validation.leave_out(conditions, error, trees.grow(WIDTH_TREES, WIDTH_ROUNDS))
    width: FloatArray = np.maximum(np.nanmean(found, axis=0), floor)
    return width


def _classes(validation: CrossValidation) -> IntArray:
    """Part records by day and night and by the length of the gap that they are in, or would be in if left out."""
    gap = np.digitize(validation.near + validation.far, np.array(GAP_DAYS) * validation.per_day)
    classes: IntArray = 2 * gap + validation.day
    return classes


def _quality(known: BoolArray, wanted: BoolArray, drivers: Mapping[str, FloatArray], per_day: int) -> IntArray:
    distance, _ = gap_distances(known)
    fair, poor = (days * per_day for days in QUALITY_DAYS)
    quality = 1 + (distance > fair) + (distance > poor)
    missing = [
        ~np.isfinite(drivers[name]) if name in drivers else np.ones(known.size, bool) for name in AVERAGED_DRIVERS
    ]
    quality = np.maximum(quality, 1 + np.any(missing, axis=0) + np.all(missing, axis=0))
    return np.where(known, 0, np.where(wanted, quality, UNFILLED)).astype(np.int64)


def _skill(measured: FloatArray, predicted: FloatArray) -> Skill:
    if measured.size == 0:
        return Skill(0, np.nan, np.nan, np.nan)
    error = predicted - measured
    variance = float(measured.var())
    r2 = 1 - float((error**2).mean()) / variance if variance > 0 else np.nan
    return Skill(measured.size, float(np.sqrt((error**2).mean())), float(error.mean()), r2)


def _nothing(y: FloatArray, reason: str) -> LearnedFill:
    gaps, nan = np.isnan(y), np.full(y.size, np.nan)
    qc = np.where(gaps, UNFILLED, 0)
    return LearnedFill(y, qc, np.zeros(y.size, dtype=np.int64), nan, nan, nan, nan, reason=reason)
