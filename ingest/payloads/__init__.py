"""Decoders, pure ``bytes -> records``, one module a format. To add a format: a module with its row, named here.

Another package adds one by an entry point in the group ``fluxtower.formats``: docs/guide/extend.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import ConfigError, PayloadError
from core.extensions import Choices
from core.station import HJ212
from ingest.encoding import encode_block, encode_reading
from ingest.payloads import (
    block,
    campbell_csijson,
    campbell_geojson,
    hj212,
    mapped_json,
    reading_json,
    senml,
    state,
    toa5_line,
)
from ingest.payloads.checks import shown
from ingest.payloads.format import MessageFormat, MessageSource, Record, accept_format
from ingest.payloads.records import fault_of

__all__ = ["FORMATS", "STATE", "MessageFormat", "MessageSource", "Record", "decode", "encode_block", "encode_reading"]

STATE = "state"
"""Format of messages that say whether a logger is online; no station file names it, they have a key of their own."""

FORMATS = Choices(
    {
        "block": block.FORMAT,
        "reading": reading_json.FORMAT,
        "senml-json": senml.JSON_FORMAT,
        "senml-cbor": senml.CBOR_FORMAT,
        "campbell-geojson": campbell_geojson.FORMAT,
        "campbell-csijson": campbell_csijson.FORMAT,
        "toa5-line": toa5_line.FORMAT,
        "mapped-json": mapped_json.FORMAT,
    },
    "fluxtower.formats",
    accept_format,
)
"""Formats that a station file may name."""


def decode(source: MessageSource, payload: bytes, now_ns: int) -> Sequence[Record]:
    """Turn a message into records.

    Parameters
    ----------
    source : MessageSource
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
        The bytes are no such record, or the package of the format is broken; names source and station. No other error
        leaves this function.
    """
    try:
        if source.format == STATE:
            return state.decode(source, payload, now_ns)
        if source.format == HJ212:
            return hj212.decode(source, payload, now_ns)
        if source.format in FORMATS.own:
            return FORMATS.own[source.format].decode(source, payload, now_ns)
        return _decode_outside(source, payload, now_ns)
    except PayloadError as error:
        raise PayloadError(error.reason, topic=str(source), station=source.station, offset=error.offset) from None


def _decode_outside(source: MessageSource, payload: bytes, now_ns: int) -> Sequence[Record]:
    """Decode a message of another package's format: whatever goes wrong there refuses that message and nothing else."""
    try:
        format = FORMATS[source.format]
    except KeyError:
        raise PayloadError(f"format {source.format!r}: no installed package has it: install its package") from None
    except ConfigError as error:
        raise PayloadError(f"format {source.format!r}: {error.got}") from None
    try:
        records = format.decode(source, payload, now_ns)
        fault = fault_of(source, records)
    except PayloadError:
        raise
    except Exception as error:
        fault = f"{type(error).__name__}: {shown(str(error))}"
    if fault:
        raise PayloadError(f"format {source.format!r} of {FORMATS.package_of(source.format)} fails: {fault}")
    return records
