"""Our high-rate block: a CBOR map with typed arrays (RFC 8949, RFC 8746), optionally in a zstd frame."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import cast

import cbor2
import numpy as np
import zstandard
from numpy.typing import NDArray

from core.errors import PayloadError
from core.records import Float32Array, FloatArray, SampleBlock
from core.station import Stream
from ingest.encoding import FLOAT32_LE, INT16_LE, INT16_MISSING
from ingest.payloads.checks import MAX_DECOMPRESSED, SAME_LENGTH, block, cbor_value, check_size, shown
from ingest.payloads.format import MessageSource

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_local = threading.local()
_SIZES = {FLOAT32_LE: 4, INT16_LE: 2}


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[SampleBlock]:
    """Decode one block.

    Parameters
    ----------
    source : MessageSource
        Where the bytes came from; declares the steps that int16 samples count.
    payload : bytes
        CBOR, or a zstd frame of it.

    Returns
    -------
    list of SampleBlock
        One block; samples float32, NaN is a missing sample.

    Raises
    ------
    PayloadError
        Anything else, whatever the bytes are.
    """
    check_size(payload)
    content = _decompress(payload) if payload.startswith(ZSTD_MAGIC) else payload
    fields = cbor_value(content, text_keys=True)
    return [block(source, fields, lambda channels, n: _matrix(channels, n, source.declared))]


def _matrix(channels: Mapping[str, object], n: int, declared: Stream | None) -> Float32Array:
    parts = []
    for value in channels.values():
        content = value.value if type(value) is cbor2.CBORTag and value.tag == FLOAT32_LE else None
        if type(content) is not bytes or len(content) != 4 * n:
            return _mixed(channels, n, declared)
        parts.append(content)
    return np.frombuffer(b"".join(parts), "<f4").reshape(len(parts), n)


def _mixed(channels: Mapping[str, object], n: int, declared: Stream | None) -> Float32Array:
    """Read channels that are not all float32: some are int16, or not what they should be."""
    samples = np.empty((len(channels), n), np.float32)
    rows: list[int] = []
    parts: list[bytes] = []
    steps: list[tuple[float, float]] = []
    for row, (name, value) in enumerate(channels.items()):
        tag, content = (value.tag, value.value) if type(value) is cbor2.CBORTag else (0, None)
        if tag not in _SIZES or not isinstance(content, bytes):
            got = f"tag {value.tag}" if type(value) is cbor2.CBORTag else shown(value)
            raise PayloadError(
                f"c.{name!a}: expected a typed array (tag {FLOAT32_LE} or {INT16_LE} on bytes), got {got}: "
                f"send little-endian float32, in numpy CBORTag({FLOAT32_LE}, samples.astype('<f4').tobytes())"
            )
        if len(content) != n * _SIZES[tag]:
            given = len(content) / _SIZES[tag]
            raise PayloadError(f"c.{name!a}: expected n = {n} samples, got {given:g}: {SAME_LENGTH}")
        if tag == INT16_LE:
            rows.append(row)
            parts.append(content)
            steps.append(_step(name, declared))
        else:
            samples[row] = np.frombuffer(content, "<f4")
    if rows:
        samples[rows] = _from_steps(np.frombuffer(b"".join(parts), "<i2").reshape(len(rows), n), np.array(steps))
    return samples


def _step(name: str, declared: Stream | None) -> tuple[float, float]:
    """Return resolution and offset of a channel."""
    channel = declared.channel_called(name) if declared is not None else None
    if channel is None or channel.resolution is None:
        raise PayloadError(
            f"c.{name!a}: int16 samples count steps, and the station file declares no `resolution` of that channel: "
            "add it and run `fluxtower station add FILE.toml` again, or send float32"
        )
    return channel.resolution, channel.offset


def _from_steps(counts: NDArray[np.int16], steps: FloatArray) -> FloatArray:
    values = counts * steps[:, :1] + steps[:, 1:]
    missing = counts == INT16_MISSING
    if missing.any():
        values[missing] = np.nan
    return values


def _zstd() -> zstandard.ZstdDecompressor:
    """Return this thread's decompressor: making one costs more than a block."""
    if not hasattr(_local, "zstd"):
        _local.zstd = zstandard.ZstdDecompressor(max_window_size=MAX_DECOMPRESSED)
    return cast(zstandard.ZstdDecompressor, _local.zstd)


def _decompress(payload: bytes) -> bytes:
    """Unpack a zstd frame, the whole of it or nothing."""
    try:
        # the library obeys a size that the frame declares, and the limit only where it declares none
        if zstandard.frame_content_size(payload) > MAX_DECOMPRESSED:
            raise PayloadError(f"the zstd frame holds more than {MAX_DECOMPRESSED} bytes: send shorter blocks")
        return _zstd().decompress(payload, max_output_size=MAX_DECOMPRESSED, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PayloadError(f"no valid zstd frame of at most {MAX_DECOMPRESSED} bytes: {shown(str(error))}") from None
