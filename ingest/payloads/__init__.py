"""Decoders, pure ``bytes -> records``, one module a format. To add a format: a module and a line in ``FORMATS``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.errors import PayloadError
from core.records import LoggerState, Reading, SampleBlock
from ingest.encoding import encode_block, encode_reading
from ingest.payloads import (
    block_cbor,
    block_json,
    campbell_csijson,
    campbell_geojson,
    reading_json,
    senml,
    state,
    toa5_line,
)
from ingest.sources import STATE, Source

__all__ = ["FORMATS", "Record", "decode", "encode_block", "encode_reading"]

Record = SampleBlock | Reading | LoggerState
Decoder = Callable[[Source, bytes, int], Sequence[Record]]


def _block(source: Source, payload: bytes, now_ns: int) -> list[SampleBlock]:
    if payload[:64].lstrip()[:1] == b"{":
        return block_json.decode(source, payload, now_ns)
    return block_cbor.decode(source, payload, now_ns)


FORMATS: dict[str, Decoder] = {
    "block": _block,
    "reading": reading_json.decode,
    "senml-json": senml.decode_json,
    "senml-cbor": senml.decode_cbor,
    "campbell-geojson": campbell_geojson.decode,
    "campbell-csijson": campbell_csijson.decode,
    "toa5-line": toa5_line.decode,
    STATE: state.decode,
}
"""Decoders by the format of a source."""


def decode(source: Source, payload: bytes, now_ns: int) -> Sequence[Record]:
    """Turn a message into records.

    Parameters
    ----------
    source : Source
        What the message's topic means: the format, and which station and stream the records get.
    payload : bytes
        Whatever the sender published.
    now_ns : int
        When it came; some formats give times relative to it. [ns since 1970 UTC]

    Returns
    -------
    sequence of SampleBlock, Reading or LoggerState
        At least one record, in the order sent.

    Raises
    ------
    PayloadError
        The bytes are no such record; names source and station. No other error leaves this function.
    """
    try:
        return FORMATS[source.format](source, payload, now_ns)
    except PayloadError as error:
        raise PayloadError(error.reason, topic=str(source), station=source.station, offset=error.offset) from None
