"""Stations on a map, their sensors, and how their files changed."""

from __future__ import annotations

import httpx
import pytest

from api.exports.settings import diff_settings, setting_lines
from api.models import ConfigurationsOut, RunsOut, SensorsOut
from core.station import config_sha256
from core.store import Store
from tests.api import tower
from tests.api.tower import ID

BASE = f"/api/v1/stations/{ID}"
HIGHER = tower.STATION.replace("height = 30", "height = 31.5 # a new boom")
QUIETER = HIGHER.replace("lateness_seconds = 60\n", "")


def test_settings_are_a_line_a_key_without_comments_and_topics() -> None:
    text = """
    # the password of the gate is 1234
    [station]
    id = "x"
    state_topics = ["secret/state"]
    [sonic]
    height = 3 # metres
    [[stream]]
    name = "met"
    topic = "secret/met"
    channels = [{ name = "TA", unit = "K" }, { name = "RH", unit = "%" }]
    columns = ["a", "b"]
    """
    assert setting_lines(text) == [
        'station.id = "x"',
        "sonic.height = 3",
        'stream[met].name = "met"',
        'stream[met].channels[TA].name = "TA"',
        'stream[met].channels[TA].unit = "K"',
        'stream[met].channels[RH].name = "RH"',
        'stream[met].channels[RH].unit = "%"',
        'stream[met].columns = ["a","b"]',
    ]


def test_a_diff_is_one_that_patch_can_read() -> None:
    diff, changes = diff_settings("a = 1\nb = 2\nc = 3\n", "a = 1\nb = 4\nd = 5\n", "old", "new")
    assert diff.splitlines() == [
        "--- old",
        "+++ new",
        "@@ -1,3 +1,3 @@",
        " a = 1",
        "-b = 2",
        "-c = 3",
        "+b = 4",
        "+d = 5",
    ]
    assert changes == 3  # b changed, c went, d came
    assert diff_settings("a = 1 # one", "a = 1", "old", "new") == ("", 0)


@pytest.mark.integration
def test_every_version_and_what_it_changed(client: httpx.Client, registered: Store) -> None:
    registered.stations.put(HIGHER, "cn-tower.toml")
    registered.stations.put(QUIETER, "cn-tower.toml")
    shas = [config_sha256(text) for text in (tower.STATION, HIGHER, QUIETER)]
    listed = ConfigurationsOut.model_validate(client.get(f"{BASE}/configurations").json()).configurations
    assert [one.sha256 for one in listed] == shas[::-1]
    assert [one.changes for one in listed[:2]] == [1, 1]
    assert listed[0].valid_to is None
    assert listed[1].valid_to == listed[0].valid_from
    newest = client.get(f"{BASE}/configurations/diff").json()
    assert (newest["old"], newest["new"], newest["changes"]) == (shas[1], shas[2], 1)
    assert [line for line in newest["diff"].splitlines()[2:] if line[0] in "+-"] == ["-flux.lateness_seconds = 60"]
    both = client.get(f"{BASE}/configurations/diff", params={"old": shas[0][:12], "new": shas[2]}).json()
    assert [line for line in both["diff"].splitlines()[2:] if line[0] in "+-"] == [
        "-sonic.height = 30",
        "+sonic.height = 31.5",
        "-flux.lateness_seconds = 60",
    ]
    assert both["diff"].startswith(f"--- {shas[0][:12]} ")
    assert "boom" not in both["diff"]
    first = client.get(f"{BASE}/configurations/diff", params={"new": shas[0]}).json()
    assert first["old"] is None
    assert '+station.id = "cn-tower"' in first["diff"]
    unknown = client.get(f"{BASE}/configurations/diff", params={"old": "0" * 8})
    assert (unknown.status_code, unknown.json()["error"]) == (422, "BadQuery")


@pytest.mark.integration
def test_sensors_stand_since_they_are_declared_so(client: httpx.Client, registered: Store) -> None:
    begun = registered.stations.read(ID).valid_from
    registered.stations.put(HIGHER, "cn-tower.toml")
    raised = registered.stations.read(ID).valid_from
    assert raised > begun
    sensors = SensorsOut.model_validate(client.get(f"{BASE}/sensors").json()).sensors
    assert [(one.kind, one.name, one.stream, one.variables) for one in sensors] == [
        ("sonic", "CSAT3", None, ["U", "V", "W", "T_SONIC"]),
        ("analyzer", "LI-7500", None, ["CO2", "H2O"]),
        ("reading", "TA", "met", ["TA"]),
        ("reading", "RH", "met", ["RH"]),
    ]
    assert sensors[0].declared == {"height": 31.5}
    assert sensors[2].declared == {"interval": 60, "unit": "deg C"}
    assert [one.since for one in sensors] == [raised, begun, begun, begun]


@pytest.mark.integration
def test_stations_on_a_map(client: httpx.Client, registered: Store) -> None:
    answer = client.get("/api/v1/stations.geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json()["type"] == "FeatureCollection"
    [feature] = answer.json()["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [117.4, 26.1, 300.0]}
    [line] = client.get("/api/v1/stations").json()
    assert feature["id"] == ID
    assert feature["properties"]["name_zh"] == line["name_zh"] == "试验森林站"
    assert set(line) - set(feature["properties"]) == {"longitude", "latitude", "altitude"}


@pytest.mark.integration
def test_pages_of_runs_lead_on_and_miss_none(client: httpx.Client, registered: Store) -> None:
    made = [tower.put_run(registered, tower.filled_days(1)) for _ in range(5)]
    seen: list[int] = []
    path: str | None = f"{BASE}/runs?limit=2"
    while path:
        answer = client.get(path)
        page = RunsOut.model_validate(answer.json())
        seen += [run.id for run in page.runs]
        assert len(page.runs) == (2 if page.next else 1)
        assert answer.links.get("next", {}).get("url") == page.next
        if len(seen) == 2:
            tower.put_run(registered, tower.filled_days(1))  # what comes meanwhile moves nothing
        path = page.next
    assert seen == made[::-1]
    assert client.get(f"{BASE}/runs?limit=6").json()["next"] is None
