"""The layers of the house are kept, and breaking one is noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "ingest", "qc", "fluxcalc", "api", "dashboards", "deploy", "fluxtower")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages in which a test may break something."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static", "data")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_layers_are_kept(copy: Path) -> None:
    result = lint_imports(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("core/clock.py", "import fluxcalc.halfhour.steps", "Layers of the house BROKEN"),
        ("ingest/mqtt/topics.py", "import qc.limits", "Layers of the house BROKEN"),
        ("api/deps.py", "import fluxtower.cli", "Layers of the house BROKEN"),
        ("fluxcalc/kernels/statistics.py", "import core.records", "Kernels know arrays and nothing of ours BROKEN"),
        ("fluxcalc/worker/queue.py", "import psycopg", "Only the store speaks to the database BROKEN"),
        ("ingest/collector/watermark.py", "import core.station", "The agent stays light BROKEN"),
        ("fluxtower/batch/table.py", "import typer", "What commands do knows no command line BROKEN"),
    ],
)
def test_breaking_a_layer_is_noticed(copy: Path, module: str, statement: str, contract: str) -> None:
    path = copy / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{statement}\n", encoding="utf-8")
    result = lint_imports(copy)
    assert result.returncode != 0
    assert contract in result.stdout
