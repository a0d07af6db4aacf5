"""The compacted form of sample blocks: a half-hour of one stream as two short byte strings, and back bit for bit.

A channel whose sensor has a known resolution is stored as whole steps (int-delta), the few values that are not a whole
step (NaN, infinities, -0.0, spikes of another grid) beside them as they are; any other channel as its bytes, those of
equal weight together (shuffle). Both then go through zstd. All 2^32 float32 patterns come back as they were, with the
payload of every NaN.

Nothing in here knows the database. A byte string that is not one of ours is a ``StoreError``, and what it may unpack to
is bounded before it is unpacked.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import StoreError
from core.records import Float32Array
from core.store.byte_planes import (
    framed,
    from_planes,
    pack,
    planes,
    sealed,
    unframed,
    unpack,
    unsealed,
    unzigzag,
    zigzag,
)

CODEC_VERSION = 1
"""Version of the format; stored with every blob."""
MAX_VALUES = 1 << 26
"""Most values of a blob: half an hour at 1000 Hz in 32 channels. What is more stays in rows."""
MAX_BLOCKS = 1 << 20
HEAD_FIELDS = ("start_us", "n", "dt_ns", "seq", "received_us")
"""Of a block: START [us since 1970 UTC], samples, step [ns], sender's number (-1 = none), when it was stored [us]."""

_SHUFFLE, _DOUBLE, _SINGLE = 0, 1, 2
"""As bytes; as whole steps whose product with the resolution was rounded once, or made of two float32."""
_CHANNEL = struct.Struct("<BBBddqII")
"""Method, order of differences, planes, resolution, offset, first value in steps, exceptions and their bytes."""
_MAX_STEP = float(1 << 40)
_VALUES_PER_EXCEPTION = 50
"""With more than one exception in so many values the shuffled form is tried, too."""


class SensorSteps(NamedTuple):
    """The values that a sensor can give: whole steps from an offset, both in the channel's unit."""

    resolution: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """Sample blocks of one layout of a stream, in the order of time.

    Attributes
    ----------
    head : ndarray, shape (len(HEAD_FIELDS), blocks), int64
        What is known of each block besides its samples.
    samples : ndarray, shape (channels, sum of n), float32
        The blocks one after the other.
    """

    head: NDArray[np.int64]
    samples: Float32Array

    @property
    def start_us(self) -> NDArray[np.int64]:
        """START of each block. [us since 1970 UTC]"""
        start_us: NDArray[np.int64] = self.head[0]
        return start_us

    @property
    def n(self) -> NDArray[np.int64]:
        """Samples of each block."""
        n: NDArray[np.int64] = self.head[1]
        return n

    @property
    def dt_ns(self) -> NDArray[np.int64]:
        """Time between samples of each block. [ns]"""
        dt_ns: NDArray[np.int64] = self.head[2]
        return dt_ns

    def equals(self, other: Blocks) -> bool:
        """Say whether both hold the same, bit for bit."""
        bits, others = self.samples.view(np.uint32), other.samples.view(np.uint32)
        return np.array_equal(self.head, other.head) and np.array_equal(bits, others)


def join_blocks(parts: Sequence[Blocks]) -> Blocks:
    """Put blocks together in the order of time; of those with the same start the first one stays."""
    if len(parts) == 1:
        return parts[0]
    head = np.concatenate([part.head for part in parts], axis=1)
    samples = np.concatenate([part.samples for part in parts], axis=1)
    _, chosen = np.unique(head[0], return_index=True)
    if not np.array_equal(chosen, np.arange(head.shape[1])):
        ends = np.cumsum(head[1])
        places = [np.arange(ends[i] - head[1, i], ends[i]) for i in chosen]
        head, samples = head[:, chosen], samples[:, np.concatenate(places)]
    return Blocks(head, samples)


def encode_head(blocks: Blocks) -> bytes:
    """Return what is known of each block besides its samples: differences, bytes of equal weight together, zstd."""
    steps = np.diff(blocks.head, axis=1, prepend=0)
    return sealed(pack(planes(zigzag(steps), 8).tobytes()))


def decode_head(data: bytes, blocks: int) -> NDArray[np.int64]:
    """Return the table of blocks, shape (``HEAD_FIELDS``, ``blocks``).

    Raises
    ------
    StoreError
        The bytes are not such a table.
    """
    if not 0 < blocks <= MAX_BLOCKS:
        raise StoreError(f"a compacted half-hour declares {blocks} blocks: expected 1 to {MAX_BLOCKS}")
    plain = unpack(unsealed(data), 8 * len(HEAD_FIELDS) * blocks)
    steps = unzigzag(from_planes(plain, 8, len(HEAD_FIELDS) * blocks)).reshape(len(HEAD_FIELDS), blocks)
    head = np.cumsum(steps, axis=1)
    # what wraps around is not ours: starts ascend and every block has a sample
    if np.any(np.diff(head[0]) <= 0) or np.any(head[1] <= 0):
        raise StoreError("a compacted half-hour has a table of blocks that is not in order")
    return head


def encode_samples(samples: Float32Array, grids: Sequence[SensorSteps | None]) -> bytes:
    """Return samples as bytes.

    Parameters
    ----------
    samples : ndarray, shape (channels, n), float32
        Any values.
    grids : sequence of SensorSteps or None
        The values that each channel's sensor can give, where they are known.
    """
    channels = [_encode_channel(row, grid) for row, grid in zip(samples, grids, strict=True)]
    return sealed(b"".join(channels))


def decode_samples(data: bytes, channels: int, n: int) -> Float32Array:
    """Return the samples, shape (channels, n).

    Raises
    ------
    StoreError
        The bytes are not that many samples of ours.
    """
    if channels < 1 or n < 1 or channels * n > MAX_VALUES:
        raise StoreError(f"a compacted half-hour declares {channels} x {n} samples: expected at most {MAX_VALUES}")
    body = unsealed(data)
    samples = np.empty((channels, n), np.float32)
    place = 0
    for row in samples:
        place = _decode_channel(body, place, row)
    if place != len(body):
        raise StoreError(f"a compacted half-hour is damaged: {len(body) - place} bytes are left over")
    return samples


def _encode_channel(values: Float32Array, grid: SensorSteps | None) -> bytes:
    bits = np.ascontiguousarray(values).view(np.uint32)
    if grid is None:
        return _encode_shuffled(bits)
    forms = []
    for method in (_DOUBLE, _SINGLE):
        coded, exceptions = _encode_steps(values, bits, method, grid)
        if exceptions * _VALUES_PER_EXCEPTION < len(bits):
            return coded
        forms.append(coded)
    return min(*forms, _encode_shuffled(bits), key=len)


def _encode_shuffled(bits: NDArray[np.uint32]) -> bytes:
    return _CHANNEL.pack(_SHUFFLE, 0, 4, 0.0, 0.0, 0, 0, 0) + framed(planes(bits, 4))


def _encode_steps(values: Float32Array, bits: NDArray[np.uint32], method: int, grid: SensorSteps) -> tuple[bytes, int]:
    """Return a channel as whole steps, and how many values are not one."""
    with np.errstate(all="ignore"):
        exact = (values.astype(np.float64) - grid.offset) / grid.resolution
        fits = np.abs(exact) < _MAX_STEP
    steps = np.rint(np.where(fits, exact, 0.0)).astype(np.int64)
    fits &= _from_steps(steps, method, grid).view(np.uint32) == bits
    odd = np.flatnonzero(~fits)
    if len(odd):
        # an exception repeats the value before it, so that it costs no bits among the steps
        places = np.maximum.accumulate(np.where(fits, np.arange(len(bits)), 0))
        steps = steps[places]
        if not fits[0]:
            steps[: np.argmax(fits)] = steps[np.argmax(fits)] if fits.any() else 0
    first = int(steps[0])
    absolute, relative = zigzag(steps - first), zigzag(np.diff(steps, prepend=first))
    order = int(relative.sum(dtype=np.float64) < absolute.sum(dtype=np.float64))
    small = relative if order else absolute
    width = max(1, (int(small.max()).bit_length() + 7) // 8)
    mask = pack(np.packbits(~fits).tobytes() + planes(bits[odd], 4).tobytes()) if len(odd) else b""
    head = _CHANNEL.pack(method, order, width, *grid, first, len(odd), len(mask))
    return head + mask + framed(planes(small, width)), len(odd)


def _decode_channel(body: bytes, place: int, row: Float32Array) -> int:
    """Fill a channel from the bytes at ``place``; return the place after it."""
    n = len(row)
    try:
        method, order, width, *grid, first, exceptions, mask_size = _CHANNEL.unpack_from(body, place)
    except struct.error:
        raise StoreError("a compacted half-hour is cut off") from None
    place += _CHANNEL.size
    if method == _SHUFFLE and width == 4:
        plain, place = unframed(body, place, width, n)
        row.view(np.uint32)[:] = from_planes(plain, width, n)
        return place
    known = method in (_DOUBLE, _SINGLE) and order <= 1 and 1 <= width <= 8
    if not known or exceptions > n or abs(first) > _MAX_STEP:
        raise StoreError(f"a compacted half-hour has a channel of an unknown kind ({method}, {order}, {width})")
    mask, place = body[place : place + mask_size], place + mask_size
    plain, place = unframed(body, place, width, n)
    steps = unzigzag(from_planes(plain, width, n))
    if order:
        np.cumsum(steps, out=steps)
    steps += first
    row[:] = _from_steps(steps, method, SensorSteps(*grid))
    if exceptions:
        places = -(-n // 8)
        odd = np.frombuffer(unpack(mask, places + 4 * exceptions), np.uint8)
        chosen = np.unpackbits(odd[:places], count=n).view(np.bool_)
        if np.count_nonzero(chosen) != exceptions:
            raise StoreError("a compacted half-hour is damaged: its exceptions do not add up")
        row.view(np.uint32)[chosen] = from_planes(odd[places:].tobytes(), 4, exceptions)
    return place


def _from_steps(steps: NDArray[np.int64], method: int, grid: SensorSteps) -> Float32Array:
    with np.errstate(all="ignore"):
        if method == _SINGLE:
            return steps.astype(np.float32) * np.float32(grid.resolution) + np.float32(grid.offset)
        return (steps * grid.resolution + grid.offset).astype(np.float32)
