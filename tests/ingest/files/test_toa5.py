from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from core.clock import NS
from core.errors import ConfigError, PayloadError
from core.station import Files
from ingest.files.layouts import Layout
from ingest.files.lines import parse_lines
from ingest.files.toa5 import parse, read

HEADER = (
    b'"TOA5","6843","CR3000","6843","CR3000.Std.22","CPU:X.CR3","24006","ts_Above"\r\n'
    b'"TIMESTAMP","RECORD","Ux","note, with comma"\r\n'
    b'"TS","RN","m/s","C"\r\n'
    b'"","","Smp","Avg"\r\n'
)
LAST = b'"2012-06-07 12:45:01",3,,7\r\n'
ROWS = b'"2012-06-07 12:45:00.05",1,2.00875,"NAN"\r\n"2012-06-07 12:45:00.1",2,NAN,-1e-3\r\n' + LAST


def test_the_recorded_file(demo: Path) -> None:
    table = read(demo / "data" / "TOA5_6843.ts_Above_2012_06_07_1245.dat.gz")
    assert (table.station, table.model, table.table) == ("6843", "CR3000", "ts_Above")
    assert table.names[2:6] == ("Ux", "Uy", "Uz", "co2")
    assert table.units[5] == "mg/m^3"
    assert table.process[0] == ""
    assert table.frame.shape == (18_000, 10)
    # typed off the file's first and last lines
    first = datetime(2012, 6, 7, 12, 45, 0, 50_000)
    assert table.frame.row(0)[:5] == (first, 111850400.0, 2.00875, -1.59625, -0.4375)
    assert table.frame.row(0)[5:] == (667.4865, 8.788113, 27.65771, 100.2198, 0.0)
    assert table.frame["TIMESTAMP"][-1] == datetime(2012, 6, 7, 13, 0, 0)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_missing_values_are_nan(line_end: bytes) -> None:
    frame = parse((HEADER + ROWS).replace(b"\r\n", line_end), "x").frame
    second, third = datetime(2012, 6, 7, 12, 45, 0, 100_000), datetime(2012, 6, 7, 12, 45, 1)
    assert frame["TIMESTAMP"].to_list()[1:] == [second, third]
    assert frame["Ux"][0] == 2.00875
    assert math.isnan(frame["Ux"][1])
    assert math.isnan(frame["Ux"][2])
    assert math.isnan(frame["note, with comma"][0])
    assert frame["note, with comma"].to_list()[1:] == [-0.001, 7.0]


def test_an_unfinished_last_line_is_left_out() -> None:
    for cut in range(1, len(LAST) + 1):
        assert parse((HEADER + ROWS)[:-cut], "x").frame.height == 2, cut
    assert parse(HEADER, "x").frame.height == 0


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "f.dat: line 1: .*no TOA5 file"),
        (b"\x00\xff\xfe", "line 1"),
        (b'"TOB1","a"\n' * 5, "line 1: .*no TOA5 file"),
        (HEADER[:100], "line 2"),
        (HEADER.replace(b"TIMESTAMP", b"TIME"), "line 2: the first column must be TIMESTAMP"),
        (HEADER.replace(b"RECORD", b"Ux"), "line 2: two columns"),
        (HEADER.replace(b',"C"', b',"C","V"'), "line 3: expected 4 fields as in line 2, got 5"),
        (HEADER + ROWS.replace(b"2,NAN", b"2"), "line 6: expected 4 fields as in line 2, got 3"),
        (HEADER + ROWS.replace(b"2,NAN", b"2,3,4"), "line 6: expected 4 fields as in line 2, got 5"),
        (HEADER + ROWS.replace(b"-1e-3", b"wet"), "line 6: note, with comma: expected a number, got 'wet'"),
        (HEADER + ROWS.replace(b"06-07 12:45:01", b"06-31 12:45:01"), "line 7: TIMESTAMP: expected a stamp"),
        (HEADER + b"\r\n" + ROWS, "line 5: expected 4 fields"),
        (HEADER + ROWS.replace(b"NAN,", b"\xff,"), "f.dat: "),
        (HEADER + ROWS.replace(b"NAN,", b'"NAN,'), "f.dat: line 6"),
    ],
)
def test_rubbish_is_refused_with_its_line(content: bytes, part: str) -> None:
    with pytest.raises(PayloadError, match=part):
        parse(content, "f.dat")


def test_files_that_cannot_be_opened_or_unpacked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.dat"):
        read(tmp_path / "absent.dat")
    damaged = tmp_path / "damaged.dat.gz"
    damaged.write_bytes(gzip.compress(HEADER + ROWS)[:-20])
    with pytest.raises(PayloadError, match="damaged gzip"):
        read(damaged)
    damaged.write_bytes(gzip.compress(HEADER + ROWS))
    assert read(damaged).frame.height == 3


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 3))
def test_mutated_files_give_a_table_or_a_payload_error(new: bytes, at: int, cut: int) -> None:
    content = HEADER + ROWS
    at %= len(content)
    try:
        table = parse(content[:at] + new + content[at + cut :], "x")
    except PayloadError:
        return
    assert list(table.frame.columns) == list(table.names)


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, zstandard.compress])
def test_packed_bytes_behind_a_header_are_not_unpacked(pack: Callable[[bytes], bytes]) -> None:
    """What reads CSV for us would unpack them without a limit."""
    header = b'"TOA5","s","m","n","o","p","q","t"\n"TIMESTAMP"\n"TS"\n""\n'
    contents = (b"2026-07-01 00:00:00" * i for i in range(1, 1000))
    packed = next(body for body in map(pack, contents) if not set(b',"\n') & set(body))
    with pytest.raises(PayloadError, match="line 5: no line of text"):
        parse(header + packed + b"\n", "a.dat")
    lines: list[str] = []
    layout = Layout(Files(), 1, (0,), (-1,), 5, 0, NS, 0, ())
    records = parse_lines(packed + b"\n", 5, layout, "a.dat", lines.append)
    assert len(records.starts) == 0
    assert len(lines) == 1
