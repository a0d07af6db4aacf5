"""Raw files as they come from the field: damaged, joined, with clocks that were wrong. Each has one right result.

All are made of one undamaged file, whose fluxes are known: ten minutes at 10 Hz, two intervals of five.
"""

from __future__ import annotations

import json
import lzma
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.fluxtower.raw import RunCommand

BASE = Path(__file__).parents[1] / "cases" / "base.dat.xz"
STATION = """
[station]
id = "h1"
name = "Tower"
latitude = 45.0
longitude = 10.0
altitude = 100.0
utc_offset = 1.0
[site]
canopy_height = 0.5
[sonic]
model = "CSAT3"
height = 3.0
[[analyzer]]
model = "LI-7500"
gases = ["CO2", "H2O"]
northward_separation = 0.1
[[stream]]
name = "ec"
kind = "block"
rate = 10.0
channels = [
 { name = "Ux", variable = "U", unit = "m s-1" },
 { name = "Uy", variable = "V", unit = "m s-1" },
 { name = "Uz", variable = "W", unit = "m s-1" },
 { name = "Ts", variable = "T_SONIC", unit = "deg C" },
 { name = "co2", variable = "CO2_DENSITY", unit = "mg m-3" },
 { name = "h2o", variable = "H2O_DENSITY", unit = "g m-3" },
]
[flux]
stream = "ec"
averaging_minutes = 5
"""
TOB1_STATION = STATION + '[files]\nformat = "tob1"\n'
N = 3000
"""Records of an interval."""
WHOLE = {
    "202606011200": (N, {"H": 76.4429, "LE": 256.9769, "FC": -47.09443, "USTAR": 0.3017031}),
    "202606011205": (N, {"H": 77.64501, "LE": 260.9538, "FC": -41.99037, "USTAR": 0.2970972}),
}
"""Start of an interval -> its records, and its fluxes where they must be those of the undamaged file."""
FIRST, SECOND = "202606011200", "202606011205"
START = datetime(2026, 6, 1, 12, 0)
Lines = list[bytes]


def base() -> tuple[Lines, Lines]:
    """The header and the records of the undamaged file."""
    lines = lzma.decompress(BASE.read_bytes()).splitlines(keepends=True)
    return lines[:4], lines[4:]


def stamp(time: datetime, record: bytes, digits: int = 1) -> bytes:
    text = f"{time:%Y-%m-%d %H:%M:%S.%f}"[: 20 + digits] if digits else f"{time:%Y-%m-%d %H:%M:%S}"
    return f'"{text}"'.encode() + record[record.index(b",") :]


def restamp(records: Sequence[bytes], milliseconds: Sequence[float], digits: int = 3) -> Lines:
    return [
        stamp(START + timedelta(milliseconds=ms), one, digits) for ms, one in zip(milliseconds, records, strict=True)
    ]


def swap(line: bytes) -> bytes:
    """Put h2o before co2."""
    *fields, co2, h2o = line.rstrip(b"\r\n").split(b",")
    return b",".join([*fields, h2o, co2]) + b"\n"


def tob1(quote: str = '"', stamps: str = "ULONG") -> tuple[bytes, list[bytes]]:
    """The undamaged file as a TOB1: its header and its records."""
    header, records = base()
    names = header[1].decode().replace('"', "").strip().split(",")[2:]
    units = header[2].decode().replace('"', "").strip().split(",")[2:]
    rows = [
        ["TOB1", "tower", "CR3000", "1234", "CR3000.Std.31", "CPU:ec.CR3", "555", "ts_data"],
        ["SECONDS", "NANOSECONDS", "RECORD", *names],
        ["SECONDS", "NANOSECONDS", "RN", *units],
        ["", "", "", *["Smp"] * 6],
        [stamps] * 3 + ["IEEE4"] * 6,
    ]
    head = "".join(",".join(f"{quote}{field}{quote}" for field in row) + "\r\n" for row in rows).encode()
    order = "<" if stamps == "ULONG" else ">"
    body = []
    for i, record in enumerate(records):
        seconds, tenths = divmod(i + 1, 10)
        since = int((START.replace(tzinfo=UTC) - datetime(1990, 1, 1, tzinfo=UTC)).total_seconds()) + seconds
        body.append(
            struct.pack(f"{order}3L", since, tenths * 10**8, i)
            + struct.pack("<6f", *map(float, record.split(b",")[2:]))
        )
    return head, body


class Case(NamedTuple):
    """Files, and what must come of them: intervals, words on stderr (then the status is 1), words in the summary."""

    files: Callable[[], dict[str, bytes]]
    expected: dict[str, tuple[int, dict[str, float]]] = WHOLE
    problem: str = ""
    told: str = ""
    station: str = STATION
    options: tuple[str, ...] = ()
    tolerance: float = 1e-6


def toa5(change: Callable[[Lines, Lines], Lines]) -> Callable[[], dict[str, bytes]]:
    return lambda: {"a.dat": b"".join(change(*base()))}


def binary(change: Callable[[bytes, list[bytes]], list[bytes]], **kind: str) -> Callable[[], dict[str, bytes]]:
    return lambda: {"a.dat": b"".join(change(*tob1(**kind)))}


def jitter(offset: float) -> Callable[[Lines, Lines], Lines]:
    """Stamps of a PC: up to 20 ms early or late, all beside the grid by an offset. [ms]"""
    late = np.random.default_rng(4).uniform(-20, 20, 2 * N)
    return lambda head, rows: head + restamp(rows, [100 * (i + 1) + offset + late[i] for i in range(2 * N)])


def without_co2(line: bytes) -> bytes:
    *fields, _co2, h2o = line.split(b",")
    return b",".join([*fields, h2o])


FIRST_ONLY = {FIRST: WHOLE[FIRST]}
CASES = {
    "undamaged": Case(toa5(lambda head, rows: head + rows)),
    "tail of NUL": Case(
        toa5(lambda head, rows: [*head, *rows, b"\0" * 200_000]), told="200,000 bytes left out from line 6005"
    ),
    "short tail of NUL": Case(toa5(lambda head, rows: [*head, *rows, b"\0" * 3000]), told="3,000 bytes left out"),
    "tail of 0xFF": Case(toa5(lambda head, rows: [*head, *rows, b"\xff" * 9000]), told="9,000 bytes left out"),
    "tail of NUL longer than a piece": Case(
        toa5(lambda head, rows: [*head, *rows, b"\0" * 9_000_000]), told="9,000,000 bytes left out"
    ),
    "head of NUL": Case(
        toa5(lambda head, rows: [b"\0" * 65_539, *head, *rows]), told="65,539 bytes left out from line 1"
    ),
    "NUL behind the header": Case(
        toa5(lambda head, rows: [*head, b"\0" * 70_000, b"\n", *rows]), told="70,001 bytes left out from line 5"
    ),
    "record cut by NUL": Case(
        toa5(lambda head, rows: [*head, *rows[:4000], rows[4000][:-3], b"\0" * 5000, *rows[4001:]]),
        {FIRST: WHOLE[FIRST], SECOND: (N - 2, {})},
        "a.dat: line 4005: expected 8 fields with a stamp and numbers, got bytes of a power cut",
        "1 left out from line 4005",
    ),
    "new header, columns in another order": Case(
        toa5(lambda head, rows: [*head, *rows[:N], *(swap(line) if i else line for i, line in enumerate(head)),
                                 *map(swap, rows[N:])]),
        told="line 3005: a new header begins here",
    ),
    "files joined": Case(toa5(lambda head, rows: [*head, *rows[:N], *head, *rows[N:]]), told="line 3005"),
    "new header, one column more": Case(
        toa5(lambda head, rows: [*head, *rows[:N], head[0], *(line.rstrip() + b',"x"\n' for line in head[1:]),
                                 *(line.rstrip() + b",1.5\n" for line in rows[N:])]),
        told="line 3005: a new header begins here",
    ),
    "new header, one column less": Case(
        toa5(lambda head, rows: [*head, *rows[:N], head[0], *map(without_co2, head[1:]),
                                 *map(without_co2, rows[N:])]),
        FIRST_ONLY,
        "a.dat: line 3005: a new header begins here, and it has no column 'co2'; it and the 3004 lines from there are "
        "left out",
        "3,004 left out from line 3005",
    ),
    "two files in another order": Case(
        lambda: {
            "a.dat": b"".join([*base()[0], *base()[1][:N]]),
            "b.dat": b"".join([base()[0][0], *map(swap, base()[0][1:]), *map(swap, base()[1][N:])]),
        }
    ),
    "clock set back by ten minutes": Case(
        toa5(lambda head, rows: [*head, *rows, *restamp(rows[N:], [100 * (i + 1) for i in range(N)], 1)]),
        {FIRST: (N, {}), SECOND: WHOLE[SECOND]},
        "a.dat: line 6005: the clock runs backwards",
        "9,000 records: 3,000 used; 6,000 contested",
    ),
    "newer half of a ring first": Case(
        toa5(lambda head, rows: [*head, *rows[N:], *rows[:N]]), told="the records were put in the order of time"
    ),
    "ring in four parts": Case(
        toa5(lambda head, rows: [*head, *rows[4500:], *rows[1000:N], *rows[:1000], *rows[N:4500]]),
        told="the records were put in the order of time",
    ),
    "dead battery": Case(
        toa5(lambda head, rows: [
            *head, *(one.replace(b"2026-06-01 12", b"1990-01-01 00") for one in rows[:50]), *rows[50:]
        ]),
        {FIRST: (N - 50, {}), SECOND: WHOLE[SECOND]},
        "a.dat: line 5: 50 records left out: stamps 1989-12-31",
        "6,000 records: 5,950 used; 50 left out from line 5",
    ),
    "dead battery, half-hours": Case(
        toa5(lambda head, rows: [
            *head, *(one.replace(b"2026-06-01 12", b"1990-01-01 00") for one in rows[:50]), *rows[50:]
        ]),
        {FIRST: (2 * N - 50, {})},
        "are years apart from the others",
        station=STATION.replace("averaging_minutes = 5", "averaging_minutes = 30"),
    ),
    "a whole file of 1990 beside a good one": Case(
        lambda: {
            "a.dat": b"".join([*base()[0], *base()[1]]),
            "b.dat": b"".join([*base()[0], *(one.replace(b"2026-06-01 12", b"1990-01-01 00") for one in base()[1])]),
        },
        problem="b.dat: line 5: 6000 records left out: stamps 1989-12-31",
    ),
    "a few damaged stamps": Case(
        toa5(lambda head, rows: [
            *head, *rows[:4000], *(one.replace(b"2026-06", b"2026-09") for one in rows[4000:4003]), *rows[4003:]
        ]),
        {FIRST: WHOLE[FIRST], SECOND: (N - 3, {})},
        "a.dat: line 4005: stamps like 2026-09-01 11:06:40Z stand amid records of another time; 3 left out",
    ),
    "TOB1": Case(binary(lambda head, rows: [head, *rows]), station=TOB1_STATION, tolerance=1e-5),
    "TOB1, tail of zeros": Case(
        binary(lambda head, rows: [head, *rows, bytes(36 * 500)]),
        problem="a.dat: line 6001: 500 records left out: stamps 1989-12-31",
        told="6,500 records: 6,000 used; 500 left out",
        station=TOB1_STATION,
        tolerance=1e-5,
    ),
    "TOB1, tail of zeros, time asked for": Case(
        binary(lambda head, rows: [head, *rows, bytes(36 * 500)]),
        told="are years apart from the others",
        station=TOB1_STATION,
        options=("--from", "2026-06-01T12:00", "--to", "2026-06-01T12:10"),
        tolerance=1e-5,
    ),
    "TOB1, zeros amid": Case(
        binary(lambda head, rows: [head, *rows[:N], bytes(36 * 5), *rows[N + 5 :]]),
        {FIRST: WHOLE[FIRST], SECOND: (N - 5, {})},
        "a.dat: line 3001",
        "6,000 records: 5,995 used; 5 left out",
        TOB1_STATION,
        tolerance=1e-5,
    ),
    "TOB1, bytes lost": Case(
        binary(lambda head, rows: [head, *rows[:4000], rows[4000][:17], *rows[4001:]]),
        {FIRST: WHOLE[FIRST], SECOND: (N - 1, {})},
        "a.dat: record 4001: 17 bytes that are no records",
        "17 bytes left out from line 4001",
        TOB1_STATION,
        tolerance=1e-5,
    ),
    "TOB1, a header amid": Case(
        binary(lambda head, rows: [head, *rows[:4000], head, *rows[4000:]]),
        told="record 4001: a new header begins here",
        station=TOB1_STATION,
        tolerance=1e-5,
    ),
    "clock a year ahead for a while": Case(
        toa5(lambda head, rows: [
            *head, *rows[:4000], *(one.replace(b"2026-06", b"2027-06") for one in rows[4000:5000]), *rows[5000:]
        ]),
        {FIRST: WHOLE[FIRST], SECOND: (N - 1000, {})},
        "a.dat: line 4005: stamps like 2027-06-01 11:06:40Z stand amid records of another time; 1000 left out",
    ),
    "line of names of a new header damaged": Case(
        toa5(lambda head, rows: [*head, *rows[:N], head[0], b"\0" * len(head[1]) + b"\n", *head[2:], *rows[N:]]),
        FIRST_ONLY,
        "a.dat: line 3005: a new header begins here, and it is not as the station file says",
    ),
    "TOB1, foreign bytes, last record cut": Case(
        binary(lambda head, rows: [head, *rows[:4000], bytes(range(200)) * 37, *rows[4000:], rows[0][:20]]),
        # the record before has its stamp, but might have lost its end
        expected={FIRST: WHOLE[FIRST], SECOND: (N - 1, {})},
        problem="a.dat: record 4000: 7436 bytes that are no records",
        told="20 bytes left out from line 6000: the last record is not whole",
        station=TOB1_STATION,
        tolerance=1e-5,
    ),
    "TOB1, odd zeros amid": Case(
        binary(lambda head, rows: [head, *rows[:4000], bytes(100), *rows[4000:]]),
        {FIRST: WHOLE[FIRST], SECOND: (N, {})},
        "a.dat: record 400",
        station=TOB1_STATION,
        tolerance=1e-5,
    ),
    "TOB1 of a CR5000": Case(
        binary(lambda head, rows: [head, *rows], quote="", stamps="UINT4"), station=TOB1_STATION, tolerance=1e-5
    ),
    "stamps without fractions": Case(
        toa5(lambda head, rows: head + [stamp(START + timedelta(seconds=(i + 1) // 10), one, 0)
                                        for i, one in enumerate(rows)]),
        {},
        "a.dat: stamps have lost their fractions of a second: 10 records have the same one",
    ),
    "twice the rate": Case(
        toa5(lambda head, rows: head + restamp(rows, [50 * (i + 1) for i in range(2 * N)], 2)),
        {},
        "a.dat: 20 Hz in the file, 10 Hz in the station file",
    ),
    "half the rate": Case(
        toa5(lambda head, rows: head + rows[1::2]),
        {FIRST: (N // 2, {}), SECOND: (N // 2, {})},
        "a.dat: 5 Hz in the file, 10 Hz in the station file",
    ),
    "jitter": Case(toa5(jitter(0.0))),
    "jitter half a step beside the grid": Case(toa5(jitter(50.0))),
    "half a step beside the grid": Case(
        toa5(lambda head, rows: head + restamp(rows, [100 * (i + 1) + 50 for i in range(2 * N)]))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_case_of_the_field(name: str, tmp_path: Path, run: RunCommand) -> None:
    case = CASES[name]
    places = []
    for file, content in case.files().items():
        (tmp_path / file).write_bytes(content)
        places.append(tmp_path / file)
    report = tmp_path / "report.json"
    options = ["--full", "--workers", "1", "--report", str(report), *case.options]
    result = run(*places, station=case.station, options=options)
    assert result.status == (1 if case.problem else 0), result.err
    assert case.problem in result.err
    assert case.told in result.out
    assert [row["TIMESTAMP_START"] for row in result.rows] == list(case.expected)
    for row in result.rows:
        records, fluxes = case.expected[row["TIMESTAMP_START"]]
        assert float(row["records"]) == records
        for flux, value in fluxes.items():
            assert float(row[flux]) == pytest.approx(value, rel=case.tolerance), flux
    accounts = json.loads(report.read_text())["files"]
    assert [one["file"] for one in accounts] == [place.name for place in places]
    for one in accounts:
        assert one["balanced"]
        counted = sum(one[key] for key in ("used", "duplicate", "contested", "crowded", "outside"))
        assert one["records"] == counted + sum(left["records"] for left in one["left_out"])


def test_a_clock_that_drifts_leaves_a_place_now_and_then(tmp_path: Path, run: RunCommand) -> None:
    """200 ppm slow: 0.12 s in ten minutes, so that one or two places are empty, and no flux is off by a percent."""
    head, rows = base()
    times = [100 * (i + 1) * 1.0002 for i in range(2 * N)]
    (tmp_path / "a.dat").write_bytes(b"".join(head + restamp(rows, times)))
    result = run(tmp_path / "a.dat", station=STATION, options=["--full"])
    assert result.status == 0
    for row in result.rows[:2]:
        records, fluxes = WHOLE[row["TIMESTAMP_START"]]
        assert records - 2 <= float(row["records"]) <= records
        for flux in ("H", "LE", "FC"):
            assert float(row[flux]) == pytest.approx(fluxes[flux], rel=0.01)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_outside_the_time_asked_for_is_counted(workers: str, tmp_path: Path, run: RunCommand) -> None:
    head, rows = base()
    (tmp_path / "a.dat").write_bytes(b"".join(head + rows))
    (tmp_path / "b.dat").write_bytes(b"".join(head + rows[:1000]))
    report = tmp_path / "report.json"
    options = ["--from", "2026-06-01T12:05", "--workers", workers, "--report", str(report)]
    assert run(tmp_path / "a.dat", tmp_path / "b.dat", station=STATION, options=options).status == 0
    first, second = json.loads(report.read_text())["files"]
    assert (first["records"], first["used"], first["outside"], first["balanced"]) == (6000, 3000, 3000, True)
    assert (second["records"], second["used"], second["outside"], second["balanced"]) == (1000, 0, 1000, True)


def test_files_of_which_the_same_holds_share_a_line(tmp_path: Path, run: RunCommand) -> None:
    head, rows = base()
    for i in range(6):
        (tmp_path / f"{i}.dat").write_bytes(b"".join([*head, *rows[i * 1000 : (i + 1) * 1000], b"\0" * 100]))
    result = run(*sorted(tmp_path.glob("*.dat")), station=STATION)
    assert result.status == 0
    assert result.out.count("100 bytes left out from line 1005") == 1
    assert "0.dat, 1.dat, 2.dat and 3 more: 1,000 records: 1,000 used" in result.out
