"""Slow, obvious twins of the kernels: plain Python on lists, written from the definitions."""

from __future__ import annotations

import csv
import math
import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

Series = Sequence[float]


def present(x: Series) -> list[float]:
    return [value for value in x if not math.isnan(value)]


def mean(x: Series) -> float:
    return math.fsum(x) / len(x) if len(x) else math.nan


def variance(x: Series, less: int = 0) -> float:
    average = mean(x)
    return math.fsum((value - average) ** 2 for value in x) / (len(x) - less)


def covariance(x: Series, y: Series) -> float:
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if not math.isnan(a) and not math.isnan(b)]
    if len(pairs) < 2:
        return math.nan
    mean_x, mean_y = mean([a for a, _ in pairs]), mean([b for _, b in pairs])
    return math.fsum((a - mean_x) * (b - mean_y) for a, b in pairs) / len(pairs)


def mean_block_covariance(x: Series, y: Series, blocks: int) -> float:
    size = len(x) // blocks
    parts = [covariance(x[k * size : (k + 1) * size], y[k * size : (k + 1) * size]) for k in range(blocks)]
    return mean(present(parts))


def shift(x: Series, lag: int) -> list[float]:
    return [x[i + lag] if 0 <= i + lag < len(x) else math.nan for i in range(len(x))]


def lagged_covariances(x: Series, y: Series, first: int, last: int) -> list[float]:
    return [covariance(x, shift(y, lag)) for lag in range(first, last + 1)]


def line(x: Series, parts: int) -> list[float]:
    result = []
    for part in range(parts):
        first, last = part * len(x) // parts, (part + 1) * len(x) // parts
        points = [(float(t), x[t]) for t in range(first, last) if not math.isnan(x[t])]
        times, values = [t for t, _ in points], [value for _, value in points]
        slope = covariance(times, values) / variance(times) if len(points) > 1 else 0.0
        result += [mean(values) + slope * (t - mean(times)) for t in range(first, last)]
    return result


def running_mean(x: Series, window: int) -> list[float]:
    return [mean(present(x[max(0, i + 1 - window) : i + 1])) for i in range(len(x))]


def fading_mean(x: Series, window: int) -> list[float]:
    decay = math.exp(-1 / window)
    result = []
    for i in range(len(x)):
        start, later = present(x[: min(window, i + 1)]), present(x[window : i + 1])
        if not start:
            start, later = later[:1], later[1:]
        ages = [len(later) - 1 - k for k in range(len(later))]
        faded = [(1 - decay) * decay**age * value for age, value in zip(ages, later, strict=True)]
        result.append(decay ** len(later) * mean(start) + math.fsum(faded))
    return result


def rotate(u: Series, v: Series, w: Series, yaw: float, pitch: float) -> list[tuple[float, float, float]]:
    rotated = []
    for a, b, c in zip(u, v, w, strict=True):
        if math.isnan(a) or math.isnan(b) or math.isnan(c):
            rotated.append((math.nan,) * 3)
            continue
        level, across = a * math.cos(yaw) + b * math.sin(yaw), -a * math.sin(yaw) + b * math.cos(yaw)
        along = level * math.cos(pitch) + c * math.sin(pitch)
        rotated.append((along, across, -level * math.sin(pitch) + c * math.cos(pitch)))
    return rotated


def transform(u: Series, v: Series, w: Series, axes: Sequence[Series], bias: float) -> list[tuple[float, float, float]]:
    turned = []
    for wind in zip(u, v, w, strict=True):
        if any(math.isnan(component) for component in wind):
            turned.append((math.nan,) * 3)
            continue
        x, y, z = (math.fsum(a * b for a, b in zip(axis, wind, strict=True)) for axis in axes)
        turned.append((x, y, z - bias))
    return turned


def window_of(i: int, n: int, window: int, step: int) -> int:
    """Number of the window whose middle step holds sample i, counting samples from one as the definition does."""
    positions = (n - window) // step + 1
    middle = window // 2 - step // 2
    for k in range(positions):
        if k * step + middle <= i + 1 < k * step + middle + step:
            return k
    return 0 if i + 1 < middle else positions - 1


def despike_pass(
    x: Series, replaced: set[int], window: int, step: int, limit: float, longest: int
) -> tuple[list[float], int, int, int, list[tuple[float, float]]]:
    """Return the series after one pass, spikes, spikes seen before, outliers kept, and each sample's (mean, sd).

    ``replaced`` holds the samples that passes before replaced, and takes up this one's.
    """
    n = len(x)
    norms = []
    for i in range(n):
        k = window_of(i, n, window, step)
        values = present(x[k * step : k * step + window])
        enough = len(values) > 1
        norms.append((mean(values), math.sqrt(variance(values, 1))) if enough else (math.nan, math.nan))

    def is_outlier(i: int) -> bool:
        average, sd = norms[i]
        return abs(x[i] - average) > limit * sd

    result = list(x)
    spikes = repeated = kept = 0
    i = 0
    while i < n:
        if not is_outlier(i):
            i += 1
            continue
        end = i
        while end < n and (is_outlier(end) or math.isnan(x[end])):
            end += 1
        length = end - i
        if end == n or length > longest:
            kept += length
        else:
            repeated += end - 1 in replaced
            spikes += end - 1 not in replaced
            replaced.update(range(i, end))
            for j in range(i, end):
                if i > 0:
                    result[j] = result[i - 1] + (x[end] - result[i - 1]) * (j - i + 1) / (length + 1)
                elif not math.isnan(x[j]):
                    average, sd = norms[0]
                    result[j] = min(max(x[j], average - limit * sd), average + limit * sd)
        i = end
    return result, spikes, repeated, kept, norms


def cospectrum(x: Series, y: Series, dt: float, window: Series) -> list[float]:
    """Return one-sided densities at 1/(n dt)...: amplitudes of the waves in both series behind a window."""
    n = len(x)
    power = sum(weight * weight for weight in window)

    def amplitude(series: Series, k: int) -> complex:
        middle = mean(series)
        return sum(
            (series[i] - middle)
            * window[i]
            * complex(math.cos(2 * math.pi * k * i / n), math.sin(2 * math.pi * k * i / n))
            for i in range(n)
        )

    found = []
    for k in range(1, n // 2 + 1):
        both = (amplitude(x, k) * amplitude(y, k).conjugate()).real
        found.append((1.0 if 2 * k == n else 2.0) * dt / power * both)
    return found


def cross_covariances(x: Series, y: Series, reach: int) -> list[float]:
    mean_x, mean_y = mean(present(x)), mean(present(y))
    result = []
    for lag in range(-reach, reach + 1):
        pairs = [(x[i], y[i + lag]) for i in range(len(x)) if 0 <= i + lag < len(y)]
        products = [(a - mean_x) * (b - mean_y) for a, b in pairs if not math.isnan(a) and not math.isnan(b)]
        result.append(mean(products))
    return result


def kljun_2015(east: float, north: float, direction: float, length: float, width: float) -> float:
    """Share of the flux per area at one place, before the integral is made 1."""
    x = (east * math.sin(direction) + north * math.cos(direction)) / length
    y = north * math.sin(direction) - east * math.cos(direction)
    if x <= 0.1359:
        return 0.0
    along = 1.4524 * (x - 0.1359) ** -1.9914 * math.exp(-1.4622 / (x - 0.1359)) / length
    sigma = 2.17 * math.sqrt(1.66 * x**2 / (1 + 20.0 * x)) * width
    return along / (math.sqrt(2 * math.pi) * sigma) * math.exp(-(y**2) / (2 * sigma**2))


def bridge_outliers(x: Series, low: float, high: float) -> tuple[list[float], int]:
    good = [i for i, value in enumerate(x) if low <= value <= high]
    bad = [i for i, value in enumerate(x) if value < low or value > high]
    result = list(x)
    for i in bad if good else []:
        before = max((k for k in good if k < i), default=None)
        after = min((k for k in good if k > i), default=None)
        if before is None or after is None:
            result[i] = x[after if before is None else before]
        else:
            result[i] = x[before] + (x[after] - x[before]) * (i - before) / (after - before)
    runs = sum(not any(k in bad for k in range(max([0, *(k + 1 for k in good if k < i)]), i)) for i in bad)
    return result, runs


def bin_windows(x: Series, window: int, bins: int, reach: float, tail: float) -> tuple[float, float, float]:
    half = min(window, len(x)) // 2
    empty = central = extreme = 0.0
    for start in range(0, len(x) - 2 * half + 1, half) if half else ():
        part = x[start : start + 2 * half]
        valid = present(part)
        if len(valid) < 2:
            continue
        if min(valid) == max(valid):
            central = max(central, len(valid) / len(part))
            continue
        wide = reach * math.sqrt(variance(valid)) / 2
        low, high = min(valid), max(valid)
        if high - low > 2 * wide:
            low, high = mean(valid) - wide, mean(valid) + wide
        places = [
            min(int((value - low) * (bins / (high - low))), bins - 1) if low <= value <= high else None
            for value in part
        ]
        inside = sorted(place for place in places if place is not None)
        empty = max(empty, 1 - len(set(inside)) / bins)
        for place in set(inside):
            stays = [len(list(run)) for value, run in groupby(places) if value == place]
            longest = max(stays) / len(part) if max(stays) > len(part) // 100 else 0.0
            middle = (bisect_left(inside, place) + bisect_right(inside, place)) / 2 / len(inside)
            if tail <= middle <= 1 - tail:
                central = max(central, longest)
            else:
                extreme = max(extreme, longest)
    return empty, central, extreme


def trend_line(x: Series) -> tuple[int, float, float, float]:
    places = [i for i, value in enumerate(x) if not math.isnan(value)]
    if not places:
        return 0, math.nan, 0.0, 0.0
    values, middle = present(x), mean(places)
    squares = math.fsum((i - middle) ** 2 for i in places)
    products = math.fsum((i - middle) * value for i, value in zip(places, values, strict=True))
    return len(places), mean(values), products / squares if squares else 0.0, middle


def shape(x: Series) -> tuple[float, float]:
    _, average, slope, middle = trend_line(x)
    away = [value - average - slope * (i - middle) for i, value in enumerate(x) if not math.isnan(value)]
    second, third, fourth = (mean([value**power for value in away]) for power in (2, 3, 4))
    return third / second**1.5, fourth / second**2


def largest_steps(x: Series, stride: int, reach: int) -> tuple[float, float, float]:
    x = x[: len(x) // stride * stride]
    half = stride * reach
    means, variances = [0.0], [0.0]
    for middle in range(half, len(x) - half + 1, stride):
        before, after = present(x[middle - half : middle]), present(x[middle : middle + half])
        if 2 * min(len(before), len(after)) >= half:
            means.append(abs(mean(after) - mean(before)))
            variances.append(abs(variance(after) - variance(before)))
    valid = present(x)
    return max(means), max(variances), variance(valid) if valid else math.nan


def steep_share(u: Series, v: Series, w: Series, low: float, high: float) -> float:
    angles = [math.atan2(c, math.hypot(a, b)) for a, b, c in zip(u, v, w, strict=True) if not math.isnan(a + b + c)]
    steep = [angle for angle in angles if not math.atan(low) <= angle <= math.atan(high)]
    return len(steep) / len(angles) if angles else math.nan


def is_inside(point, ring) -> bool:
    """Tell whether a point lies within a ring: a ray from it crosses the ring an odd number of times."""
    px, py = point
    crossed = (
        (y0 > py) != (y1 > py) and px < x0 + (py - y0) / (y1 - y0) * (x1 - x0) for (x0, y0), (x1, y1) in pairwise(ring)
    )
    return sum(crossed) % 2 == 1


def read_table(text: bytes, columns: Sequence[int], missing: Sequence[str]) -> tuple[list[int], list[list[float]]]:
    """Stamps [ns since 1970] of the first column, and numbers of others; a mark is missing however written."""

    def number(field: str) -> float:
        value = math.nan if field in missing else float(field)
        return math.nan if value in marks else value

    marks = [float(word) for word in missing if word.strip("-").isdigit()]
    times, values = [], []
    for row in csv.reader(text.decode().splitlines()):
        since = datetime.fromisoformat(row[0][:19]) - datetime(1970, 1, 1)
        times.append((since // timedelta(seconds=1)) * 10**9 + int(row[0][20:].ljust(9, "0")))
        values.append([number(row[i]) for i in columns])
    return times, values


def read_tiff(content: bytes) -> tuple[dict[int, tuple[float, ...] | str], list[list[float]]]:
    """Read tags and rows of a small-endian TIFF of 32-bit floats in deflated or plain strips, by the specification."""
    assert content[:4] == b"II*\x00"
    kinds = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 12: "d"}
    (place,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, place)
    tags: dict[int, tuple[float, ...] | str] = {}
    for i in range(count):
        tag, kind, number, value = struct.unpack_from("<HHII", content, place + 2 + 12 * i)
        form = f"<{number}s" if kind == 2 else "<" + kinds[kind] * number
        size = struct.calcsize(form)
        start = place + 2 + 12 * i + 8 if size <= 4 else value
        found = struct.unpack_from(form, content, start)
        tags[tag] = found[0].rstrip(b"\0").decode() if kind == 2 else found
    (width,), (height,), (packing,), (each,) = (tags[tag] for tag in (256, 257, 259, 278))
    values: list[float] = []
    for start, size in zip(tags[273], tags[279], strict=True):
        strip = content[int(start) : int(start) + int(size)]
        raw = zlib.decompress(strip) if packing in (8, 32946) else strip
        values += struct.unpack(f"<{len(raw) // 4}f", raw)
    assert tags[258] == (32,)
    assert tags.get(339) == (3,)
    assert tags.get(317, (1,)) == (1,)
    assert 1 <= each <= height
    return tags, [values[int(width) * row : int(width) * (row + 1)] for row in range(int(height))]


def see_through_windmaster(u: float, v: float, w: float) -> tuple[float, float, float]:
    """What a WindMaster makes of true wind: Nakai & Shimoyama (2012), eqs 10-16, power by power."""
    a = (-3.19818998552857e-10, -2.69824417931343e-8, 4.16728613218081e-6, 4.85252964763967e-4, 1.67354200080193e-2)
    b = (5.92731123831391e-10, 1.44129103378194e-7, 1.20670183305798e-5, 3.92584527104954e-4, 3.82901759130896e-3)
    c = (-1.20804470033571e-9, -1.58051314507891e-7, -4.95504975706944e-6, 1.60799801968464e-5, 1.28143810766839e-3)
    d = (2.2715401644872e-9, 3.85646200219364e-7, 2.03402753902096e-5, 3.94248403622007e-4, 9.18428193641156e-4)
    alpha = math.degrees(math.atan2(w, math.hypot(u, v)))
    gamma = 180 - math.degrees(math.atan2(v, u))
    if alpha > 0:
        alpha, gamma = -alpha, gamma + 180

    def sum_of(coefficients: Series, x: float) -> float:
        return math.fsum(k * x**power for k, power in zip(coefficients, (5, 4, 3, 2, 1), strict=True))

    three = math.sin(3 * math.radians(gamma))
    sine = 1 + sum_of(a, alpha) - three * sum_of(b, alpha)
    flat = max(alpha, -70.0)
    cosine = 1 + sum_of(c, flat) + three * sum_of(d, flat)
    return u * cosine, v * cosine, w * sine
