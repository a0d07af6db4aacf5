"""The command, run in this process."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fluxtower.cli import main
from tests.fluxtower.raw import STATION, Result, RunCommand


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunCommand:
    """Run the command on files, with a station of one-minute intervals unless another text is given."""

    def call(*places: Path, station: str = STATION, options: Sequence[str] = ()) -> Result:
        station_file, output = tmp_path / "station.toml", tmp_path / "out.csv"
        station_file.write_text(station)
        output.unlink(missing_ok=True)
        command = ["fluxtower", "process", *map(str, places), "--station", str(station_file), "--output", str(output)]
        monkeypatch.setattr(sys, "argv", [*command, *options])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        rows = list(csv.DictReader(output.read_text().splitlines())) if output.exists() else []
        assert not list(tmp_path.glob(".fluxtower-*"))
        return Result(int(ended.value.code or 0), printed.out, printed.err, rows)

    return call
