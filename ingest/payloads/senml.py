"""SenML (RFC 8428) in JSON and CBOR: records that share base fields become readings by time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.clock import NS
from core.errors import PayloadError
from core.records import Reading
from core.station import Channel
from core.variables import UNITS
from ingest.payloads.checks import (
    EARLIEST_NS,
    LATEST_NS,
    MAX_RECORDS,
    cbor_value,
    check_size,
    integer,
    json_value,
    number,
    shown,
    time_ns,
)
from ingest.payloads.format import MessageFormat, MessageSource
from ingest.payloads.rows import declared, truth_of

MAX_CBOR_PACK = 1 << 16
"""Largest pack in CBOR: its keys may be anything, so a hostile one costs time with the square of its size. [bytes]"""
SENML_VERSION = 10
"""Version of RFC 8428; a pack of a later one is refused."""
EARLIEST_ABSOLUTE_TIME = 2**28
"""Times below it are relative to now. [s]"""
MAX_NAME_LENGTH = 256
MAX_TIME = 1e11
"""A time beyond it, in seconds, is none whatever it is relative to."""
TOO_FINE = {"milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
"""Other ways to count time, and how many of them are a second."""
CBOR_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""What CBOR writes for the names of fields (RFC 8428, table 4)."""
SENML_UNITS = {
    "Cel": "deg C", "%RH": "%", "/": "fraction", "m/s": "m s-1", "W/m2": "W m-2", "rad": "rad",
    "km/h": "km h-1", "ppm": "umol mol-1", "ppb": "nmol mol-1", "deg": "deg",
}  # fmt: skip
"""Units of the SenML registries (RFC 8428, section 12.1, and RFC 8798) that we write in another way."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_FIELDS = frozenset(CBOR_LABELS.values())


@dataclass(frozen=True, slots=True)
class Base:
    """Fields that carry over to the records after them."""

    name: str = ""
    time: float = 0.0
    unit: str = ""
    value: float | None = None
    sum: float = 0.0


def decode_json(source: MessageSource, payload: bytes, now_ns: int) -> list[Reading]:
    """Decode a pack in JSON.

    Raises
    ------
    PayloadError
        Anything else, whatever the bytes are; one bad record refuses the whole pack.
    """
    return _readings(source, json_value(payload), now_ns)


def decode_cbor(source: MessageSource, payload: bytes, now_ns: int) -> list[Reading]:
    """Decode a pack in CBOR.

    Raises
    ------
    PayloadError
        Anything else, whatever the bytes are; one bad record refuses the whole pack.
    """
    check_size(payload, MAX_CBOR_PACK)
    return _readings(source, cbor_value(payload, text_keys=False), now_ns)


def _readings(source: MessageSource, content: object, now_ns: int) -> list[Reading]:
    stream = declared(source)
    if not isinstance(content, list) or not 1 <= len(content) <= MAX_RECORDS:
        got = f"{len(content)} records" if isinstance(content, list) else shown(content)
        raise PayloadError(f"expected a pack, a list of 1 to {MAX_RECORDS} records, got {got}")
    base = Base()
    shift_ns = stream.dt_ns if source.stamps_end else 0
    found: dict[int, dict[str, float]] = {}
    for item in content:
        record = _named(item)
        base = _carried(base, record)
        name = base.name + _text(record, "n", "")
        if len(name) > MAX_NAME_LENGTH or not _NAME.fullmatch(name):
            raise PayloadError(f"n: expected a name of letters, digits and -:./_, got {shown(name)}")
        channel = stream.channel_fields.get(name)
        if channel is None:
            continue
        _check_unit(channel, _text(record, "u", base.unit))
        values = found.setdefault(_start(record, base, shift_ns, now_ns), {})
        if channel.name in values:
            raise PayloadError(f"{shown(name)} comes twice at one time")
        values[channel.name] = _value(record, base, name, channel)
    if not found:
        raise PayloadError(
            f"none of the names of stream {stream.name!r} ({', '.join(stream.channel_fields)[:200]}) is in the pack: "
            "correct `field` in the station file, or its `topic`"
        )
    return [Reading(source.station, source.stream, start, values) for start, values in found.items()]


def _named(item: object) -> Mapping[str, object]:
    """Return a record by the names of its fields; what we need not understand is left out."""
    if not isinstance(item, dict):
        raise PayloadError(f"expected a record, got {shown(item)}")
    record = {}
    for key, value in item.items():
        name = CBOR_LABELS.get(key) if type(key) is int else key
        if name in _FIELDS:
            record[name] = value
        elif isinstance(name, str) and name.endswith("_"):
            raise PayloadError(f"field {shown(name)} must be understood, and is not")
    return record


def _carried(base: Base, record: Mapping[str, object]) -> Base:
    """Return the base fields as they are from this record on."""
    if "bver" in record:
        integer(record["bver"], "bver", 1, SENML_VERSION)
    if not any(key in record for key in ("bn", "bt", "bu", "bv", "bs")):
        return base
    return Base(
        _text(record, "bn", base.name),
        _number(record, "bt", base.time),
        _text(record, "bu", base.unit),
        _number(record, "bv", base.value) if "bv" in record else base.value,
        _number(record, "bs", base.sum),
    )


def _text(record: Mapping[str, object], key: str, default: str) -> str:
    value = record.get(key, default)
    if not isinstance(value, str):
        raise PayloadError(f"{key}: expected a text, got {shown(value)}")
    return value


def _number(record: Mapping[str, object], key: str, default: float | None) -> float:
    value = number(record.get(key, default), key)
    if math.isnan(value):
        raise PayloadError(f"{key}: expected a number, got {shown(record.get(key))}")
    return value


def _start(record: Mapping[str, object], base: Base, shift_ns: int, now_ns: int) -> int:
    """Return when the record's interval begins, to the microsecond. [ns since 1970 UTC]"""
    seconds = base.time + _number(record, "t", 0.0)
    if abs(seconds) > MAX_TIME:
        remedy = next((f": these may be {unit}" for unit, factor in TOO_FINE.items() if _is_date(seconds / factor)), "")
        raise PayloadError(f"t: expected seconds, got {shown(seconds)}{remedy}; send seconds since 1970 UTC")
    since_ns = round(seconds * 1e6) * 1000
    if seconds < EARLIEST_ABSOLUTE_TIME:
        since_ns += now_ns
    return time_ns(since_ns - shift_ns, "t")


def _is_date(seconds: float) -> bool:
    return EARLIEST_NS <= seconds * NS < LATEST_NS


def _value(record: Mapping[str, object], base: Base, name: str, channel: Channel) -> float:
    if sum(key in record for key in ("v", "vs", "vb", "vd")) > 1:
        raise PayloadError(f"{shown(name)} has several values")
    if "s" in record:
        number(_number(record, "s", None) + base.sum, "s")
    if isinstance(record.get("vb"), bool):
        return truth_of(record["vb"] is True, channel)
    if "v" not in record and (base.value is None or "s" in record or "vs" in record or "vd" in record):
        raise PayloadError(f"{shown(name)}: expected a number v, got none: a sum, a text or bytes cannot be stored")
    return number(_number(record, "v", 0.0) + (base.value or 0.0), "v")


def _check_unit(channel: Channel, unit: str) -> None:
    ours = SENML_UNITS.get(unit, unit if unit in UNITS else None)
    # a word of flags has no unit, whatever the pack says; a pack that states none is believed
    if unit and channel.unit not in ("1", ours):
        stated = shown(unit) if ours in (None, unit) else f"{shown(unit)} ({ours})"
        right = next((word for word, means in SENML_UNITS.items() if means == channel.unit), "")
        spelling = f"; SenML writes that as {right!a}" if right else ""
        raise PayloadError(
            f"u: {shown(channel.sent_as)} is in {stated}, the station file declares {channel.unit}: "
            f"correct one of them{spelling}"
        )


JSON_FORMAT = MessageFormat(decode_json, kinds=("reading",), states_units=True)
CBOR_FORMAT = MessageFormat(decode_cbor, kinds=("reading",), states_units=True)
