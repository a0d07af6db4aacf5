"""TOB1, TOB3 and .ghg: our readers against files made from the formats' description, and against another reader."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import math
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import to_ns
from core.errors import PayloadError
from core.station import Station, parse_station
from ingest.files import raw
from ingest.files.campbell import decode_fp2
from ingest.files.examination import Examined, examine
from ingest.files.records import Records
from tests.fluxcalc.reference import STATIONS
from tests.ingest import campbell_writer as writer
from tests.waiting import PATIENCE

NAMES = ("Ux", "Uy", "Uz", "Ts", "co2", "h2o", "Ta", "press")
UNITS = ("m/s", "m/s", "m/s", "C", "mg/m^3", "g/m^3", "C", "kPa")
KINDS = ("IEEE4", "IEEE4B", "FP2", "FP2", "IEEE8", "IEEE8B", "FP2", "IEEE4")
FIRST = datetime(2024, 6, 20, 13, 0, tzinfo=UTC)
FIRST_S = int(FIRST.timestamp())
N = 350


def station(format: str, **keys: str) -> Station:
    text = (STATIONS / "synthetic.toml").read_text()
    lines = [f'format = "{format}"', "utc_offset = 0.0", *(f"{key} = {value}" for key, value in keys.items())]
    return parse_station(text + "\n[files]\n" + "\n".join(lines), "synthetic.toml")


def values(n: int = N, seed: int = 1) -> np.ndarray:
    """Rounded to what FP2 can hold, with holes."""
    rows = np.round(np.random.default_rng(seed).normal(0, 2, (max(n, 8), len(NAMES))), 3)
    rows[5, 2] = rows[6, 0] = rows[7, 4] = math.nan
    return rows[:n]


def tob1(rows: np.ndarray) -> bytes:
    stamps = [divmod((i + 1) * 50_000_000, 10**9) for i in range(len(rows))]
    numbered = [
        (FIRST_S + second, nanos, i, *row)
        for i, ((second, nanos), row) in enumerate(zip(stamps, rows.tolist(), strict=True))
    ]
    return writer.tob1(NAMES, UNITS, KINDS, numbered)


def tob3(rows: np.ndarray) -> bytes:
    return writer.tob3(NAMES, UNITS, KINDS, rows.tolist(), FIRST_S * 1000 + 50)


def read(path: Path, declared: Station, start_ns: int = 0) -> tuple[Records, list[str]]:
    notes: list[str] = []
    span = raw.find_span(path, declared, declared.flux.stream)
    pieces = list(raw.read_records(span, declared, declared.flux.stream, start_ns, notes.append))
    whole = Records(
        np.concatenate([piece.starts for piece in pieces]),
        np.concatenate([piece.values for piece in pieces], axis=1),
        np.concatenate([piece.lines for piece in pieces]),
    )
    assert span.start_ns == whole.starts.min()
    assert span.end_ns == whole.starts.max() + 50_000_000
    return whole, notes


def as_stored(rows: np.ndarray) -> np.ndarray:
    """What is left of a number in its column's type."""
    kept = rows.copy()
    for i, kind in enumerate(KINDS):
        if kind.startswith("IEEE4"):
            kept[:, i] = rows[:, i].astype(np.float32)
    return kept.T


@pytest.mark.parametrize(("format", "make"), [("tob1", tob1), ("tob3", tob3)])
@pytest.mark.parametrize("packed", [False, True])
def test_records_come_back_with_their_times(tmp_path, format, make, packed):
    path = tmp_path / "raw.dat"
    content = make(values())
    path.write_bytes(gzip.compress(content) if packed else content)
    records, notes = read(path, station(format))
    np.testing.assert_array_equal(records.values, as_stored(values()))
    np.testing.assert_array_equal(records.starts, to_ns(FIRST) + np.arange(N) * 50_000_000)
    np.testing.assert_array_equal(records.lines, np.arange(1, N + 1))
    assert not notes


@pytest.mark.parametrize(("format", "make"), [("tob1", tob1), ("tob3", tob3)])
def test_another_reader_reads_the_same(tmp_path, format, make):
    """camp2ascii converts the file to TOA5; that goes through our TOA5 reader."""
    source, out = tmp_path / "in" / "raw.dat", tmp_path / "out"
    source.parent.mkdir()
    source.write_bytes(make(values()))
    program = "import sys; from camp2ascii import camp2ascii; list(camp2ascii(sys.argv[1], sys.argv[2]))"
    subprocess.run([sys.executable, "-c", program, source, out], check=True, capture_output=True, timeout=PATIENCE)
    (converted,) = (path for path in out.rglob("*") if path.is_file())
    theirs, _ = read(converted, station("toa5"))
    ours, _ = read(source, station(format))
    np.testing.assert_array_equal(ours.starts, theirs.starts)
    # theirs go through decimal text
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-6, atol=1e-12)


def test_a_card_is_a_ring(tmp_path):
    """The newest frames stand before the oldest; a frame never written and the filling of a cut one are no data."""
    rows = values(28).tolist()
    data = [b"".join(writer.pack(KINDS, row) for row in rows[i : i + 7]) for i in range(0, 28, 7)]
    frames = [writer.frame(FIRST_S * 1000 + 50 + 350 * i, 7 * i, data[i]) for i in range(4)]
    never = writer.frame(FIRST_S * 1000 - 10**6, 0, data[0], stamp=writer.STAMP - 7)
    size = len(frames[0])
    # the second frame was cut after three records, when the card was taken out: two minor frames, the last is filling
    head = b"".join(writer.pack(KINDS, row) for row in rows[7:10])
    length = 16 + len(head)
    cut = writer.frame(FIRST_S * 1000 + 400, 7, head, flags=1 << 14 | length)
    filling = writer.frame(FIRST_S * 1000, 0, b"\xee" * (size - length - 16), flags=1 << 14 | (size - length))
    path = tmp_path / "card.dat"
    path.write_bytes(
        writer.tob3_header(NAMES, UNITS, KINDS, size) + frames[2] + frames[3] + never + frames[0] + cut + filling
    )
    records, _ = read(path, station("tob3"))
    kept = [*range(10), *range(14, 28)]
    np.testing.assert_array_equal(records.values, as_stored(values(28))[:, kept])
    np.testing.assert_array_equal(records.starts, to_ns(FIRST) + np.array(kept) * 50_000_000)


def swapped(format: str, rows: np.ndarray) -> bytes:
    """A file of which the first two columns are the other way round."""
    order = (1, 0, *range(2, len(NAMES)))
    names, units, kinds = ([one[i] for i in order] for one in (NAMES, UNITS, KINDS))
    rows = rows[:, order]
    if format == "tob3":
        start_ms = FIRST_S * 1000 + 50 + 50 * N
        return writer.tob3(names, units, kinds, rows.tolist(), start_ms)
    stamps = [divmod((N + i + 1) * 50_000_000, 10**9) for i in range(len(rows))]
    return writer.tob1(
        names, units, kinds, [(FIRST_S + s, ns, 0, *row) for (s, ns), row in zip(stamps, rows, strict=True)]
    )


@pytest.mark.parametrize(("format", "make"), [("tob1", tob1), ("tob3", tob3)])
def test_a_joined_file_is_read_by_its_own_header(tmp_path, format, make):
    rows = np.clip(values(2 * N, seed=4), -7.9, 7.9)
    path = tmp_path / "raw.dat"
    path.write_bytes(make(rows[:N]) + swapped(format, rows[N:]))
    declared = station(format)
    found = examine(path, declared, declared.flux.stream)
    pieces = list(raw.read_records(found.spans[0].span, declared, declared.flux.stream, 0, print))
    np.testing.assert_array_equal(np.concatenate([one.values for one in pieces], axis=1), as_stored(rows))
    starts = np.concatenate([one.starts for one in pieces])
    np.testing.assert_array_equal(starts, to_ns(FIRST) + np.arange(2 * N) * 50_000_000)
    np.testing.assert_array_equal(np.concatenate([one.lines for one in pieces]), np.arange(1, 2 * N + 1))
    assert found.account.notes == [f"record {N + 1}: a new header begins here; its columns are read by their names"]
    assert (found.account.read, found.problems) == (2 * N, [])


def test_a_joined_file_without_a_channel_is_left_out_and_told(tmp_path):
    rows = values()
    other = swapped("tob1", rows).replace(b'"co2"', b'"xyz"')
    path = tmp_path / "raw.dat"
    path.write_bytes(tob1(rows) + other)
    declared = station("tob1")
    found = examine(path, declared, declared.flux.stream)
    (left,) = found.account.left_out
    assert (found.account.read, left.line, left.bytes) == (N, N + 1, len(other))
    assert "has no column 'co2'" in found.problems[0]
    assert f"the {len(other)} bytes from there are left out" in found.problems[0]


def test_a_frame_of_a_damaged_time_is_left_out_and_told(tmp_path):
    content = bytearray(tob3(values(70)))
    path = tmp_path / "raw.dat"
    declared = station("tob3")
    size = 16 + 7 * len(writer.pack(KINDS, values(1)[0].tolist()))
    head = len(content) - 10 * size
    content[head + 4 * size + 2] ^= 1  # seconds, times 65536
    path.write_bytes(content)
    found = examine(path, declared, declared.flux.stream)
    (left,) = found.account.left_out
    assert (left.line, left.records, found.account.read) == (29, 7, 70)
    assert "times are not those of their places" in found.problems[0]


def examined(tmp_path: Path, format: str, content: bytes) -> tuple[Examined, np.ndarray]:
    """Return what is found in a file, and the numbers of the records that are used by their times."""
    path = tmp_path / "raw.dat"
    path.write_bytes(content)
    declared = station(format)
    found = examine(path, declared, declared.flux.stream)
    times = [
        records.starts
        for one in found.spans
        for records in map(one.span.select, raw.read_records(one.span, declared, declared.flux.stream, 0, print))
    ]
    return found, (np.concatenate([*times, np.empty(0, np.int64)]) - to_ns(FIRST)) // 50_000_000


def test_a_last_frame_that_stands_apart_is_left_out_and_told(tmp_path):
    content = bytearray(tob3(values(70)))
    size = 16 + 7 * len(writer.pack(KINDS, values(1)[0].tolist()))
    content[-size + 7] ^= 0x80  # the fraction of a second, in steps of 100 us, times 2**31: two and a half days
    found, used = examined(tmp_path, "tob3", bytes(content))
    np.testing.assert_array_equal(used, np.arange(63))
    assert [(one.line, one.records) for one in found.account.left_out] == [(64, 7)]
    assert "times are not those of their places" in found.problems[0]


@pytest.mark.parametrize("filler", [b"\0", b"\xff"])
@pytest.mark.parametrize("into", [1, 2, 3, 11])
def test_a_frame_whose_head_was_overwritten_is_left_out(tmp_path, filler, into):
    """A power cut wrote over the third and fourth frame, and over the first bytes of the fifth."""
    content = bytearray(tob3(values(70)))
    size = 16 + 7 * len(writer.pack(KINDS, values(1)[0].tolist()))
    begin = len(content) - 8 * size
    content[begin : begin + 2 * size + into] = filler * (2 * size + into)
    found, used = examined(tmp_path, "tob3", bytes(content))
    np.testing.assert_array_equal(used, [*range(14), *range(35, 70)])
    assert [one.bytes for one in found.account.left_out] == [3 * size]


WIDTH = 12 + len(writer.pack(KINDS, [0.0] * 8))
"""Of a record of TOB1 with its stamp and number. [bytes]"""


SHORT = 40
"""Records of a short file."""


@pytest.mark.parametrize("record", [0, 1, 20, SHORT - 4, SHORT - 3, SHORT - 2, SHORT - 1])
@pytest.mark.parametrize("kept", [0, 1, 5, 12, 14, WIDTH - 1])
def test_tob1_of_which_bytes_were_lost_has_no_record_of_two_halves(tmp_path, record, kept):
    """Bytes are lost from within a record on, of every number but a record's length: no half is used, most others are.

    The record before may have to go, too, and at the end those behind, which are too few to tell where they begin.
    """
    content = tob1(values(SHORT))
    begin = len(content) - (SHORT - record) * WIDTH + kept
    for lost in (1, 3, 4, 7, 8, 11, 12, 25, WIDTH - 1, WIDTH + 1, WIDTH + 27):
        end = min(begin + lost, len(content) - 1)
        if (end - begin) % WIDTH == 0:
            continue
        found, used = examined(tmp_path, "tob1", content[:begin] + content[end:])
        behind = record + -(-(kept + end - begin) // WIDTH)
        assert not {*range(record, behind)} & {*used.tolist()}, lost
        assert {*range(record - 1)} <= {*used.tolist()}, lost
        if behind < SHORT - 3:
            assert {*range(behind, SHORT)} <= {*used.tolist()}, lost
        left = sum(one.bytes for one in found.account.left_out)
        assert found.account.read * WIDTH + left == SHORT * WIDTH - (end - begin), lost


def test_tob1_of_nothing_but_a_power_cut_has_no_record(tmp_path):
    content = tob1(values())
    begin = len(content) - N * WIDTH
    found, used = examined(tmp_path, "tob1", content[: begin + 10] + bytes(20 * WIDTH))
    assert not used.size
    assert sum(one.bytes for one in found.account.left_out) == 10 + 20 * WIDTH


@pytest.mark.parametrize("gap", [-13, 13, 1])
def test_frames_beside_their_places_are_found_again(tmp_path, gap):
    """Bytes of the sixth frame are lost, or foreign ones stand in it: its seven records are gone, no others."""
    content = tob3(values())
    size = 16 + 7 * len(writer.pack(KINDS, values(1)[0].tolist()))
    begin = len(writer.tob3_header(NAMES, UNITS, KINDS, size)) + 5 * size
    damaged = content[: begin + 20] + (b"\x55" * gap if gap > 0 else b"") + content[begin + 20 + max(0, -gap) :]
    path = tmp_path / "card.dat"
    path.write_bytes(damaged)
    records, notes = read(path, station("tob3"))
    kept = [i for i in range(N) if not 35 <= i < 42]
    np.testing.assert_array_equal(records.starts, to_ns(FIRST) + np.array(kept) * 50_000_000)
    np.testing.assert_array_equal(records.values, as_stored(values())[:, kept])
    assert notes == [
        f"card.dat: record 36: {size + gap} bytes that are no frames of the table: is the file damaged there?"
    ]


@given(st.integers(0, 0xFFFF))
def test_fp2(word):
    sign, exponent, mantissa = word >> 15, word >> 13 & 3, word & 0x1FFF
    expected = (-1) ** sign * float(f"{mantissa}e-{exponent}")
    got = decode_fp2(np.array([word], ">u2"))[0]
    assert math.isnan(got) if abs(expected) > 7999 else got == expected


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_table_is_refused_or_read(tmp_path_factory, data):
    format, make = data.draw(st.sampled_from([("tob1", tob1), ("tob3", tob3)]))
    content = bytearray(make(values(30)))
    for _ in range(data.draw(st.integers(0, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "raw.dat"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    declared = station(format)
    with contextlib.suppress(PayloadError):
        span = raw.find_span(path, declared, declared.flux.stream)
        for piece in raw.read_records(span, declared, declared.flux.stream, 0, lambda _: None):
            assert piece.values.shape == (len(NAMES), len(piece.starts))


@pytest.mark.parametrize(
    ("format", "content", "message"),
    [
        ("tob1", b"", "line 1: the file is empty"),
        ("tob1", tob3(values(7)), 'expected "TOB1", got'),
        ("tob3", b"\x00\xff" * 500, "line 1: this is no header"),
        ("tob1", tob1(values(3)).replace(b'"FP2"', b'"FP4"'), "unknown type 'FP4'"),
        ("tob1", tob1(values(3)).replace(b'"NANOSECONDS"', b'"NANOS"'), "no column NANOSECONDS"),
        ("tob1", tob1(values(0)), "no record after the header"),
        ("tob3", tob3(values(7)).replace(b'"50 MSEC"', b'"0 MSEC"'), "without an interval"),
        ("tob3", tob3(values(7)).replace(b'"Ux"', b'"Uy"'), "two columns have the same name"),
        ("tob3", tob3(values(7)).replace(b'"co2"', b'"CO2"'), None),
        ("tob1", tob1(values(3)).replace(b'"C"', b'"K"'), "line 3: Ts is in 'K'"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, format, content, message):
    path = tmp_path / "raw.dat"
    path.write_bytes(content)
    if message is None:
        _, notes = read(path, station(format))
        assert "no column 'co2'" in notes[0]
        return
    with pytest.raises(PayloadError, match=message):
        read(path, station(format))


GHG_HEADER = (
    "Model:\tLI-7500A Open Path CO2/H2O Analyzer\nSN:\t75H-1234\nInstrument:\tAIU-0123\nFile Type:\t2\n"
    "Software Version:\t6.5.2\nTimestamp:\t13:00:00\nTimezone:\tEtc/UTC\n"
)
GHG_NAMES = ("Ux (m/s)", "Uy (m/s)", "Uz (m/s)", "Ts (C)", "co2 (mg/m^3)", "h2o (g/m^3)", "Ta (C)", "press (kPa)")


def ghg_table(rows: np.ndarray) -> str:
    lines = ["\t".join(("DATAH", "Seconds", "Nanoseconds", "Sequence Number", "Date", "Time", *GHG_NAMES))]
    for i, row in enumerate(rows.tolist()):
        second, nanos = divmod(i * 50_000_000, 10**9)
        at = FIRST + timedelta(seconds=second)
        time = (str(FIRST_S + second), str(nanos), str(i), f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}:{nanos // 10**6:03d}")
        lines.append("\t".join(("DATA", *time, *(repr(value) for value in row))))
    return GHG_HEADER + "\n".join(lines) + "\n"


def ghg_station() -> Station:
    text = (STATIONS / "synthetic.toml").read_text()
    for name, column in zip(NAMES, GHG_NAMES, strict=True):
        text = text.replace(f'name = "{name}"', f'name = "{column}"')
    return parse_station(text + '\n[files]\nformat = "ghg"\n', "synthetic.toml")


def zipped(members: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_a_ghg_is_read(tmp_path):
    path = tmp_path / "2024-06-20T130000_AIU-0123.ghg"
    beside = {"t.metadata": "[Timing]\nacquisition_frequency=20\n", "t-biomet.data": "DATAH\tTa\nDATA\t1\n"}
    path.write_bytes(zipped({"t.data": ghg_table(values()), **beside}))
    records, notes = read(path, ghg_station())
    np.testing.assert_array_equal(records.values, values().T)
    np.testing.assert_array_equal(records.starts, to_ns(FIRST) + np.arange(N) * 50_000_000)
    assert not notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"t.metadata": "x"}), "expected one table"),
        (zipped({"t.data": "nothing here\n"}), "no line of names that begins with DATAH"),
        (zipped({"t.data": ghg_table(values(3))})[:-30], "cannot be read"),
        (zipped({"t.data": ghg_table(values(3)).replace("Nanoseconds", "Nanos")}), "no column 'Nanoseconds'"),
    ],
)
def test_a_broken_ghg_is_refused(tmp_path, content, message):
    path = tmp_path / "t.ghg"
    path.write_bytes(content)
    with pytest.raises(PayloadError, match=message):
        read(path, ghg_station())


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    """A gigabyte of line-less zeros in a megabyte: refused after the first piece."""
    path = tmp_path / "bomb.ghg"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("t.data", "w") as member:
        member.write(ghg_table(values(3)).encode())
        for _ in range(256):
            member.write(bytes(1 << 22))
    declared = ghg_station()
    span = raw.find_span(path, declared, declared.flux.stream)
    with pytest.raises(PayloadError, match="no line end"):
        list(raw.read_records(span, declared, declared.flux.stream, 0, lambda _: None))


def test_icos_in_a_zip(tmp_path):
    """``CH-Dav_EC_202004021230_L02_F03.zip``: the header is registered once, the time is in the name."""
    path = tmp_path / "XX-Syn_EC_202406201300_L02_F03.zip"
    table = io.StringIO()
    rows = values()
    csv.writer(table).writerows([[repr(value) for value in row] for row in rows.tolist()])
    path.write_bytes(zipped({"XX-Syn_EC.csv": table.getvalue()}))
    columns = "[" + ", ".join(f'"{name}"' for name in NAMES) + "]"
    records, _ = read(path, station("icos_csv", header_rows="0", columns=columns))
    np.testing.assert_array_equal(records.values, rows.T)
    np.testing.assert_array_equal(records.starts, to_ns(FIRST) + np.arange(N) * 50_000_000)
