"""Text tables as people have them: each gives the half-hours of the undamaged file, or is told what to change.

The undamaged file is one of 10 Hz with two intervals of five minutes; its values were made known with it.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import math
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fluxtower.raw import Result, RunCommand

CASES = Path(__file__).with_name("field_cases")
BASE = bz2.decompress((CASES / "base.dat.bz2").read_bytes())
STATION = (CASES / "station.toml").read_text()
HEADER, ROWS = BASE.splitlines(keepends=True)[:4], BASE.splitlines(keepends=True)[4:]
VALUES = [line.rstrip(b"\r\n").split(b",")[2:] for line in ROWS]
FIRST = datetime(2026, 6, 1, 12)
RIGHT = [(76.4429, 256.9769, -47.09443), (77.64501, 260.9538, -41.99037)]
"""H, LE and FC of the two intervals."""
CSV = '[files]\nformat = "csv"\n'


def fluxes(result: Result) -> list[tuple[float, ...]]:
    return [tuple(float(row[name]) for name in ("H", "LE", "FC")) for row in result.rows]


def assert_right(result: Result, *starts: str) -> None:
    assert result.status == 0, result.err
    assert [row["TIMESTAMP_START"] for row in result.rows] == list(starts or ("202606011200", "202606011205"))
    assert [row["records"] for row in result.rows] == ["3000", "3000"]
    for found, right in zip(fluxes(result), RIGHT, strict=True):
        assert found == pytest.approx(right, rel=1e-6)


def station_of(keys: str) -> str:
    return STATION.replace("[flux]", f"{keys}\n[flux]")


def csv_of(stamps: Sequence[str], names: str = "TIME,Ux,Uy,Uz,Ts,co2,h2o", separator: str = ",") -> bytes:
    body = (
        separator.join([stamp, *(value.decode() for value in row)]) for stamp, row in zip(stamps, VALUES, strict=True)
    )
    return "\n".join([names.replace(",", separator), *body, ""]).encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members:
            archive.writestr(name, member)
    return content.getvalue()


def with_mark(content: bytes) -> bytes:
    return b"\xef\xbb\xbf" + content


def cp1252(content: bytes) -> bytes:
    return content.replace(b'"C"', b'"\xb0C"', 1).replace(b'"co2"', b'"co2"')


def utf8_degrees(content: bytes) -> bytes:
    return content.replace(b'"C"', '"°C"'.encode(), 1)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "ascii": lambda content: content,
    "utf-8": utf8_degrees,
    "utf-8 with mark": lambda content: with_mark(utf8_degrees(content)),
    "cp1252": cp1252,
    "utf-16-le": lambda content: b"\xff\xfe" + utf8_degrees(content).decode().encode("utf-16-le"),
    "utf-16-be": lambda content: b"\xfe\xff" + utf8_degrees(content).decode().encode("utf-16-be"),
}


def unused(*values: bytes, names: Sequence[bytes] = (b"batt", b"batt"), unit: bytes = b"V") -> bytes:
    """The table with columns that the station does not use."""
    ends = [names, [unit] * len(names), [b"Smp"] * len(names)]
    head = [
        HEADER[0],
        *(
            line.rstrip() + b"".join(b',"%s"' % w for w in new) + b"\r\n"
            for line, new in zip(HEADER[1:], ends, strict=True)
        ),
    ]
    return b"".join([*head, *(line.rstrip() + b"," + b",".join(values) + b"\r\n" for line in ROWS)])


QUIRKS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("a.dat", lambda content: content),
    "gzip": ("a.dat.gz", gzip.compress),
    "bzip2": ("a.dat.bz2", bz2.compress),
    "xz": ("a.dat.xz", lambda content: lzma.compress(content, preset=0)),
    "zip of a Mac, upper case, in a folder": (
        "a.zip",
        lambda content: zipped(
            ("data/A.DAT", content), ("__MACOSX/data/._A.DAT", b"\x00\x05\x16\x07"), ("data/.x.dat", b"")
        ),
    ),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("quirk", QUIRKS)
def test_encodings_and_packings_change_nothing(run: RunCommand, tmp_path: Path, encoding: str, quirk: str) -> None:
    name, pack = QUIRKS[quirk]
    path = tmp_path / name
    path.write_bytes(pack(ENCODINGS[encoding](BASE)))
    assert_right(run(path, station=STATION, options=["--full", "--workers", "1"]))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "content",
    [
        unused(b"12.1", b"12.1"),
        unused(b'"12,1"', b'"NAN"', names=(b"", b"")),
        unused(b"12.1", names=(b"batt",)).replace(b',"V"\r\n', b"\r\n", 1),
        BASE.replace(b"\r\n", b",,\r\n"),
    ],
    ids=["twice the same name", "names without letters", "a short line of units", "empty columns behind"],
)
def test_columns_that_nobody_uses_never_matter(run: RunCommand, tmp_path: Path, content: bytes, encoding: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(ENCODINGS[encoding](content))
    assert_right(run(path, station=STATION, options=["--full", "--workers", "1"]))


def test_odd_bytes_in_an_unused_column_never_matter(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(unused(b'"\xb5\x81\xff"', names=(b"n\xb0te",), unit=b"\xb5V"))
    assert_right(run(path, station=STATION, options=["--full", "--workers", "1"]))


def test_a_used_name_that_is_there_twice_is_told(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(unused(b"1.0", names=(b"Ts",), unit=b"C"))
    result = run(path, station=STATION)
    assert result.status == 1
    assert "line 2: two columns have the same name 'Ts'" in result.err.replace("\n", " ")


def stamps(form: str, first: datetime = FIRST, step_ms: int = 100) -> list[str]:
    return [
        (first + timedelta(milliseconds=step_ms * i)).strftime(form)[: -5 if form.endswith("%f") else None]
        for i in range(len(ROWS))
    ]


def seconds(first: datetime) -> list[float]:
    return [(first.replace(tzinfo=UTC) + timedelta(milliseconds=100 * i)).timestamp() for i in range(len(ROWS))]


NOON = stamps("%Y-%m-%dT%H:%M:%S.%f")
# the station's clock is an hour ahead of UTC
EPOCH = seconds(FIRST - timedelta(hours=1))
TABLES: dict[str, tuple[str, bytes]] = {
    "offset in the stamp": (
        'time_columns = ["TIME"]\ntime_format = "%Y-%m-%dT%H:%M:%S%.f%:z"',
        csv_of([f"{stamp}+01:00" for stamp in NOON]),
    ),
    "another offset than the station's": (
        'time_columns = ["TIME"]\ntime_format = "%Y-%m-%dT%H:%M:%S%.f%z"',
        csv_of([f"{stamp}-0430" for stamp in stamps("%Y-%m-%dT%H:%M:%S.%f", FIRST - timedelta(hours=5, minutes=30))]),
    ),
    "a Z in the stamp": (
        'time_columns = ["TIME"]\ntime_format = "%Y-%m-%dT%H:%M:%S%.fZ"',
        csv_of([f"{stamp}Z" for stamp in stamps("%Y-%m-%dT%H:%M:%S.%f", FIRST - timedelta(hours=1))]),
    ),
    "decimal comma and semicolon": (
        'time_columns = ["TIME"]\ntime_format = "%d.%m.%Y %H:%M:%S%.f"\nseparator = ";"\ndecimal = ","',
        csv_of(stamps("%d.%m.%Y %H:%M:%S.%f"), separator=";").replace(b".", b",").replace(b",06,2026", b".06.2026"),
    ),
    "blanks between columns": (
        'time_columns = ["DATE", "CLOCK"]\nseparator = " "',
        csv_of(stamps("  %Y-%m-%d   %H:%M:%S.%f"), "  DATE,CLOCK,Ux,Uy,Uz,Ts,co2,h2o", separator="  "),
    ),
    "epoch in s": ('time_columns = ["TIME"]\ntime_format = "epoch_s"', csv_of([f"{one:.1f}" for one in EPOCH])),
    "epoch in ms": (
        'time_columns = ["TIME"]\ntime_format = "epoch_ms"',
        csv_of([f"{one * 1000:.0f}" for one in EPOCH]),
    ),
    "blank lines": (
        'time_columns = ["TIME"]\ntime_format = "%Y-%m-%dT%H:%M:%S%.f"',
        csv_of(NOON).replace(b"\n2026-06-01T12:03", b"\n\n2026-06-01T12:03", 3) + b"\n \n",
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_tables_as_they_are_written_elsewhere(run: RunCommand, tmp_path: Path, table: str) -> None:
    keys, content = TABLES[table]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert_right(run(path, station=station_of(CSV + keys), options=["--full", "--workers", "1"]))


def test_a_decimal_comma_that_is_not_declared_is_named(run: RunCommand, tmp_path: Path) -> None:
    keys, content = TABLES["decimal comma and semicolon"]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    result = run(path, station=station_of(CSV + keys.replace('decimal = ","', "")))
    assert result.status == 1
    assert 'say `decimal = ","` under [files]' in result.err


def test_an_array_logger_leaves_out_zeros(run: RunCommand, tmp_path: Path) -> None:
    one = datetime(2026, 6, 1, 1)
    times = [one + timedelta(milliseconds=100 * i) for i in range(len(ROWS))]
    words = [f"2026,152,{t.hour * 100 + t.minute},{t.second}.{t.microsecond // 100_000}" for t in times]
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(words, "YEAR,DOY,HHMM,SEC,Ux,Uy,Uz,Ts,co2,h2o"))
    keys = 'time_columns = ["YEAR", "DOY", "HHMM", "SEC"]\ntime_format = "%Y %j %H%M %S%.f"'
    result = run(path, station=station_of(CSV + keys), options=["--full", "--workers", "1"])
    assert_right(result, "202606010100", "202606010105")


def test_midnight_may_be_24_hours(run: RunCommand, tmp_path: Path) -> None:
    late = datetime(2026, 6, 1, 23, 50)
    # TOA5 stamps the end of a sample: the last is at midnight
    ends = [late + timedelta(milliseconds=100 * (i + 1)) for i in range(len(ROWS))]
    words = [f"{t:%Y-%m-%d %H:%M:%S}.{t.microsecond // 100_000}" for t in ends]
    assert words[-1] == "2026-06-02 00:00:00.0"
    words[-1] = "2026-06-01 24:00:00"
    body = [f'"{word}",0,'.encode() + b",".join(row) + b"\r\n" for word, row in zip(words, VALUES, strict=True)]
    path = tmp_path / "a.dat"
    path.write_bytes(b"".join([*HEADER, *body]))
    assert_right(run(path, station=STATION, options=["--full", "--workers", "1"]), "202606012350", "202606012355")


ICOS = b"U,V,W,T_SONIC,CO2,H2O\n" + b"".join(b",".join(row) + b"\n" for row in VALUES)
ICOS_STATION = station_of('[files]\nformat = "icos_csv"')
for ours, theirs in (("Ux", "U"), ("Uy", "V"), ("Uz", "W"), ("Ts", "T_SONIC"), ("co2", "CO2"), ("h2o", "H2O")):
    ICOS_STATION = ICOS_STATION.replace(f'name = "{ours}"', f'name = "{theirs}"')


@pytest.mark.parametrize("blank", [b"", b"\n", b"\r\n", b"  \n"])
def test_a_blank_line_is_no_sample(run: RunCommand, tmp_path: Path, blank: bytes) -> None:
    lines = ICOS.splitlines(keepends=True)
    path = tmp_path / "BE-XXX_EC_202606011200_L01_F01.csv"
    path.write_bytes(b"".join([*lines[:1500], blank, *lines[1500:]]))
    assert_right(run(path, station=ICOS_STATION, options=["--full", "--workers", "1"]))


@pytest.mark.parametrize("damage", [b"1,2,3\n", bytes(400), b"0.5,0.1,0.2,20.0,600.0,9.0,0.5\n"])
def test_behind_damage_records_without_times_are_left_out(run: RunCommand, tmp_path: Path, damage: bytes) -> None:
    """Nobody knows how many records stood there."""
    lines = ICOS.splitlines(keepends=True)
    path = tmp_path / "BE-XXX_EC_202606011200_L01_F01.csv"
    path.write_bytes(b"".join([*lines[:1501], damage, *lines[1501:]]))
    result = run(path, station=ICOS_STATION, options=["--full", "--workers", "1"])
    assert result.status == 1
    assert "line 1502: the line is no record, or several, and records of this file have no times" in result.err
    assert [float(row["records"]) for row in result.rows] == [1500]


def test_a_last_line_without_an_end_may_be_cut(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "BE-XXX_EC_202606011200_L01_F01.csv"
    path.write_bytes(ICOS[:-3])
    result = run(path, station=ICOS_STATION, options=["--full", "--workers", "1"])
    assert (result.status, sum(float(row["records"]) for row in result.rows)) == (0, len(VALUES) - 1)
    assert "1 left out from line 6001: the last line has no line end, so that it may be cut" in result.out


def test_a_name_may_have_the_time_of_the_end(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "raw_20260601_1210.csv"
    path.write_bytes(ICOS)
    keys = '[files]\nformat = "csv"\nend = "raw_%Y%m%d_%H%M"'
    station = ICOS_STATION.replace('[files]\nformat = "icos_csv"', keys)
    assert_right(run(path, station=station, options=["--full", "--workers", "1"]))


GHG_NAMES = "Aux 1 - U (m/s)\tAux 2 - V (m/s)\tAux 3 - W (m/s)\tAux 4 - Ts (C)\tCO2 (mg/m^3)\tH2O (g/m^3)"


def ghg(rows: Sequence[Sequence[bytes]] = VALUES, names: str = GHG_NAMES) -> bytes:
    about = "Model:\tLI-7500A\nInstrument:\tAIU-0001\nTimezone:\tEtc/GMT-1\n"
    head = f"{about}DATAH\tSeconds\tNanoseconds\tSequence Number\t{names}\tCHK\n"
    return head.encode() + b"".join(
        f"DATA\t{int(one)}\t{round(one % 1 * 10) * 100_000_000}\t{i}\t".encode() + b"\t".join(row) + b"\t77\n"
        for i, (one, row) in enumerate(zip(EPOCH, rows, strict=True))
    )


def ghg_station(names: str = GHG_NAMES) -> str:
    station = station_of('[files]\nformat = "ghg"')
    for ours, theirs in zip(("Ux", "Uy", "Uz", "Ts", "co2", "h2o"), names.split("\t"), strict=True):
        station = station.replace(f'name = "{ours}"', f'name = "{theirs}"')
    return station


@pytest.mark.parametrize(
    "beside",
    [
        ("a-biomet.data", b"x"),
        ("A-BIOMET.DATA", b"x"),
        ("__MACOSX/._a.data", b"\x00\x05\x16\x07"),
        ("._a.data", b"Mac"),
    ],
)
def test_what_lies_beside_the_table_of_a_ghg(run: RunCommand, tmp_path: Path, beside: tuple[str, bytes]) -> None:
    path = tmp_path / "2026-06-01T120000_AIU-0001.ghg"
    path.write_bytes(zipped(("a.data", ghg()), beside))
    assert_right(run(path, station=ghg_station(), options=["--full", "--workers", "1"]))


DEG_F = BASE.replace(b'"C"', b'"Deg F"', 1)


def test_another_unit_than_declared_is_refused_with_both(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(DEG_F)
    result = run(path, station=STATION)
    assert result.status == 1
    said = " ".join(result.err.split())
    assert "'Deg F'" in said
    assert "deg C" in said


def test_an_unknown_unit_is_told(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(BASE.replace(b'"C"', b'"furlongs"', 1))
    result = run(path, station=STATION, options=["--full", "--workers", "1"])
    assert "Ts is in 'furlongs', a unit that is not known" in " ".join(result.err.split())
    assert [row[0] for row in fluxes(result)] == pytest.approx([row[0] for row in RIGHT])


def changed(index: int, change: Callable[[float], str]) -> list[list[bytes]]:
    return [[*row[:index], change(float(row[index])).encode(), *row[index + 1 :]] for row in VALUES]


def toa5(rows: Sequence[Sequence[bytes]], header: bytes = b"".join(HEADER)) -> bytes:
    fronts = (line.split(b",", 2)[:2] for line in ROWS)
    return header + b"".join(b",".join([*front, *row]) + b"\r\n" for front, row in zip(fronts, rows, strict=True))


def test_degrees_fahrenheit_that_are_declared_are_converted(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    header = b"".join(HEADER).replace(b'"C"', b'"Deg F"', 1)
    path.write_bytes(toa5(changed(3, lambda celsius: f"{celsius * 1.8 + 32:.6f}"), header))
    station = STATION.replace('"T_SONIC", unit = "deg C"', '"T_SONIC", unit = "deg F"')
    assert_right(run(path, station=station, options=["--full", "--workers", "1"]))


def test_hundredths_have_a_gain(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    # -40 deg C is sent as 0
    path.write_bytes(toa5(changed(3, lambda celsius: f"{(celsius + 40) * 100:.2f}")))
    scaled = '"T_SONIC", unit = "deg C", gain = 0.01, gain_offset = -40.0'
    station = STATION.replace('"T_SONIC", unit = "deg C"', scaled)
    assert_right(run(path, station=station, options=["--full", "--workers", "1"]))


def test_the_speed_of_sound_stands_for_the_temperature(run: RunCommand, tmp_path: Path) -> None:
    names = GHG_NAMES.replace("Aux 4 - Ts (C)", "Aux 4 - SOS (m/s)")
    rows = changed(3, lambda celsius: f"{math.sqrt(403 * (celsius + 273.15)):.6f}")
    path = tmp_path / "a.ghg"
    path.write_bytes(zipped(("a.data", ghg(rows, names))))
    station = ghg_station(names).replace('"T_SONIC", unit = "deg C"', '"SOS", unit = "m s-1"')
    assert_right(run(path, station=station, options=["--full", "--workers", "1"]))


def test_wind_along_the_transducers_is_turned_to_the_spar(run: RunCommand, tmp_path: Path) -> None:
    angle = math.radians(-30)  # the same wind in axes that lie 30 deg further anticlockwise
    turned = []
    for row in VALUES:
        u, v = float(row[0]), float(row[1])
        along = math.cos(angle) * u - math.sin(angle) * v, math.sin(angle) * u + math.cos(angle) * v
        turned.append([*(f"{x:.9f}".encode() for x in along), *row[2:]])
    path = tmp_path / "a.dat"
    path.write_bytes(toa5(turned))
    gill = STATION.replace('model = "CSAT3"', 'model = "HS-50"')
    right = run(write_base(tmp_path), station=gill, options=["--full", "--workers", "1"]).rows
    found = run(
        path, station=gill.replace('"HS-50"', '"HS-50"\naxes = "axis"'), options=["--full", "--workers", "1"]
    ).rows
    for name in ("H", "LE", "FC", "USTAR", "WD"):
        assert [float(row[name]) for row in found] == pytest.approx([float(row[name]) for row in right], rel=1e-5)


def write_base(folder: Path) -> Path:
    (folder / "base.dat").write_bytes(BASE)
    return folder / "base.dat"


def test_the_table_is_a_table() -> None:
    assert len(ROWS) == 6000
    assert len(next(csv.reader([ROWS[0].decode()]))) == 8
