"""Our high-rate block, in CBOR or in JSON: its first character tells which."""

from __future__ import annotations

from core.records import SampleBlock
from ingest.payloads import block_cbor, block_json
from ingest.payloads.format import MessageFormat, MessageSource


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[SampleBlock]:
    """Decode one block.

    Raises
    ------
    PayloadError
        Anything that is no block, whatever the bytes are.
    """
    if payload[:64].lstrip()[:1] == b"{":
        return block_json.decode(source, payload, now_ns)
    return block_cbor.decode(source, payload, now_ns)


FORMAT = MessageFormat(decode, kinds=("block",))
