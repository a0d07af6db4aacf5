"""The checks of readings, written from their definitions: a slow twin of the kernel on plain Python lists."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qc.slow import kernels as k

Row = Sequence[float]


def difference(a: float, b: float, period: float) -> float:
    d = a - b
    return d - period * math.floor(d / period + 0.5) if period and not math.isnan(d) else d


def severity(size: float, suspect: float, bad: float) -> int:
    return 2 if size > bad else 1 if size > suspect else 0


def bits(check: int, level: int) -> int:
    return {0: 0, 1: 1 << check, 2: 1 << check | 1 << check + 16}[level]


def in_range(value: float, row: Row) -> int:
    if value < row[k.BAD_LOW] or value > row[k.BAD_HIGH]:
        return 2
    return int(value < row[k.SUSPECT_LOW] or value > row[k.SUSPECT_HIGH])


def spike(times: Sequence[int], x: Sequence[float], i: int, row: Row, max_gap: int, noise_ns: int) -> int:
    """QARTOD's three points: the reading before, this one, and the next one."""
    if not 0 < i < len(x) - 1 or max(times[i] - times[i - 1], times[i + 1] - times[i]) > max_gap:
        return 0
    before, after = (difference(x[i], x[j], row[k.PERIOD]) for j in (i - 1, i + 1))
    if math.isnan(before + after):
        return 0
    if row[k.SPIKE_AVERAGE]:
        return severity(abs(before + after) / 2, row[k.SPIKE_SUSPECT], row[k.SPIKE_BAD])
    if before * after <= 0:
        return 0
    size = min(abs(before), abs(after))
    level = severity(size, row[k.SPIKE_SUSPECT], row[k.SPIKE_BAD])
    if level or not size > row[k.NOISE_LEAST]:
        return level
    past = [j for j in range(1, i) if times[i] - times[j - 1] <= noise_ns]
    changes = [abs(difference(x[j], x[j - 1], row[k.PERIOD])) for j in reversed(past)]
    changes = [change for change in changes if not math.isnan(change)]
    total = 0.0
    for change in changes:
        total += change
    return int(len(changes) >= 10 and size > row[k.NOISE_FACTOR] * (total / len(changes)))


def changes(times: Sequence[int], x: Sequence[float], i: int, row: Row, max_gap: int, look_back: int) -> int:
    """Change since the last possible value; none if it brings the value back to the last but one."""
    past = [
        j for j in range(i) if times[i] - times[j] <= look_back and not math.isnan(x[j]) and in_range(x[j], row) < 2
    ][-2:][::-1]
    if not past:
        return 0
    apart = times[i] - times[past[0]]
    sizes = [abs(difference(x[i], x[j], row[k.PERIOD])) for j in past]
    if len(sizes) == 2 and sizes[1] < 0.5 * sizes[0]:
        return 0
    step = severity(sizes[0], row[k.STEP_SUSPECT], row[k.STEP_BAD]) if apart <= max_gap else 0
    rate = severity(sizes[0] / (apart / 1e9), row[k.RATE_SUSPECT], row[k.RATE_BAD])
    return bits(k.STEP, step) | bits(k.RATE, rate)


def still(times: Sequence[int], rows: Sequence[Row], i: int, c: int, row: Row, interval: int) -> int:
    """Time over which all values stay within the tolerance."""
    if math.isnan(row[k.TOLERANCE]):
        return 0
    companion = int(row[k.COMPANION])

    def counts(j: int) -> bool:
        windy = companion < 0 or rows[j][companion] > row[k.COMPANION_ABOVE]
        return windy and row[k.STILL_LOW] < rows[j][c] < row[k.STILL_HIGH]

    if not counts(i):
        return 0
    members, oldest = [0.0], i
    for j in range(i - 1, -1, -1):
        if times[i] - times[j] > row[k.STILL_BAD_NS]:
            break
        if math.isnan(rows[j][c]):
            continue
        away = difference(rows[j][c], rows[i][c], row[k.PERIOD])
        if not counts(j) or max(*members, away) - min(*members, away) >= row[k.TOLERANCE] * (1 - 1e-6):
            break
        members.append(away)
        oldest = j
    span = times[i] - times[oldest]
    if len(members) * interval < 0.5 * span:
        return 0
    return sum(span + interval // 2 >= row[limit] for limit in (k.STILL_SUSPECT_NS, k.STILL_BAD_NS))


def masks(
    times: Sequence[int],
    rows: Sequence[Row],
    table: Sequence[Row],
    interval: int,
    max_gap: int,
    look_back: int,
    noise: int,
) -> list[list[int]]:
    """Masks of the checks of single channels."""
    found = []
    for i in range(len(times)):
        of_row = []
        for c, limits in enumerate(table):
            x = [row[c] for row in rows]
            mask = 0
            if math.isfinite(x[i]):
                mask = bits(k.RANGE, in_range(x[i], limits))
                mask |= bits(k.SPIKE, spike(times, x, i, limits, max_gap, noise))
                mask |= changes(times, x, i, limits, max_gap, look_back)
                mask |= bits(k.PERSISTENCE, still(times, rows, i, c, limits, interval))
            of_row.append(mask)
        found.append(of_row)
    return found
