"""Slow, obvious twins of the kernels of a season: plain Python on lists, written from the definitions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np

from tests.naive import Series, covariance, mean, variance

Row = tuple[float, float, float]
"""Temperature, u*, flux."""


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


def _class_threshold(rows: list[Row], growing: bool, factor: float) -> float:
    if len(rows) < 20:
        return math.nan
    temperatures, winds = [row[0] for row in rows], [row[1] for row in rows]
    power = variance(temperatures) * variance(winds)
    related = covariance(temperatures, winds) / math.sqrt(power) if power > 0 else math.nan
    rows = sorted(rows, key=lambda row: row[1])
    bins = _growing_bins(rows) if growing else _fixed_bins(rows)
    speeds = [sum(row[1] for row in own) / len(own) if own else 0.0 for own in bins]
    fluxes = [sum(row[2] for row in own) / len(own) if own else 0.0 for own in bins]
    if not abs(related) < 0.5 or speeds[0] > 0.2:
        return math.nan
    return _first_on_plateau(speeds, fluxes, len(bins) - (3 if growing else 2), factor)


def _growing_bins(rows: list[Row]) -> list[list[Row]]:
    """Twenty bins of u*; those equal to a bin's last join it; a last bin that is short joins the one before."""
    size = len(rows) // 20
    bins: list[list[Row]] = []
    rest = list(rows)
    while rest and len(bins) < 20:
        own = rest if len(bins) == 19 else rest[:size]
        rest = rest[len(own) :]
        while rest and rest[0][1] - own[-1][1] <= 1e-14:
            own.append(rest.pop(0))
        bins.append(own)
    if len(bins) > 1 and len(bins[-1]) < 0.9 * size:
        last = bins.pop()
        bins[-1] = bins[-1] + last
    return bins


def _fixed_bins(rows: list[Row]) -> list[list[Row]]:
    """Twenty bins of u* at fixed places; those equal to a bin's last join it."""
    size = len(rows) // 20
    bins: list[list[Row]] = []
    begin = 0
    for number in range(1, 21):
        end = len(rows) if number == 20 else max(number * size, begin)
        while 0 < end < len(rows) and rows[end][1] == rows[end - 1][1]:
            end += 1
        bins.append(rows[begin:end])
        begin = end
    return bins


def _first_on_plateau(speeds: list[float], fluxes: list[float], last: int, factor: float) -> float:
    """u* of the first bin whose flux, and whose next bin's, is as large as those of the ten bins after it."""
    for b in range(last):
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
    light = drivers[0]
    for method, days in STEPS:
        if method == 3:
            places = _same_time_of_day(i, days, per_day)
        else:
            reach = days * per_day - short
            places = [j for j in range(i - reach, i + reach + 1) if 0 <= j < len(y) and _alike(i, j, drivers, method)]
        found = [j for j in places if 0 <= j < len(y) and not math.isnan(y[j]) and not (leave_out and j == i)]
        if len(found) >= 2:
            values = [y[j] for j in found]
            value = mean(values) if method == 3 else _average(values, [light[j] for j in found], light[i], averaging)
            return value, math.sqrt(variance(values, 1)), len(values), method, days
    return math.nan, math.nan, 0, 0, 0


def _same_time_of_day(i: int, days: int, per_day: int) -> list[int]:
    """Places within an hour of the time of day, so many days to either side."""
    hour = per_day // 24
    return [i + day * per_day + off for day in range(-days, days + 1) for off in range(-hour, hour + 1)]


def _alike(i: int, j: int, drivers: Sequence[Series], method: int) -> bool:
    """Whether the conditions of two records are alike: radiation, by method 1 also temperature and deficit."""
    radiation, temperature, deficit = drivers
    if not abs(radiation[j] - radiation[i]) < max(20.0, min(50.0, radiation[i])):
        return False
    return method != 1 or (abs(temperature[j] - temperature[i]) < 2.5 and abs(deficit[j] - deficit[i]) < 5)


def _average(values: list[float], under: list[float], light: float, averaging: int) -> float:
    """Mean of values, or of the means on either side of the radiation."""
    if averaging == 2 or (averaging == 1 and light >= 10):
        pairs = list(zip(values, under, strict=True))
        less = [value for value, its_light in pairs if its_light <= light]
        more = [value for value, its_light in pairs if its_light > light or (averaging == 2 and its_light == light)]
        if less and more:
            return (mean(less) + mean(more)) / 2
    return mean(values)


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


def likeliest_curve(
    x: Series,
    y: Series,
    error: Series,
    lengths: tuple[float, float] = (2, 60),
    shares: tuple[float, float] = (0.01, 10),
) -> tuple[np.ndarray, float]:
    """Return a Gaussian process at its points and what it multiplies errors with: the likeliest of a grid."""
    tried = (
        curve_through(x, y, error, length, share)
        for length in np.geomspace(*lengths, 60)
        for share in np.geomspace(*shares, 60)
    )
    curve, scale, _ = max(tried, key=lambda one: one[2])
    return curve, scale
