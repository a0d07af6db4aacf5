"""Decoders, pure ``bytes -> records``, one module a format. To add a format: a module and a line in ``FORMATS``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import PayloadError
from core.records import Reading, SampleBlock
from ingest.encoding import encode_block, encode_reading
from ingest.payloads import block_cbor, block_json, reading_json
from ingest.topics import Kind, Topic

__all__ = ["FORMATS", "Format", "decode", "encode_block", "encode_reading"]


@dataclass(frozen=True, slots=True)
class Format:
    """One payload format: how to tell it, how to decode it."""

    name: str
    matches: Callable[[bytes], bool]
    decode: Callable[[Topic, bytes], Sequence[SampleBlock | Reading]]


def _is_json_object(payload: bytes) -> bool:
    return payload[:64].lstrip()[:1] == b"{"


def _is_anything(_: bytes) -> bool:
    return True


FORMATS: dict[Kind, tuple[Format, ...]] = {
    "block": (
        Format("block-json", _is_json_object, block_json.decode),
        Format("block-cbor", _is_anything, block_cbor.decode),
    ),
    "reading": (Format("reading-json", _is_anything, reading_json.decode),),
}
"""Formats by kind of topic; the first that matches decodes."""


def decode(topic: Topic, payload: bytes) -> list[SampleBlock | Reading]:
    """Turn a message into records.

    Parameters
    ----------
    topic : Topic
        Where the bytes came from; says which station, stream and kind the records get.
    payload : bytes
        Whatever the sender published.

    Returns
    -------
    list of SampleBlock or Reading
        At least one record, in the order sent.

    Raises
    ------
    PayloadError
        The bytes are no such record; names topic and station. No other error leaves this function.
    """
    wanted = next(format for format in FORMATS[topic.kind] if format.matches(payload))
    try:
        return list(wanted.decode(topic, payload))
    except PayloadError as error:
        where = f"{topic.station}/{topic.stream}/{topic.kind}"
        raise PayloadError(error.reason, topic=where, station=topic.station, offset=error.offset) from None
