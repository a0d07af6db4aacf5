"""Readings that come at another rate than declared: told by the API, the station's page and the command alike."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import timedelta

import httpx
import pytest

from core.store import Store
from tests.api import tower
from tests.api.tower import ID, START

pytestmark = pytest.mark.integration


def said_of(client: httpx.Client, environment: dict[str, str]) -> tuple[list[str], str, str]:
    """What the API, the page and the command say of the stream."""
    streams = client.get(f"/api/v1/stations/{ID}").json()["streams"]
    (faults,) = (stream["faults"] for stream in streams if stream["name"] == "met")
    page = client.get(f"/station/{ID}?lang=en").text
    command = subprocess.run(
        [sys.executable, "-m", "fluxtower", "status", ID], env=environment, check=True, capture_output=True, text=True
    )
    return faults, page, command.stdout


def test_a_rate_that_is_not_the_declared_one(
    client: httpx.Client, registered: Store, environment: dict[str, str]
) -> None:
    declared = registered.stations.read(ID).station.streams["met"].dt_ns / 1e9
    registered.messages.commit([], [tower.reading(START + i * timedelta(seconds=declared), 20.0) for i in range(12)])
    faults, page, command = said_of(client, environment)
    assert faults == []
    assert "Not as the station file says" not in page
    assert "one value every" not in command
    later = START + timedelta(days=1)
    slow = timedelta(seconds=10 * declared)
    registered.messages.commit([], [tower.reading(later + i * slow, 20.0) for i in range(12)])
    words = f"one value every {10 * declared:g} s, the station file says {declared:g} s"
    faults, page, command = said_of(client, environment)
    assert [fault.startswith(words) for fault in faults] == [True]
    assert "Not as the station file says" in page
    assert words in page
    assert f"met: {words}" in command
    assert "台站文件" in client.get(f"/station/{ID}?lang=zh").text


def test_the_command_names_a_channel_without_values(
    client: httpx.Client, registered: Store, environment: dict[str, str]
) -> None:
    times = [START + timedelta(minutes=i) for i in range(16)]
    records = [tower.reading(time, 20.0, 50.0 if i <= 4 else math.nan) for i, time in enumerate(times)]
    registered.messages.commit([], records, [])
    _, _, command = said_of(client, environment)
    assert f"met: RH has had no value since {times[4]:%Y-%m-%d %H:%M} UTC, though messages come" in command
    assert "TA has had" not in command
