"""Compiled checks of readings: arrays in, masks out. numba and numpy only.

All in one file: what is compiled is kept on disk, and made anew when its own file changes but not when one does that it
calls. A mask has a bit for *suspect* of each check in its lower half, and one for *bad* 16 places above.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])

BAD_LOW, BAD_HIGH, SUSPECT_LOW, SUSPECT_HIGH = 0, 1, 2, 3
SPIKE_SUSPECT, SPIKE_BAD, SPIKE_AVERAGE, NOISE_LEAST, NOISE_FACTOR = 4, 5, 6, 7, 8
STEP_SUSPECT, STEP_BAD, RATE_SUSPECT, RATE_BAD = 9, 10, 11, 12
TOLERANCE, STILL_SUSPECT_NS, STILL_BAD_NS, STILL_LOW, STILL_HIGH, COMPANION, COMPANION_ABOVE = (
    13,
    14,
    15,
    16,
    17,
    18,
    19,
)
PERIOD, FACTOR, OFFSET, WIDTH = 20, 21, 22, 23
"""Columns of the table of limits: a row a channel, in its own unit; NaN is no limit.

``SPIKE_AVERAGE`` 1 chooses the average of the neighbours, 0 the smaller difference. ``COMPANION`` is another channel
that must be above ``COMPANION_ABOVE`` all the while, -1 if there is none. ``PERIOD`` is 360 of angles, 0 of the rest.
A value times ``FACTOR`` plus ``OFFSET`` is in the unit of the rules. ``WIDTH`` is the number of columns.
"""
RANGE, CLIMATOLOGY, SPIKE, STEP, RATE, PERSISTENCE = 0, 1, 2, 3, 4, 5
"""Places of the checks of a single channel in a mask."""
DEW, GUST, PHOTONS, SUN, ALBEDO, HUMIDITY, DEW_HUMIDITY, LONGWAVE, NET, SIGNAL = 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
"""Places of what channels of a message have to do with each other."""
BAD_SHIFT = 16
"""How far above the bit of a suspect the one of a bad value is."""
RULE_MEMBERS = 5
"""Channels that a rule may have; -1 is none."""
RETURN = 0.5
"""A change that leaves less than this share of itself to the reading before the last one is a return from a spike."""
EDGE = 1e-6
"""A range within this share of the tolerance is not below it: 12.4 - 12.3 is less than 0.1 in floating point."""
BOLTZMANN = 5.670374419e-8
"""Stefan-Boltzmann constant. [W m-2 K-4]"""
SOLAR_CONSTANT = 1361.0
"""Kopp & Lean (2011), doi:10.1029/2010GL045777. [W m-2]"""
DAY_NS = 86_400_000_000_000
MAX_SUN_NS = 2 * 3_600_000_000_000
"""Means over more than this are not compared with the sun."""


def kernel(function: F) -> F:
    """Compile a function on plain arrays and scalars; its Python signature stays what the type checker sees."""
    try:
        return cast(F, njit(cache=True)(function))
    except RuntimeError:
        # no folder for the cache can be written: compiling in every process is slower, failing would be worse
        return cast(F, njit(function))


@kernel
def sine_of_sun(time_ns: int, latitude: float, longitude: float) -> tuple[float, float]:
    """Return the sine of the sun's elevation, and the radiation of a plane turned to it above the atmosphere. [W m-2]

    References
    ----------
    Spencer (1971), Fourier series representation of the position of the sun, Search 2(5), 172
    """
    days = time_ns / DAY_NS
    since = days - 365.2425 * math.floor(days / 365.2425)
    angle = 2.0 * math.pi * since / 365.2425
    declination = (
        0.006918
        - 0.399912 * math.cos(angle)
        + 0.070257 * math.sin(angle)
        - 0.006758 * math.cos(2 * angle)
        + 0.000907 * math.sin(2 * angle)
        - 0.002697 * math.cos(3 * angle)
        + 0.00148 * math.sin(3 * angle)
    )
    equation = 0.000075 + 0.001868 * math.cos(angle) - 0.032077 * math.sin(angle)
    equation -= 0.014615 * math.cos(2 * angle) + 0.040849 * math.sin(2 * angle)
    distance = 1.00011 + 0.034221 * math.cos(angle) + 0.00128 * math.sin(angle)
    distance += 0.000719 * math.cos(2 * angle) + 0.000077 * math.sin(2 * angle)
    hours = 24.0 * (days - math.floor(days))
    hour_angle = math.radians(15.0 * (hours - 12.0) + longitude) + equation
    height = math.radians(latitude)
    sine = math.sin(height) * math.sin(declination)
    sine += math.cos(height) * math.cos(declination) * math.cos(hour_angle)
    return sine, SOLAR_CONSTANT * distance


@kernel
def potential_radiation(time_ns: int, latitude: float, longitude: float) -> float:
    """Return the radiation on a horizontal plane above the atmosphere at a moment; 0 below the horizon. [W m-2]"""
    sine, plane = sine_of_sun(time_ns, latitude, longitude)
    return plane * max(sine, 0.0)


@kernel
def sines_of_sun(times: NDArray[np.int64], latitude: float, longitude: float) -> NDArray[np.float64]:
    """Return the sine of the sun's elevation at many moments."""
    sines = np.empty(times.size)
    for i in range(times.size):
        sines[i] = sine_of_sun(times[i], latitude, longitude)[0]
    return sines


@kernel
def _difference(a: float, b: float, period: float) -> float:
    """Return a - b; of angles the shorter way round."""
    difference = a - b
    if period > 0.0 and not math.isnan(difference):
        difference -= period * math.floor(difference / period + 0.5)
    return difference


@kernel
def _saturation(celsius: float) -> float:
    """Return the saturation vapour pressure over water (WMO-No. 8, annex 4.B). [hPa]"""
    return 6.112 * math.exp(17.62 * celsius / (243.12 + celsius))


@kernel
def _severity(size: float, suspect: float, bad: float) -> int:
    """Return 2 above ``bad``, 1 above ``suspect``, else 0; NaN is no limit."""
    if size > bad:
        return 2
    return 1 if size > suspect else 0


@kernel
def _bits(place: int, severity: int) -> int:
    if severity == 0:
        return 0
    return (1 << place) | ((1 << (place + BAD_SHIFT)) if severity == 2 else 0)


@kernel
def _range(value: float, row: NDArray[np.float64]) -> int:
    if value < row[BAD_LOW] or value > row[BAD_HIGH]:
        return 2
    return 1 if value < row[SUSPECT_LOW] or value > row[SUSPECT_HIGH] else 0


@kernel
def _spike(
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    i: int,
    k: int,
    row: NDArray[np.float64],
    max_gap: int,
    noise_ns: int,
) -> int:
    if i == 0 or i + 1 >= times.size or times[i] - times[i - 1] > max_gap or times[i + 1] - times[i] > max_gap:
        return 0
    up = _difference(values[i, k], values[i - 1, k], row[PERIOD])
    down = _difference(values[i + 1, k], values[i, k], row[PERIOD])
    if math.isnan(up) or math.isnan(down):
        return 0
    if row[SPIKE_AVERAGE] == 1.0:
        return _severity(abs(up - down) / 2.0, row[SPIKE_SUSPECT], row[SPIKE_BAD])
    if up * down >= 0.0:
        return 0
    size = min(abs(up), abs(down))
    severity = _severity(size, row[SPIKE_SUSPECT], row[SPIKE_BAD])
    if severity > 0 or not size > row[NOISE_LEAST]:
        return severity
    total, count = 0.0, 0
    j = i - 1
    while j > 0 and times[i] - times[j - 1] <= noise_ns:
        change = _difference(values[j, k], values[j - 1, k], row[PERIOD])
        if not math.isnan(change):
            total += abs(change)
            count += 1
        j -= 1
    return 1 if count >= 10 and size > row[NOISE_FACTOR] * (total / count) else 0


@kernel
def _still(
    times: NDArray[np.int64], values: NDArray[np.float64], i: int, k: int, row: NDArray[np.float64], interval: int
) -> int:
    value = values[i, k]
    companion = int(row[COMPANION])
    if not (row[TOLERANCE] >= 0.0 and row[STILL_LOW] < value < row[STILL_HIGH]):
        return 0
    if companion >= 0 and not values[i, companion] > row[COMPANION_ABOVE]:
        return 0
    longest = row[STILL_BAD_NS]
    low, high, span, count = 0.0, 0.0, 0, 1
    j = i - 1
    while j >= 0 and times[i] - times[j] <= longest:
        other = values[j, k]
        if not math.isnan(other):
            if companion >= 0 and not values[j, companion] > row[COMPANION_ABOVE]:
                break
            away = _difference(other, value, row[PERIOD])
            low, high = min(low, away), max(high, away)
            if not (row[STILL_LOW] < other < row[STILL_HIGH]) or high - low >= row[TOLERANCE] * (1.0 - EDGE):
                break
            span = times[i] - times[j]
            count += 1
        j -= 1
    if count * interval < 0.5 * span:
        return 0
    if span + interval // 2 >= row[STILL_BAD_NS]:
        return 2
    return 1 if span + interval // 2 >= row[STILL_SUSPECT_NS] else 0


@kernel
def _changes(
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    i: int,
    k: int,
    row: NDArray[np.float64],
    max_gap: int,
    look_back: int,
) -> int:
    """Compare a value with the last one that is there and possible; a return from a spike is no change."""
    value, period = values[i, k], row[PERIOD]
    steps, rates, change, seen = 0, 0, 0.0, 0
    j = i - 1
    while j >= 0 and times[i] - times[j] <= look_back and seen < 2:
        other = values[j, k]
        if not math.isnan(other) and _range(other, row) < 2:
            apart = times[i] - times[j]
            size = abs(_difference(value, other, period))
            if seen == 1:
                return 0 if size < RETURN * change else _bits(STEP, steps) | _bits(RATE, rates)
            change = size
            rates = _severity(size / (apart / 1e9), row[RATE_SUSPECT], row[RATE_BAD])
            steps = _severity(size, row[STEP_SUSPECT], row[STEP_BAD]) if apart <= max_gap else 0
            if rates == 0 and steps == 0:
                return 0
            seen = 1
        j -= 1
    return _bits(STEP, steps) | _bits(RATE, rates)


@kernel
def _sun(value: float, time_ns: int, interval: int, latitude: float, longitude: float) -> int:
    if interval > MAX_SUN_NS:
        return 0
    most, least = 0.0, np.inf
    for part in range(3):
        potential = potential_radiation(time_ns + part * interval // 2, latitude, longitude)
        most, least = max(most, potential), min(least, potential)
    if value > 1.15 * most + 20.0:
        cosine = most / SOLAR_CONSTANT
        return 2 if value > SOLAR_CONSTANT * 1.5 * cosine**1.2 + 100.0 else 1
    return 1 if least > 300.0 and value < 0.01 * least else 0


@kernel
def _photons(photons: float, radiation: float) -> int:
    if not (radiation > 100.0 or photons > 200.0):
        return 0
    ratio = photons / max(radiation, 1.0)
    return max(_severity(ratio, 2.6, 4.0), _severity(-ratio, -1.6, -1.0))


@kernel
def _dew(dew: float, air: float, humidity: float) -> int:
    if not (humidity > 10.0 and air > -20.0):
        return 0
    ratio = math.log(min(humidity, 100.0) / 100.0) + 17.62 * air / (243.12 + air)
    expected = 243.12 * ratio / (17.62 - ratio)
    # in frost some senders give the frost point, which is up to 2 K higher
    return _severity(abs(dew - expected), 2.0 if air > 0.0 else 4.0, 6.0)


@kernel
def _longwave(radiation: float, kelvin: float, upward: bool) -> int:
    """Compare with what skies and grounds give (Long & Shi 2008, doi:10.2174/1874282300802010023)."""
    low, high = 0.4 * BOLTZMANN * kelvin**4, BOLTZMANN * kelvin**4 + 25.0
    if upward:
        low, high = BOLTZMANN * (kelvin - 15.0) ** 4, BOLTZMANN * (kelvin + 25.0) ** 4
    return _severity(max(radiation - high, low - radiation), 0.0, 50.0)


@kernel
def _relation(kind: int, x: NDArray[np.float64], time_ns: int, interval: int, latitude: float, longitude: float) -> int:
    """Say how far what channels say of one moment is apart; ``x`` in the units of the rules, NaN gives 0."""
    if kind == DEW:
        return _severity(x[0] - x[1], 0.3, 1.0)
    if kind == GUST:
        return _severity(x[1] - x[0], 0.1, 0.5)
    if kind == PHOTONS:
        return _photons(x[0], x[1])
    if kind == SUN:
        return _sun(x[0], time_ns, interval, latitude, longitude)
    if kind == ALBEDO:
        return _severity(x[0] - x[1] if x[0] > 50.0 else np.nan, 20.0, 100.0)
    if kind == HUMIDITY:
        expected = _saturation(x[1]) * max(1.0 - x[2] / 100.0, 0.0)
        return _severity(abs(x[0] - expected) / (1.0 + 0.1 * expected), 1.0, 3.0)
    if kind == DEW_HUMIDITY:
        return _dew(x[0], x[1], x[2])
    if kind == LONGWAVE:
        return _longwave(x[0], x[1] + 273.15, x[2] == 1.0)
    if kind == NET:
        balance = x[1] - x[2] + x[3] - x[4]
        return _severity(abs(x[0] - balance) / (1.0 + abs(balance) / 500.0), 50.0, 200.0)
    if x[2] == 1.0:
        return _severity(x[1], 70.0, 90.0)  # of a clean LI-7500 the automatic gain is 50 to 60
    return _severity(-x[1], -70.0, -50.0)


@kernel
def _compare(
    row: NDArray[np.float64],
    table: NDArray[np.float64],
    rule: NDArray[np.int64],
    x: NDArray[np.float64],
    masks: NDArray[np.uint32],
) -> None:
    """Bring the members of a rule into its units; what is impossible by itself accuses no other channel."""
    x[2] = rule[1]
    for m in range(RULE_MEMBERS):
        k = rule[2 + m]
        if k >= 0:
            there = math.isfinite(row[k]) and masks[k] & (1 << (RANGE + BAD_SHIFT)) == 0
            x[m] = row[k] * table[k, FACTOR] + table[k, OFFSET] if there else np.nan


@kernel
def judge_rows(
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    begin: int,
    table: NDArray[np.float64],
    rules: NDArray[np.int64],
    clock: NDArray[np.int64],
    place: NDArray[np.float64],
    cells: NDArray[np.int64],
    climatology: NDArray[np.float64],
    masks: NDArray[np.uint32],
) -> None:
    """Judge the rows from ``begin`` on; earlier ones are their past.

    Parameters
    ----------
    times : ndarray, shape (n,), int64
        Strictly ascending. [ns]
    values : ndarray, shape (n, c), float64
        NaN is missing.
    begin : int
        First row to be judged.
    table : ndarray, shape (c, WIDTH), float64
        Limits.
    rules : ndarray, shape (r, 2 + 5 + 5), int64
        Kind, a parameter, five channels (-1: none), and whether each of these is flagged.
    clock : ndarray, shape (4,), int64
        Interval, longest gap, look-back, stretch from which the noise is told. [ns]
    place : ndarray, shape (2,), float64
        Latitude and longitude. [deg]
    cells : ndarray, shape (n,), int64
        Month times 24 plus hour of each row, 0 to 287; not read where nothing was learnt.
    climatology : ndarray, shape (c, 288, 2), float64
        Limits by month and hour; NaN is none. Shape (0, 0, 0): nothing was learnt.
    masks : ndarray, shape (n - begin, c), uint32
        Filled.
    """
    interval, max_gap, look_back, noise_ns = clock[0], clock[1], clock[2], clock[3]
    x = np.empty(RULE_MEMBERS)
    for i in range(begin, times.size):
        for k in range(values.shape[1]):
            value, row = values[i, k], table[k]
            masks[i - begin, k] = 0
            if not math.isfinite(value):
                continue
            mask = _bits(RANGE, _range(value, row))
            if climatology.shape[0] > 0:
                low, high = climatology[k, cells[i], 0], climatology[k, cells[i], 1]
                mask |= _bits(CLIMATOLOGY, 1 if value < low or value > high else 0)
            mask |= _bits(SPIKE, _spike(times, values, i, k, row, max_gap, noise_ns))
            mask |= _changes(times, values, i, k, row, max_gap, look_back)
            masks[i - begin, k] = mask | _bits(PERSISTENCE, _still(times, values, i, k, row, interval))
        for r in range(rules.shape[0]):
            _compare(values[i], table, rules[r], x, masks[i - begin])
            severity = _relation(rules[r, 0], x, times[i], interval, place[0], place[1])
            for m in range(RULE_MEMBERS):
                if severity > 0 and rules[r, 2 + RULE_MEMBERS + m] == 1:
                    masks[i - begin, rules[r, 2 + m]] |= np.uint32(_bits(rules[r, 0], severity))
