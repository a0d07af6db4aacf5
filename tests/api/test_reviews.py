"""Reviewing through the API and on the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from core.store import Store
from qc.review import months
from tests.api import tower

pytestmark = pytest.mark.integration


def last_month() -> tuple[datetime, datetime]:
    """The newest month of local standard time that has ended."""
    now = datetime.now(UTC)
    return [month for month in months(now - timedelta(days=62), now, 8.0) if month[1] <= now][-1]


@pytest.fixture
def with_data(registered: Store) -> Store:
    """A store whose station has a reading and a half-hour in the last month."""
    start = last_month()[0]
    registered.messages.commit([], [tower.reading(start, 20.0)])
    tower.put_flux(registered, tower.flux(start, FC=1.0))
    return registered


def body(level: str, **more: object) -> dict[str, object]:
    start, end = last_month()
    return {"level": level, "start": start.isoformat(), "end": end.isoformat(), **more}


def test_signing_needs_a_role_at_the_station(client: httpx.Client, with_data: Store) -> None:
    url = f"/api/v1/stations/{tower.ID}/reviews"
    keys = {
        name: with_data.access.add_key(name, role, scope, made_by="test")[1]  # type: ignore[arg-type]
        for name, role, scope in (
            ("viewer", "viewer", ["*"]),
            ("elsewhere", "reviewer", ["cn-other"]),
            ("operator", "engineer", [tower.ID]),
            ("centre", "reviewer", ["*"]),
        )
    }

    def post(who: str | None, level: str, **more: object) -> httpx.Response:
        return client.post(url, json=body(level, **more), headers={"X-API-Key": keys[who]} if who else {})

    assert post(None, "station").status_code == 401
    assert post("viewer", "station").status_code == 403
    assert post("elsewhere", "station").status_code == 403
    assert post("operator", "centre").status_code == 403
    early = post("centre", "centre")
    assert early.status_code == 422
    assert "its operator signs first" in early.json()["detail"]
    made = post("operator", "station", reason="seen")
    assert made.status_code == 201
    assert made.json()["by"] == "operator"
    assert post("centre", "centre").status_code == 201
    assert post("operator", "station", subjects=["met.NO"]).status_code == 422
    wrong = post("operator", "station", flags=[{**body("")} | {"stream": "met", "reason": "x"}])
    assert wrong.status_code == 422
    listed = client.get(url).json()
    assert [one["level"] for one in listed["reviews"]] == ["station", "centre"]
    newest = {
        one["subject"]: one["state"]
        for one in listed["months"]
        if one["start"] == last_month()[0].isoformat().replace("+00:00", "Z")
    }
    assert newest == {"met.TA": "centre", "met.RH": "centre", "fluxes": "centre"}
    denied = [one for one in with_data.access.read_audit(tower.ID) if one.outcome == "denied"]
    assert len(denied) == 4
    assert [one.detail["level"] for one in with_data.access.read_audit(tower.ID) if one.outcome == "done"] == [
        "centre",
        "station",
    ]


def test_the_page_shows_and_signs(client: httpx.Client, with_data: Store) -> None:
    page = client.get(f"/station/{tower.ID}/review?lang=zh")
    assert page.status_code == 200
    assert "待审核" in page.text
    assert 'id="sign"' not in page.text
    with_data.access.add_account("li.hua", "engineer", [tower.ID], password="a long enough one")
    client.post("/login", data={"name": "li.hua", "password": "a long enough one"})
    page = client.get(f"/station/{tower.ID}/review")
    token = re.search(r'name="csrf" value="(\w+)"', page.text[page.text.index('id="sign"') :])
    assert token
    month = (last_month()[0] + timedelta(hours=8)).strftime("%Y-%m")
    form = {"csrf": token[1], "level": "station", "verdict": "accepted", "month": month, "subject": "met.TA"}
    assert client.post(f"/station/{tower.ID}/review", data={**form, "csrf": "0"}).status_code == 403
    assert client.post(f"/station/{tower.ID}/review", data=form).status_code == 303
    page = client.get(f"/station/{tower.ID}/review")
    assert page.text.count("◐</td>") == 1
    denied = client.post(f"/station/{tower.ID}/review", data={**form, "level": "centre"})
    assert denied.status_code == 422
    assert "may not review" in denied.text
