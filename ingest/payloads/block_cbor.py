"""Our high-rate block: a CBOR map with typed arrays (RFC 8949, RFC 8746), optionally in a zstd frame."""

from __future__ import annotations

import cbor2
import numpy as np
import zstandard

from core.errors import PayloadError
from core.records import Float32Array, SampleBlock
from ingest.encoding import FLOAT32_LE
from ingest.payloads.checks import MAX_DECOMPRESSED, block, check_size, shown
from ingest.topics import Topic

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def _refuse_tag(*_: object) -> object:
    raise ValueError("a tag that a block has no use for")


# cbor2 turns these tags into regular expressions, big numbers, cyclic references...: a sender has no business with them
_REFUSED_TAGS = dict.fromkeys(
    (*range(6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799), _refuse_tag
)


def decode(topic: Topic, payload: bytes) -> list[SampleBlock]:
    """Decode one block.

    Parameters
    ----------
    topic : Topic
        Where the bytes came from.
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
    try:
        fields = cbor2.loads(
            content,
            semantic_decoders=_REFUSED_TAGS,
            max_depth=8,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except cbor2.CBORDecodeError as error:
        raise PayloadError(f"no valid CBOR: {shown(str(error))}") from None
    return [block(topic, fields, _float32_array)]


def _float32_array(value: object, name: str) -> Float32Array:
    if not isinstance(value, cbor2.CBORTag) or value.tag != FLOAT32_LE or not isinstance(value.value, bytes):
        raise PayloadError(f"c.{name!a}: expected a float32 array (tag {FLOAT32_LE} on bytes), got {shown(value)}")
    if len(value.value) % 4:
        raise PayloadError(f"c.{name!a}: {len(value.value)} bytes are not whole float32 values")
    return np.frombuffer(value.value, "<f4")


def _decompress(payload: bytes) -> bytes:
    """Unpack a zstd frame, the whole of it or nothing."""
    try:
        # the library obeys a size that the frame declares, and the limit only where it declares none
        if zstandard.frame_content_size(payload) > MAX_DECOMPRESSED:
            raise PayloadError(f"the zstd frame holds more than {MAX_DECOMPRESSED} bytes: send shorter blocks")
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_DECOMPRESSED)
        return decompressor.decompress(payload, max_output_size=MAX_DECOMPRESSED, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PayloadError(f"no valid zstd frame of at most {MAX_DECOMPRESSED} bytes: {shown(str(error))}") from None
