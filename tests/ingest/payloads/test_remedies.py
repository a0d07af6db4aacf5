"""Messages as people send them, after public bug reports: stored right, or refused with what to change."""

from __future__ import annotations

import math

import pytest

from core.errors import PayloadError
from core.records import Reading
from ingest.payloads import decode
from ingest.payloads.format import MessageSource

NOW = 1_780_272_000_000_000_000  # 2026-06-01T00:00:00Z
MINUTE = 60_000_000_000
SOURCE = MessageSource("m1", "met", "reading")


def message(time: str = '"2026-06-01T00:01:00Z"', value: str = "21.4") -> bytes:
    return f'{{"t": {time}, "v": {{"TA": {value}, "RH": 50}}}}'.encode()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (message(value="NaN"), "NaN and infinity are not JSON: send null"),
        (message(value="-nan"), "NaN and infinity are not JSON: send null"),
        (message(value="Infinity"), "NaN and infinity are not JSON: send null"),
        (message(value='"NAN"'), "v.'TA': expected a number, got 'NAN': send null"),
        (message(value='"21.4"'), "got '21.4': send it without quotes"),
        (message(value='"21,4"'), "got '21,4': send it without quotes"),
        (message(value='"warm"'), "expected a number, got 'warm'"),
        (message(value="true"), "expected a number, got True"),
        (message("1780272480"), "these may be seconds; send nanoseconds"),
        (message("1780272540000"), "these may be milliseconds; send nanoseconds"),
        (message("1780272600000000"), "these may be microseconds; send nanoseconds"),
        (message("1780272720.5"), "these may be seconds; send nanoseconds"),
        (message("5"), "expected a time from 1990 to 2100, got 5"),
        (message('"2026-06-01T00:07:00"'), "RFC 3339 with zone, as 2026-07-01T00:00:00Z"),
        (message('"2026-06-01T01:06:00+0100"'), "RFC 3339 with zone"),
        (message('"2026-06-01T24:00:00Z"'), "hours are 00 to 23"),
        (message('"2026-06-01T00:18:60Z"'), "seconds 00 to 59"),
        (b"\xef\xbb\xbf" + message(), "it begins with a byte order mark"),
        (message() + b"\0", "it ends with a NUL byte"),
        (message().decode().encode("utf-16"), "it is UTF-16: send UTF-8"),
        (message().decode().encode("utf-16-le"), "it is UTF-16: send UTF-8"),
        (message() + b"\n" + message(), "several objects: send a list"),
        (message().replace(b'"', b"'"), "double quotes, not single ones"),
        (message(value="1,").replace(b", ,", b","), "no valid JSON"),
        (message().replace(b"50}", b"50,}"), "a comma stands before } or ]"),
        (b"weather,host=a temperature=21.3 1780272480000000000", "it is no object {...}"),
        (message().replace(b'"t"', b'"time"'), "key 't' is missing"),
    ],
)
def test_a_refusal_says_what_to_change(payload: bytes, expected: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(SOURCE, payload, NOW)
    assert expected in caught.value.reason


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (message(), 21.4),
        (message() + b"\r\n", 21.4),
        (message("1780272060000000000"), 21.4),
        (message('"2026-06-01 00:01:00Z"'), 21.4),
        (message('"2026-06-01T01:01:00+01:00"'), 21.4),
        (message(value="null"), math.nan),
        (message(value='1, "banana": null'), 1.0),
    ],
)
def test_what_is_meant_clearly_is_taken(payload: bytes, value: float) -> None:
    (reading,) = decode(SOURCE, payload, NOW)
    assert isinstance(reading, Reading)
    assert reading.time_ns == NOW + MINUTE
    assert reading.values["TA"] == pytest.approx(value, nan_ok=True)
