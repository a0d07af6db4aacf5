"""Frames and data segments: the known answer, both hex cases, GBK, wrong lengths and CRCs, and streams of bytes."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import PayloadError
from ingest.hj212.codec.frame import MAX_FRAME, MAX_SEGMENT, build_frame, crc, parse_frame
from ingest.hj212.codec.receipts import build_receipt, received
from ingest.hj212.codec.segment import format_segment, parse_segment, stamp_ns
from ingest.hj212.codec.splitter import MAX_WAITING, Splitter, looks_like_frames
from ingest.hj212.codec.values import read_values
from tests.ingest.hj212.device import MN, framed, message, minute, naive_crc

KNOWN = (
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&RtdInterval=30&&1C80\r\n"
)


def test_the_known_answer() -> None:
    segment = parse_frame(KNOWN)
    assert len(segment) == 101
    assert build_frame(segment) == KNOWN
    read = parse_segment(segment)
    assert (read.qn, read.cn, read.pw, read.mn) == ("20160801085857223", "1062", "100000", MN)
    assert (read.edition, read.wants_receipt, read.part) == ("2017", True, (1, 1))
    assert read.parameter("RtdInterval") == "30"


@given(st.binary(max_size=300))
def test_the_crc_is_that_of_the_words(data: bytes) -> None:
    assert crc(data) == naive_crc(data)


@pytest.mark.parametrize("case", [bytes.upper, bytes.lower])
def test_hex_digits_have_any_case(case: object) -> None:
    frame = message("DataTime=20260701083000;a05001-Avg=415.2")
    digits = frame[-6:-2].lower() if case is bytes.lower else frame[-6:-2].upper()
    assert parse_frame(frame[:-6] + digits + b"\r\n") == frame[6:-6]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (KNOWN.replace(b"1C80", b"1C81"), r"CRC: the frame says '1C81', its data segment has '1C80'"),
        (KNOWN.replace(b"=32", b"=31"), r"CRC: the frame says '1C80', its data segment has '[0-9A-F]{4}'"),
        (KNOWN.replace(b"##0101", b"##0102"), r"length: the frame says 0102, its data segment has 101 bytes"),
        (KNOWN[:50], r"length: the frame says 0101, its data segment has 40 bytes"),
        (KNOWN.replace(b"##0101", b"##01x1"), r"length: expected 4 decimal digits behind ##, got '01x1'"),
        (b"##12", "length: expected 4 decimal digits behind ##, got '12'"),
        (b"##0000", "length: the frame says 0000, its data segment has 0 bytes"),
        (b"@@0101", "no frame of HJ 212: expected ## at its beginning, got '@@'"),
        (b"##" + bytes(MAX_FRAME), "a frame of 10011 bytes: expected at most 10009"),
    ],
)
def test_wrong_frames_are_refused_with_both_values(frame: bytes, reason: str) -> None:
    with pytest.raises(PayloadError, match=re.escape(reason) if "[0-9" not in reason else reason):
        parse_frame(frame)


def test_a_segment_too_long_for_a_frame_is_not_built() -> None:
    assert parse_frame(build_frame(bytes(MAX_SEGMENT))) == bytes(MAX_SEGMENT)
    with pytest.raises(ValueError, match="10000 bytes: expected at most 9999"):
        build_frame(bytes(MAX_SEGMENT + 1))


def test_names_in_gbk() -> None:
    frame = framed(f"QN=20260701083100001;ST=22;CN=2051;MN={MN};Flag=5;Name=长白山;CP=&&DataTime=20260701083000&&")
    assert parse_segment(parse_frame(frame)).fields["Name"] == "长白山"
    with pytest.raises(PayloadError, match="neither ASCII nor GBK"):
        parse_segment(b"CN=2051;CP=&&a=\xff\xff&&")


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        ("ST=22;CN=2051", "CP: expected CP=&&...&& at the end"),
        ("ST=22;CN=2051;CP=&&a=1", "CP: expected CP=&&...&& at the end"),
        ("ST=22;CN=2051;CP=&&a=1&&x", "CP: expected CP=&&...&& at the end"),
        ("ST=22;CN=2051CP=&&&&", "expected a semicolon before it"),
        ("ST=22;CP=&&&&", "CN is missing"),
        ("CN=20x1;CP=&&&&", "CN: expected a number, got '20x1'"),
        ("CN=2051;MN=a b;CP=&&&&", "MN: expected 1 to 40 printable characters, got 'a b'"),
        ("QN=123;CN=2051;CP=&&&&", "QN: expected a time of 17 digits, got '123'"),
        ("CN=2051;Flag=256;CP=&&&&", "Flag: expected 0 to 255, got '256'"),
        ("CN=2051;PNUM=10000;CP=&&&&", "PNUM: expected a number up to 9999"),
        ("CN=2051;CN=2061;CP=&&&&", "'CN' comes twice, as '2051' and '2061'"),
        ("CN=2051;what;CP=&&&&", "expected name=value, got 'what'"),
    ],
)
def test_wrong_segments_are_refused(segment: str, reason: str) -> None:
    with pytest.raises(PayloadError, match=re.escape(reason)):
        parse_segment(segment.encode())


def test_editions() -> None:
    def edition(flag: str) -> str:
        return parse_segment(f"CN=2051;{flag}CP=&&&&".encode()).edition

    assert [edition(f"Flag={flag};") for flag in (1, 5, 9, 252)] == ["2005", "2017", "2025", ""]
    assert edition("") == "2005"


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}", fullmatch=True)
VALUES = st.from_regex(r"[A-Za-z0-9.:-]{0,9}", fullmatch=True) | st.sampled_from(["长白山", "气温"])


GROUPS = st.lists(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), max_size=3)


@given(st.dictionaries(NAMES, VALUES, max_size=4), GROUPS)
def test_segments_are_read_as_they_were_made(more: dict[str, str], groups: list[dict[str, str]]) -> None:
    fields = {f"X{name}": value for name, value in more.items()} | {"CN": "2051"}
    read = parse_segment(format_segment(fields, groups))
    assert read.fields == fields
    assert list(read.groups) == groups


def test_beijing_time() -> None:
    # 2026-07-01T00:30:00Z, counted by hand: 20635 days since 1970 and half an hour
    assert stamp_ns("20260701083000", "DataTime") == (20_635 * 86_400 + 1800) * 10**9
    assert stamp_ns("20260701003000", "DataTime", 0) == (20_635 * 86_400 + 1800) * 10**9
    for wrong in ("20261301083000", "2026070108300", "20260701 83000", "２０２６０７０１０８３０００"):
        with pytest.raises(PayloadError, match="DataTime: expected a time as 20260701083000"):
            stamp_ns(wrong, "DataTime")


def test_values_and_flags() -> None:
    cp = "DataTime=20260701083000;a05001-Avg=415.25,a05001-Min=-1e1,a05001-Max=.5,a05001-Flag=N;a01001-Avg=--,x-Y=z"
    (measured,) = read_values([parse_segment(parse_frame(message(cp)))]).values()
    assert str(measured.values["a01001-Avg"]) == "nan"
    del measured.values["a01001-Avg"]
    assert measured.values == {"a05001-Avg": 415.25, "a05001-Min": -10.0, "a05001-Max": 0.5}
    assert measured.flags == {"a05001": "N"}


@pytest.mark.parametrize(
    ("cp", "reason"),
    [
        ("a05001-Avg=1", "DataTime is missing"),
        ("DataTime=20260701083000;a05001-Avg=4x", "'a05001-Avg': expected a number, got '4x'"),
        ("DataTime=20260701083000;a05001-Avg=1e99", "expected a number, got '1e99'"),
        ("DataTime=20260701083000;a05001-Avg=１", "expected a number"),
        ("DataTime=20260701083000;a-Avg=1;a-Avg=2", "'a-Avg' comes twice in one message"),
    ],
)
def test_wrong_values_are_refused(cp: str, reason: str) -> None:
    with pytest.raises(PayloadError, match=re.escape(reason)):
        read_values([parse_segment(parse_frame(message(cp)))])


def test_receipts_of_all_editions() -> None:
    new = parse_segment(parse_frame(minute("20260701083000", 415.0, flag="9")))
    assert (
        parse_frame(build_receipt(new))
        == f"QN=20260701083000001;ST=91;CN=9014;PW=123456;MN={MN};Flag=8;CP=&&&&".encode()
    )
    old = parse_segment(b"QN=20040516010101001;ST=31;CN=2051;PW=1;MN=2;Flag=1;CP=&&DataTime=20040516010100&&")
    assert parse_frame(build_receipt(old)) == b"ST=91;CN=9014;CP=&&QN=20040516010101001;CN=2051&&"
    part = parse_segment(b"QN=20260701083000001;CN=2051;PW=1;MN=2;Flag=7;PNUM=2;PNO=1;CP=&&&&")
    assert b"Flag=6;PNUM=2;PNO=1;" in build_receipt(part)
    for one in (new, old, part):
        assert received(parse_segment(parse_frame(build_receipt(one)))) == one.qn
    assert received(new) == ""
    assert b"CN=9013" in build_receipt(parse_segment(b"CN=3020;Flag=5;CP=&&&&"))


def split(data: bytes, dice: random.Random | None = None) -> tuple[list[bytes], Splitter]:
    """Cut bytes that come in pieces of random lengths, or at once."""
    splitter, frames = Splitter(), []
    at = 0
    while at < len(data):
        length = dice.randint(1, 700) if dice else len(data)
        frames += splitter.feed(data[at : at + length])
        assert splitter.waiting <= MAX_WAITING
        at += length
    return [*frames, *splitter.end()], splitter


GOOD = minute("20260701083000", 415.0)


@pytest.mark.parametrize("between", [b"", b"\r\n", b"\n", b"\r\n\r\n"])
def test_frames_end_with_or_without_a_line_end(between: bytes) -> None:
    data = between.join([GOOD.strip()] * 3)
    assert split(data)[0] == [GOOD.strip()] * 3


def test_a_bad_frame_costs_no_good_one() -> None:
    bad = GOOD.replace(b"415", b"416")
    for data in (GOOD + bad + GOOD, GOOD.strip() + bad.strip() + GOOD):
        assert split(data)[0] == [GOOD.strip(), bad.strip(), GOOD.strip()]
    short = GOOD.replace(b"##0", b"##9", 1)  # says that it is longer than it is
    assert split(short + GOOD)[0] == [short.strip(), GOOD.strip()]
    assert split(b"noise\r\n" + GOOD)[0] == [b"noise", GOOD.strip()]


def test_what_never_ends_is_bounded_and_counted() -> None:
    frames, splitter = split(b"x" * 1_000_000 + b"\r\n" + GOOD)
    assert [len(frame) for frame in frames] == [MAX_FRAME, len(GOOD) - 2]
    assert splitter.skipped == 1_000_000 - MAX_FRAME


PIECES = [GOOD, GOOD.strip(), GOOD[:40], GOOD.replace(b"415", b"9"), b"##", b"\r\n", b"##9999", b"junk"]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(0, 99))
def test_pieces_mean_nothing(parts: list[bytes], seed: int) -> None:
    data = b"".join(parts)
    whole, _ = split(data)
    pieces, _ = split(data, random.Random(seed))
    assert b"".join(pieces) == b"".join(whole)
    right = [frame for frame in whole if frame == GOOD.strip()]
    assert [frame for frame in pieces if frame == GOOD.strip()] == right
    assert b"".join(whole) == data.translate(None, b"\r\n")


def test_a_file_of_frames_is_known_by_its_beginning() -> None:
    assert looks_like_frames(b"\r\n" + GOOD)
    assert not looks_like_frames(b'"TOA5","s"')
    assert not looks_like_frames(b"##01")
