"""How wrong filled values are, told by gaps made on purpose, and what that does to sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.season.gapfill.gaps import run_lengths
from fluxcalc.season.uncertainty.random import sum_uncertainty

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

CLASS_HOURS = (1.0, 8.0, 36.0, 288.0)
"""Longest gaps of the classes in which errors are told; the last class has all longer ones. [h]"""
MIN_WITHHELD = 20
"""Withheld values that a class needs."""


def make_gaps(
    measured: BoolArray, generator: np.random.Generator, *, share: float = 0.1, per_day: int = 48
) -> BoolArray:
    """Withhold measured values in the pattern of the gaps that a series has.

    One of its gaps after the other is drawn and moved by whole days, so that lengths and times of day stay.

    Parameters
    ----------
    measured : ndarray, shape (n,), bool
        Where the series has values.
    generator : numpy.random.Generator
    share : float
        Of the measured values to withhold, about. Gaps longer than half of this share of the series are not drawn.
    per_day : int
        Records a day.

    Returns
    -------
    ndarray, shape (n,), bool
        Measured values to withhold. A series without gaps gets single ones.
    """
    n = measured.size
    begins, lengths = run_lengths(~measured)
    drawable = lengths <= max(share * n / 2, 1)
    begins, lengths = begins[drawable], lengths[drawable]
    if begins.size == 0:
        begins, lengths = np.arange(n), np.ones(n, dtype=np.int64)
    withheld = np.zeros(n, dtype=bool)
    wanted = share * measured.sum()
    for _ in range(1000):  # gaps that only ever fall where nothing is measured end the search
        if (withheld & measured).sum() >= wanted:
            break
        for k in generator.integers(begins.size, size=max(begins.size // 20, 1)):
            days = n // per_day
            first = (begins[k] + per_day * generator.integers(max(days, 1))) % n
            withheld[first : first + lengths[k]] = True
    return withheld & measured


@dataclass(frozen=True, slots=True)
class GapUncertainty:
    """Error of filled values.

    Attributes
    ----------
    sd : ndarray, shape (n,), float64
        Of each filled value: root mean square error of withheld ones in gaps of its class of length and its group; zero
        where measured, NaN where nothing is known. It contains the noise of the measurements it was told by. [as y]
    residuals : ndarray, shape (n,), float64
        Filled minus measured, mean over the repeats; NaN where never withheld. [as y]
    bias : float
        Mean of all residuals. [as y]
    withheld : int
        Residuals over all repeats.
    """

    sd: FloatArray
    residuals: FloatArray
    bias: float
    withheld: int


def gap_uncertainty(
    y: FloatArray,
    fill: Callable[[FloatArray], FloatArray],
    *,
    groups: IntArray | None = None,
    repeats: int = 5,
    share: float = 0.1,
    per_day: int = 48,
    seed: int = 0,
) -> GapUncertainty:
    """Withhold measured values in the site's own gap pattern, fill them, and compare.

    Leaving out one value at a time tells the error of single gaps only: its neighbours still say how the day was.

    Parameters
    ----------
    y : ndarray, shape (n,), float64
        Measured; NaN is a gap. [any]
    fill : callable
        Series with gaps -> filled series; NaN is not filled.
    groups : ndarray, shape (n,), int64, optional
        Whose errors are told apart: day and night, say.
    repeats, share, seed
        How often how much is withheld; the same seed withholds the same.
    per_day : int
        Records a day.

    References
    ----------
    Moffat et al. (2007), doi:10.1016/j.agrformet.2007.08.011: errors by length of artificial gaps, by day and night
    """
    measured = np.isfinite(y)
    groups = np.zeros(y.size, dtype=np.int64) if groups is None else groups
    generator = np.random.default_rng(seed)
    total, times = np.zeros(y.size), np.zeros(y.size)
    squares: dict[tuple[int, int], list[FloatArray]] = {}
    for _ in range(repeats):
        withheld = make_gaps(measured, generator, share=share, per_day=per_day)
        off = fill(np.where(withheld, np.nan, y)) - y
        some = withheld & np.isfinite(off)
        total[some] += off[some]
        times[some] += 1
        classes = _length_classes(~measured | withheld, per_day)
        for key in {(int(a), int(b)) for a, b in zip(classes[some], groups[some], strict=True)}:
            own = some & (classes == key[0]) & (groups == key[1])
            squares.setdefault(key, []).append(off[own] ** 2)
    found = {key: np.concatenate(parts) for key, parts in squares.items()}
    errors = {key: float(np.sqrt(values.mean())) for key, values in found.items() if values.size >= MIN_WITHHELD}
    sd = np.zeros(y.size)
    classes = _length_classes(~measured, per_day)
    for group in np.unique(groups).tolist():
        error = np.nan
        for length in range(len(CLASS_HOURS) + 1):
            error = errors.get((length, group), error)  # where none was withheld, what the next shorter ones have
            sd[~measured & (classes == length) & (groups == group)] = error
    count = int(times.sum())
    residuals = np.divide(total, times, out=np.full(y.size, np.nan), where=times > 0)
    return GapUncertainty(sd, residuals, float(total.sum() / count) if count else np.nan, count)


def _length_classes(gaps: BoolArray, per_day: int) -> IntArray:
    """Return the class of the gap that each record is in; -1 outside gaps."""
    classes = np.full(gaps.size, -1, dtype=np.int64)
    begins, lengths = run_lengths(gaps)
    hours = lengths * 24 / per_day
    for first, length, own in zip(begins, lengths, np.searchsorted(CLASS_HOURS, hours), strict=True):
        classes[first : first + length] = own
    return classes


@dataclass(frozen=True, slots=True)
class SumUncertainty:
    """Standard deviations of a sum over records. [as the records]

    Attributes
    ----------
    random, filling, threshold, joint : float
        Of measured values, of filled ones, of the u* threshold, and of those that are known in squares; NaN where there
        are such values, but of none it is known.
    effective : float
        How many independent values the filled ones are worth.
    """

    random: float
    filling: float
    threshold: float
    joint: float
    effective: float


def uncertainty_of_sum(
    random_sd: FloatArray, gap_sd: FloatArray, residuals: FloatArray, threshold: float = 0.0
) -> SumUncertainty:
    """Bring together what a sum's uncertainty consists of.

    Parameters
    ----------
    random_sd : ndarray, shape (n,), float64
        Random uncertainty of each record; counted where measured (``gap_sd`` is 0), as independent. [any]
    gap_sd, residuals : ndarray, shape (n,), float64
        As in ``GapUncertainty``; neighbouring errors go together as the residuals do. NaN counts as none.
    threshold : float
        Half the distance of the 16th and 84th percentiles of the sums of the u* versions.
    """
    measured = gap_sd == 0
    random = sum_uncertainty(random_sd[measured])[0]
    filling, effective = sum_uncertainty(gap_sd[~measured], residuals)
    # of no record nothing is uncertain; of records without a known one it is not 0, but not known
    random = random if measured.any() else 0.0
    filling = filling if not measured.all() else 0.0
    known = [part for part in (random, filling, threshold) if np.isfinite(part)]
    joint = float(np.sqrt(np.square(known).sum())) if known else np.nan
    return SumUncertainty(random, filling, threshold, joint, effective)
