"""Our own messages as they are published. Kept apart from the decoders: a tower's small computer imports only this."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC

import cbor2
import numpy as np
import orjson
import zstandard

from core.clock import from_ns
from core.records import Float32Array, Reading, SampleBlock

FLOAT32_LE = 85
"""RFC 8746 tag of an array of little-endian IEEE 754 binary32."""
INT16_LE = 77
"""RFC 8746 tag of an array of little-endian signed 16-bit integers."""
INT16_MISSING = -32_768
"""The step that says: missing."""
Steps = Mapping[str, tuple[float, float]]
"""Channel -> its resolution and offset, as the station file declares them."""


def encode_block(block: SampleBlock, *, compress: bool = False, steps: Steps | None = None) -> bytes:
    """Encode a block as it is published.

    The samples stay what they are, bit for bit: a channel goes as int16 only where all its samples are whole steps.

    Parameters
    ----------
    block : SampleBlock
        Samples of shape (channels, n).
    compress : bool
        Put a zstd frame around it.
    steps : mapping of str to (float, float), optional
        Channels that may go as int16: resolution and offset.
    """
    fields: dict[str, object] = {"v": 1, "t": block.start_ns, "dt": block.dt_ns, "n": block.samples.shape[1]}
    if block.run:
        fields["run"] = block.run
    if block.seq is not None:
        fields["seq"] = block.seq
    fields["c"] = {
        name: _typed_array(row, (steps or {}).get(name))
        for name, row in zip(block.channels, block.samples, strict=True)
    }
    content = cbor2.dumps(fields)
    return zstandard.ZstdCompressor().compress(content) if compress else content


def _typed_array(samples: Float32Array, step: tuple[float, float] | None) -> cbor2.CBORTag:
    if step is not None:
        resolution, offset = step
        missing = np.isnan(samples)
        with np.errstate(over="ignore", invalid="ignore"):
            counts = np.rint((samples.astype(np.float64) - offset) / resolution)
            values = (offset + counts * resolution).astype(np.float32)
        same = values.view(np.int32) == samples.view(np.int32)  # as bits: -0.0 is no step
        if np.all((np.abs(counts) < -INT16_MISSING) & same | missing):
            counts[missing] = INT16_MISSING
            return cbor2.CBORTag(INT16_LE, counts.astype("<i2").tobytes())
    return cbor2.CBORTag(FLOAT32_LE, samples.astype("<f4").tobytes())


def encode_reading(readings: Reading | Sequence[Reading]) -> bytes:
    """Encode a reading, or several of one stream, as they are published; NaN becomes null."""
    if isinstance(readings, Reading):
        return orjson.dumps(_fields(readings))
    return orjson.dumps([_fields(reading) for reading in readings])


def _fields(reading: Reading) -> dict[str, object]:
    time = from_ns(reading.time_ns).astimezone(UTC).isoformat().replace("+00:00", "Z")
    fields: dict[str, object] = {"t": time if reading.time_ns % 1000 == 0 else reading.time_ns}
    if reading.run:
        fields["run"] = reading.run
    if reading.seq is not None:
        fields["seq"] = reading.seq
    fields["v"] = {name: None if math.isnan(value) else value for name, value in reading.values.items()}
    return fields
