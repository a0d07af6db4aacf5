"""What every format checks before it believes a sender, and the limits that keep memory bounded."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import cbor2
import numpy as np
import orjson

from core.clock import NS, to_ns
from core.errors import PayloadError
from core.records import Float32Array, SampleBlock
from core.station import MAX_CHANNELS, Stream
from ingest.payloads.format import MessageSource

MAX_PAYLOAD = 1 << 20
"""Largest message that is decoded. [bytes]"""
MAX_DECOMPRESSED = 1 << 23
"""Largest content of a compressed message. [bytes]"""
MAX_SAMPLES = 65_536
"""Most samples per channel in one block."""
MAX_BLOCK_NS = 3600 * NS
"""Longest time that one block covers. [ns]"""
EARLIEST_NS = 631_152_000 * NS  # 1990-01-01
LATEST_NS = 4_102_444_800 * NS  # 2100-01-01
MAX_FLOAT32 = float(np.finfo(np.float32).max)
MAX_CHANNEL_NAME = 64
SAME_LENGTH = "`n` counts the samples of each channel, send all of them and NaN (in JSON null) for a missing one"
"""What to do where arrays do not fit."""
MAX_NUMBER = 2**63 - 2  # the store says "up to before the next one"
"""Largest block number, and largest name of a numbering."""

MAX_RECORDS = 10_000
"""Most records in one message of slow values."""
MISSING_WORDS = frozenset(("", "NAN", "NaN", "nan", "INF", "-INF"))
"""What loggers write where a value is missing or no number."""

DAY_NS = 86_400 * NS
EPOCH_UNITS = {"seconds": NS, "milliseconds": 10**6, "microseconds": 1000}
"""Other ways to count time since 1970, and nanoseconds of each."""
NOT_A_NUMBER = frozenset(("NAN", "INF", "INFINITY", "NULL", "NA", ""))

T = TypeVar("T")

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NOT_A_NUMBER = re.compile(r"(?<![A-Za-z_])(nan|inf|infinity)(?![A-Za-z_])", re.IGNORECASE)
_COMMA = re.compile(r",\s*[}\]]")
_SEVERAL = re.compile(r"}\s*{")
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?", re.ASCII)
_SHORT_ZONE = re.compile(r"[+-]\d\d(\d\d)?$", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _refuse_tag(value: object, immutable: bool) -> object:
    raise ValueError("a tag that our formats have no use for")


def _decimal_fraction(value: object, immutable: bool) -> object:
    match value:
        case [int(exponent), int(mantissa)] if abs(exponent) < 400:
            return float(f"{mantissa}e{exponent}")
    raise ValueError("no decimal fraction")


# cbor2 turns these tags into regular expressions, big numbers, cyclic references...: a sender has no business with them
_REFUSED = (*range(6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)
_TAGS: dict[int, Callable[[object, bool], object]] = dict.fromkeys(_REFUSED, _refuse_tag)
_TAGS[4] = _decimal_fraction


def shown(value: object) -> str:
    """Return a sender's value as short printable ASCII, fit for an error message and for the database."""
    text = ascii(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."


def check_size(payload: bytes, most: int = MAX_PAYLOAD) -> None:
    """Refuse a message that is too large to be decoded.

    Raises
    ------
    PayloadError
        It is empty, or has more than ``most`` bytes.
    """
    if not payload:
        raise PayloadError("the message is empty")
    if len(payload) > most:
        raise PayloadError(f"the message has {len(payload)} bytes, more than {most}: send shorter messages")


def require(fields: Mapping[object, object], key: str) -> object:
    """Return a field that must be there."""
    try:
        return fields[key]
    except KeyError:
        raise PayloadError(f"key {key!r} is missing") from None


def integer(value: object, key: str, low: int, high: int) -> int:
    """Return a whole number within [low, high]; a bool or a float is none."""
    if type(value) is not int:
        remedy = ": send it without a decimal point" if isinstance(value, float) else ""
        remedy = ": send it without quotes" if isinstance(value, str) and value.strip().isdigit() else remedy
        raise PayloadError(f"{key}: expected a whole number, got {shown(value)}{remedy}")
    if not low <= value <= high:
        raise PayloadError(f"{key}: expected {low} to {high}, got {shown(value)}")
    return value


def time_ns(value: object, key: str) -> int:
    """Return a time given as nanoseconds since 1970 UTC or as RFC 3339 text, between the years 1990 and 2100."""
    time = _rfc3339_ns(value, key) if isinstance(value, str) else value
    if type(time) is not int:
        raise PayloadError(f"{key}: expected a whole number, got {shown(time)}{_other_epoch(time)}")
    if not EARLIEST_NS <= time < LATEST_NS:
        remedy = _other_epoch(value) or ": set the sender's clock before it sends"
        raise PayloadError(f"{key}: expected a time from 1990 to 2100, got {shown(value)}{remedy}")
    return time


def _other_epoch(value: object) -> str:
    """Say what a number may mean that is no time in nanoseconds, empty if nothing we know."""
    if type(value) is int or type(value) is float:
        for unit, factor in EPOCH_UNITS.items():
            if EARLIEST_NS <= value * factor < LATEST_NS:
                return f": these may be {unit}; send nanoseconds since 1970 UTC as a whole number, or RFC 3339 text"
    return ""


def _rfc3339_ns(text: str, key: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        remedy = ""
        if _LOCAL.fullmatch(text):
            remedy = ": its zone is missing: append Z if it is UTC, else the offset, as +01:00"
        elif _SHORT_ZONE.search(text):
            remedy = ": write the zone with a colon, as +01:00"
        raise PayloadError(f"{key}: expected RFC 3339 with zone, as 2026-07-01T00:00:00Z, got {shown(text)}{remedy}")
    return _iso_ns(text.upper(), match[1] or "", key)


def local_ns(value: str, key: str, ahead_ns: int) -> int:
    """Return a time given as text without a zone, by a clock that is ``ahead_ns`` ahead of UTC.

    One that has a zone, against the format's habit, is taken at its word. Midnight may be 24:00:00 of the day before.
    """
    match = _LOCAL.fullmatch(value)
    if match is None:
        return time_ns(value, key)
    text, day_ns = match[0], 0
    if text[11:19] == "24:00:00" and not (match[1] or "").strip(".0"):
        text, day_ns = f"{text[:11]}00:00:00", DAY_NS
    return time_ns(_iso_ns(f"{text}+00:00", match[1] or "", key) + day_ns - ahead_ns, key)


def _iso_ns(text: str, fraction: str, key: str) -> int:
    try:
        if not fraction:
            return to_ns(datetime.fromisoformat(text))
        return to_ns(datetime.fromisoformat(text.replace(fraction, "", 1))) + int(fraction[1:].ljust(9, "0"))
    except (ValueError, OverflowError):
        raise PayloadError(f"{key}: no such time: {shown(text)}: hours are 00 to 23, seconds 00 to 59") from None


def channel_names(value: object, key: str, declared: Stream | None) -> Mapping[str, object]:
    """Return a map of channels after a look at its size and names."""
    # the usual case at once: this is done for every message
    if type(value) is dict and declared is not None and list(value) == list(declared.channel_index):
        return value
    if not isinstance(value, Mapping):
        raise PayloadError(f"{key}: expected a map of channels, got {shown(value)}")
    if not 1 <= len(value) <= MAX_CHANNELS:
        raise PayloadError(f"{key}: expected 1 to {MAX_CHANNELS} channels, got {len(value)}")
    for name in value:
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_CHANNEL_NAME:
            raise PayloadError(f"{key}: expected names of 1 to {MAX_CHANNEL_NAME} characters, got {shown(name)}")
    return value


def number(value: object, key: str) -> float:
    """Return a number that float32 can hold; None is a missing value, NaN."""
    if value is None:
        return math.nan
    if type(value) is not float and type(value) is not int:
        raise PayloadError(f"{key}: expected a number, got {shown(value)}{_instead_of(value)}")
    if not math.isnan(value) and not -MAX_FLOAT32 <= value <= MAX_FLOAT32:
        raise PayloadError(f"{key}: expected a finite number, got {shown(value)}: send null where it is missing")
    return float(value)


def _instead_of(value: object) -> str:
    """Say what to send instead of a text or a truth value, empty if it is no number."""
    if not isinstance(value, str):
        return ": send 0 or 1" if isinstance(value, bool) else ": send one number, or null where it is missing"
    if value.strip().lstrip("+-").upper() in NOT_A_NUMBER:
        return ": send null where a value is missing"
    remedy = "it without quotes" if _NUMBER.fullmatch(value.strip()) else "a number, or null where it is missing"
    return f": send {remedy}"


def numbers(fields: Mapping[object, object]) -> tuple[int | None, int]:
    """Return a message's own number, None if it has none, and the run of numbers that it belongs to."""
    seq = fields.get("seq")
    run = integer(fields.get("run", 0), "run", 0, MAX_NUMBER)
    return None if seq is None else integer(seq, "seq", 0, MAX_NUMBER), run


def json_value(payload: bytes) -> object:
    """Return what a JSON message holds.

    Raises
    ------
    PayloadError
        It is no JSON, too large, or one name has two values.
    """
    check_size(payload)
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise PayloadError(
            f"no valid JSON: {shown(error.msg)}{_remedy(payload, error.msg)}", offset=error.pos
        ) from None
    # the decoder keeps the last value of a name: nobody would hear of the others. Then colons are lost, which is seen
    # faster than each name; a colon may be written as an escape
    try:
        if payload.count(b":") == orjson.dumps(content).count(b":") and b"\\u003" not in payload:
            return content
    except orjson.JSONEncodeError:  # it writes less deeply nested objects than it reads
        pass
    _refuse_twice(payload)
    return content


def _refuse_twice(payload: bytes) -> None:
    def check(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in pairs:
            if name in found and found[name] != value:
                raise PayloadError(f"{shown(name)} has two values: give each name once")
            found[name] = value
        return found

    try:
        json.loads(payload, object_pairs_hook=check, parse_int=str, parse_float=str)
    except RecursionError:
        raise PayloadError("no valid JSON: its lists and objects are nested too deeply") from None


def _remedy(payload: bytes, fault: str) -> str:
    """Say what makes a message no JSON and what to send instead, empty if it is nothing that is seen often."""
    start = payload[:4]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start:
        return ": it is UTF-16: send UTF-8"
    if start[:3] == b"\xef\xbb\xbf":
        return ": it begins with a byte order mark: send it without"
    if payload.endswith(b"\0"):
        return ": it ends with a NUL byte: send the text without its terminating zero"
    text = _STRING.sub('""', payload.decode("utf-8", "replace"))
    if _NOT_A_NUMBER.search(text):
        return ": NaN and infinity are not JSON: send null where a value is missing"
    if "infinity" in fault:
        return ": a number is larger than any sensor's: send null where a value is missing"
    if "'" in text and '"' not in text:
        return ": names and texts stand between double quotes, not single ones"
    if _COMMA.search(text):
        return ": a comma stands before } or ]"
    if _SEVERAL.search(text):
        return ": several objects: send a list of them, or each as a message of its own"
    return "" if text.lstrip()[:1] in ("{", "[") else ": it is no object {...} (other formats: `format` of the stream)"


def member(fields: object, key: str, kind: type[T], *others: str) -> T:
    """Return the member of a JSON object that has one of these names and is of that kind."""
    if not isinstance(fields, dict):
        raise PayloadError(f"expected an object with {key!r}, got {shown(fields)}")
    value = next((fields[name] for name in (key, *others) if name in fields), None)
    if not isinstance(value, kind):
        expected = "a text" if kind is str else "a list" if kind is list else "an object"
        remedy = ": write [ ] around it" if kind is list and isinstance(value, dict) else ""
        raise PayloadError(f"{key}: expected {expected}, got {shown(value)}{remedy}")
    return value


def cbor_value(content: bytes, *, text_keys: bool) -> object:
    """Return what a CBOR message holds; keys of maps that are no text are refused on demand.

    Raises
    ------
    PayloadError
        It is no CBOR, is nested deeper than any of our formats, or has a tag that none of them needs.
    """
    try:
        return cbor2.loads(
            content,
            semantic_decoders=_TAGS,
            max_depth=8,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=text_keys,
        )
    except cbor2.CBORDecodeError as error:
        raise PayloadError(f"no valid CBOR: {shown(str(error))}{_other_bytes(content)}") from None


def _other_bytes(content: bytes) -> str:
    """Say what bytes may be that are no CBOR, empty if nothing we know."""
    if content[:2] == b"\x1f\x8b" or (content[:1] == b"\x78" and int.from_bytes(content[:2], "big") % 31 == 0):
        return ": it may be compressed by gzip or zlib: send it as it is, or in a zstd frame"
    # MessagePack: a map or a list of few members
    return ": it may be MessagePack: send CBOR or JSON" if content[:1] and 0x80 <= content[0] <= 0x9F else ""


def block(
    source: MessageSource, fields: object, matrix: Callable[[Mapping[str, object], int], Float32Array]
) -> SampleBlock:
    """Build a sample block from the keys ``v t dt n run seq c`` of a message; other keys are left alone.

    Parameters
    ----------
    source : MessageSource
        Where the message came from.
    fields : object
        The decoded message.
    matrix : callable
        ``(channels, n) -> samples of shape (channels, n), float32`` of a format.

    Raises
    ------
    PayloadError
        A key that is missing, of another type, or outside the limits of this module.
    """
    if not isinstance(fields, dict):
        raise PayloadError(f"expected a map with v, t, dt, n and c, got {shown(fields)}")
    integer(require(fields, "v"), "v", 1, 1)
    start_ns = time_ns(require(fields, "t"), "t")
    dt_ns = integer(require(fields, "dt"), "dt", 1, MAX_BLOCK_NS)
    n = integer(require(fields, "n"), "n", 1, MAX_SAMPLES)
    if n * dt_ns > MAX_BLOCK_NS:
        raise PayloadError(f"n: {n} samples of {dt_ns} ns cover more than {MAX_BLOCK_NS // NS} s: send shorter blocks")
    seq, run = numbers(fields)
    channels = channel_names(require(fields, "c"), "c", source.declared)
    samples = matrix(channels, n)
    if np.count_nonzero(np.isinf(samples)):
        raise PayloadError("c: infinite samples: a missing sample is NaN")
    return SampleBlock(source.station, source.stream, start_ns, dt_ns, tuple(channels), samples, seq, run)


def check_count(given: int, n: int, name: str) -> None:
    """Refuse a channel that has not ``n`` samples."""
    if given != n:
        raise PayloadError(f"c.{name!a}: expected n = {n} samples, got {given}: {SAME_LENGTH}")
