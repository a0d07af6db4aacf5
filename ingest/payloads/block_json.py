"""The JSON twin of the block, for people: the same keys, arrays as lists, null is a missing sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import orjson

from core.errors import PayloadError
from core.records import Float32Array, SampleBlock
from ingest.payloads.checks import block, check_count, json_value, number, shown
from ingest.payloads.format import MessageSource


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[SampleBlock]:
    """Decode one block; ``t`` is RFC 3339 or nanoseconds since 1970 UTC.

    Raises
    ------
    PayloadError
        Anything that is no block, whatever the bytes are.
    """
    return [block(source, json_value(payload), _matrix)]


def encode_block(block: SampleBlock) -> bytes:
    """Encode a block as JSON: samples keep their float32 value, NaN becomes null."""
    fields: dict[str, object] = {"v": 1, "t": block.start_ns, "dt": block.dt_ns, "n": block.samples.shape[1]}
    if block.run:
        fields["run"] = block.run
    if block.seq is not None:
        fields["seq"] = block.seq
    fields["c"] = dict(zip(block.channels, block.samples.tolist(), strict=True))
    return orjson.dumps(fields)


def _matrix(channels: Mapping[str, object], n: int) -> Float32Array:
    samples = np.empty((len(channels), n), np.float32)
    for row, (name, values) in zip(samples, channels.items(), strict=True):
        if not isinstance(values, list):
            raise PayloadError(f"c.{name!a}: expected a list of numbers, got {shown(values)}")
        check_count(len(values), n, name)
        key = f"c.{name!a}"
        row[:] = [number(value, key) for value in values]
    return samples
