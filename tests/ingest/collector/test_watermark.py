"""The watermark says exactly what is committed, or less, and never more."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import PayloadError
from ingest.collector.watermark import MAX_OPEN_RANGES, Watermark, decode, encode, summarise

NUMBERS = st.sets(st.integers(0, 300), min_size=1)


def ranges_of(numbers: set[int]) -> list[tuple[int, int]]:
    """Closed ranges of a set, one number at a time."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = ranges[-1][0], number
        else:
            ranges.append((number, number))
    return ranges


@given(NUMBERS, st.integers(0, 2**63 - 2))
def test_it_covers_what_is_committed(numbers: set[int], run: int) -> None:
    watermark = summarise(run, ranges_of(numbers))
    assert watermark is not None
    again = decode(encode(watermark))
    assert again == watermark
    spoken_of = len(ranges_of(set(range(max(numbers))) - numbers)) <= MAX_OPEN_RANGES
    for seq in range(-2, 305):
        if spoken_of:
            assert again.covers(seq) == (seq in numbers)
        else:
            assert not again.covers(seq) or seq in numbers


def test_more_holes_than_it_names_lower_the_watermark() -> None:
    committed = [(2 * i, 2 * i) for i in range(MAX_OPEN_RANGES + 50)]  # holes at every odd number
    watermark = summarise(7, committed)
    assert watermark is not None
    assert len(watermark.open) == MAX_OPEN_RANGES
    assert watermark.seq == 2 * MAX_OPEN_RANGES  # the first hole left out is the next number
    assert [seq for seq in range(400) if watermark.covers(seq)] == list(range(0, 2 * MAX_OPEN_RANGES + 1, 2))


def test_nothing_committed_is_no_watermark() -> None:
    assert summarise(0, []) is None


def test_the_message_of_the_format_page() -> None:
    watermark = Watermark(run=1_789_000_000_000_000_000, seq=4711, open=((0, 11), (4000, 4000)))
    assert encode(watermark) == b'{"v":1,"run":1789000000000000000,"seq":4711,"open":[[0,11],[4000,4000]]}'
    assert [seq for seq in (0, 11, 12, 3999, 4000, 4001, 4711, 4712) if watermark.covers(seq)] == [12, 3999, 4001, 4711]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"v":2,"run":0,"seq":1,"open":[]}',
        b'{"v":true,"run":0,"seq":1,"open":[]}',
        b'{"v":1,"seq":1,"open":[]}',
        b'{"v":1,"run":0,"seq":-1,"open":[]}',
        b'{"v":1,"run":0,"seq":1.0,"open":[]}',
        b'{"v":1,"run":0,"seq":9223372036854775807,"open":[]}',
        b'{"v":1,"run":0,"seq":9}',
        b'{"v":1,"run":0,"seq":9,"open":[[1,2,3]]}',
        b'{"v":1,"run":0,"seq":9,"open":[[2,1]]}',
        b'{"v":1,"run":0,"seq":9,"open":[[4,5],[5,6]]}',
        b'{"v":1,"run":0,"seq":9,"open":[[4,9]]}',
        b'{"v":1,"run":0,"seq":999,"open":[' + b",".join(b"[%d,%d]" % (i, i) for i in range(0, 202, 2)) + b"]}",
        b'{"v":1,"run":0,"seq":1,"open":[]' + b" " * 70_000 + b"}",
    ],
)
def test_what_is_no_watermark_is_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        decode(payload)


@given(st.binary())
def test_arbitrary_bytes_are_a_watermark_or_an_error(payload: bytes) -> None:
    with contextlib.suppress(PayloadError):
        decode(payload)
