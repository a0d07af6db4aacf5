"""The demonstration on servers of its own, once as it is and once while its processes are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.records import Reading, SampleBlock
from core.settings import Settings, read_settings
from core.station import read_station
from deploy import group
from deploy.group.supervisor import make_environment
from deploy.native.installation import find_installation
from fluxtower.demo import DEMO, FOREST, forest, live_tower
from ingest.simulation.tower import records
from tests.conftest import free_port
from tests.waiting import wait_for

VICTIMS = ("collector", "worker", "api", "database")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """Settings of a whole group of its own: nothing of it runs yet."""
    ours = read_settings()
    if ours.dsn or ours.broker:
        pytest.skip("the servers in FLUXTOWER_DSN and FLUXTOWER_BROKER are not ours to kill")
    ports = {name: free_port() for name in ("db_port", "broker_port", "api_port")}
    settings = ours.model_copy(update={"var": tmp_path / "var", "native": ours.native or ours.var / "native", **ports})
    settings.var.mkdir()
    yield settings
    group.down(settings)
    subprocess.run(["rm", "-rf", find_installation(settings).data], check=True)


def start_demo(settings: Settings) -> subprocess.Popen[str]:
    environment = {**os.environ, **make_environment(settings)}
    command = [sys.executable, "-m", "fluxtower", "demo", "--once"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def pids(settings: Settings) -> dict[str, int]:
    with suppress(OSError):
        return {one.name: one.pid for one in group.status(settings) if one.pid is not None}
    return {}


@pytest.mark.integration
@pytest.mark.alone
@pytest.mark.figures
def test_the_demo_recovers_from_kills_and_stores_exactly_what_was_sent(own: Settings) -> None:
    demo = start_demo(own)
    assert demo.stdout is not None
    kills: list[str] = []
    watch = threading.Timer(900, demo.kill)
    watch.start()
    chance = random.Random(11)
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.extend(demo.stdout))
    reader.start()
    try:
        wait_for(lambda: demo.poll() is not None or any("sending" in line for line in output))
        for victim in (*VICTIMS, *VICTIMS):
            time.sleep(chance.uniform(0.3, 1.2))
            wait_for(lambda victim=victim: demo.poll() is not None or victim in pids(own))
            if pid := pids(own).get(victim):
                os.kill(pid, signal.SIGKILL)
                kills.append(victim)
        status = demo.wait()
    finally:
        watch.cancel()
        demo.kill()
        reader.join()
        demo.stdout.close()
    text = "".join(output)
    print(f"killed with -9, in this order: {', '.join(kills)}\n{text}")
    assert status == 0, text
    assert set(kills) == set(VICTIMS)
    assert "bit for bit" in text
    assert "all as it should be" in text
    assert pids(own) == {}


def test_a_later_demonstration_sends_again_what_an_earlier_one_sent_live() -> None:
    station = read_station(DEMO / "stations" / f"{FOREST}.toml")
    now = datetime(2026, 7, 3, 6, tzinfo=UTC)
    earlier, _ = forest(station, now)
    later, start = forest(station, now + timedelta(hours=1))
    assert start < now
    sent_live = samples_of(records(live_tower(earlier), now, 1 / 48))
    sent_again = samples_of(records(later, now, 1 / 48))
    assert len(sent_live) == 360
    assert sent_live == sent_again


def samples_of(made: Iterable[SampleBlock | Reading]) -> dict[int, bytes]:
    return {record.start_ns: record.samples.tobytes() for record in made if isinstance(record, SampleBlock)}
