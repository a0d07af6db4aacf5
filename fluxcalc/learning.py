"""Gap filling by machine learning: boosted trees and a smooth regression, trained on the site's own measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import lightgbm as lgb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.gapfill import UNFILLED, in_long_gap
from fluxcalc.predictors import ROLLED, predictors
from fluxcalc.ridge import cross_fitted_ridge

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

METHOD = "learned_lightgbm"
LEARNED = 4
"""Method code of a filled value, after MDS' 1 to 3."""
LEAST = 500
"""Measured values that learning needs."""
FOLDS, PARTITIONS = 5, 2
BLOCK_DAYS = (1 / 48, 1 / 6, 1.5, 12.0)
"""Lengths of the blocks left out in cross-validation, each with as many records in all. [d]"""
QUALITY_DAYS = (7, 14)
"""Distance from the nearest measured value above which the quality is 2, and 3. [d]"""
COVERED = 0.9
TREES = {
    "objective": "l2",
    "learning_rate": 0.1,
    "num_leaves": 63,
    "extra_trees": True,
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
ROUNDS = 200
SPREAD_TREES = TREES | {"learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 50}
SPREAD_ROUNDS = 80


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

    The series is cut into blocks of half an hour to twelve days, which fall into five folds, twice over. For each fold
    extremely randomised boosted trees and a ridge regression on random Fourier features learn from the other
    four. A gap takes the mean of all; a left-out block's error says how good they are, and calibrates the
    interval: errors divided by a width, which is learned in the same way, have the same quantiles everywhere.

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
    Barber et al. (2021), doi:10.1214/20-AOS1965, section 3 (CV+ intervals); Lei et al. (2018),
    doi:10.1080/01621459.2017.1307116, section 5.2 (locally scaled)
    """
    lengths = {y.size, len(middles), potential.size, *(values.size for values in drivers.values())}
    if len(lengths) > 1:
        raise ValueError(f"series of one length, got {sorted(lengths)}")
    y = np.where(np.isfinite(y), y, np.nan)
    known = ~np.isnan(y)
    if known.sum() < LEAST:
        return _nothing(y, f"only {known.sum()} measured values, learning needs {LEAST}")
    mean, scale = float(y[known].mean()), float(y[known].std())
    if scale <= 1e-9 * abs(mean):
        return _nothing(y, "all measured values are the same, there is nothing to learn")
    columns = predictors(drivers, middles, potential, per_day=per_day)
    X = np.column_stack(list(columns.values()))
    try:
        learned = _Learned((y - mean) / scale, X, per_day, seed, threads)
        width = learned.widths()
    except lgb.basic.LightGBMError as error:
        return _nothing(y, f"training failed: {error}")

    wanted = ~known
    if longest_gap_days is not None:
        wanted &= ~in_long_gap(~known, longest_gap_days * per_day)
    ratio = learned.errors[:, known] / width.left_out[:, known]
    low, high = np.quantile(ratio, ((1 - COVERED) / 2, (1 + COVERED) / 2))
    predicted = mean + scale * learned.predicted
    left_out = mean + scale * learned.left_out.mean(axis=0)
    spread = scale * width.predicted
    only = np.where(wanted, 1.0, np.nan)
    return LearnedFill(
        value=np.where(wanted, predicted, y),
        qc=_quality(known, wanted, drivers, per_day),
        method=np.where(wanted, LEARNED, 0),
        looked_up=np.where(wanted, predicted, np.where(known, left_out, np.nan)),
        sd=only * spread * float(np.sqrt((ratio**2).mean())),
        lower=only * (predicted + low * spread),
        upper=only * (predicted + high * spread),
        skill={
            name: _skill(y[part], left_out[part])
            for name, part in (("all", known), ("day", known & (potential > 0)), ("night", known & (potential <= 0)))
        },
        unfilled_long=int((~known & ~wanted).sum()),
    )


@dataclass(frozen=True, slots=True)
class _Widths:
    """How wide errors are: at all records, and at each by those that have not seen its block, in each partition."""

    predicted: FloatArray
    left_out: FloatArray


class _Learned:
    """Models of a standardised series: what they predict, and how far off they are where they have not been."""

    def __init__(self, y: FloatArray, X: FloatArray, per_day: int, seed: int, threads: int) -> None:
        self.y, self.X, self.per_day, self.seed, self.threads = y, X, per_day, seed, threads
        self.known = ~np.isnan(y)
        random = np.random.default_rng(seed)
        self.folds = np.array([_blocks(y.size, per_day, random) for _ in range(PARTITIONS)])
        self.predicted, self.left_out = np.zeros(y.size), np.empty(self.folds.shape)
        lowest, highest = y[self.known].min(), y[self.known].max()
        data = self._data(X, y, TREES)
        for partition, fold in enumerate(self.folds):
            both = cross_fitted_ridge(X, y, fold, FOLDS, random)
            for k in range(FOLDS):
                both[k] += self._trees(data, self.known & (fold != k), TREES, ROUNDS, partition * FOLDS + k).predict(
                    X, num_threads=threads
                )
            # a smooth function may run away where it has seen nothing
            both = np.clip(both / 2, lowest, highest)
            self.predicted += both.mean(axis=0) / PARTITIONS
            self.left_out[partition] = _own(both, fold)
        self.errors = y - self.left_out

    def widths(self) -> _Widths:
        """Learn how large the error is under the conditions of a record, and as far from what is measured."""
        n = self.y.size
        predicted, left_out = np.zeros(n), np.empty(self.folds.shape)
        floor = 0.05 * float(np.abs(self.errors[:, self.known]).mean())
        everywhere = self._conditions(self.predicted, _distance(self.known))
        for partition, fold in enumerate(self.folds):
            seen = np.array([_distance(self.known & (fold != k)) for k in range(FOLDS)])
            conditions = self._conditions(self.left_out[partition], _own(seen, fold))
            data = self._data(conditions, np.abs(self.errors[partition]), SPREAD_TREES)
            for k in range(FOLDS):
                rows = self.known & (fold != k)
                model = self._trees(data, rows, SPREAD_TREES, SPREAD_ROUNDS, partition * FOLDS + k)
                here = fold == k
                left_out[partition, here] = np.maximum(model.predict(conditions[here], num_threads=self.threads), floor)
                predicted += np.maximum(model.predict(everywhere, num_threads=self.threads), floor) / (
                    FOLDS * PARTITIONS
                )
        return _Widths(predicted, left_out)

    def _conditions(self, predicted: FloatArray, distance: FloatArray) -> FloatArray:
        return np.column_stack((predicted, np.log1p(distance / self.per_day), self.X))

    def _data(self, X: FloatArray, y: FloatArray, parameters: dict[str, object]) -> lgb.Dataset:
        labels = np.where(self.known, y, 0.0)
        return lgb.Dataset(X, labels, params={**parameters, "num_threads": self.threads}).construct()

    def _trees(
        self, data: lgb.Dataset, rows: BoolArray, parameters: dict[str, object], rounds: int, member: int
    ) -> lgb.Booster:
        settings = {**parameters, "num_threads": self.threads, "seed": self.seed * 1000 + member}
        return lgb.train(settings, data.subset(np.flatnonzero(rows).tolist()), rounds)


def _blocks(n: int, per_day: int, random: np.random.Generator) -> IntArray:
    """Cut a series into blocks and deal them to the folds."""
    lengths = np.maximum(1, np.round(np.array(BLOCK_DAYS) * per_day)).astype(np.int64)
    fold = np.empty(n, dtype=np.int64)
    first = 0
    while first < n:
        length = int(random.choice(lengths, p=1 / lengths / (1 / lengths).sum()))
        fold[first : first + length] = random.integers(FOLDS)
        first += length
    return fold


def _own(rows: FloatArray, fold: IntArray) -> FloatArray:
    """Take at each record the row of its fold."""
    own: FloatArray = rows[fold, np.arange(fold.size)]
    return own


def _distance(known: BoolArray) -> FloatArray:
    """Return how many records it is to the nearest known one; the length of the series where there is none."""
    n = known.size
    place = np.arange(n)
    before = np.maximum.accumulate(np.where(known, place, -n))
    after = np.minimum.accumulate(np.where(known, place, 2 * n)[::-1])[::-1]
    return np.minimum(np.minimum(place - before, after - place), n).astype(np.float64)


def _quality(known: BoolArray, wanted: BoolArray, drivers: Mapping[str, FloatArray], per_day: int) -> IntArray:
    distance = _distance(known)
    fair, poor = (days * per_day for days in QUALITY_DAYS)
    quality = 1 + (distance > fair) + (distance > poor)
    missing = [~np.isfinite(drivers[name]) if name in drivers else np.ones(known.size, bool) for name in ROLLED]
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
