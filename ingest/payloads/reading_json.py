"""Our slow reading: ``{"t": "2026-07-01T00:00:00Z", "v": {"TA_1_1_1": 21.3}}``, one object or a list of them."""

from __future__ import annotations

import orjson

from core.errors import PayloadError
from core.records import Reading
from ingest.payloads.checks import channel_names, check_size, number, numbers, require, shown, time_ns
from ingest.topics import Topic

MAX_READINGS = 10_000
"""Most readings in one message."""


def decode(topic: Topic, payload: bytes) -> list[Reading]:
    """Decode one reading or a list of them; null is a missing value, NaN.

    Raises
    ------
    PayloadError
        Anything that is no reading, whatever the bytes are; one bad reading refuses the whole message.
    """
    check_size(payload)
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise PayloadError(f"no valid JSON: {shown(error.msg)}", offset=error.pos) from None
    items = content if isinstance(content, list) else [content]
    if not 1 <= len(items) <= MAX_READINGS:
        raise PayloadError(f"expected 1 to {MAX_READINGS} readings, got {len(items)}")
    return [_reading(topic, item) for item in items]


def _reading(topic: Topic, item: object) -> Reading:
    if not isinstance(item, dict):
        raise PayloadError(f"expected a map with t and v, got {shown(item)}")
    time = time_ns(require(item, "t"), "t")
    channels = channel_names(require(item, "v"), "v")
    values = {name: number(value, f"v.{name!a}") for name, value in channels.items()}
    return Reading(topic.station, topic.stream, time, values, *numbers(item))
