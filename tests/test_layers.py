"""The layers of the house are kept, and breaking one is noticed."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "ingest", "qc", "fluxcalc", "api", "dashboards", "deploy", "fluxtower")

# contract -> what breaks it: a module and what it must not import
BREAKINGS = {
    "Layers of the house": [
        ("core.clock", "fluxcalc.halfhour.steps"),
        ("qc.limits", "ingest.encoding"),
        ("api.deps", "fluxtower.cli"),
        ("api.deps", "dashboards.sql"),
    ],
    "Only the store speaks to the database": [
        ("core.clock", "psycopg"),
        ("fluxcalc.worker.queue", "psycopg"),
        ("api.live", "psycopg_pool"),
    ],
    "Kernels know arrays and nothing of ours": [
        ("fluxcalc.kernels.statistics", "core.records"),
        ("fluxcalc.kernels.rotation", "fluxcalc.halfhour.record"),
        ("fluxcalc.kernels.lag", "polars"),
    ],
    "Kernels of the readers, too": [("ingest.files.kernels", "core.records")],
    "Kernels of slow sensors, too": [("qc.slow.kernels", "core.records")],
    "Half-hour, season and footprint map are apart": [
        ("fluxcalc.halfhour.air", "fluxcalc.season.grid"),
        ("fluxcalc.season.spikes", "fluxcalc.footprint_map.contours"),
        ("fluxcalc.footprint_map.geotiff", "fluxcalc.halfhour.fits"),
    ],
    "Only the worker reaches store and network": [
        ("fluxcalc.halfhour.interval", "core.store"),
        ("fluxcalc.season.steps", "procrastinate"),
        ("fluxcalc.season.report", "fluxcalc.worker.queue"),
        ("fluxcalc.footprint_map.climatology", "httpx"),
        ("fluxcalc.kernels.mds", "paho"),
        ("fluxcalc.sun", "socket"),
        ("fluxcalc.thermodynamics", "sqlite3"),
    ],
    "Methods of a season know arrays, not its record": [
        ("fluxcalc.season.ustar.moving_point", "fluxcalc.season.record"),
        ("fluxcalc.season.gapfill.mds", "fluxcalc.season.steps"),
        ("fluxcalc.season.partition.nighttime", "fluxcalc.season.filtering"),
        ("fluxcalc.season.uncertainty.random", "fluxcalc.season.versions"),
    ],
    "The collector's chain has one direction": [
        ("ingest.encoding", "ingest.mqtt.wire"),
        ("ingest.mqtt.topics", "ingest.payloads"),
        ("ingest.payloads.rows", "ingest.collector.writer"),
        ("ingest.collector.writer", "ingest.agent.spool"),
        ("ingest.agent.blocks", "ingest.backfill"),
        ("ingest.files.opening", "ingest.collector.service"),
        ("ingest.hj212.codec.frame", "ingest.payloads.checks"),
        ("ingest.hj212.receiving.listener", "ingest.hj212.sending"),
    ],
    "The agent stays light": [("ingest.collector.watermark", "core.station")],
    "Exports know neither HTTP nor a route": [
        ("api.exports.columns", "fastapi"),
        ("api.exports.fluxnet", "api.routes.fluxes"),
    ],
    "What commands do knows no command line": [
        ("fluxtower.batch.table", "typer"),
        ("fluxtower.batch.chunks", "fluxtower.cli.common"),
    ],
    "Commands hold no logic": [
        ("fluxtower.cli.runs", "numpy"),
        ("fluxtower.cli.stations", "core.store.database"),
        ("fluxtower.cli.results", "fluxcalc.season.ustar.moving_point"),
    ],
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def _copy(folder: Path) -> Path:
    """Copy the packages to where a test may break something."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "static", "data")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _break(folder: Path, module: str, imported: str) -> int:
    """Append the import to a module; return the number of its line."""
    path = folder / f"{module.replace('.', '/')}.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, f"import {imported}", ""]), encoding="utf-8")
    return len(lines) + 1


def test_the_layers_are_kept(tmp_path: Path) -> None:
    result = _lint(_copy(tmp_path))
    assert result.returncode == 0, result.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[tuple[str, str]]]:
    """What each contract says of a copy in which every contract is broken: its direct imports that are not allowed."""
    folder = _copy(tmp_path_factory.mktemp("broken"))
    lines = {pair: _break(folder, *pair) for pairs in BREAKINGS.values() for pair in pairs}
    result = _lint(folder)
    assert result.returncode != 0
    # below "Broken contracts" each has a section: its name underlined, then chains of imports with their lines
    sections = re.split(r"\n([^\n]+)\n-{4,}\n", result.stdout.partition("Broken contracts\n")[2])
    named: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for name, text in zip(sections[1::2], sections[2::2], strict=True):
        for module, imported in lines:
            number = lines[module, imported]
            if re.search(rf"^-? +{re.escape(module)} -> {re.escape(imported)}\S* \(l\.{number}\)", text, re.MULTILINE):
                named[name].add((module, imported))
    return named


@pytest.mark.parametrize("contract", BREAKINGS)
def test_breaking_a_layer_is_noticed(told: dict[str, set[tuple[str, str]]], contract: str) -> None:
    assert told[contract] >= set(BREAKINGS[contract])


def test_every_contract_is_broken_by_a_test() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} == BREAKINGS.keys()


def test_the_methods_of_a_season_are_kept_from_every_step() -> None:
    """A new module beside the method folders is either told to be arrays only, or forbidden to the methods."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = [
        one for one in settings["tool"]["importlinter"]["contracts"] if one["name"].startswith("Methods of a season")
    ]
    beside = {f"fluxcalc.season.{path.stem}" for path in (ROOT / "fluxcalc" / "season").glob("[!_]*.py")}
    arrays = {f"fluxcalc.season.{name}" for name in ("aggregates", "energy_balance", "grid", "spikes")}
    assert set(contract["forbidden_modules"]) == beside - arrays


# a command reads its options, calls one thing and prints what came of it
MAX_STATEMENTS = 20
LOOPS = (ast.For, ast.While)


def _faults(source: str) -> list[str]:
    """Say what in the source of a command is more than reading options, calling and printing."""
    faults = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            faults.append(f"class {node.name}")
        if isinstance(node, ast.While):
            faults.append(f"while in line {node.lineno}")
        if isinstance(node, LOOPS) and sum(isinstance(inner, LOOPS) for inner in ast.walk(node)) > 2:
            faults.append(f"loops in loops in line {node.lineno}")
        if isinstance(node, ast.FunctionDef):
            count = sum(isinstance(inner, ast.stmt) for inner in ast.walk(node)) - 1
            if count > MAX_STATEMENTS:
                faults.append(f"{count} statements in {node.name}")
    return faults


@pytest.mark.parametrize("path", sorted((ROOT / "fluxtower" / "cli").glob("*.py")), ids=lambda path: path.stem)
def test_commands_are_short(path: Path) -> None:
    assert _faults(path.read_text(encoding="utf-8")) == []


def test_a_long_command_is_noticed() -> None:
    long = "def command():\n" + "    print()\n" * (MAX_STATEMENTS + 1)
    assert _faults(long) == [f"{MAX_STATEMENTS + 1} statements in command"]
    assert _faults("class Thing: pass\nwhile True: pass") == ["class Thing", "while in line 2"]
    nested = "for a in b:\n for c in d:\n  for e in f:\n   pass"
    assert _faults(nested) == ["loops in loops in line 1"]
