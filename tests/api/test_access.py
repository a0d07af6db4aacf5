"""Keys, logins, policies: every route asks, what is not public stays inside, what is denied is written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api import principals
from api.app import create_app
from api.readable import RULES, ReadableStore
from core.access import ANONYMOUS, DATA_CLASSES, DataClass, Policies, Policy, Principal
from core.settings import Settings
from core.store import Store
from tests.api import tower
from tests.api.conftest import serving

pytestmark = pytest.mark.integration

OTHER = "cn-secret"
"""A station of which nothing may be told."""
SECRET_VALUE = 17.53125
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def two_stations(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The small tower and a second one, both with data of all kinds; policies hold at once."""
    monkeypatch.setattr(principals, "POLICY_SECONDS", 0.0)
    for id in (tower.ID, OTHER):
        monkeypatch.setattr(tower, "ID", id)
        store.stations.put(tower.STATION.replace("cn-tower", id), f"{id}.toml")
        start = tower.START
        store.messages.commit([tower.block(start)], [tower.reading(start, SECRET_VALUE)])
        tower.put_days(store, 2)
    monkeypatch.undo()
    monkeypatch.setattr(principals, "POLICY_SECONDS", 0.0)
    return store


@pytest.fixture
def open_client(settings: Settings, two_stations: Store) -> Iterator[httpx.Client]:
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


OF_ANALYSERS = {
    *("mole-fractions", "targets", "tanks", "mole-fraction-events"),
    *("background", "curve", "enhancement", "comparisons", "dossier", "co2"),
}
"""Routes of a station with [mole_fraction]."""


def routes(settings: Settings) -> list[str]:
    """Every route of the API and every page that has a station, with values that fit."""
    paths = create_app(settings).openapi()["paths"]
    found = [path for path in paths if "{id}" in path or "{run}" in path]
    return [*found, "/station/{id}", "/station/{id}/runs", "/station/{id}/co2", "/station/{id}/dossier", "/runs/{run}"]


def forms(path: str) -> list[str]:
    tables = ("csv", "parquet", "arrow", "netcdf")
    more = {
        "readings": tables,
        "samples": tables,
        "minutes": ("csv",),
        "fluxes": (*tables, "csv-units"),
        "product": (*tables, "csv-units", "fluxnet"),
    }
    if path.endswith("/enhancement"):
        return [f"{path}?background={tower.ID}"]
    return [path, *(f"{path}?format={form}" for form in more.get(path.rsplit("/", 1)[-1], ()))]


def set_policy(store: Store, station: str, *classes: DataClass, openness: Any = "private", **more: Any) -> None:
    for name in classes:
        store.access.set_policy(Policy(station, name, openness, **more), "test")


def test_every_route_hides_a_hidden_station_from_who_may_not_see_it(
    open_client: httpx.Client, two_stations: Store, settings: Settings
) -> None:
    set_policy(two_stations, OTHER, "station")
    run = two_stations.runs.find(OTHER)[0].id
    narrow = two_stations.access.add_key("narrow", "admin", [tower.ID], made_by="test")[1]
    wide = two_stations.access.add_key("wide", "viewer", [OTHER], made_by="test")[1]
    asked = [form for path in routes(settings) if "live" not in path for form in forms(path)]
    assert len(asked) >= 20
    for path in asked:
        url = path.replace("{id}", OTHER).replace("{run}", str(run))
        missing = path.replace("{id}", "cn-nowhere").replace("{run}", "987654")
        for key in (None, narrow):
            headers = {"X-API-Key": key} if key else {}
            denied, unknown = open_client.get(url, headers=headers), open_client.get(missing, headers=headers)
            assert denied.status_code == unknown.status_code == 404, (url, key)
            told = denied.text.replace(OTHER, "cn-nowhere").replace(f"run {run}:", "run 987654:")
            told = told.replace(f"/runs/{run}", "/runs/987654")
            assert told == unknown.text, url
            assert "etag" not in denied.headers
        # the tower has no analyser of calibrated mole fractions, and who may see it is told so
        expected = 422 if path.partition("?")[0].rsplit("/", 1)[-1] in OF_ANALYSERS else 200
        assert open_client.get(url, headers={"Authorization": f"Bearer {wide}"}).status_code == expected, url
    for path in ("/", "/api/v1/stations", "/api/v1/health", "/api/v1/openapi.json"):
        assert OTHER not in open_client.get(path).text
    assert open_client.get("/health").json()["database"] is None
    everything = two_stations.access.add_key("all", "admin", ["*"], made_by="test")[1]
    assert open_client.get("/health", headers={"X-API-Key": everything}).json()["database"]["stations"] == 2


CLASS_OF = {
    "readings": "readings",
    "minutes": "raw",
    "samples": "raw",
    "fluxes": "fluxes",
    "footprint": "fluxes",
    "product": "products",
    "runs": "products",
}


@pytest.mark.parametrize("data_class", [name for name in DATA_CLASSES if name != "station"])
def test_a_class_that_is_not_public_is_denied_and_the_others_are_not(
    open_client: httpx.Client, two_stations: Store, settings: Settings, data_class: DataClass
) -> None:
    set_policy(two_stations, OTHER, data_class, openness="embargo", until=FOREVER)
    for path in routes(settings):
        last = path.rsplit("/", 1)[-1]
        if last not in CLASS_OF or "{run}" in path or path.startswith("/station/"):
            continue
        answer = open_client.get(path.replace("{id}", OTHER))
        if CLASS_OF[last] == data_class:
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "2100-01-01" in answer.json()["detail"]
        else:
            assert answer.status_code == 200, (path, answer.text)
    page = open_client.get(f"/station/{OTHER}")
    assert page.status_code == 200
    assert 'id="closed"' in page.text
    latest = open_client.get(f"/api/v1/stations/{OTHER}/latest").json()["values"]
    streams = {one["stream"] for one in latest}
    assert ("ec" in streams) is (data_class != "raw")
    assert ("met" in streams) is (data_class != "readings")
    assert (f"{SECRET_VALUE}" in page.text) is (data_class != "readings")


def test_wrong_expired_and_revoked_keys_are_told_apart_and_read_nothing_at_all(
    open_client: httpx.Client, two_stations: Store
) -> None:
    access = two_stations.access
    past = datetime.now(UTC) - timedelta(seconds=1)
    expired = access.add_key("old", "admin", ["*"], made_by="test", expires=past)[1]
    number, revoked = access.add_key("gone", "admin", ["*"], made_by="test")
    assert open_client.get("/api/v1/me", headers={"X-API-Key": revoked}).json()["role"] == "admin"
    access.revoke_key(number)
    for key, why in (("ftk_guess", "unknown"), (expired, "expired"), (revoked, "revoked")):
        answer = open_client.get("/api/v1/stations", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 401
        assert why in answer.json()["detail"]
        assert tower.ID not in answer.text


def test_guessing_keys_is_stopped(open_client: httpx.Client) -> None:
    statuses = [
        open_client.get("/api/v1/me", headers={"X-API-Key": f"ftk_{i}"}).status_code
        for i in range(principals.MAX_FAILURES + 2)
    ]
    assert statuses == [401] * principals.MAX_FAILURES + [429, 429]


def test_too_many_requests(settings: Settings, registered: Store) -> None:
    with serving(settings.model_copy(update={"requests_per_minute": 5})) as address:
        answers = [httpx.get(f"{address}/api/v1/stations") for _ in range(7)]
    assert [one.status_code for one in answers] == [200] * 5 + [429] * 2
    assert answers[-1].headers["retry-after"] == "60"


def test_a_key_is_kept_as_its_hash_only(two_stations: Store) -> None:
    _, key = two_stations.access.add_key("x", "viewer", ["*"], made_by="test")
    with psycopg.connect(two_stations.dsn) as connection:
        rows = connection.execute("SELECT * FROM api_key").fetchall()
    assert rows
    assert key not in str(rows)
    assert key.encode() not in b"".join(value for row in rows for value in row if isinstance(value, bytes))


def test_denied_reads_are_in_the_audit_log(open_client: httpx.Client, two_stations: Store) -> None:
    set_policy(two_stations, OTHER, "fluxes")
    key = two_stations.access.add_key("curious", "viewer", [tower.ID], made_by="test")[1]
    assert open_client.get(f"/api/v1/stations/{OTHER}/fluxes", headers={"X-API-Key": key}).status_code == 403
    newest = two_stations.access.read_audit(OTHER)[0]
    assert (newest.principal, newest.kind, newest.action, newest.outcome) == ("curious", "key", "read", "denied")
    assert newest.detail == {"data_class": "fluxes"}


def test_a_method_of_the_store_without_a_rule_cannot_be_called(two_stations: Store) -> None:
    readable = ReadableStore(two_stations, Principal("a", "system", "admin", frozenset({"*"})), Policies())
    with pytest.raises(PermissionError, match="no rule"):
        readable.stations.put("", "x.toml")
    for part, rules in RULES.items():
        for name in rules:
            assert callable(getattr(getattr(two_stations, part), name)), (part, name)


def test_the_live_stream_tells_only_what_may_be_read(open_client: httpx.Client, two_stations: Store) -> None:
    set_policy(two_stations, OTHER, "readings")
    seen: list[str] = []
    with open_client.stream("GET", "/api/v1/live") as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                seen.append(line)
            if len(seen) == 3:
                break
    assert sum(tower.ID in line for line in seen) == 2
    assert sum(OTHER in line for line in seen) == 1
    assert not any(OTHER in line and '"met"' in line for line in seen)


def test_a_live_stream_ends_when_its_key_is_revoked(
    open_client: httpx.Client, two_stations: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api import live

    monkeypatch.setattr(live, "CHECK_SECONDS", 0.1)
    number, key = two_stations.access.add_key("x", "viewer", ["*"], made_by="test")
    with open_client.stream("GET", "/api/v1/live", headers={"X-API-Key": key}) as answer:
        lines = answer.iter_lines()
        next(lines)
        two_stations.access.revoke_key(number)
        for _ in lines:  # ends: the server closes it
            pass


def test_logging_in_and_out(open_client: httpx.Client, two_stations: Store) -> None:
    set_policy(two_stations, OTHER, "station")
    two_stations.access.add_account("li.hua", "viewer", [OTHER], password="a long enough one")
    wrong = open_client.post("/login", data={"name": "li.hua", "password": "another one"})
    assert wrong.status_code == 401
    assert "fluxtower_login" not in wrong.headers.get("set-cookie", "")
    right = open_client.post(
        "/login", data={"name": "li.hua", "password": "a long enough one", "next": f"/station/{OTHER}"}
    )
    assert right.status_code == 303
    assert right.headers["location"] == f"/station/{OTHER}"
    assert "HttpOnly" in right.headers["set-cookie"]
    assert "SameSite=lax" in right.headers["set-cookie"]
    page = open_client.get(f"/station/{OTHER}")
    assert page.status_code == 200
    assert "li.hua" in page.text
    assert open_client.post("/logout").status_code == 403  # no token of the form
    token = re.search(r'name="csrf" value="(\w+)"', page.text)
    assert token
    assert open_client.post("/logout", data={"csrf": token[1]}).status_code == 303
    assert open_client.get(f"/station/{OTHER}").status_code == 404


def test_a_disabled_user_is_out_at_once(open_client: httpx.Client, two_stations: Store) -> None:
    two_stations.access.add_account("li.hua", "viewer", ["*"], password="a long enough one")
    open_client.post("/login", data={"name": "li.hua", "password": "a long enough one"})
    assert open_client.get("/api/v1/me").json()["name"] == "li.hua"
    two_stations.access.disable_account("li.hua")
    assert open_client.get("/api/v1/me").json()["kind"] == "anonymous"
    token = re.search(r'name="csrf" value="(\w+)"', open_client.get("/login").text)
    assert token
    form = {"name": "li.hua", "password": "a long enough one", "csrf": token[1]}
    again = open_client.post("/login", data=form)
    assert again.status_code == 401


@pytest.mark.parametrize("next", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_login_sends_nobody_elsewhere(open_client: httpx.Client, two_stations: Store, next: str) -> None:
    two_stations.access.add_account("li.hua", "viewer", ["*"], password="a long enough one")
    answer = open_client.post("/login", data={"name": "li.hua", "password": "a long enough one", "next": next})
    assert answer.headers["location"] == "/"


def test_a_foreign_page_cannot_send_a_form(open_client: httpx.Client) -> None:
    answer = open_client.post("/login", data={"name": "a", "password": "b"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_policies_change_at_once_and_earlier_ones_stay_on_record(two_stations: Store) -> None:
    set_policy(two_stations, OTHER, "raw")
    set_policy(two_stations, OTHER, "raw", openness="public")
    assert two_stations.access.read_policies().may_read(ANONYMOUS, OTHER, "raw", datetime.now(UTC))
    with psycopg.connect(two_stations.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM policy").fetchone() == (2,)
