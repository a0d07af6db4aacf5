"""Our slow reading: ``{"t": "2026-07-01T00:00:00Z", "v": {"TA_1_1_1": 21.3}}``, one object or a list of them."""

from __future__ import annotations

from core.errors import PayloadError
from core.records import Reading
from ingest.payloads.checks import (
    MAX_FLOAT32,
    MAX_RECORDS,
    channel_names,
    json_value,
    number,
    numbers,
    require,
    shown,
    time_ns,
)
from ingest.payloads.format import MessageFormat, MessageSource


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[Reading]:
    """Decode one reading or a list of them; null is a missing value, NaN.

    Raises
    ------
    PayloadError
        Anything that is no reading, whatever the bytes are; one bad reading refuses the whole message.
    """
    content = json_value(payload)
    items = content if isinstance(content, list) else [content]
    if not 1 <= len(items) <= MAX_RECORDS:
        raise PayloadError(f"expected 1 to {MAX_RECORDS} readings, got {len(items)}")
    if not isinstance(content, list):
        return [_reading(source, content)]
    readings = []
    for place, item in enumerate(items, 1):
        try:
            readings.append(_reading(source, item))
        except PayloadError as error:
            raise PayloadError(f"reading {place} of {len(items)} (none is stored): {error.reason}") from None
    return readings


def _reading(source: MessageSource, item: object) -> Reading:
    if not isinstance(item, dict):
        raise PayloadError(f"expected a map with t and v, got {shown(item)}")
    if "t" not in item and "v" not in item:
        raise PayloadError(
            "expected a map with t and v: another sender's JSON? Give the stream a `topic` and "
            '`format = "mapped-json"` in the station file, and each channel the path to its value as `field`'
        )
    time = time_ns(require(item, "t"), "t")
    channels = channel_names(require(item, "v"), "v", source.declared)
    values = {name: _value(value, name) for name, value in channels.items()}
    return Reading(source.station, source.stream, time, values, *numbers(item))


def _value(value: object, name: str) -> float:
    # the usual case at once: what to call it is needed for an error alone
    if type(value) is float and -MAX_FLOAT32 <= value <= MAX_FLOAT32:
        return value
    return number(value, f"v.{name!a}")


FORMAT = MessageFormat(decode, kinds=("reading",))
