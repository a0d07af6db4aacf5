"""Our own messages as they are published. Kept apart from the decoders: a tower's small computer imports only this."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC

import cbor2
import orjson
import zstandard

from core.clock import from_ns
from core.records import Reading, SampleBlock

FLOAT32_LE = 85
"""RFC 8746 tag of an array of little-endian IEEE 754 binary32."""


def encode_block(block: SampleBlock, *, compress: bool = False) -> bytes:
    """Encode a block as it is published.

    Parameters
    ----------
    block : SampleBlock
        Samples of shape (channels, n).
    compress : bool
        Put a zstd frame around it.
    """
    fields: dict[str, object] = {"v": 1, "t": block.start_ns, "dt": block.dt_ns, "n": block.samples.shape[1]}
    if block.run:
        fields["run"] = block.run
    if block.seq is not None:
        fields["seq"] = block.seq
    fields["c"] = {
        name: cbor2.CBORTag(FLOAT32_LE, row.astype("<f4").tobytes())
        for name, row in zip(block.channels, block.samples, strict=True)
    }
    content = cbor2.dumps(fields)
    return zstandard.ZstdCompressor().compress(content) if compress else content


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
