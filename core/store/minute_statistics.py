"""Per-minute statistics of sample blocks, computed as they are written so that charts never touch raw samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import Float32Array, FloatArray
from core.store.blocks import BlockArrays, Int32Array, Int64Array

MINUTE_NS = 60 * NS


@dataclass(frozen=True, slots=True)
class MinuteParts:
    """Statistics of parts of minutes, of streams with the same number of channels.

    Attributes
    ----------
    station, stream : ndarray, shape (m,), int32
        Keys of the store.
    minute : ndarray, shape (m,), int64
        Start of the minute. [ns since 1970 UTC]
    slots : ndarray, shape (m,), int32
        Samples, also those that are NaN.
    n : ndarray, shape (m, channels), int32
        Valid samples.
    mean, min, max, sd : ndarray, shape (m, channels), float64
        NaN where n = 0. ``sd`` has the divisor n, so that parts combine exactly.
    """

    station: Int32Array
    stream: Int32Array
    minute: Int64Array
    slots: Int32Array
    n: Int32Array
    mean: FloatArray
    min: FloatArray
    max: FloatArray
    sd: FloatArray

    def __len__(self) -> int:
        return len(self.station)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.n.shape[1])

    def take(self, which: NDArray[np.int64] | slice) -> MinuteParts:
        """Return some of the parts."""
        return MinuteParts(*(getattr(self, field.name)[which] for field in fields(self)))


def minute_parts(blocks: BlockArrays) -> MinuteParts:
    """Return the statistics of every minute that each block touches; not yet merged."""
    return join_parts([_statistics(*piece) for piece in _pieces(blocks)])


def join_parts(parts: Sequence[MinuteParts]) -> MinuteParts:
    """Put parts one after another, as they are."""
    if len(parts) == 1:
        return parts[0]
    return MinuteParts(*(np.concatenate([getattr(one, field.name) for one in parts]) for field in fields(MinuteParts)))


def merge_parts(parts: MinuteParts) -> MinuteParts:
    """Merge the parts of the same stream and minute, exactly; they come out ordered by station, stream, minute.

    References
    ----------
    Chan et al. (1979), doi:10.2307/2683386
    """
    order = np.lexsort((parts.minute, parts.stream, parts.station))
    parts = parts.take(order)
    new = np.ones(len(parts), bool)
    new[1:] = (np.diff(parts.station) != 0) | (np.diff(parts.stream) != 0) | (np.diff(parts.minute) != 0)
    if new.all():
        return parts
    first = np.flatnonzero(new)
    group = np.cumsum(new) - 1
    n = np.add.reduceat(parts.n, first, axis=0)
    some = np.maximum(n, 1)
    valid = parts.n > 0
    mean = np.add.reduceat(np.where(valid, parts.n * parts.mean, 0.0), first, axis=0) / some
    # squares about the whole's mean, not about zero: nothing cancels
    squares = np.where(valid, parts.n * (parts.sd**2 + (parts.mean - mean[group]) ** 2), 0.0)
    sd = np.sqrt(np.add.reduceat(squares, first, axis=0) / some)
    return MinuteParts(
        parts.station[first],
        parts.stream[first],
        parts.minute[first],
        np.add.reduceat(parts.slots, first),
        n,
        np.where(n > 0, mean, np.nan),
        np.fmin.reduceat(parts.min, first, axis=0),
        np.fmax.reduceat(parts.max, first, axis=0),
        np.where(n > 0, sd, np.nan),
    )


def _pieces(blocks: BlockArrays) -> Iterator[tuple[Int32Array, Int32Array, Int64Array, Float32Array]]:
    """Cut blocks at the minutes; blocks that are cut at the same sample stay together."""
    n = blocks.samples.shape[2]
    minute = blocks.start_ns // MINUTE_NS * MINUTE_NS
    in_first = np.minimum(n, -((blocks.start_ns - minute - MINUTE_NS) // blocks.dt_ns))
    for cut in np.unique(in_first).tolist():
        same = blocks if len(blocks) == (in_first == cut).sum() else blocks.take(in_first == cut)
        yield same.station, same.stream, minute[in_first == cut], same.samples[:, :, :cut]
        if cut < n:
            yield from _pieces(
                BlockArrays(
                    same.station,
                    same.stream,
                    same.start_ns + cut * same.dt_ns,
                    same.dt_ns,
                    same.seq,
                    same.run,
                    same.samples[:, :, cut:],
                )
            )


def _statistics(station: Int32Array, stream: Int32Array, minute: Int64Array, samples: Float32Array) -> MinuteParts:
    m, channels, length = samples.shape
    # samples first: sums then run over long rows
    values = np.ascontiguousarray(samples.reshape(m * channels, length).T, np.float64)
    valid = np.isfinite(values)
    if valid.all():
        n = np.full(m * channels, length, np.int32)
        mean = values.sum(axis=0) / length
        low, high = values.min(axis=0), values.max(axis=0)
        values -= mean
    else:
        n = valid.sum(axis=0, dtype=np.int32)
        values[~valid] = 0.0
        mean = values.sum(axis=0) / np.maximum(n, 1)
        low = np.where(valid, values, np.inf).min(axis=0)
        high = np.where(valid, values, -np.inf).max(axis=0)
        values -= mean
        values[~valid] = 0.0
    sd = np.sqrt(np.square(values, out=values).sum(axis=0) / np.maximum(n, 1))
    for number in (mean, low, high, sd):
        number[n == 0] = np.nan
    shape = (m, channels)
    slots = np.full(m, length, np.int32)
    return MinuteParts(
        station, stream, minute, slots, n.reshape(shape), *(number.reshape(shape) for number in (mean, low, high, sd))
    )
