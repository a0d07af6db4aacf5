"""What holds for every answer: methods, parameters, forms, dates, revalidation, compression, moved routes."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import polars as pl
import pytest
import zstandard
from pydantic import AwareDatetime, TypeAdapter

from api.app import create_app
from api.deps import read_time
from api.http.contract import FORMS, Contract
from api.http.moved import MOVED, Moved, find_successor
from core.settings import Settings
from core.store import Store
from tests.api import tower
from tests.api.tower import ID, START

BASE = f"/api/v1/stations/{ID}"
NOWHERE = Settings(dsn="postgresql://nobody@127.0.0.1:9/none")


@pytest.fixture
def days(registered: Store) -> Store:
    tower.put_days(registered, 2)
    registered.messages.commit([tower.block(START, 10)], [tower.reading(START, 20.0)], [])
    return registered


def paths() -> list[str]:
    return [path.replace("{id}", ID).replace("{run}", "1") for path in create_app(NOWHERE).openapi()["paths"]]


@pytest.mark.integration
def test_head_says_what_get_says_and_options_what_there_is(client: httpx.Client, days: Store) -> None:
    good = 0
    said_apart = {"date", "content-length", "etag"}  # ages change from one answer to the next
    for path in [*paths(), "/", f"/station/{ID}", "/static/style.css", "/health", "/api/v1/openapi.json"]:
        head = client.head(path, timeout=20)
        assert head.content == b"", path
        good += head.status_code == 200
        if not path.endswith("live"):
            got = client.get(path)
            assert head.status_code == got.status_code, path  # not 200 of what the tower has not, or is for admins
            names = set(got.headers) - said_apart
            assert {name: head.headers[name] for name in names} == {name: got.headers[name] for name in names}, path
        options = client.options(path)
        assert (options.status_code, options.content) == (204, b""), path
        writes = path.endswith(("/reviews", "/stations/cn-tower/releases"))
        if "static" not in path:
            assert options.headers["allow"].split(", ") == ["GET", *(["POST"] if writes else []), "HEAD", "OPTIONS"], (
                path
            )
    assert good >= 25
    fluxes = f"{BASE}/fluxes"
    head, got = client.head(fluxes), client.get(fluxes)
    assert (head.headers["etag"], head.headers["content-length"]) == (
        got.headers["etag"],
        got.headers["content-length"],
    )
    assert client.options("/api/v1/nothing").status_code == 404
    assert client.head("/api/v1/nothing").status_code == 404
    assert client.delete(fluxes).status_code == 405


@pytest.mark.integration
def test_a_parameter_that_a_route_does_not_know_is_refused_by_name(client: httpx.Client, days: Store) -> None:
    for path in paths():
        answer = client.get(path, params={"fro": "2026-07-01"})
        assert answer.status_code == 422, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert "unknown parameter 'fro'" in answer.json()["detail"]
    remedy = client.get(f"{BASE}/fluxes", params={"fro": "2026-07-01"}).json()["remedy"]
    assert remedy == ("perhaps `from` is meant; this route knows: diagnostics, format, from, to, variables")
    assert client.get("/api/v1/me?x=").json()["remedy"] == "leave it out: this route takes none"
    assert client.post(f"{BASE}/reviews?level=centre", json={}).status_code == 422
    # pages have parameters of their scripts, and share links with others
    assert client.get(f"/station/{ID}?utm_source=x").status_code == 200


@pytest.mark.integration
def test_the_form_is_chosen_by_format_then_ending_then_accept(client: httpx.Client, days: Store) -> None:
    parquet, csv, js = "application/vnd.apache.parquet", "text/csv; charset=utf-8", "application/json"
    asked = [
        ("product", None, js),
        ("product.csv", None, csv),
        ("product.parquet", None, parquet),
        ("product.json", "text/csv", js),
        ("product", "text/csv", csv),
        ("product", parquet, parquet),
        ("product", "application/x-parquet", parquet),
        ("product", "text/csv;q=0.5, application/json;q=0.4", csv),
        ("product", "text/csv;q=0.5, */*;q=0.8", js),
        ("product", "text/html,application/xhtml+xml,*/*;q=0.8", js),
        ("product", "image/png", js),
        ("product?format=json", "text/csv", js),
        ("product.csv?format=parquet", "application/json", parquet),
        ("latest.json", None, js),
        ("footprint.geojson", None, "application/geo+json"),
    ]
    for path, accept, expected in asked:
        answer = client.get(f"{BASE}/{path}", headers={"Accept": accept} if accept else {"Accept": "*/*"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, expected), (path, accept)
        assert "Accept" in answer.headers["vary"].split(", ")
    by_ending = client.get(f"{BASE}/fluxes.csv", params={"variables": "FC"})
    by_format = client.get(f"{BASE}/fluxes", params={"variables": "FC", "format": "csv"})
    assert by_ending.content == by_format.content
    assert by_ending.text.startswith("TIMESTAMP_START,TIMESTAMP_END,FC\n")
    assert pl.read_parquet(client.get(f"{BASE}/product.parquet").content).height == 96
    # a form that the route has not is no route
    assert client.get(f"{BASE}/fluxes.geojson").status_code == 404
    assert client.get(f"{BASE}/latest.csv").status_code == 404
    assert client.get(f"{BASE}.csv").json()["error"] == "UnknownStation"


@pytest.mark.integration
def test_private_answers_are_kept_by_nobody_else(client: httpx.Client, days: Store) -> None:
    _, key = days.access.add_key("reader", "viewer", [ID], made_by="test")
    for path in ("/api/v1/stations", f"{BASE}/fluxes", f"{BASE}/product.parquet", "/api/v1/stations/nope"):
        nobody = client.get(path)
        keyed = client.get(path, headers={"Authorization": f"Bearer {key}"})
        assert nobody.headers["cache-control"] == "no-cache", path
        assert keyed.headers["cache-control"] == "private, no-cache", path
        for answer in (nobody, keyed):
            assert {"Authorization", "Cookie", "X-API-Key"} <= set(answer.headers["vary"].split(", ")), path


@pytest.mark.integration
def test_whoever_has_an_answer_is_not_sent_it_again(client: httpx.Client, days: Store) -> None:
    for path in ("/api/v1/runs/1", f"{BASE}/runs", f"{BASE}/fluxes.csv", "/api/v1/openapi.json", "/api/v1/problems"):
        first = client.get(path)
        tag = first.headers["etag"]
        for header in (tag, f'"x", {tag}', tag.removeprefix("W/")):
            again = client.get(path, headers={"If-None-Match": header})
            assert (again.status_code, again.content) == (304, b""), path
            assert again.headers["etag"] == tag
            assert "content-type" not in again.headers
        assert client.get(path, headers={"If-None-Match": '"x"'}).content == first.content
    assert "etag" not in client.get("/api/v1/stations/nope").headers


@pytest.mark.integration
def test_answers_are_compressed_as_the_reader_can_read(client: httpx.Client, days: Store) -> None:
    def raw(accepted: str) -> tuple[str | None, bytes]:
        with client.stream("GET", f"{BASE}/fluxes", headers={"Accept-Encoding": accepted}) as answer:
            assert "Accept-Encoding" in answer.headers["vary"].split(", ")
            return answer.headers.get("content-encoding"), b"".join(answer.iter_raw())

    coding, plain = raw("identity")
    assert coding is None
    assert len(json.loads(plain)["data"]["start"]) == 84  # 96 less a gap of 12
    for accepted, expected in (
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
    ):
        coding, packed = raw(accepted)
        assert coding == expected
        assert len(packed) < len(plain) / 3
        unpacked = (
            gzip.decompress(packed)
            if coding == "gzip"
            else zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        )
        assert unpacked == plain
    parquet = client.get(f"{BASE}/product.parquet", headers={"Accept-Encoding": "zstd"})
    assert "content-encoding" not in parquet.headers


@pytest.mark.integration
def test_a_plain_date_is_midnight_of_utc(client: httpx.Client, days: Store) -> None:
    answer = client.get(f"{BASE}/fluxes?from=2026-07-01&to=2026-07-02&variables=FC").json()
    assert (answer["from"], answer["to"]) == ("2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z")
    assert answer["data"]["start"][-1] == "2026-07-01T23:30:00Z"
    # the plus sign of an address is a blank
    blank = client.get(f"{BASE}/fluxes?from=2026-07-01T08:00:00+08:00&to=2026-07-02").json()
    assert blank["from"] == "2026-07-01T00:00:00Z"
    month = client.get(f"{BASE}/fluxes?from=2026-07&to=2026-08").json()
    assert (month["from"], month["to"]) == ("2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z")
    wrong = client.get(f"{BASE}/fluxes?from=2026-02-30").json()
    assert wrong["error"] == "BadQuery"
    assert "a date (2026-07-01: midnight UTC)" in wrong["remedy"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-07", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-09", datetime(2026, 7, 9, tzinfo=UTC)),
        ("2026-07-09T12:00:00Z", datetime(2026, 7, 9, 12, tzinfo=UTC)),
        ("2026-07-09T12:00:00 08:00", datetime(2026, 7, 9, 4, tzinfo=UTC)),
        ("2026-07-09T12:00:00-08:00", datetime(2026, 7, 9, 20, tzinfo=UTC)),
    ],
)
def test_times_as_they_are_asked(text: str, expected: datetime) -> None:
    assert TypeAdapter(AwareDatetime).validate_python(read_time(text)) == expected


@pytest.mark.integration
def test_problems_name_a_kind_that_is_described(client: httpx.Client, registered: Store) -> None:
    kinds = {one["type"]: one for one in client.get("/api/v1/problems").json()}
    problem = client.get("/api/v1/stations/nope").json()
    assert problem == {
        "type": "/api/v1/problems#UnknownStation",
        "title": "No such station",
        "status": 404,
        "detail": problem["detail"],
        "remedy": "GET /api/v1/stations lists the registered stations",
        "error": "UnknownStation",
    }
    assert kinds[problem["type"]]["title"] == problem["title"]
    page = client.get("/station/nope")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.integration
def test_an_old_address_leads_to_the_new_one(client: httpx.Client, registered: Store) -> None:
    for old, now in MOVED.items():
        answer = client.get(f"{old}?a=b")
        assert answer.status_code == 301
        assert answer.headers["location"] == f"{now.successor}?a=b"
        assert answer.headers["link"] == f'<{now.successor}>; rel="successor-version"'
        assert client.get(now.successor).status_code == 200


def test_what_became_of_a_route() -> None:
    table = {"/old/{id}/x": Moved("/new/{id}", is_same=True), "/gone": Moved("/new", is_same=False)}
    kept = find_successor("/old/a.b/x", "from=1", "/flux", table)
    assert kept is not None
    assert (kept.status_code, kept.headers["location"]) == (301, "/flux/new/a.b?from=1")
    gone = find_successor("/gone", "", "", table)
    assert gone is not None
    assert (gone.status_code, gone.headers["link"]) == (410, '</new>; rel="successor-version"')
    body: dict[str, Any] = json.loads(bytes(gone.body))
    assert (body["status"], body["remedy"]) == (410, "ask for /new")
    assert find_successor("/old/a/b/x", "", "", table) is None
    assert find_successor("/oldXaXx", "", "", table) is None


def test_every_form_that_a_route_offers_has_a_media_type() -> None:
    app = create_app(NOWHERE)
    offered = {form for route in Contract(app, app)._routes for form in route.forms}
    assert {"json", "csv", "parquet", "geojson"} <= offered <= set(FORMS)
