from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from core.clock import to_ns
from core.errors import PayloadError
from core.records import LoggerState, Reading, SampleBlock
from ingest.payloads import MessageSource, decode
from tests.ingest.foreign import FILE, source

# header and record of the example in Campbell Scientific's manuals, with a time that we take
HEADER = (
    b'"TOA5","11467","CR1000","11467","CR1000.Std.20","CPU:file format.CR1","26243","Test"\r\n'
    b'"TIMESTAMP","RECORD","AirTC_Avg","RH"\r\n"TS","RN","Deg C","%"\r\n"","","Avg","Smp"\r\n'
)
LINE = b'"2010-12-20 11:31:30",7,21.77,"NAN"\r\n'


def readings(records: Sequence[Reading | SampleBlock | LoggerState]) -> list[Reading]:
    return [record for record in records if isinstance(record, Reading)]


@pytest.mark.parametrize("payload", [LINE, LINE.strip(), HEADER + LINE, b"\r\n" + LINE + b"\r\n"])
def test_a_line_with_and_without_its_header(payload: bytes) -> None:
    (reading,) = readings(decode(source("toa5"), payload, 0))
    # seven hours behind UTC, END of a half-hour
    assert reading.time_ns == to_ns(datetime(2010, 12, 20, 18, 1, 30, tzinfo=UTC))
    assert reading.seq == 7
    assert reading.values["TA"] == 21.77
    assert math.isnan(reading.values["RH"])


def test_a_header_may_have_other_columns() -> None:
    header = HEADER.replace(b'"RECORD","AirTC_Avg"', b'"AirTC_Avg","RECORD"').replace(b'"RN","Deg C"', b'"Deg C","RN"')
    (reading,) = readings(decode(source("toa5"), header + b'"2010-12-20 11:30:00",1.5,9,50\n', 0))
    assert (reading.values["TA"], reading.values["RH"], reading.seq) == (1.5, 50.0, 9)


def test_several_lines() -> None:
    later = LINE.replace(b"11:31:30", b"12:01:30.5").replace(b",7,", b",8,")
    first, second = readings(decode(source("toa5"), LINE + later, 0))
    assert second.time_ns - first.time_ns == 1_800_500_000_000
    assert second.seq == 8


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        (b"", "empty"),
        (b"\r\n", "no records"),
        (HEADER, "no records"),
        (b'"TOA5"', "this is no TOA5 file"),
        (HEADER.replace(b"Deg C", b"K") + LINE, "is in 'K' (K), the station file declares deg C"),
        (b'"2010-12-20 11:31:30",7,21.77', "line 1: expected 4 fields, got 3"),
        (LINE + b"x", "line 2: expected 4 fields, got 1"),
        (HEADER + LINE + b"x", "line 6: expected 4 fields, got 1"),
        (LINE.replace(b"21.77", b"warm"), "line 1: 'AirTC_Avg': expected a number, got 'warm'"),
        (LINE.replace(b"21.77", b"inf"), "expected a finite number"),
        (LINE.replace(b"21.77", b"1e39"), "expected a finite number"),
        (LINE.replace(b",7,", b",-7,"), "RECORD: expected a whole number"),
        (LINE.replace(b",7,", b",99999999999999999999,"), "RECORD: expected"),
        (LINE.replace(b"2010-12-20", b"2010-13-20"), "no such time"),
        (LINE.replace(b"2010", b"1900"), "from 1990 to 2100"),
        (b'"2010-12-20 11:31:30,7,1,2', "no line of quoted CSV"),
        (b"\xff,1,2,3", "no line of quoted CSV"),
    ],
)
def test_bad_lines_are_refused_with_a_reason(payload: bytes, part: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(source("toa5"), payload, 0)
    assert part in caught.value.reason


def test_a_line_whose_fields_nobody_names_is_refused() -> None:
    good = source("toa5")
    assert good.declared is not None
    nameless = MessageSource("a", "b", "toa5-line", good.declared.model_copy(update={"columns": ()}))
    with pytest.raises(PayloadError, match="name its fields by `columns`"):
        decode(nameless, LINE, 0)
    assert "columns" in FILE
