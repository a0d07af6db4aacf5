"""Reasons of rejects say what a sender should do instead."""

from __future__ import annotations

import pytest

from core.errors import PayloadError
from core.records import Reading
from ingest.payloads import MessageSource, decode
from tests.ingest.foreign import source

READING, BLOCK = MessageSource("a", "met", "reading"), MessageSource("a", "ec", "block")
T = '"t": "2026-06-01T00:01:00Z"'
BLOCKS = '{"v": 1, "t": "2026-06-01T00:00:00Z", "dt": 100000000, "n": 1, "c": {"u": [%s]}}'


@pytest.mark.parametrize(
    ("payload", "remedy"),
    [
        (f'{{{T}, "v": {{"TA": NaN, "RH": 50}}}}', "NaN and infinity are not JSON: send null"),
        (f'{{{T}, "v": {{"TA": -nan, "RH": 50}}}}', "send null"),
        (f'{{{T}, "v": {{"TA": -Infinity}}}}', "send null"),
        (f'{{{T}, "v": {{"TA": "NAN"}}}}', "send null"),
        (f'{{{T}, "v": {{"TA": "21.4"}}}}', "send it without quotes"),
        (f'{{{T}, "v": {{"TA": true}}}}', "send 0 or 1"),
        (f'{{{T}, "v": {{"TA": 1}}}}\0', "NUL"),
        (f'\ufeff{{{T}, "v": {{"TA": 1}}}}', "byte order mark"),
        (f'{{{T}, "v": {{"TA": 1}}}}\n{{{T}, "v": {{"TA": 1}}}}', "send a list of them"),
        ("{'t': '2026-06-01T00:27:00Z', 'v': {'TA': 27}}", "double quotes"),
        (f'{{{T}, "v": {{"TA": 1}},}}', "a comma stands before } or ]"),
        ('{"t": 1780272480, "v": {"TA": 8}}', "these may be seconds; send nanoseconds"),
        ('{"t": 1780272480000, "v": {"TA": 8}}', "these may be milliseconds"),
        ('{"t": 1780272480000000, "v": {"TA": 8}}', "these may be microseconds"),
        ('{"t": 1780272480.5, "v": {"TA": 8}}', "these may be seconds"),
        ('{"t": "2026-06-01T00:07:00", "v": {"TA": 7}}', "with zone"),
        ('{"received_at": "2026-06-01T00:07:00Z", "uplink_message": {}}', "mapped-json"),
        ("weather,host=a temperature=21.3 1780272480000000000", "no valid JSON"),
    ],
)
def test_a_reading_is_refused_with_a_remedy(payload: str, remedy: str) -> None:
    with pytest.raises(PayloadError) as refused:
        decode(READING, payload.encode(), 0)
    assert remedy in refused.value.reason


def test_utf_16_is_named() -> None:
    with pytest.raises(PayloadError, match="send UTF-8"):
        decode(READING, f'{{{T}, "v": {{"TA": 1}}}}'.encode("utf-16"), 0)


def test_a_block_is_refused_with_a_remedy() -> None:
    with pytest.raises(PayloadError, match="send null"):
        decode(BLOCK, (BLOCKS % "NaN").encode(), 0)


@pytest.mark.parametrize(
    "payload", [b'\xef\xbb\xbf"2026-06-01 02:05:00",5,21.5,50\r\n', b'"2026-06-01 02:05:00",5,21.5,50\r\n\0\0']
)
def test_a_line_may_have_a_mark_or_a_nul(payload: bytes) -> None:
    (reading,) = decode(source("toa5"), payload, 0)
    assert isinstance(reading, Reading)
    assert reading.values == {"TA": 21.5, "RH": 50.0}
