"""What the API says of background air, curves, enhancements, comparisons and dossiers, and to whom."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import httpx
import pytest

from api import principals
from api.air_words import CHINESE_ALARMS, KINDS, REMEDIES, reason_words
from core.access import Policy
from core.store import Store
from ingest.simulation.analyser import SimulatedAnalyser
from qc import mole_fraction
from qc.mole_fraction.series import REASONS
from tests.api import air_station, tower
from tests.api.air_station import HOUR, ID, OTHER, START

pytestmark = pytest.mark.integration
PATH = f"/api/v1/stations/{ID}"


@pytest.fixture
def stored(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Eleven hours at two stations: 420 ppm but for a peak in the sixth, and 415 ppm; policies hold at once."""
    monkeypatch.setattr(principals, "POLICY_SECONDS", 0.0)
    hours = air_station.hours_from(START, 11)
    for id, values in ((ID, [420.0] * 5 + [424.0] + [420.0] * 5), (OTHER, [415.0] * 11)):
        air_station.register(store, SimulatedAnalyser(), id)
        air_station.put_hours(store, id, hours, values)
    return store


def test_background_and_its_csv(stored: Store, client: httpx.Client) -> None:
    found = client.get(f"{PATH}/background").json()
    assert (found["method"], found["selected_by"], found["kept"], found["wind_known"]) == ("noaa", "CO2", 10, False)
    assert found["methods"] == ["conditions", "noaa", "rebs"]
    assert found["data"]["state"] == ["kept"] * 5 + ["step"] + ["kept"] * 5
    assert found["data"]["time"][0] == "2026-07-01T00:00:00Z"
    conditions = client.get(f"{PATH}/background", params={"method": "conditions"}).json()
    assert conditions["kept"] == 11
    rows = list(csv.reader(io.StringIO(client.get(f"{PATH}/background?format=csv").text)))
    assert rows[0] == ["time", "value", "u", "state", "baseline"]
    assert rows[1] == ["UTC", "umol mol-1", "umol mol-1", "", "umol mol-1"]
    assert rows[7][1:4] == ["424", "0.03", "step"]
    wrong = client.get(f"{PATH}/background", params={"method": "magic"})
    assert wrong.status_code == 422
    assert wrong.json()["remedy"] == "one of conditions, noaa, rebs"


def test_a_short_series_has_no_curve_and_says_how_much_there_is(stored: Store, client: httpx.Client) -> None:
    found = client.get(f"{PATH}/curve").json()
    assert (found["days"], found["span_days"], found["needed_days"], found["growth"]) == (1, 1, 730, [])
    assert found["data"]["smooth"] == [None]
    assert found["data"]["value"] == [420.0]
    assert client.get(f"{PATH}/curve", params={"intake": "40m"}).json()["data"]["time"] == []


def test_a_curve(stored: Store, client: httpx.Client) -> None:
    times, values = air_station.years_of_background(760)
    air_station.put_hours(stored, ID, times, values)
    found = client.get(f"{PATH}/curve", params={"to": START.isoformat()}).json()
    assert [one["year"] for one in found["growth"]] == [2025]
    assert found["growth"][0]["growth"] == pytest.approx(2.5, abs=0.02)
    data = found["data"]
    assert len(data["time"]) == len(data["trend"]) == found["span_days"]
    assert data["trend"][400] - data["trend"][35] == pytest.approx(2.5, abs=0.02)  # a year of 365 d


def test_an_enhancement_needs_both_stations(stored: Store, client: httpx.Client) -> None:
    found = client.get(f"{PATH}/enhancement", params={"background": OTHER}).json()
    assert found["data"]["difference"] == [5.0] * 5 + [9.0] + [5.0] * 5
    # 12 to 16 h local time are 04 to 07 UTC: 5, 9, 5, 5
    assert found["afternoon_mean"] == 6.0
    stored.access.set_policy(Policy(OTHER, "products", "private"), "test")
    denied = client.get(f"{PATH}/enhancement", params={"background": OTHER})
    assert denied.status_code == 401
    assert client.get(f"{PATH}/enhancement", params={"background": "cn-nowhere"}).status_code == 404
    assert OTHER not in client.get(f"/station/{ID}/co2").text
    # a station that is hidden is none, as a background, too
    stored.access.set_policy(Policy(OTHER, "station", "private"), "test")
    hidden = client.get(f"{PATH}/enhancement", params={"background": OTHER})
    assert hidden.status_code == 404
    unknown = client.get(f"{PATH}/enhancement", params={"background": "cn-nowhere"})
    assert hidden.text.replace(OTHER, "cn-nowhere") == unknown.text


def test_what_is_closed_is_on_no_page(stored: Store, client: httpx.Client) -> None:
    assert client.get(f"/station/{ID}/co2").status_code == 200
    assert f"/station/{ID}/co2" in client.get(f"/station/{ID}").text
    stored.access.set_policy(Policy(ID, "products", "private"), "test")
    for path in ("background", "curve", "comparisons", "dossier"):
        assert client.get(f"{PATH}/{path}").status_code == 401, path
    assert client.get(f"/station/{ID}/co2").status_code == 401
    assert f"/station/{ID}/co2" not in client.get(f"/station/{ID}").text


def test_a_dossier_needs_readings_for_its_review(stored: Store, client: httpx.Client) -> None:
    assert client.get(f"{PATH}/dossier").json()["station"]["id"] == ID
    stored.access.set_policy(Policy(ID, "readings", "private"), "test")
    assert client.get(f"{PATH}/dossier").status_code == 401


def test_the_button_gives_a_file_in_the_language_of_the_page(stored: Store, client: httpx.Client) -> None:
    sent = client.get(f"/station/{ID}/dossier?lang=zh&format=json")
    assert sent.status_code == 307
    url = httpx.URL(sent.headers["location"])
    assert url.path == f"{PATH}/dossier"
    assert dict(url.params) == {"language": "zh", "format": "json"}
    answer = client.get(url)
    assert answer.json()["language"] == "zh"
    assert "dossier_zh" in answer.headers["content-disposition"]


def test_a_station_without_an_analyser_says_so(client: httpx.Client, registered: Store) -> None:
    for path in ("background", "curve", "comparisons", "dossier", "enhancement?background=x"):
        answer = client.get(f"/api/v1/stations/{tower.ID}/{path}")
        assert answer.status_code in (404, 422), path
    assert client.get(f"/station/{tower.ID}/co2").status_code == 422


def test_events_say_what_to_do(stored: Store, client: httpx.Client) -> None:
    row = stored.stations.read(ID)
    stored.mole_fractions.put_event(row, air_station.alarm(START + HOUR, "water", "critical"))
    (event,) = client.get(f"{PATH}/mole-fraction-events").json()["events"]
    assert event["remedy"].startswith("determine the coefficients of the water correction anew")


def test_every_alarm_has_words_and_a_remedy_in_both_languages() -> None:
    text = "".join(path.read_text() for path in Path(mole_fraction.__file__).parent.glob("*.py"))
    kinds = set(re.findall(r'Alarm\(\s*\*?\(?"(\w+)"', text))
    assert kinds == set(REMEDIES)
    assert kinds <= set(KINDS)
    assert kinds == set(CHINESE_ALARMS)
    assert set(reason_words("zh")) == set(REASONS.values())
