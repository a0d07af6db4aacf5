"""Slow, obvious twins of the kernels of a season: plain Python on lists, written from the definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.naive import covariance, variance


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
