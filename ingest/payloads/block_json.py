"""The JSON twin of the block, for people: the same keys, arrays as lists, null is a missing sample."""

from __future__ import annotations

import numpy as np
import orjson

from core.errors import PayloadError
from core.records import Float32Array, SampleBlock
from ingest.payloads.checks import block, check_size, number, shown
from ingest.topics import Topic


def decode(topic: Topic, payload: bytes) -> list[SampleBlock]:
    """Decode one block; ``t`` is RFC 3339 or nanoseconds since 1970 UTC.

    Raises
    ------
    PayloadError
        Anything that is no block, whatever the bytes are.
    """
    check_size(payload)
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"no valid JSON: {shown(error.msg)}", offset=error.pos) from None
    return [block(topic, fields, _float32_list)]


def encode_block(block: SampleBlock) -> bytes:
    """Encode a block as JSON: samples keep their float32 value, NaN becomes null."""
    fields: dict[str, object] = {"v": 1, "t": block.start_ns, "dt": block.dt_ns, "n": block.samples.shape[1]}
    if block.run:
        fields["run"] = block.run
    if block.seq is not None:
        fields["seq"] = block.seq
    fields["c"] = dict(zip(block.channels, block.samples.tolist(), strict=True))
    return orjson.dumps(fields)


def _float32_list(value: object, name: str) -> Float32Array:
    if not isinstance(value, list):
        raise PayloadError(f"c.{name!a}: expected a list of numbers, got {shown(value)}")
    return np.array([number(item, f"c.{name!a}") for item in value], np.float32)
