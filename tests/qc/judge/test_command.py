"""`fluxtower qc`: what it prints and writes, on a real database."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.store import Store
from fluxtower.cli import app
from tests.judging import judge_all
from tests.qc.judge.stations import CHANNELS, FILE, ID, START, commit, readings

pytestmark = pytest.mark.integration


@pytest.fixture
def station(store: Store, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    store.stations.put(FILE, "weather.toml")
    commit(store, readings(600, 21))
    return store


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ("qc", *words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


PERIOD = (ID, "--from", "2026-07-01", "--to", "2026-07-02")


def test_the_table_and_the_report_count_flags_and_checks(station: Store, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    said = run(*PERIOD, "--report", str(report))
    table = station.readings.read(ID, "met", START, START + timedelta(days=1))
    written = json.loads(report.read_bytes())
    stream = written["streams"]["met"]
    words = {1: "good", 2: "unknown", 3: "suspect", 4: "bad", 9: "missing"}
    for i, channel in enumerate(CHANNELS):
        expected = Counter(words[flag] for flag in table["flags"].list.get(i).to_list())
        assert stream["flags"][channel] == dict(expected)
        reasons = [json.loads(one).get(channel, []) for one in table["reasons"].drop_nulls()]
        checks = Counter(check for texts in reasons for check in {text.split(":")[0] for text in texts})
        assert stream["checks"].get(channel, {}) == dict(checks)
    assert stream["judged"]["readings"] == table.height == stream["judged"]["changed"]
    assert "spike" in said
    assert f"met: {table.height} readings judged, {table.height} with other flags" in said
    assert written["findings"] == []


def test_a_period_judged_again_is_the_same(station: Store, tmp_path: Path) -> None:
    judge_all(station)
    digests = []
    for i in range(2):
        report = tmp_path / f"{i}.json"
        assert "0 with other flags or reasons than before" in run(*PERIOD, "--report", str(report))
        digests.append(json.loads(report.read_bytes())["sha256"])
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((ID, "--from", "2026-07-02", "--to", "2026-07-01"), "a begin before the end"),
        (("nobody", "--from", "2026-07-01", "--to", "2026-07-02"), "unknown station 'nobody'"),
        ((*PERIOD, "--learn"), "climatology = true"),
    ],
)
def test_what_cannot_be_meant_is_refused(station: Store, words: tuple[str, ...], expected: str) -> None:
    with pytest.raises(Exception, match=expected):
        run(*words)
