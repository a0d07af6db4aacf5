"""Per-minute statistics of sample blocks, computed as they are written so that charts never touch raw samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray, SampleBlock

MINUTE_NS = 60 * NS


@dataclass(slots=True)
class MinutePart:
    """Statistics of some samples of one minute, one entry a channel; without a valid sample n = 0 and the rest NaN.

    ``sd`` has the divisor n, so that parts combine exactly.
    """

    n: NDArray[np.int64]
    mean: FloatArray
    min: FloatArray
    max: FloatArray
    sd: FloatArray


def minute_parts(block: SampleBlock) -> list[tuple[int, MinutePart]]:
    """Return (start of the minute in ns, statistics) for every minute that a block touches."""
    times = block.start_ns + block.dt_ns * np.arange(block.samples.shape[1], dtype=np.int64)
    minutes = times // MINUTE_NS
    edges = np.flatnonzero(np.diff(minutes)) + 1
    pieces = np.split(block.samples.astype(np.float64), edges, axis=1)
    starts = minutes[np.concatenate(([0], edges))] * MINUTE_NS
    return [(int(start), _statistics(piece)) for start, piece in zip(starts, pieces, strict=True)]


def combine(a: MinutePart, b: MinutePart) -> MinutePart:
    """Combine the statistics of two disjoint parts of a minute (Chan et al. 1979, doi:10.2307/2683386)."""
    n = a.n + b.n
    some = np.maximum(n, 1)
    mean_a, mean_b = np.where(a.n > 0, a.mean, 0.0), np.where(b.n > 0, b.mean, 0.0)
    sd_a, sd_b = np.where(a.n > 0, a.sd, 0.0), np.where(b.n > 0, b.sd, 0.0)
    mean = (a.n * mean_a + b.n * mean_b) / some
    variance = (a.n * sd_a**2 + b.n * sd_b**2 + (mean_a - mean_b) ** 2 * a.n * b.n / some) / some
    empty = n == 0
    return MinutePart(
        n=n,
        mean=np.where(empty, np.nan, mean),
        min=np.fmin(a.min, b.min),
        max=np.fmax(a.max, b.max),
        sd=np.where(empty, np.nan, np.sqrt(variance)),
    )


def _statistics(samples: FloatArray) -> MinutePart:
    valid = np.isfinite(samples)
    n = valid.sum(axis=1)
    some = np.maximum(n, 1)
    mean = np.where(valid, samples, 0.0).sum(axis=1) / some
    deviation = np.where(valid, samples - mean[:, None], 0.0)
    sd = np.sqrt((deviation**2).sum(axis=1) / some)
    low = np.where(valid, samples, np.inf).min(axis=1)
    high = np.where(valid, samples, -np.inf).max(axis=1)
    empty = n == 0
    return MinutePart(
        n=n,
        mean=np.where(empty, np.nan, mean),
        min=np.where(empty, np.nan, low),
        max=np.where(empty, np.nan, high),
        sd=np.where(empty, np.nan, sd),
    )
