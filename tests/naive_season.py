"""Slow, obvious twins of the kernels of a season: plain Python on lists, written from the definitions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np

from tests.naive import Series, covariance, mean, variance


def season_thresholds(
    t: Sequence[float], ustar: Sequence[float], flux: Sequence[float], classes: int, growing: bool, factor: float
) -> list[float]:
    """Return the moving point thresholds of temperature classes, list by list."""
    rows = sorted(zip(t, ustar, flux, strict=True), key=lambda row: row[0])
    borders = [0]
    for k in range(1, classes):
        at = k * (len(rows) // classes)
        while at < len(rows) and rows[at][0] - rows[at - 1][0] <= (1e-8 if growing else 0):
            at += 1
        borders.append(at)
    return [
        _class_threshold(rows[first:end], growing, factor)
        for first, end in zip(borders, [*borders[1:], len(rows)], strict=True)
    ]


def _class_threshold(rows: list[tuple[float, float, float]], growing: bool, factor: float) -> float:
    if len(rows) < 20:
        return math.nan
    temperatures, winds = [row[0] for row in rows], [row[1] for row in rows]
    power = variance(temperatures) * variance(winds)
    related = covariance(temperatures, winds) / math.sqrt(power) if power > 0 else math.nan
    rows = sorted(rows, key=lambda row: row[1])
    size = len(rows) // 20
    bins: list[list[tuple[float, float, float]]] = []
    rest = list(rows)
    if growing:
        while rest and len(bins) < 20:
            own = rest if len(bins) == 19 else rest[:size]
            rest = rest[len(own) :]
            while rest and rest[0][1] - own[-1][1] <= 1e-14:
                own.append(rest.pop(0))
            bins.append(own)
        if len(bins) > 1 and len(bins[-1]) < 0.9 * size:
            last = bins.pop()
            bins[-1] = bins[-1] + last
    else:
        begin = 0
        for number in range(1, 21):
            end = len(rows) if number == 20 else max(number * size, begin)
            while 0 < end < len(rows) and rows[end][1] == rows[end - 1][1]:
                end += 1
            bins.append(rows[begin:end])
            begin = end
    speeds = [sum(row[1] for row in own) / len(own) if own else 0.0 for own in bins]
    fluxes = [sum(row[2] for row in own) / len(own) if own else 0.0 for own in bins]
    if not abs(related) < 0.5 or speeds[0] > 0.2:
        return math.nan
    for b in range(len(bins) - (3 if growing else 2)):
        after = [fluxes[i + 1 : i + 11] for i in (b, b + 1)]
        if all(fluxes[b + i] >= factor * sum(after[i]) / len(after[i]) for i in (0, 1)):
            return speeds[b]
    return math.nan


STEPS = (
    [(1, 7), (1, 14), (2, 7), (3, 0), (3, 1), (3, 2)]
    + [(1, days) for days in (21, 28, 35, 42, 49, 56, 63, 70)]
    + [(2, days) for days in (14, 21, 28, 35, 42, 49, 56, 63, 70)]
    + [(3, 7 * k) for k in range(1, 31)]
)


def marginal_sample(
    i: int, y: Series, drivers: Sequence[Series], per_day: int, short: int, averaging: int, leave_out: bool
) -> tuple[float, float, int, int, int]:
    """Return mean, sd, count, method, half-window in days."""
    radiation, temperature, deficit = drivers
    tolerance = max(20.0, min(50.0, radiation[i]))
    for method, days in STEPS:
        values, under = [], []
        if method == 3:
            for day in range(-days, days + 1):
                for hour in range(-(per_day // 24), per_day // 24 + 1):
                    j = i + day * per_day + hour
                    if 0 <= j < len(y) and not math.isnan(y[j]) and not (leave_out and j == i):
                        values.append(y[j])
        else:
            reach = days * per_day - short
            for j in range(max(0, i - reach), min(len(y), i + reach + 1)):
                alike = abs(radiation[j] - radiation[i]) < tolerance
                if method == 1:
                    alike = alike and abs(temperature[j] - temperature[i]) < 2.5 and abs(deficit[j] - deficit[i]) < 5
                if alike and not math.isnan(y[j]) and not (leave_out and j == i):
                    values.append(y[j])
                    under.append(radiation[j])
        if len(values) >= 2:
            value = mean(values)
            if under and (averaging == 2 or (averaging == 1 and radiation[i] >= 10)):
                less = [one for one, light in zip(values, under, strict=True) if light <= radiation[i]]
                more = [
                    one
                    for one, light in zip(values, under, strict=True)
                    if light > radiation[i] or (averaging == 2 and light == radiation[i])
                ]
                if less and more:
                    value = (mean(less) + mean(more)) / 2
            return value, math.sqrt(variance(values, 1)), len(values), method, days
    return math.nan, math.nan, 0, 0, 0


def spread_of_like_records(
    i: int, y: Series, radiation: Series, temperature: Series, deficit: Series, days: int,
    neighbours: tuple[int, int], least: int, per_day: int,
) -> tuple[float, int]:  # fmt: skip
    tolerance = max(20.0, min(50.0, radiation[i]))
    values = []
    for day in range(-days, days + 1):
        for offset in range(neighbours[0], neighbours[1] + 1):
            j = i + day * per_day + offset
            if (
                0 <= j < len(y)
                and not math.isnan(y[j])
                and abs(temperature[j] - temperature[i]) < 2.5
                and abs(radiation[j] - radiation[i]) < tolerance
                and abs(deficit[j] - deficit[i]) < 5
            ):
                values.append(y[j])
    if math.isnan(y[i]) or len(values) < least:
        return math.nan, 0
    return math.sqrt(variance(values, 1)), len(values)


def spread_of_like_fluxes(
    i: int, y: Series, sd: Series, share: float, floor: float, before: int, after: int
) -> tuple[float, int]:
    if not math.isnan(sd[i]):
        return math.nan, 0
    within = max(abs(y[i] * share), floor)
    near = range(max(0, i - before), min(len(y), i + after + 1))
    values = [sd[j] for j in near if not math.isnan(sd[j]) and y[i] - within <= y[j] <= y[i] + within]
    return (statistics.median(values), len(values)) if values else (math.nan, 0)


def change_point(x: Sequence[float], y: Sequence[float], slope_after: bool) -> list[float]:
    """Fit two joined lines at every point by least squares; change point, F, slopes, standard errors of the best."""

    def fit(columns: list[list[float]], values: list[float]) -> tuple[np.ndarray, float, np.ndarray]:
        design = np.array([[1.0] * len(values), *columns]).T
        found = np.linalg.lstsq(design, np.array(values), rcond=None)[0]
        left = float(((np.array(values) - design @ found) ** 2).sum())
        return found, left, np.linalg.pinv(design.T @ design)

    line, left, _ = fit([list(x)], list(y))
    spread = math.sqrt(left / (len(x) - 1))
    points = [(a, b) for a, b in zip(x, y, strict=True) if abs(b - line[0] - line[1] * a) <= 4 * spread]
    x, y = [point[0] for point in points], [point[1] for point in points]
    reduced = fit([x] if slope_after else [], y)[1]
    best = [math.nan, -1.0]
    for i in range(1, len(x) - 1):
        bend = [max(value - x[i], 0) for value in x]
        columns = [x, bend] if slope_after else [[min(value, x[i]) for value in x]]
        found, left, inverse = fit(columns, y)
        freedom = len(x) - len(columns) - 1
        score = (reduced - left) / (left / freedom)
        if score > best[1]:
            errors = [math.sqrt(left / freedom * inverse[k, k]) for k in range(1, len(columns) + 1)]
            after = found[1] + found[2] if slope_after else 0.0
            best = [x[i], score, len(x), found[1], after, errors[0], errors[1] if slope_after else 0.0]
    place, margin = x.index(best[0]) + 1, max(len(x) // 20, 3)
    return best if margin < place < len(x) - margin else [math.nan, math.nan, len(x)] + [math.nan] * 4


def light_cost(
    theta: Sequence[float], prior: Series, width: Series, radiation: Series, dryness: Series, growth: Series,
    uptake: Series, weight: Series,
) -> float:  # fmt: skip
    """Return squares of weighted errors of net uptake and of distances from the prior, record by record."""
    k, beta, alpha, r_ref = theta
    cost = sum(((value - centre) / spread) ** 2 for value, centre, spread in zip(theta, prior, width, strict=True))
    for light, dry, grown, taken, its_weight in zip(radiation, dryness, growth, uptake, weight, strict=True):
        most = beta * math.exp(-k * dry)
        net = 1 / (1 / (alpha * light) + 1 / most) - r_ref * grown if alpha * light * most else -r_ref * grown
        cost += its_weight * (net - taken) ** 2
    return float(cost)


def curve_through(x: Series, y: Series, error: Series, length: float, share: float) -> tuple[np.ndarray, float, float]:
    """Return a Gaussian process at its points, what it multiplies errors with, and its log-likelihood."""
    x, y, error = (np.asarray(values, float) for values in (x, y, error))
    near = np.exp(-(((x[:, None] - x[None, :]) / length) ** 2))
    inverse = np.linalg.inv(near + np.diag(share * (error / error[0]) ** 2))
    level = (inverse @ y).sum() / inverse.sum()
    variance = (y - level) @ inverse @ (y - level) / len(x)
    likelihood = -(len(x) * math.log(variance) - np.linalg.slogdet(inverse)[1]) / 2
    return level + near @ inverse @ (y - level), math.sqrt(variance * share) / error[0], likelihood


def likeliest_curve(x: Series, y: Series, error: Series) -> tuple[np.ndarray, float]:
    """Return a Gaussian process at its points and what it multiplies errors with: the likeliest of a grid."""
    tried = (
        curve_through(x, y, error, length, share)
        for length in np.geomspace(2, 60, 60)
        for share in np.geomspace(0.01, 10, 60)
    )
    curve, scale, _ = max(tried, key=lambda one: one[2])
    return curve, scale
