"""Numbers as short byte strings: bytes of equal weight together, packed by zstd, under a checksum.

What a byte string may unpack to is bounded before it is unpacked; one that is not ours is a ``StoreError``.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import zstandard
from numpy.typing import NDArray

from core.errors import StoreError

ZSTD_LEVEL = 3
"""On turbulence 1 to 9 give the same size, and 19 gains 4 % for twenty times the work."""


def zigzag(values: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return 0, -1, 1, -2... as 0, 1, 2, 3..., so that small numbers have only zeros in their high bytes."""
    return ((values << 1) ^ (values >> 63)).view(np.uint64)


def unzigzag(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return what ``zigzag`` was given."""
    return (values >> np.uint64(1)).view(np.int64) ^ -(values & np.uint64(1)).view(np.int64)


def planes(values: NDArray[np.unsignedinteger], width: int) -> NDArray[np.uint8]:
    """Return the ``width`` low bytes of numbers, shape (width, n): all lowest ones, then the next..."""
    size = values.dtype.itemsize
    flat = np.ascontiguousarray(values).reshape(-1).astype(values.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(flat.view(np.uint8).reshape(-1, size)[:, :width].T)


def from_planes(data: bytes, width: int, n: int) -> NDArray[np.uint64]:
    """Return the numbers whose ``planes`` these bytes are."""
    whole = np.zeros((n, 8), np.uint8)
    whole[:, :width] = np.frombuffer(data, np.uint8).reshape(width, n).T
    return whole.reshape(-1).view("<u8").astype(np.uint64, copy=False)


def framed(planes: NDArray[np.uint8]) -> bytes:
    """Return planes packed by zstd, their sizes first."""
    # a frame for each plane: zstd codes what has equal statistics with one table
    frames = [pack(plane.tobytes()) for plane in planes]
    return struct.pack(f"<{len(frames)}I", *map(len, frames)) + b"".join(frames)


def unframed(body: bytes, place: int, width: int, n: int) -> tuple[bytes, int]:
    """Return the bytes of planes that ``framed`` packed, and the place after them; ``StoreError`` if they are not."""
    try:
        sizes = struct.unpack_from(f"<{width}I", body, place)
    except struct.error:
        raise StoreError("a compacted half-hour is cut off") from None
    place += 4 * width
    planes = []
    for size in sizes:
        planes.append(unpack(body[place : place + size], n))
        place += size
    return b"".join(planes), place


def pack(plain: bytes) -> bytes:
    """Pack bytes by zstd."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(plain)


def unpack(frame: bytes, size: int) -> bytes:
    """Unpack a frame of exactly ``size`` bytes; zstd allocates what a frame declares, so that is looked at first."""
    try:
        declared = zstandard.frame_content_size(frame)
        plain = zstandard.ZstdDecompressor().decompress(frame) if declared == size else b""
    except zstandard.ZstdError as error:
        raise StoreError(f"a compacted half-hour is damaged: {error}") from None
    if len(plain) != size:
        raise StoreError(f"a compacted half-hour is damaged: {declared} bytes where {size} are expected")
    return plain


def sealed(body: bytes) -> bytes:
    """Return bytes with their checksum before them."""
    return struct.pack("<I", zlib.crc32(body)) + body


def unsealed(data: bytes) -> bytes:
    """Return bytes without the checksum before them; ``StoreError`` if it does not fit."""
    if len(data) < 4 or struct.unpack_from("<I", data)[0] != zlib.crc32(data[4:]):
        raise StoreError("a compacted half-hour is damaged: its checksum does not fit")
    return data[4:]
