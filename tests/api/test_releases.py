"""Releases: frozen, the same bytes for ever, cited, superseded and withdrawn in the open, told to who asked."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import httpx
import polars as pl
import psycopg
import pytest

from api import principals
from api.releases import making
from api.releases.changes import compare_runs
from api.releases.files import WRITERS, Content, write_files
from api.releases.frozen import LICENCES, Frozen, period_of, state_of_review
from core.access import Policy
from core.errors import ReleaseError, StoreError, UnknownRelease
from core.settings import Settings
from core.store import Draft, ReleaseRow, Store
from tests.api import tower

pytestmark = pytest.mark.integration

DAYS = 2
WHEN = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.fixture
def run(registered: Store) -> int:
    tower.put_days(registered, DAYS)
    return registered.runs.find(tower.ID)[0].id


@pytest.fixture
def release(registered: Store, settings: Settings, run: int) -> ReleaseRow:
    return making.make_release(registered, settings, tower.ID, run, by="li.hua", known_issues=["a bird on the sonic"])


def frozen(store: Store, run: int) -> Frozen:
    row, found = store.stations.read(tower.ID), store.runs.read(run)
    return Frozen(
        name="cn-tower-v1",
        title="Fluxes & more",
        version=1,
        released=WHEN,
        station=row,
        run=found,
        table=store.runs.read_product(found, *period_of(found)),
        creators=("Li, Hua", "Forest_Institute"),
        licence=LICENCES["CC-BY-4.0"],
        review=state_of_review(store, row, found, WHEN),
        changes=None,
    )


def test_the_files_are_what_their_sums_say_and_hold_the_run(
    release: ReleaseRow, registered: Store, settings: Settings
) -> None:
    folder = making.folder_of(settings, "cn-tower-v1")
    assert {path.name for path in folder.iterdir()} == {file.name for file in release.files}
    for file in release.files:
        data = (folder / file.name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256)
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        file.name: file.sha256 for file in release.files if file.name not in ("SHA256SUMS", "cn-tower-v1.zip")
    }
    with zipfile.ZipFile(folder / "cn-tower-v1.zip") as archive:
        assert archive.testzip() is None
        for name in sums:
            assert archive.read(f"cn-tower-v1/{name}") == (folder / name).read_bytes()
    made = tower.filled_days(DAYS)
    table = pl.read_parquet(folder / "cn-tower-v1.parquet")
    assert table["start"].to_list() == made["start"].to_list()
    assert table["NEE_F"].to_list() == made["NEE_F"].to_list()
    rows = list(csv.DictReader((folder / "cn-tower-v1.csv").read_text().splitlines()))
    assert rows[0]["TIMESTAMP_START"] == "202607010800"  # UTC+8
    assert rows[0]["TIMESTAMP_END"] == "202607010830"
    assert len(rows) == 48 * DAYS
    for row, nee in zip(rows, made["NEE"], strict=True):
        assert float(row["NEE"]) == (-9999 if math.isnan(nee) else pytest.approx(nee, rel=1e-6))
    units = dict(line.split(",") for line in (folder / "variables.csv").read_text().splitlines()[1:])
    assert units["NEE_F"] == "umol m-2 s-1"
    assert making.find_damage(settings, release) == []


def test_the_same_content_is_the_same_bytes(registered: Store, run: int) -> None:
    once, again = (write_files(frozen(registered, run)) for _ in range(2))
    assert [file.sha256 for file in once] == [file.sha256 for file in again]
    assert len(once) == len(WRITERS) + 2


def test_a_further_format_is_one_more_writer(registered: Store, run: int) -> None:
    more = (*WRITERS, lambda one: Content("more.txt", "text/plain", one.name.encode()))
    files = {file.name: file for file in write_files(frozen(registered, run), more)}
    assert files["more.txt"].sha256 in files["SHA256SUMS"].data.decode()


def test_citations(registered: Store, run: int) -> None:
    files = {
        file.name: file.data.decode()
        for file in write_files(frozen(registered, run))
        if file.name != "cn-tower-v1.zip" and not file.name.endswith("parquet")
    }
    assert (
        "Li, Hua; Forest_Institute (2026): Fluxes & more, version 1. Fluxtower, release cn-tower-v1. CC BY 4.0."
        in files["README.md"]
    )
    assert r"author = {{Li, Hua} and {Forest\_Institute}}" in files["citation.bib"]
    assert r"title = {{Fluxes \& more}}" in files["citation.bib"]
    assert 'title: "Fluxes & more"' in files["CITATION.cff"]
    datacite = json.loads(files["datacite.json"])
    assert datacite["publicationYear"] == 2026
    assert datacite["types"]["resourceTypeGeneral"] == "Dataset"
    assert datacite["dates"][0]["date"] == "2026-07-01T00:00Z/2026-07-03T00:00Z"
    assert datacite["geoLocations"][0]["geoLocationPoint"] == {"pointLongitude": 117.4, "pointLatitude": 26.1}


def test_a_release_cannot_be_made_twice_edited_or_taken_away(
    release: ReleaseRow, registered: Store, settings: Settings
) -> None:
    with pytest.raises(ReleaseError, match="released as cn-tower-v1"):
        making.make_release(registered, settings, tower.ID, release.run, by="x")
    for table in ("release", "release_file", "release_issue"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET release = 1", f"TRUNCATE {table} CASCADE"):
            statement = statement.replace("UPDATE release SET release", "UPDATE release SET run")
            with psycopg.connect(registered.dsn) as connection, pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(statement)  # type: ignore[call-overload]
    with psycopg.connect(registered.dsn) as connection, pytest.raises(psycopg.Error):
        connection.execute("DELETE FROM run")


def test_what_cannot_be_released(registered: Store, settings: Settings, run: int) -> None:
    registered.stations.put(tower.STATION.replace("cn-tower", "cn-other"), "cn-other.toml")
    with pytest.raises(ReleaseError, match="is of cn-tower"):
        making.make_release(registered, settings, "cn-other", run, by="x")
    with pytest.raises(ReleaseError, match="licence"):
        making.make_release(registered, settings, tower.ID, run, by="x", licence="mine")
    empty = tower.put_run(registered, tower.filled_days(1).clear())
    with pytest.raises(ReleaseError, match="no half-hour"):
        making.make_release(registered, settings, tower.ID, empty, by="x")
    assert registered.releases.find() == []


def test_a_release_that_fails_leaves_nothing(
    registered: Store, settings: Settings, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(making, "_put_in_place", fail)
    with pytest.raises(StoreError):
        making.make_release(registered, settings, tower.ID, run, by="x")
    assert registered.releases.find() == []
    assert list((settings.var / "releases").iterdir()) == []
    monkeypatch.undo()
    # as if the machine had stopped between the files and the commit: what lies there is kept aside
    folder = making.folder_of(settings, "cn-tower-v1")
    folder.mkdir()
    (folder / "old").write_text("x")
    assert making.make_release(registered, settings, tower.ID, run, by="x").name == "cn-tower-v1"
    assert not (folder / "old").exists()
    assert [path.name for path in (settings.var / "releases").glob(".left-*/old")] == ["old"]


def test_damage_is_found(release: ReleaseRow, settings: Settings) -> None:
    folder = making.folder_of(settings, release.name)
    (folder / "README.md").chmod(0o644)
    (folder / "README.md").write_text("other")
    (folder / "citation.bib").unlink()
    damaged = [Path(problem.partition(": ")[0]).name for problem in making.find_damage(settings, release)]
    assert damaged == ["README.md", "citation.bib"]


def test_changes_against_the_release_before(registered: Store, settings: Settings, release: ReleaseRow) -> None:
    table = tower.filled_days(DAYS)
    # two values are 0.5 more, one is 1.5 less; one is missing; a further half-hour
    nee = table["NEE_F"].to_list()
    nee[3], nee[4], nee[5], nee[6] = nee[3] + 0.5, nee[4] + 0.5, nee[5] - 1.5, math.nan
    last = table.tail(1).with_columns(pl.col("start") + timedelta(minutes=30))
    later = pl.concat([table.with_columns(pl.Series("NEE_F", nee)), last]).drop("GPP_DT")
    second = tower.put_run(
        registered, later, provenance={"sums": {"NEE_F": {"value": -4.0, "unit": "gC m-2"}}}, kind="season"
    )
    made = making.make_release(registered, settings, tower.ID, second, by="li.hua", licence="CC0-1.0")
    assert (made.name, made.version, made.successor) == ("cn-tower-v2", 2, None)
    changes = made.said["changes"]
    assert changes["against"] == "cn-tower-v1"
    assert changes["records"] == {"both": 48 * DAYS, "only_old": 0, "only_new": 1}
    assert changes["series"]["NEE_F"] == {
        "differ": 3,
        "only_old": 1,
        "only_new": 0,
        "mean_difference": pytest.approx((0.5 + 0.5 - 1.5) / 3),
        "largest_difference": pytest.approx(1.5),
    }
    assert "RECO_NT" not in changes["series"]
    assert changes["series"]["GPP_DT"]["only_old"] == 48 * DAYS
    assert changes["sums"]["NEE_F"][0]["value"] == -4.25
    assert changes["sums"]["NEE_F"][1]["value"] == -4.0
    assert changes["methods"] == {}
    assert registered.releases.read("cn-tower-v1").successor == "cn-tower-v2"
    text = (making.folder_of(settings, made.name) / "README.md").read_text()
    assert "NEE_F: 3 values differ, by -0.1667 on the mean and 1.5 at most; 1 values are in the old one only" in text


def test_methods_that_changed_are_named(registered: Store, run: int) -> None:
    old = registered.runs.read(run)
    table = registered.runs.read_product(old, *period_of(old))
    new = replace(old, methods={"gap filling": "mlp", "spikes": 4}, code_version="2")
    changes = compare_runs(old, table, new, table)
    assert changes["methods"] == {"gap filling": ["mds", "mlp"], "spikes": [None, 4]}
    assert changes["program"] == ["1.2.3", "2"]
    assert changes["series"] == {}


def test_the_state_of_the_review(registered: Store, settings: Settings, run: int) -> None:
    row = registered.stations.read(tower.ID)
    found = registered.runs.read(run)
    before = state_of_review(registered, row, found, datetime.now(UTC))
    assert not before["is_whole"]
    assert {(one["month"], one["subject"], one["state"]) for one in before["missing"]} >= {
        ("2026-07", "fluxes", "to review")
    }
    for level in ("station", "centre"):
        start = datetime(2026, 6, 30, 16, tzinfo=UTC)
        registered.reviews.put(
            Draft(tower.ID, level, "accepted", ("fluxes",), start, start + timedelta(days=31), "", "li.hua")  # type: ignore[arg-type]
        )
    # the run began in 2026-07-09, its fluxes were stored just now
    after = state_of_review(registered, row, found, datetime.now(UTC))
    assert after["missing"] == []
    assert [one["subject"] for one in after["changed"]] == ["fluxes"]
    assert not after["is_whole"]
    fresh = state_of_review(registered, row, replace(found, started=datetime.now(UTC)), datetime.now(UTC))
    assert fresh == {"is_whole": True, "missing": [], "changed": []}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies hold at once."""
    monkeypatch.setattr(principals, "POLICY_SECONDS", 0.0)


def test_a_file_is_sent_in_parts_and_once(client: httpx.Client, release: ReleaseRow, settings: Settings) -> None:
    url = "/api/v1/releases/cn-tower-v1/files/cn-tower-v1.csv"
    data = (making.folder_of(settings, release.name) / "cn-tower-v1.csv").read_bytes()
    tag = f'"{hashlib.sha256(data).hexdigest()}"'
    whole = client.get(url, headers={"Accept-Encoding": "gzip"})
    assert whole.content == data
    assert whole.headers["etag"] == tag
    assert whole.headers["content-encoding"] == "identity"
    assert int(whole.headers["content-length"]) == len(data)
    assert "immutable" in whole.headers["cache-control"]
    head = client.head(url)
    assert (head.status_code, head.headers["etag"], head.content) == (200, tag, b"")
    half = len(data) // 2
    first = client.get(url, headers={"Range": f"bytes=0-{half - 1}"})
    rest = client.get(url, headers={"Range": f"bytes={half}-", "If-Range": tag})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == data
    assert rest.headers["content-range"] == f"bytes {half}-{len(data) - 1}/{len(data)}"
    other = client.get(url, headers={"Range": f"bytes={half}-", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, data)
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    unknown = client.get("/api/v1/releases/cn-tower-v1/files/..%2F..%2Fsecrets%2Fdatabase")
    assert unknown.status_code == 404
    (making.folder_of(settings, release.name) / "cn-tower-v1.csv").unlink()
    assert client.get(url).status_code == 503


def test_releases_by_the_api_and_on_the_pages(
    client: httpx.Client, release: ReleaseRow, registered: Store, settings: Settings
) -> None:
    listed = client.get("/api/v1/releases").json()
    assert [one["name"] for one in listed["releases"]] == ["cn-tower-v1"]
    assert listed == client.get("/api/v1/stations/cn-tower/releases").json()
    assert listed["releases"][0]["issues"][0]["text"] == "a bird on the sonic"
    assert listed["releases"][0]["review"]["is_whole"] is False
    url = listed["releases"][0]["files"][0]["url"]
    assert client.get(url).status_code == 200
    page = client.get("/releases/cn-tower-v1", headers={"Accept-Language": "zh"})
    assert "已知问题" in page.text
    assert "a bird on the sonic" in page.text
    told = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
    assert told
    dataset = json.loads(told[1])
    assert dataset["@type"] == "Dataset"
    assert dataset["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert {one["name"]: one["sha256"] for one in dataset["distribution"]} == {
        file.name: file.sha256 for file in release.files
    }
    assert client.get(dataset["distribution"][1]["contentUrl"]).status_code == 200
    assert client.get("/releases").text.count("cn-tower-v1</a>") == 1
    assert "link" not in page.headers
    tower.put_run(registered, tower.filled_days(1), kind="season")
    making.make_release(registered, settings, tower.ID, registered.runs.find(kind="season")[0].id, by="li.hua")
    for path in (
        "/releases/cn-tower-v1",
        "/api/v1/releases/cn-tower-v1",
        "/api/v1/releases/cn-tower-v1/files/README.md",
    ):
        old = client.get(path)
        assert old.status_code == 200
        assert old.headers["link"] == f'<{client.base_url}/releases/cn-tower-v2>; rel="successor-version"'
    second = client.get("/api/v1/releases", params={"limit": 1}).json()
    assert [one["name"] for one in second["releases"]] == ["cn-tower-v2"]
    older = client.get("/api/v1/releases", params={"limit": 1, "before": second["before"]}).json()
    assert [one["name"] for one in older["releases"]] == ["cn-tower-v1"]
    assert client.get("/api/v1/releases/cn-tower-v9").status_code == 404


def test_a_withdrawn_release_says_so_and_sends_no_file(
    client: httpx.Client, release: ReleaseRow, registered: Store
) -> None:
    making.add_issue(registered, release.name, "the sonic was upside down", by="li.hua", withdraws=True)
    page = client.get("/releases/cn-tower-v1")
    assert page.status_code == 200
    assert "the sonic was upside down" in page.text
    assert "/files/" not in page.text
    gone = client.get("/api/v1/releases/cn-tower-v1/files/README.md")
    assert gone.status_code == 410
    assert "upside down" in gone.json()["detail"]
    assert client.get("/api/v1/releases/cn-tower-v1").json()["state"] == "withdrawn"
    with pytest.raises(ReleaseError):
        making.add_issue(registered, release.name, " ", by="li.hua")
    with pytest.raises(UnknownRelease):
        making.add_issue(registered, "cn-tower-v9", "x", by="li.hua")


@pytest.mark.usefixtures("at_once")
def test_releases_of_what_is_not_public_are_hidden(
    client: httpx.Client, release: ReleaseRow, registered: Store
) -> None:
    registered.access.set_policy(Policy(tower.ID, "products", "private"), "test")
    key = registered.access.add_key("wide", "viewer", [tower.ID], made_by="test")[1]
    paths = ["/api/v1/releases/cn-tower-v1", "/api/v1/releases/cn-tower-v1/files/README.md", "/releases/cn-tower-v1"]
    for path in paths:
        assert client.get(path).status_code == 404
        answer = client.get(path, headers={"X-API-Key": key})
        assert answer.status_code == 200
        assert "public" not in answer.headers.get("cache-control", "")
    assert client.get("/api/v1/releases").json()["releases"] == []
    assert "cn-tower" not in client.get("/releases.atom").text
    assert client.get("/station/cn-tower/releases.atom").status_code == 401
    assert client.get("/api/v1/stations/cn-tower/releases").status_code == 401


def test_releasing_by_the_api_needs_a_reviewer(client: httpx.Client, registered: Store, run: int) -> None:
    said = {"run": run, "known_issues": ["one"]}
    url = "/api/v1/stations/cn-tower/releases"
    assert client.post(url, json=said).status_code == 401
    for role, status in (("scientist", 403), ("reviewer", 201)):
        key = registered.access.add_key(role, role, [tower.ID], made_by="test")[1]  # type: ignore[arg-type]
        answer = client.post(url, json=said, headers={"X-API-Key": key})
        assert answer.status_code == status
    assert answer.json()["by"] == "reviewer"
    assert client.post(url, json=said, headers={"X-API-Key": key}).status_code == 422
    assert {(one.action, one.outcome) for one in registered.access.read_audit(tower.ID)} >= {
        ("release", "denied"),
        ("release", "done"),
    }


def test_the_feed_is_atom(client: httpx.Client, release: ReleaseRow) -> None:
    for path in ("/releases.atom", "/station/cn-tower/releases.atom"):
        answer = client.get(path)
        assert answer.headers["content-type"].startswith("application/atom+xml")
        root = ElementTree.fromstring(answer.content)
        atom = {"a": "http://www.w3.org/2005/Atom"}
        entries = root.findall("a:entry", atom)
        assert len(entries) == 1
        for needed in ("a:id", "a:title", "a:updated"):
            assert root.findtext(needed, namespaces=atom)
            assert entries[0].findtext(needed, namespaces=atom)
        assert "a bird on the sonic" in str(entries[0].findtext("a:summary", namespaces=atom))
        assert entries[0].findtext("a:updated", namespaces=atom) == f"{release.issues[0].made:%Y-%m-%dT%H:%M:%SZ}"
        link = entries[0].find("a:link", atom)
        assert link is not None
        assert client.get(link.attrib["href"]).status_code == 200


def test_the_archive_opens_elsewhere(registered: Store, run: int) -> None:
    archive = next(file for file in write_files(frozen(registered, run)) if file.name.endswith(".zip"))
    with zipfile.ZipFile(io.BytesIO(archive.data)) as opened:
        assert {one.date_time for one in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
