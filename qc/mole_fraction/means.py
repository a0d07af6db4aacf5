"""Samples to minutes, minutes to hours, each with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from core.clock import NS, to_ns
from core.records import FloatArray
from core.station.mole_fraction import MoleFraction
from qc.codes import BAD, GOOD, SUSPECT, UNKNOWN
from qc.mole_fraction import kernels
from qc.mole_fraction.reference import Reference
from qc.mole_fraction.series import (
    DRIFT,
    HOUR_S,
    LEFT_OUT,
    MINUTE_S,
    SPIKE,
    Calibration,
    Marks,
    Means,
    Times,
)
from qc.mole_fraction.water import water_uncertainty

FLAGS = np.array([GOOD, UNKNOWN, SUSPECT, BAD], np.int16)
"""State of the samples that a mean is made of -> its flag."""
ONE_SIGMA = 0.8413447460685429
"""Probability below +1 sigma of a normal distribution."""


@dataclass(frozen=True)
class Calibrated:
    """Samples of one gas after calibration; arrays of shape (n,).

    ``value`` is the mole fraction, ``slope`` its change with the response, ``argument`` what the polynomial was applied
    to, ``response`` the dry uncalibrated value, ``water`` H in %; ``state`` and ``marks`` what becomes of a sample.
    """

    time: Times
    value: FloatArray
    slope: FloatArray
    argument: FloatArray
    response: FloatArray
    water: FloatArray
    state: NDArray[np.int8]
    marks: Marks


@dataclass(frozen=True)
class Uncertain:
    """What the uncertainty of a mean rests on: the reference, the calibrations, the corrections of water."""

    gas: str
    part: MoleFraction
    reference: Reference
    calibrations: Sequence[Calibration]


@dataclass(frozen=True)
class Averages:
    """Means of groups of samples: value, and of all that the uncertainty needs; arrays of shape (g,)."""

    time: Times
    value: FloatArray
    sd: FloatArray
    n: NDArray[np.int64]
    state: NDArray[np.int8]
    marks: Marks
    slope: FloatArray
    argument: FloatArray
    square: FloatArray
    response: FloatArray
    water: FloatArray
    water2: FloatArray
    water3: FloatArray


def average_samples(samples: Calibrated, group: NDArray[np.int64], rows: int) -> Averages:
    """Average the samples of each group that are in the best state there."""
    water = np.where(np.isfinite(samples.water), np.maximum(samples.water, 0.0), 0.0)
    columns = (samples.value, samples.slope, samples.argument, samples.argument**2, samples.response)
    values = np.stack([*columns, water, water**2, water * water * water])
    means, sd, n, state, marks, time = kernels.average(
        samples.time, group, samples.state, samples.marks, values, rows, LEFT_OUT + 1
    )
    value, slope, argument, square, response, water1, water2, water3 = means.T.copy()
    head = (time, value, sd, n, state, marks, slope, argument, square, response)
    return Averages(*head, water1, water2, water3)


def minutes_of(
    samples: Calibrated, intake: NDArray[np.int64], basis: Uncertain, unit: str, scale: str
) -> tuple[Means, Averages]:
    """Average samples over each minute and intake; ``intake`` is -1 where a sample is not of air."""
    many = max(len(basis.part.intakes), 1)
    air = intake >= 0
    key = np.where(air, samples.time // (MINUTE_S * NS) * many + intake, -1)
    keys, group = np.unique(key, return_inverse=True)
    if len(keys) and keys[0] == -1:
        keys, group = keys[1:], group - 1
    averages = average_samples(samples, group.astype(np.int64), len(keys))
    u = uncertainty(averages, np.arange(len(keys)), np.arange(len(keys)) + 1, averages, basis)
    flag, marks = FLAGS[averages.state].copy(), averages.marks.copy()
    _mark_unknown(u, flag, marks)
    minutes = Means(
        gas=basis.gas,
        unit=unit,
        scale=scale,
        step_s=MINUTE_S,
        time_ns=keys // many * (MINUTE_S * NS),
        intake=(keys % many).astype(np.int16),
        intakes=basis.part.intakes,
        value=averages.value,
        sd=averages.sd,
        u=u,
        n=averages.n.astype(np.int32),
        flag=flag,
        marks=marks,
    )
    return minutes, averages


def hours_of(minutes: Means, averages: Averages, basis: Uncertain) -> Means:
    """Average minutes over each hour and intake: of the minutes with the best flag there, weighted by their samples.

    mean = sum(n x)/sum(n); sd = sqrt(sum(n (s2 + d2))/sum(n)), d = x - mean.
    """
    many = max(len(minutes.intakes), 1)
    key = minutes.time_ns // (HOUR_S * NS) * many + minutes.intake
    order = np.lexsort((minutes.time_ns, key))
    keys, starts = np.unique(key[order], return_index=True)
    ends = np.append(starts[1:], len(order)).astype(np.int64)
    flag = minutes.flag[order]
    best = np.minimum.reduceat(flag, starts) if len(starts) else flag[:0]
    used = (flag == np.repeat(best, ends - starts)) & (flag != BAD)
    weight = np.where(used, minutes.n[order], 0).astype(np.float64)
    said = (flag == np.repeat(best, ends - starts)) & (flag != GOOD)
    marks = np.where(said, minutes.marks[order], 0).astype(np.uint32)
    why = np.bitwise_or.reduceat(marks, starts) if len(starts) else marks[:0]
    points = Averages(*(getattr(averages, name)[order] for name in averages.__dataclass_fields__))
    points = replace(points, n=np.where(used, points.n, 0))
    whole = _weighted(points, starts.astype(np.int64), ends, weight)
    u = uncertainty(whole, starts.astype(np.int64), ends, points, basis)
    hour_flag, why = best.copy(), why.copy()
    _mark_unknown(u, hour_flag, why)
    return Means(
        gas=minutes.gas,
        unit=minutes.unit,
        scale=minutes.scale,
        step_s=HOUR_S,
        time_ns=keys // many * (HOUR_S * NS),
        intake=(keys % many).astype(np.int16),
        intakes=minutes.intakes,
        value=whole.value,
        sd=whole.sd,
        u=u,
        n=whole.n.astype(np.int32),
        flag=hour_flag,
        marks=why,
    )


def with_spikes(minutes: Means, spikes: NDArray[np.bool_]) -> Means:
    """Return minutes of which the spikes are suspect."""
    flag, marks = minutes.flag.copy(), minutes.marks.copy()
    flag[spikes] = SUSPECT
    marks[spikes] |= np.uint32(SPIKE)
    return replace(minutes, flag=flag, marks=marks)


def uncertainty(
    means: Averages, starts: NDArray[np.int64], ends: NDArray[np.int64], points: Averages, basis: Uncertain
) -> FloatArray:
    """Return the uncertainty of means of points (minutes of an hour, or each its own).

    u2 = u_fit2 + p'2 (u_base2 + u_noise2 + u_water2). u_base is that of the reference, interpolated and averaged over
    the points; where its drift was learnt from few runs, u is widened as Student's distribution says, by the degrees of
    freedom of Welch and Satterthwaite. NaN where a point is not bracketed or the drift is not known.

    References
    ----------
    JCGM 100:2008 (GUM), 5.1.2 and G.4
    """
    reference = basis.reference
    if not len(means.value) or not len(reference.time) or not basis.calibrations:
        return np.full(len(means.value), np.nan)
    before = np.searchsorted(reference.time, points.time, side="right") - 1
    weight = np.where(np.isfinite(points.value), points.n, 0).astype(np.float64)
    bridge, ends_noise = kernels.baseline_variance(
        starts,
        ends,
        points.time,
        weight,
        before,
        reference.bracketed,
        reference.time,
        reference.variance,
        reference.diffusion,
    )
    run = np.clip(before, 0, len(reference.time) - 1)
    per_sample = 0.5 * (reference.noise[run] + reference.noise[np.minimum(run + 1, len(reference.time) - 1)])
    samples = kernels.weighted_sum(weight, starts, ends)
    noise = kernels.weighted_sum(weight * per_sample, starts, ends) / np.maximum(samples, 1.0) ** 2
    middle = np.clip(np.searchsorted(reference.time, means.time, side="right") - 1, 0, len(reference.time) - 1)
    by_fit = fit_variance(means, basis.calibrations, [reference.tanks[i] for i in middle])
    slope2 = means.slope**2
    base = slope2 * bridge
    total = by_fit + slope2 * (bridge + ends_noise + noise + water_variance(means, basis))
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.maximum(reference.freedom[middle], 1.0) * (total / base) ** 2
    widened = np.where(np.isfinite(freedom), stdtrit(np.minimum(np.nan_to_num(freedom, nan=1e9), 1e9), ONE_SIGMA), 1.0)
    result: FloatArray = np.sqrt(total) * widened
    return result


def fit_variance(means: Averages, calibrations: Sequence[Calibration], references: Sequence[str]) -> FloatArray:
    """Return the variance by the response function, that of the assigned values and that of the tanks' responses.

    ``references`` are the reference tanks at each mean: a calibration by another one does not count. Between two
    calibrations that by the assigned values is common to both; that by the responses is not.
    """
    node = np.array([one.time_ns for one in calibrations], np.int64)
    assigned = np.stack([one.assigned_covariance for one in calibrations])
    response = np.stack([one.response_covariance for one in calibrations])
    first = np.clip(np.searchsorted(node, means.time, side="right") - 1, 0, len(node) - 1)
    second = np.minimum(first + 1, len(node) - 1)
    span = np.maximum(node[second] - node[first], 1)
    w = np.clip((means.time - node[first]) / span, 0.0, 1.0)
    w = np.where(second > first, w, 0.0)
    tank_of = [one.reference for one in calibrations]
    w = np.where([bool(tank_of[i]) and tank_of[i] != own for i, own in zip(first, references, strict=True)], 1.0, w)
    w = np.where([bool(tank_of[i]) and tank_of[i] != own for i, own in zip(second, references, strict=True)], 0.0, w)
    vector = (np.ones(len(means.time)), means.argument, means.square)
    total = np.zeros(len(means.time))
    for i in range(3):
        for j in range(3):
            common = (1 - w) * assigned[first, i, j] + w * assigned[second, i, j]
            own = (1 - w) ** 2 * response[first, i, j] + w**2 * response[second, i, j]
            total += vector[i] * vector[j] * (common + own)
    return np.maximum(total, 0.0)


def water_variance(means: Averages, basis: Uncertain) -> FloatArray:
    """Return the variance of the dry response by the coefficients of the correction of water."""
    dated = (one.start for one in basis.part.water_correction if one.gas == basis.gas and one.start is not None)
    starts = [-(2**62), *sorted(map(to_ns, dated))]
    u = np.array([water_uncertainty(basis.part, basis.gas, start) for start in starts])
    piece = np.searchsorted(starts, means.time, side="right") - 1
    u1, u2, u3 = u[piece].T
    scale = np.ones(len(means.time)) if basis.gas == "CO" else means.response
    result: FloatArray = scale**2 * ((u1 * means.water) ** 2 + (u2 * means.water2) ** 2 + (u3 * means.water3) ** 2)
    return result


def _weighted(points: Averages, starts: NDArray[np.int64], ends: NDArray[np.int64], weight: FloatArray) -> Averages:
    total = kernels.weighted_sum(weight, starts, ends)
    lengths = ends - starts

    def mean(values: FloatArray) -> FloatArray:
        known = np.where(weight > 0, values, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            result: FloatArray = kernels.weighted_sum(weight * known, starts, ends) / total
        return result

    value = mean(points.value)
    d = points.value - np.repeat(value, lengths)
    sd = np.sqrt(mean(points.sd**2 + d * d))
    first = points.time[starts] if len(starts) else points.time[:0]
    offset = mean((points.time - np.repeat(first, lengths)).astype(np.float64))
    time = first + np.where(np.isfinite(offset), offset, 0.0).astype(np.int64)
    rest = (points.slope, points.argument, points.square, points.response, points.water, points.water2, points.water3)
    state, marks = np.zeros(len(starts), np.int8), np.zeros(len(starts), np.uint32)
    return Averages(time, value, sd, total.astype(np.int64), state, marks, *(mean(one) for one in rest))


def _mark_unknown(u: FloatArray, flag: NDArray[np.int16], marks: Marks) -> None:
    """A good value of which the uncertainty is not known is provisional."""
    unknown = (flag == GOOD) & ~np.isfinite(u)
    flag[unknown] = UNKNOWN
    marks[unknown] |= np.uint32(DRIFT)
