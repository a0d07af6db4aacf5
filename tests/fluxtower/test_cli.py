"""The command line: clear messages and exit statuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.records import LoggerState, SampleBlock
from core.settings import Settings
from core.station import read_station
from core.store import Store
from fluxtower.sending import file_records
from ingest.files import toa5
from ingest.simulation.replay import blocks
from tests.ingest.foreign import FILE
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "deploy" / "demo"


def fluxtower(*arguments: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fluxtower", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_help_lists_the_commands() -> None:
    text = fluxtower("--help").stdout
    assert all(command in text for command in ("up", "status", "demo", "station", "replay", "reject", "grafana"))


def test_the_example_stations_check() -> None:
    result = fluxtower("station", "check", *sorted((DEMO / "stations").glob("*.toml")))
    assert result.returncode == 0
    assert result.stdout.count(": valid") == 2


def test_every_mistake_of_every_file_is_reported(tmp_path: Path) -> None:
    text = (DEMO / "stations" / "us-orchard.toml").read_text(encoding="utf-8")
    one, good, other = tmp_path / "one.toml", DEMO / "stations" / "cn-simulated-forest.toml", tmp_path / "other.toml"
    one.write_text(text.replace('unit = "deg C"', 'unit = "hPa"').replace("height = 7.11", 'height = "high"'))
    other.write_text("[station")
    result = fluxtower("station", "check", one, good, other)
    assert result.returncode == 1
    assert result.stdout == f"{good}: valid\n"
    errors = result.stderr.splitlines()
    assert len(errors) == 3
    assert errors[0].startswith(
        f"error: {one}: line 20: sonic.height: expected a valid number, got 'high' (and 1 more)"
    )
    assert errors[1].startswith(f"error: {one}: line 36: stream[0].channels[3].unit: expected one of K, deg C")
    assert errors[2].startswith(f"error: {other}: line 1: (syntax): expected TOML")


def test_two_stations_of_one_topic_are_reported(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text(FILE)
    other.write_text(FILE.replace('id = "cn-foreign"', 'id = "cn-other"'))
    result = fluxtower("station", "check", one, other)
    line = 1 + FILE[: FILE.index('topic = "senml/json"')].count("\n")
    assert result.returncode == 1
    assert result.stdout == f"{one}: valid\n"
    assert result.stderr == (
        f"error: {other}: line {line}: stream[0].topic: expected topics that are not used yet "
        "('senml/json' is, by station cn-foreign), got 'senml/json'\n"
    )


def test_a_wrong_unit_names_file_line_key_expected_and_got(tmp_path: Path) -> None:
    text = (DEMO / "stations" / "us-orchard.toml").read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace('unit = "deg C"', 'unit = "hPa"'), encoding="utf-8")
    result = fluxtower("station", "check", wrong)
    assert result.returncode == 1
    assert result.stderr == (
        f"error: {wrong}: line 36: stream[0].channels[3].unit: expected one of K, deg C, deg F, got 'hPa'\n"
    )


def test_separations_in_centimetres_are_doubted(tmp_path: Path) -> None:
    """Valid, for a big tower may have them; 14 cm written as 14."""
    text = (DEMO / "stations" / "us-orchard.toml").read_text(encoding="utf-8")
    doubtful = tmp_path / "doubtful.toml"
    lines = [line for line in text.splitlines() if "_separation" not in line]
    lines.insert(lines.index("[[analyzer]]") + 1, "eastward_separation = 14.0")
    doubtful.write_text("\n".join(lines), encoding="utf-8")
    result = fluxtower("station", "check", doubtful)
    assert result.returncode == 0
    assert result.stderr == (
        f"doubt: {doubtful}: analyzer[0].eastward_separation: 14 m from the sonic; if it is in centimetres, "
        "write 0.14\n"
    )


def test_a_setting_out_of_range_is_one_line() -> None:
    result = fluxtower("settings", environment={"FLUXTOWER_DB_PORT": "no"})
    assert result.returncode == 1
    assert result.stderr.startswith("error: environment: FLUXTOWER_DB_PORT: expected")


def test_no_broker_is_a_message_with_a_remedy(environment_without_servers: dict[str, str]) -> None:
    files = sorted((DEMO / "data").glob("*.gz"))
    result = fluxtower(
        "replay", *files, "--station", DEMO / "stations" / "us-orchard.toml", environment=environment_without_servers
    )
    assert result.returncode == 1
    assert "no MQTT broker answers at 127.0.0.1:1" in result.stderr
    assert "fluxtower up" in result.stderr


def test_no_database_is_one_message_and_nothing_of_the_pool(environment_without_servers: dict[str, str]) -> None:
    result = fluxtower("station", "list", environment=environment_without_servers)
    assert result.returncode == 1
    assert result.stderr == (
        "error: the database does not answer: is it running? (`fluxtower status`, FLUXTOWER_DSN)\n"
    )


def test_the_pool_says_nothing_where_nobody_keeps_a_log() -> None:
    """Not even if the program ends while the pool still tries to connect."""
    code = (
        "import logging; from core.errors import StoreUnavailable; from core.store import Store\n"
        "store = Store('postgresql://x@127.0.0.1:1/x')\n"
        "try: store.wait(1.5)\n"
        "except StoreUnavailable as error: print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("the database does not answer: is it running?")
    assert result.stderr == ""


@pytest.fixture
def environment_without_servers() -> dict[str, str]:
    return {"FLUXTOWER_BROKER": "mqtt://127.0.0.1:1", "FLUXTOWER_DSN": "postgresql://x@127.0.0.1:1/x"}


@pytest.mark.integration
def test_stations_are_added_listed_and_their_season_filled(
    settings: Settings, store: Store, environment: dict[str, str]
) -> None:
    added = fluxtower("station", "add", DEMO / "stations" / "us-orchard.toml", environment=environment)
    assert added.returncode == 0, added.stderr
    assert store.stations.read("us-orchard").config_sha256[:12] in added.stdout
    assert "us-orchard" in fluxtower("station", "list", environment=environment).stdout
    assert "there are no fluxes yet" in fluxtower("season", "us-orchard", environment=environment).stdout
    unknown = fluxtower("season", "nowhere", environment=environment)
    assert unknown.returncode == 1
    assert "unknown station 'nowhere'" in unknown.stderr
    assert "reason" in fluxtower("reject", "list", environment=environment).stdout


def test_a_block_over_the_border_of_two_files_stays_whole() -> None:
    station = read_station(DEMO / "stations" / "us-orchard.toml")
    files = sorted((DEMO / "data").glob("*.gz"))
    apart = [block for file in files for block in blocks(toa5.read(file), station, "ec", 11.0)]
    starts = [block.start_ns for block in apart]
    (border,) = {start for start in starts if starts.count(start) == 2}  # 900 s is no multiple of 11 s
    whole = [block for block in file_records(station, files, "ec", 11.0) if isinstance(block, SampleBlock)]
    assert [block.start_ns for block in whole] == sorted(set(starts))
    assert [block.seq for block in whole] == list(range(len(whole)))
    joined = next(block for block in whole if block.start_ns == border)
    assert np.isfinite(joined.samples).all()
    assert not any(np.isfinite(block.samples).all() for block in apart if block.start_ns == border)


@pytest.mark.integration
def test_a_station_whose_topic_is_used_is_not_added(
    settings: Settings, store: Store, environment: dict[str, str], tmp_path: Path
) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text(FILE)
    other.write_text(FILE.replace('id = "cn-foreign"', 'id = "cn-other"'))
    again = fluxtower("station", "add", one, one, environment=environment)
    assert again.returncode == 0
    refused = fluxtower("station", "add", other, environment=environment)
    assert refused.returncode == 1
    assert "topics that are not used yet ('senml/json' is, by station cn-foreign)" in refused.stderr
    assert [row.station.id for row in store.stations.read_all()] == ["cn-foreign"]
    store.loggers.put([LoggerState("cn-foreign", "CR6", False)])
    assert "CR6 offline since" in fluxtower("station", "list", environment=environment).stdout
