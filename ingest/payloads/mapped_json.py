"""JSON of any sender (The Things Network, ChirpStack, Tasmota, an own program): the station file says where to look.

A path names members of objects, with dots between, and places in lists by number: ``uplink_message.payload.temp``,
``values.0.v``. The time is at ``time_path`` of the stream, in the form that ``time_format`` says; without a path it is
when the message came. Each channel's value is at its ``field``, in the unit that it declares, after its ``gain``.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from core.clock import NS
from core.errors import PayloadError
from core.records import Reading
from core.station import Channel
from ingest.payloads.checks import (
    EARLIEST_NS,
    LATEST_NS,
    MISSING_WORDS,
    json_value,
    local_ns,
    number,
    shown,
    time_ns,
)
from ingest.payloads.format import MessageFormat, MessageSource
from ingest.payloads.rows import declared, truth_of

TIME_STEPS = {"epoch_s": NS, "epoch_ms": 10**6, "epoch_us": 10**3, "epoch_ns": 1}
"""Forms of a time in numbers since 1970 UTC -> nanoseconds of its unit."""
_NOTHING = object()


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[Reading]:
    """Decode one message as a reading; a channel whose path leads nowhere, or to null, is missing.

    Raises
    ------
    PayloadError
        No path leads to a value, or one to what is no number, or the time cannot be read.
    """
    stream = declared(source)
    content = json_value(payload)
    found = {channel.name: find(content, channel.sent_as) for channel in stream.channels}
    if all(value is _NOTHING for value in found.values()):
        raise PayloadError(
            f"none of the paths of stream {stream.name!r} ({', '.join(stream.channel_fields)[:200]}) is in the "
            "message: correct `field` in the station file, or its `topic`"
        )
    start_ns = _time(source, content, now_ns) - (stream.dt_ns if source.stamps_end else 0)
    values = {channel.name: _value(found[channel.name], channel) for channel in stream.channels}
    return [Reading(source.station, source.stream, time_ns(start_ns, stream.time_path or "time"), values)]


def fault_of_time_format(time_format: str) -> str | None:
    """Return what ``time_format`` of a stream should be, None if it is good."""
    if time_format == "iso" or time_format in TIME_STEPS:
        return None
    sample = datetime(2026, 7, 9, 13, 45, tzinfo=UTC)
    try:
        read = datetime.strptime(sample.strftime(time_format), time_format)
    except ValueError:
        read = None
    if read is not None and read.replace(tzinfo=UTC) == sample:
        return None
    return f"iso, {', '.join(TIME_STEPS)} or a date and a time of day, as %d.%m.%Y %H:%M:%S"


def find(content: object, path: str) -> object:
    """Return what stands at a path, a private mark if nothing does; a member whose name has dots counts, too."""
    if isinstance(content, dict) and path in content:
        return content[path]
    first, dot, rest = path.partition(".")
    if isinstance(content, dict) and first in content:
        inner = content[first]
    elif isinstance(content, list) and first.isascii() and first.isdigit() and int(first[:9]) < len(content):
        inner = content[int(first[:9])]
    else:
        return _NOTHING
    return find(inner, rest) if dot else inner


def _time(source: MessageSource, content: object, now_ns: int) -> int:
    stream = declared(source)
    if not stream.time_path:
        return now_ns
    value = find(content, stream.time_path)
    key = f"{stream.time_path!a} (time_path)"
    if value is _NOTHING or value is None:
        raise PayloadError(f"{key}: no time there: correct `time_path` in the station file, or leave it out")
    if stream.time_format in TIME_STEPS:
        return _since_1970(value, TIME_STEPS[stream.time_format], key)
    if not isinstance(value, str):
        raise PayloadError(f"{key}: expected a text, got {shown(value)}: is it a number since 1970? Say `time_format`")
    if stream.time_format == "iso":
        return local_ns(value, key, source.ahead_ns)
    return _by_format(value, stream.time_format, source.ahead_ns, key)


def _since_1970(value: object, step_ns: int, key: str) -> int:
    seconds = _plain_number(value)
    if seconds is None or not EARLIEST_NS <= seconds * step_ns < LATEST_NS:
        right = () if seconds is None else (form for form, ns in TIME_STEPS.items() if _is_date(seconds * ns))
        remedy = next((f": this may be {form}, correct `time_format` in the station file" for form in right), "")
        raise PayloadError(
            f"{key}: expected a number since 1970 in the unit of `time_format`, from 1990 to 2100, got "
            f"{shown(value)}{remedy}"
        )
    return int(seconds) * step_ns if isinstance(seconds, int) else round(seconds * step_ns / 1000) * 1000


def _is_date(ns: float) -> bool:
    return EARLIEST_NS <= ns < LATEST_NS


def _plain_number(value: object) -> int | float | None:
    if isinstance(value, str):
        if not value.isascii() or "_" in value:
            return None
        try:
            value = int(value) if value.isdigit() and len(value) < 20 else float(value)
        except ValueError:
            return None
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return value
    return None


def _by_format(value: str, time_format: str, ahead_ns: int, key: str) -> int:
    try:
        time = datetime.strptime(value, time_format)
    except ValueError:
        raise PayloadError(f"{key}: expected a time like {time_format}, got {shown(value)}") from None
    return local_ns(time.isoformat(), key, ahead_ns)


def _value(value: object, channel: Channel) -> float:
    if value is _NOTHING or (isinstance(value, str) and value in MISSING_WORDS):
        return math.nan
    if isinstance(value, bool):
        return truth_of(value, channel)
    if isinstance(value, str):
        given = value
        value = _plain_number(value)
        if value is None:
            raise PayloadError(
                f"{channel.name!a}: expected a number, got {shown(given)}: send a number, or null where it is missing"
            )
    return number(value, repr(channel.name))


FORMAT = MessageFormat(decode, kinds=("reading",), local_times=True, has_paths=True)
