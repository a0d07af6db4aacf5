"""`fluxtower footprint`: from a table of half-hours to a map that GIS programs read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.station import read_station
from fluxcalc.footprint_map.climatology import Turbulence, map_footprint
from fluxtower.cli import main
from tests.fluxcalc.reference import STATIONS
from tests.naive import read_tiff

STATION = STATIONS / "synthetic.toml"
HEAD = "TIMESTAMP_START,TIMESTAMP_END,FC,FC_SSITC_TEST,USTAR,WS,WD,V_SIGMA,MO_LENGTH"
ROWS = [
    "202406201200,202406201230,-9.1,0,0.3,2.7,200,0.7,-36",
    "202406201230,202406201300,-8.1,2,0.35,2.9,210,0.8,-30",
    "202406201300,202406201330,-9999,-9999,0.4,3.1,90,0.7,-45",
    "202406201330,202406201400,-3.0,1,0.05,0.9,10,0.3,-5",
    "202406201400,202406201430,-3.0,1,-9999,-9999,-9999,-9999,-9999",
]
RunCommand = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCommand:
    """Run the command on a table; return status, stdout and stderr."""

    def call(table: Path, *options: str, station: Path = STATION, output: str = "map") -> tuple[int, str, str]:
        command = ["fluxtower", "footprint", str(table), "--station", str(station), "--output", str(tmp_path / output)]
        monkeypatch.setattr(sys, "argv", [*command, *options])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "out.csv"
    path.write_text("\n".join([HEAD, *ROWS]) + "\n")
    return path


def expected(*rows: int) -> np.ndarray:
    """The map of some rows on a grid of 300 m in cells of 5 m, as north-up rows."""
    chosen = [ROWS[i].split(",")[4:] for i in rows]
    winds = [
        Turbulence(float(u), float(speed), float(v), float(length), float(direction))
        for u, speed, direction, v, length in chosen
    ]
    return map_footprint(winds, read_station(STATION), reach=300, cell=5).weights[::-1]


GRID = ("--reach", "300", "--cell", "5")


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ((), (0, 1, 2)),
        (("--flux", "FC"), (0,)),
        (("--from", "2024-06-20 12:30"), (1, 2)),
        (("--from", "2024-06-20T12:30", "--to", "2024-06-20T13:00"), (1,)),
    ],
)
def test_the_half_hours_asked_for_make_the_map(options, rows, table: Path, run: RunCommand, tmp_path: Path) -> None:
    status, out, err = run(table, *GRID, *options)
    assert (status, err) == (0, "")
    tags, grid = read_tiff((tmp_path / "map.tif").read_bytes())
    np.testing.assert_allclose(grid, expected(*rows), rtol=1e-6, atol=1e-12)
    collection = json.loads((tmp_path / "map.geojson").read_text())
    facts = collection["features"][0]["properties"]
    assert facts["intervals"] == len(rows)
    assert f"{len(rows)} half-hours of synthetic: " in out
    assert tags[256] == tags[257] == (120,)
    assert [one["properties"]["share"] for one in collection["features"]][-1] == 0.1


def test_what_is_left_out_is_reported(table: Path, run: RunCommand, tmp_path: Path) -> None:
    status, out, _ = run(table, output="map.tif")
    assert status == 0
    assert "left out 1: friction velocity below 0.1 m s-1" in out
    assert "left out 1: wind or turbulence is not known" in out
    assert "90% of the flux comes from " in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.geojson", "map.tif", "out.csv"]


BAD = {
    "no file": (None, "expected a CSV with TIMESTAMP_START, USTAR"),
    "no column": (HEAD.replace("V_SIGMA", "VS") + "\n" + ROWS[0] + "\n", "V_SIGMA"),
    "rubbish": ("\x00\x01,\n,,,,\n", "expected a CSV"),
    "a word": (HEAD + "\n" + ROWS[0].replace("0.3", "high") + "\n", "expected a CSV"),
    "another stamp": (HEAD + "\n" + ROWS[0].replace("202406201200", "20.6.2024") + "\n", "TIMESTAMP_START"),
    "calm": (HEAD + "\n" + ROWS[3] + "\n", "expected half-hours with a footprint, got 1: friction velocity below"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_reported(name: str, run: RunCommand, tmp_path: Path) -> None:
    content, expected_words = BAD[name]
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_text(content)
    status, _, err = run(path)
    assert status == 1
    assert err.startswith("error: "), err
    assert expected_words in err
    assert "Traceback" not in err
    assert not (tmp_path / "map.tif").exists()


def test_a_grid_too_fine_is_reported(table: Path, run: RunCommand) -> None:
    status, _, err = run(table, "--reach", "9000", "--cell", "0.1")
    assert status == 1
    assert "--reach, --cell: expected a grid that can be held, got 9000 m in cells of 0.1 m" in err
    assert run(table, "--reach", "0")[0] == 2


def test_a_station_without_a_sonic_is_reported(table: Path, run: RunCommand, tmp_path: Path) -> None:
    bare = tmp_path / "bare.toml"
    text = STATION.read_text()
    bare.write_text(text[: text.index("[site]")] + text[text.index("[[stream]]") : text.index("[flux]")])
    status, _, err = run(table, station=bare)
    assert status == 1
    assert "error: bare.toml: sonic: expected a part [sonic], got nothing" in err
