"""`fluxtower keep`: what it says, what it does, and that it ends when it is asked to."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import psycopg
import pytest

from core.clock import floor_to_grid, to_ns
from core.records import Reject, SampleBlock
from core.settings import Settings
from core.store import Store
from fluxtower.retention import apply_retention, run_retention
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
DAY = floor_to_grid(datetime.now(UTC), 1440) - timedelta(days=30)
STATION = """
[station]
id = "cn-keep"
name = "Test tower"
latitude = 26.1
longitude = 117.4
altitude = 300
utc_offset = 8
[[stream]]
name = "ec"
kind = "block"
rate = 1
channels = [{ name = "w", variable = "W", unit = "m s-1", resolution = 0.001 }]
"""


@pytest.fixture
def filled(store: Store) -> Store:
    """Two days, 30 and 20 days ago, an hour each, and a refused message."""
    store.stations.put(STATION, "cn-keep.toml")
    samples = np.zeros((1, 100), np.float32)
    for day in (DAY, DAY + timedelta(days=10)):
        start = to_ns(day)
        blocks = [SampleBlock("cn-keep", "ec", start + i * 10**11, 10**9, ("w",), samples, seq=i) for i in range(36)]
        store.messages.commit(blocks, [])
    store.messages.commit([], [], [Reject("a/b", b"x", "why")])
    return store


def counts(store: Store) -> tuple[int, int]:
    with psycopg.connect(store.dsn) as connection:
        row = connection.execute("SELECT (SELECT count(*) FROM sample_block), (SELECT count(*) FROM sample_blob)")
        return row.fetchone() or (0, 0)


def fluxtower(environment: dict[str, str], *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "fluxtower", "keep", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.splitlines()


def test_a_dry_run_says_what_the_run_then_does(filled: Store, environment: dict[str, str]) -> None:
    ages = {"FLUXTOWER_KEEP_SAMPLES_DAYS": "25", "FLUXTOWER_KEEP_MINUTES_DAYS": "90"}
    would = fluxtower({**environment, **ages}, "--dry-run")
    assert would[0].startswith("samples in 1 chunks would be dropped after 25 days: 0.")
    assert would[1:] == ["4 half-hours with 7200 samples would be compacted, in 2 chunks of rows"]
    assert counts(filled) == (72, 0)
    did = fluxtower({**environment, **ages}, "--once")
    assert did[0] == would[0].replace("would be ", "")
    assert did[1] == "2 half-hours with 3600 samples compacted, in 1 chunks of rows"
    assert counts(filled) == (0, 2)
    assert fluxtower({**environment, **ages}, "--once") == ["nothing to do"]


def test_by_default_nothing_is_dropped(filled: Store, settings: Settings) -> None:
    span, minutes = (
        filled.samples.read_span("cn-keep", "ec"),
        filled.minutes.read("cn-keep", "ec", DAY, datetime.now(UTC)),
    )
    lines = list(apply_retention(filled, settings))
    assert lines[0] == "4 half-hours with 7200 samples compacted, in 2 chunks of rows"
    assert filled.samples.read_span("cn-keep", "ec") == span
    assert filled.minutes.read("cn-keep", "ec", DAY, datetime.now(UTC)).equals(minutes)
    assert len(filled.rejects.find()) == 1


def test_superseded_provisional_runs_go_after_a_week(store: Store, environment: dict[str, str]) -> None:
    store.stations.put(STATION, "cn-keep.toml")
    product = pl.DataFrame({"start": [DAY, DAY + timedelta(minutes=30)], "NEE_F": [1.0, 2.0]})
    for _ in range(3):
        store.runs.put("cn-keep", config_sha256="c", code_version="1", methods={}, started=DAY, product=product)
    assert fluxtower(environment, "--once") == ["nothing to do"]
    with psycopg.connect(store.dsn) as connection:
        connection.execute("ALTER TABLE run DISABLE TRIGGER run_stays")
        connection.execute("UPDATE run SET finished = now() - interval '40 days' WHERE id < 3")
        connection.execute("ALTER TABLE run ENABLE TRIGGER run_stays")
    would = "1 superseded provisional runs with 2 half-hours would be dropped after 7 days"
    assert fluxtower(environment, "--dry-run") == [would]
    assert fluxtower({**environment, "FLUXTOWER_KEEP_PROVISIONAL_DAYS": "0"}, "--once") == ["nothing to do"]
    assert fluxtower(environment, "--once") == [would.replace("would be ", "")]
    assert [run.id for run in store.runs.find()] == [3, 2]


def test_compaction_can_be_switched_off(filled: Store, settings: Settings) -> None:
    assert list(apply_retention(filled, settings.model_copy(update={"compact_days": 0.0}))) == []
    assert counts(filled) == (72, 0)


def test_the_program_works_in_rounds_waits_for_the_database_and_ends(
    filled: Store, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "fluxtower", "keep"]
    environment = {**environment, "FLUXTOWER_KEEP_SECONDS": "0.2"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        for expected in ((0, 4), (0, 5)):
            wait_for(lambda expected=expected: counts(filled) == expected or process.poll() is not None)
            assert process.poll() is None
            late = SampleBlock(
                "cn-keep", "ec", to_ns(DAY + timedelta(hours=3)), 10**9, ("w",), np.ones((1, 9), np.float32)
            )
            filled.messages.commit([late], [])
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert "4 half-hours with 7200 samples compacted" in process.stderr.read()  # type: ignore[union-attr]


def test_a_run_that_fails_is_logged_and_repeated(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    without_schema = psycopg.conninfo.make_conninfo(settings.store_dsn, dbname="postgres")
    thread = threading.Thread(
        target=run_retention, args=(settings.model_copy(update={"dsn": without_schema, "keep_seconds": 0.01}), stop)
    )
    thread.start()
    wait_for(lambda: sum("does not exist" in text for text in caplog.messages) >= 2)
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
