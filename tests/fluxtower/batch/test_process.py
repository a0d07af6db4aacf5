"""`fluxtower process` on good and bad files: a table whatever they hold, and a word on what is wrong."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from ingest.files import text
from tests.fluxtower.raw import HEADER, MINUTES, NAMES, STATION, N, RunCommand, lines, write

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "deploy" / "demo"
STORAGE = ("SC", "SH", "SLE")
"""What depends on the interval before, too."""


@pytest.fixture
def clean(run: RunCommand, tmp_path: Path) -> list[dict[str, str]]:
    result = run(write(tmp_path / "clean.dat", lines()))
    assert (result.status, result.err, len(result.rows)) == (0, "", MINUTES)
    assert all(row["H"] != "-9999" for row in result.rows)
    return result.rows


def test_an_orchard_gives_what_eddypro_gives(tmp_path: Path, run: RunCommand) -> None:
    station = (DEMO / "stations" / "us-orchard.toml").read_text(encoding="utf-8")
    result = run(DEMO / "data", station=station, options=["--pattern", "*.dat.gz", "--full"])
    assert result.status == 0, result.err
    first, second = result.rows
    assert (first["TIMESTAMP_START"], first["TIMESTAMP_END"]) == ("201206071245", "201206071300")
    # EddyPro 6.2.1 on the same two files; momentum downward is negative with us
    expected = {"H": (172.99950, 148.11364), "LE": (442.95428, 431.58082), "FC": (-16.727254, -18.144385)}
    for name, values in expected.items():
        assert [float(first[name]), float(second[name])] == pytest.approx(values, rel=1e-3), name
    assert first["H_SSITC_TEST"] in "012"
    assert float(first["raw_h"]) == pytest.approx(float(first["H"]), rel=0.2)
    assert float(first["records"]) == 18000
    assert "LE" not in json.loads(first["REASONS"] or "{}") or first["LE_SSITC_TEST"] != "0"
    assert "2 intervals from 2 of 2 files" in result.out


def test_a_further_scalar_has_columns_a_flag_and_a_line_in_the_summary(tmp_path: Path, run: RunCommand) -> None:
    """Ozone as a mole fraction in dry air, 40 - 2 w: its flux is -2 var(w) times the moles of dry air, and a factor."""
    body = [f"{line.rstrip()},{40 - 2 * float(line.split(',')[4]):.6f}\n" for line in lines()]
    names = ('"press"', '"kPa"', '"Smp"\n')
    header = HEADER
    for name, new in zip(names, ('"press","o3"', '"kPa","ppb"', '"Smp","Smp"\n'), strict=True):
        header = header.replace(name, new)
    station = STATION.replace('"H2O"]', '"H2O", "O3"]').replace(
        "\n]\n", '\n    { name = "o3", variable = "O3_MIXING_RATIO", unit = "nmol mol-1" },\n]\n'
    )
    result = run(write(tmp_path / "ozone.dat", body, header), station=station, options=["--full"])
    assert (result.status, len(result.rows)) == (0, MINUTES), result.err
    names = list(result.rows[0])
    assert names[names.index("FO3") :][:5] == ["FO3", "FO3_SSITC_TEST", "O3_MOLE_FRACTION", "O3_MIXING_RATIO", "SO3"]
    for row in result.rows:
        dry = 98.5e3 / (8.314 * 292.15) * 0.988
        expected = -2 * float(row["cov_ww"]) * dry * float(row["factor_o3"])
        assert float(row["FO3"]) == pytest.approx(expected, rel=0.1)
        assert row["FO3_SSITC_TEST"] in "012"
        assert float(row["O3_MIXING_RATIO"]) == pytest.approx(40.0, abs=0.2)
    assert result.rows[0]["SO3"] == "-9999"
    assert float(result.rows[1]["SO3"]) != -9999
    assert "FO3" in result.out


@pytest.mark.parametrize("workers", ["1", "2"])
def test_files_cut_anywhere_packed_and_out_of_order_give_the_same_table(
    workers: str, tmp_path: Path, run: RunCommand, clean: list[dict[str, str]]
) -> None:
    body = lines()
    pieces = [body[:700], body[700:3611], body[3611:4800], body[4800:]]
    names = ["d.dat", "a.dat.gz", "c.dat", "b.dat"]
    for name, piece in zip(names, pieces, strict=True):
        write(tmp_path / "cut" / name, piece)
    result = run(tmp_path / "cut", options=["--workers", workers])
    assert (result.status, result.err) == (0, "")
    assert result.rows == clean


def test_small_pieces_and_blank_lines_and_windows_line_ends_change_nothing(
    tmp_path: Path, run: RunCommand, clean: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", 10_000)
    path = write(tmp_path / "windows.dat", [line.replace("\n", "\r\n") for line in lines()] + ["\r\n"])
    result = run(path)
    assert (result.status, result.err) == (0, "")
    assert result.rows == clean


def test_a_run_starts_amid_a_long_file(
    tmp_path: Path, run: RunCommand, clean: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "PIECE_BYTES", 10_000)
    result = run(
        write(tmp_path / "long.dat", lines()), options=["--from", "2024-06-20 13:02", "--to", "2024-06-20T13:04"]
    )
    assert result.status == 0
    assert result.rows == clean[2:4]


def as_csv(separator: str) -> list[str]:
    rows = []
    for line in lines():
        stamp, _record, *values = line.rstrip("\n").split(",")
        start = datetime.fromisoformat(stamp.strip('"')) - timedelta(milliseconds=50)
        rows.append(separator.join([f"{start:%d.%m.%Y}", f"{start:%H:%M:%S.%f}", *values]) + "\n")
    return rows


def test_a_csv_of_any_layout_gives_the_same_table(tmp_path: Path, run: RunCommand, clean: list[dict[str, str]]) -> None:
    layout = """
[files]
format = "csv"
separator = ";"
header_rows = 2
names_row = 2
time_columns = ["date", "time"]
time_format = "%d.%m.%Y %H:%M:%S%.f"
"""
    header = "made by hand\ndate;time;" + ";".join(NAMES) + "\n"
    result = run(write(tmp_path / "a.csv.gz", as_csv(";"), header), station=STATION + layout)
    assert (result.status, result.err) == (0, "")
    assert result.rows == clean


def test_an_icos_csv_takes_its_time_from_its_name(tmp_path: Path, run: RunCommand, clean: list[dict[str, str]]) -> None:
    bodies = [",".join(line.split(",")[2:]) for line in lines()]
    for start in (0, 2):
        part = bodies[start * N : (start + 2) * N]
        write(tmp_path / "icos" / f"XX-Syn_EC_20240620130{start}_L01_F01.csv", part, ",".join(NAMES) + "\n")
    result = run(tmp_path / "icos", station=STATION + '\n[files]\nformat = "icos_csv"\n')
    assert (result.status, result.err) == (0, "")
    assert result.rows == clean[:4]


def test_a_gap_is_a_row_with_a_reason(tmp_path: Path, run: RunCommand, clean: list[dict[str, str]]) -> None:
    body = lines()
    path = write(tmp_path / "gap.dat", body[:N] + body[2 * N :])
    result = run(path, options=["--full"])
    assert result.status == 0
    assert [row["TIMESTAMP_START"] for row in result.rows] == [row["TIMESTAMP_START"] for row in clean]
    assert result.rows[1]["H"] == "-9999"
    assert json.loads(result.rows[1]["REASONS"])["H"] == "no file has a record of this interval"
    assert "1 without a record" in result.out


class Fault(NamedTuple):
    """A bad file, and what should come of it: minutes that it spoils (column, reason), words on stderr."""

    body: Callable[[list[str]], list[str]]
    expected_words: tuple[str, ...] = ()
    spoilt: Mapping[int, tuple[str, str]] = MappingProxyType({})
    header: str = HEADER
    count: str = ""


def with_column(name: str, change: Callable[[str], str], rows: slice) -> Callable[[list[str]], list[str]]:
    place = 2 + NAMES.index(name)

    def changed(body: list[str]) -> list[str]:
        for i in range(*rows.indices(len(body))):
            fields = body[i].rstrip("\n").split(",")
            fields[place] = change(fields[place])
            body[i] = ",".join(fields) + "\n"
        return body

    return changed


def restamped(body: list[str], stamps: list[str]) -> list[str]:
    """Records with the stamps of others."""
    return [old[: old.index(",")] + new[new.index(",") :] for new, old in zip(body, stamps, strict=False)]


def without_column(name: str) -> Callable[[list[str]], list[str]]:
    place = 2 + NAMES.index(name)

    def cut(body: list[str]) -> list[str]:
        return [",".join(f for i, f in enumerate(line.rstrip("\n").split(",")) if i != place) + "\n" for line in body]

    return cut


def header_without(name: str) -> str:
    place = 2 + NAMES.index(name)
    origin, *rows = HEADER.splitlines()
    cut = [",".join(f for i, f in enumerate(row.split(",")) if i != place) for row in rows]
    return "\n".join([origin, *cut]) + "\n"


MINUTE_2 = slice(2 * N, 3 * N)
FAULTS = {
    "missing column": Fault(
        without_column("co2"),
        ("bad.dat: line 2: no column 'co2', so that channel is missing; it has TIMESTAMP, RECORD, Ux",),
        dict.fromkeys(range(MINUTES), ("FC", "co2: no usable sample")),
        header_without("co2"),
    ),
    "missing records": Fault(
        lambda body: body[: 2 * N] + body[2 * N + 600 :],
        spoilt={2: ("H", "50.0 % of the samples are missing")},
    ),
    "all NaN": Fault(with_column("Ts", lambda _: '"NAN"', MINUTE_2), spoilt={2: ("H", "ts: no usable sample")}),
    "all -9999": Fault(with_column("h2o", lambda _: "-9999.00", MINUTE_2), spoilt={2: ("LE", "h2o: no usable sample")}),
    "frozen sensor": Fault(
        with_column("Uz", lambda _: "0.125", MINUTE_2), spoilt={2: ("TAU", "the sensor is frozen or not connected")}
    ),
    "five samples only": Fault(
        lambda body: body[: 2 * N] + body[2 * N : 2 * N + 5] + body[3 * N :],
        spoilt={2: ("H", "99.6 % of the samples are missing")},
    ),
    "unit other than declared": Fault(
        with_column("Ts", lambda text: f"{float(text) + 273.15:.6f}", MINUTE_2),
        spoilt={2: ("H", "ts: no usable sample")},
    ),
    "duplicated records": Fault(
        lambda body: body[: 2 * N + 300] + body[2 * N :],
        ("the clock runs backwards",),
        count="300 records that repeat others",
    ),
    "record twice": Fault(lambda body: [*body[:100], body[99], *body[100:]], count="1 records that repeat others"),
    "clock running backwards": Fault(
        lambda body: body[: 3 * N] + restamped(body[3 * N : 4 * N], body[2 * N : 3 * N]),
        (
            f"bad.dat: line {5 + 3 * N}: the clock runs backwards, from 2024-06-20 12:02:59Z to 2024-06-20 12:02:00Z",
            "correct the stamps, or cut the file there",
        ),
        {2: ("H", "no usable sample")},
        count="1200 places that different records claim",
    ),
    "line cut short": Fault(
        lambda body: [*body[:2500], body[2500][:30] + "\n", *body[2501:]],
        ("bad.dat: line 2505: expected 10 fields with a stamp and numbers, got 3 fields", "one record is left out"),
        {2: ("", "")},
    ),
    "word for a number": Fault(
        with_column("Ux", lambda _: "hello", slice(2500, 2502)),
        ("bad.dat: line 2505: expected 10 fields with a stamp and numbers", "2 records are left out"),
        {2: ("", "")},
    ),
    "rubbish amid": Fault(
        lambda body: [*body[:2500], '\x00\x01\x02"\x7f rubbish\n', *body[2501:]],
        ("bad.dat: line 2505: expected 10 fields", "one record is left out"),
        {2: ("", "")},
    ),
}


def test_files_that_contradict_each_other_are_a_problem(tmp_path: Path, run: RunCommand) -> None:
    """The second file has all of the first's stamps, and another wind in its third minute."""
    body = lines()
    other = [*body[: 2 * N], *with_column("Ux", lambda _: "3.21", slice(0, N))(body[2 * N : 3 * N]), *body[3 * N :]]
    write(tmp_path / "raw" / "one.dat", body)
    write(tmp_path / "raw" / "other.dat", other)
    result = run(tmp_path / "raw")
    assert result.status == 1
    for name in ("one.dat", "other.dat"):
        assert f"problem: {name}: {N:,} of {MINUTES * N:,} records have the times of different ones" in result.err
    assert [row["H"] == "-9999" for row in result.rows] == [minute == 2 for minute in range(MINUTES)]


@pytest.mark.parametrize("name", FAULTS)
def test_bad_data_spoil_their_own_interval_only(
    name: str, tmp_path: Path, run: RunCommand, clean: list[dict[str, str]]
) -> None:
    fault = FAULTS[name]
    path = write(tmp_path / "bad.dat", fault.body(lines()), fault.header)
    result = run(path, options=["--full"])
    assert all(word in result.err for word in fault.expected_words), result.err
    assert result.status == (1 if fault.expected_words else 0)
    assert result.err.count("problem: ") == (1 if fault.expected_words else 0)
    assert fault.count in result.out
    for i, (row, good) in enumerate(zip(result.rows, clean[: len(result.rows)], strict=True)):
        column, reason = fault.spoilt.get(i, ("", ""))
        if column:
            assert row[column] == "-9999"
            assert reason in json.loads(row["REASONS"])[column]
        elif i in fault.spoilt:
            assert float(row["H"]) == pytest.approx(float(good["H"]), rel=0.02)
        else:
            storage = STORAGE if i - 1 in fault.spoilt else ()
            assert {key: row[key] for key in good if key not in storage} == {
                key: value for key, value in good.items() if key not in storage
            }


BROKEN = {
    "empty": (b"", "zz.dat: line 1: the file is empty: remove it or fetch it"),
    "rubbish": (bytes(range(256)) * 400, "zz.dat: line 1: "),
    "rubbish without line ends": (b"\x81" * 200_000, "zz.dat: line 1: no line end in 65536 bytes"),
    "header only": (HEADER.encode(), "zz.dat: line 5: no record after the header"),
    "no stamps": ((HEADER + "a,b,c\n" * 50).encode(), "zz.dat: line 5: expected 10 fields with a stamp and numbers"),
    "damaged gzip": (gzip.compress(HEADER.encode() * 99)[:-30], "zz.dat: it cannot be read: "),
    "another unit": (
        (HEADER.replace('"C","mg', '"K","mg') + "".join(lines(1))).encode(),
        "zz.dat: line 3: Ts is in 'K' (K), the station file declares deg C: correct one of them",
    ),
    "another station": (
        (
            HEADER.replace('"Ux","Uy","Uz","Ts","co2","h2o","Ta","press"', '"a","b","c","d","e","f","g","h"') + "x\n"
        ).encode(),
        "zz.dat: line 2: none of the channels of stream 'ec' (Ux, Uy, Uz",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_among_good_ones_is_reported_and_the_rest_is_done(
    name: str, tmp_path: Path, run: RunCommand, clean: list[dict[str, str]]
) -> None:
    content, expected_words = BROKEN[name]
    write(tmp_path / "two" / "aa.dat", lines())
    (tmp_path / "two" / "zz.dat").write_bytes(content)
    result = run(tmp_path / "two")
    assert result.status == 1
    assert result.err.startswith(f"problem: {expected_words}"), result.err
    assert result.rows == clean
    assert f"{MINUTES} intervals from 1 of 2 files" in result.out


def test_only_broken_files_leave_the_old_table(
    tmp_path: Path, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zz.dat").write_bytes(b"\x00\xff" * 100)
    result = run(tmp_path / "zz.dat")
    assert (result.status, result.rows) == (1, [])
    assert "zz.dat: line 1" in result.err
    assert "Traceback" not in result.err


def test_a_file_twice_counts_once(tmp_path: Path, run: RunCommand, clean: list[dict[str, str]]) -> None:
    result = run(write(tmp_path / "a.dat", lines()), write(tmp_path / "b.dat", lines()))
    assert result.status == 0
    assert result.rows == clean
    assert "6000 records that repeat others count once" in result.out


def test_an_unfinished_last_line_is_left_out(tmp_path: Path, run: RunCommand, clean: list[dict[str, str]]) -> None:
    body = lines()
    body[-1] = body[-1][:-4]
    result = run(write(tmp_path / "a.dat", body), options=["--full"])
    assert result.status == 0
    assert float(result.rows[-1]["records"]) == N - 1
    assert {key: result.rows[0][key] for key in clean[0]} == clean[0]


@pytest.mark.parametrize(
    ("options", "expected_words"),
    [
        (["--from", "2030-01-01"], "error: --from, --to: (time): expected a time that the files cover"),
        (["--from", "tomorrow"], "Invalid value"),
        (["--workers", "-1"], "Invalid value"),
    ],
)
def test_bad_options_are_reported(options: list[str], expected_words: str, tmp_path: Path, run: RunCommand) -> None:
    result = run(write(tmp_path / "a.dat", lines(1)), options=options)
    assert result.status != 0
    assert expected_words in result.err


def test_a_summary_doubts_what_is_hardly_meant(tmp_path: Path, run: RunCommand) -> None:
    path = write(tmp_path / "a.dat", lines(1))
    assert "centimetres" not in run(path).out
    text = re.sub(r"(?m)^.*_separation.*\n", "", STATION).replace(
        "[[analyzer]]", "[[analyzer]]\nvertical_separation = -15.0"
    )
    told = " ".join(run(path, station=text).out.split())
    assert "analyzer[0].vertical_separation: -15 m from the sonic; if it is in centimetres, write -0.15" in told


def test_a_summary_groups_the_reasons(tmp_path: Path, run: RunCommand) -> None:
    body = lines()
    path = write(tmp_path / "a.dat", body[: N + 500] + body[2 * N : 2 * N + 400] + body[3 * N :])
    out = run(path).out
    row = next(line for line in out.splitlines() if "H " in line and "samples are missing" in line)
    assert row.split("│")[2].strip() == "missing"
    assert row.split("│")[3].strip() == "2"
    missing = [100 * (1 - came / N) for came in (500, 400)]
    assert f"{missing[0]:.1f}-{missing[1]:.1f} % of the samples are missing, 10 % may be" in row


def test_spectra_are_written_beside_the_table(tmp_path: Path, run: RunCommand) -> None:
    body = lines()
    path = write(tmp_path / "a.dat", body[: 2 * N] + body[3 * N :])
    result = run(path, options=["--spectra", str(tmp_path / "spectra"), "--spectra-bins", "0"])
    assert result.status == 0
    files = sorted((tmp_path / "spectra").iterdir())
    assert [file.name for file in files] == [f"synthetic_20240620130{minute}.csv" for minute in (0, 1, 3, 4)]
    rows = list(csv.DictReader(files[0].read_text().splitlines()))
    frequency = [float(row["frequency"]) for row in rows]
    assert (len(rows), frequency[0], frequency[-1]) == (N // 2, pytest.approx(1 / 60), 10.0)
    # frequency times density over the variance: over df/f it sums to about 1, and the ogive begins there
    power = sum(float(row["spectrum_w"]) / f / 60 for row, f in zip(rows, frequency, strict=True))
    assert power == pytest.approx(1.0, abs=0.2)
    assert float(rows[0]["ogive_w_ts"]) == pytest.approx(1.0)
    assert len(result.rows) == MINUTES


def test_five_samples_in_all_are_a_row_with_a_reason(tmp_path: Path, run: RunCommand) -> None:
    result = run(write(tmp_path / "five.dat", lines()[:5]), options=["--full"])
    (row,) = result.rows
    assert (result.status, row["H"], row["records"]) == (0, "-9999", "5")
    assert "99.6 % of the samples are missing" in json.loads(row["REASONS"])["H"]
