"""The pages as the server sends them: complete in both languages, nothing from elsewhere, safe headers."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import httpx
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from api.web import words
from core.store import Store
from core.timeliness import status
from core.variables import VARIABLES
from tests.api import tower
from tests.api.tower import ID

WEB = Path(words.__file__).parent
STATIC = WEB / "static"
METHODS = [("templates/**.html", "jinja2"), ("static/js/**.js", "javascript")]
PLACEHOLDER = re.compile(r"\{\w+\}|%\(\w+\)s")


def _messages() -> set[str]:
    found = extract_from_dir(WEB, METHODS, options_map={"templates/**.html": {"trimmed": "true"}})
    return {str(message) for _, _, message, _, _ in found}


def test_every_message_is_translated_and_none_is_left_over() -> None:
    with (WEB / "locale" / "zh" / "messages.po").open("rb") as file:
        chinese = read_po(file)
    translated = {str(message.id): message for message in chinese if message.id}
    assert set(translated) == _messages()
    for id, message in translated.items():
        assert message.string, id
        assert not message.fuzzy, id
        assert sorted(PLACEHOLDER.findall(str(message.string))) == sorted(PLACEHOLDER.findall(id)), id
    assert not chinese.obsolete


def test_the_extraction_finds_every_message_of_the_scripts() -> None:
    found = _messages()
    for script in (STATIC / "js").glob("*.js"):
        for message in re.findall(r'gettext\("((?:[^"\\]|\\.)*)"', script.read_text()):
            assert message in found, (script.name, message)
            assert message in words.script_messages("zh"), (script.name, message)


def test_every_variable_has_words_in_both_languages() -> None:
    for variable in VARIABLES.values():
        assert variable.en
        assert variable.zh


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        (None, None, "en"),
        ("zh", "en", "zh"),
        ("xx", "zh-CN,zh;q=0.9", "zh"),
        (None, "zh-Hans-CN,en;q=0.5", "zh"),
        (None, "fr,en;q=0.3,zh;q=0.6", "zh"),
        (None, "fr;q=x", "en"),
    ],
)
def test_language_of_a_page(asked: str | None, accepted: str | None, language: str) -> None:
    assert words.choose_language(asked, accepted) == language


@pytest.mark.integration
def test_pages_in_both_languages(client: httpx.Client, registered: Store) -> None:
    english = client.get(f"/station/{ID}", headers={"Accept-Language": "en"})
    assert english.headers["content-language"] == "en"
    assert "<h1>Test forest " in english.text
    chinese = client.get(f"/station/{ID}?lang=zh&tz=utc")
    assert "<h1>试验森林站 " in chinese.text
    assert "通量表" in chinese.text
    data = json.loads(re.findall(r'id="page">(.*?)</script>', chinese.text)[0])
    assert data["messages"]["filled"] == "插补"
    assert data["variables"]["FC"]["zh"] == "CO2 通量"
    # the way back keeps the rest of the state
    assert 'href="?tz=utc&amp;lang=en"' in chinese.text
    assert 'href="/?lang=zh&amp;tz=utc"' in chinese.text


@pytest.mark.integration
def test_the_scripts_judge_by_the_limits_of_the_api(client: httpx.Client, registered: Store) -> None:
    text = client.get("/?lang=en").text
    data = json.loads(text.split('<script type="application/json" id="page">')[1].split("</script>")[0])
    late, silent = data["limits"]["late"], data["limits"]["silent"]
    assert [status(steps * 7.0, 7.0) for steps in (late, late + 0.1, silent, silent + 0.1)] == [
        "ok",
        "late",
        "late",
        "silent",
    ]
    assert f"younger than {late:g} times the step" in text
    assert f"up to {silent:g} times" in text


def test_errors_are_pages_too(client: httpx.Client, registered: Store) -> None:
    for path, says in (("/station/nope", "fluxtower station add"), ("/nothing", "There is nothing here")):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert says in answer.text


@pytest.mark.integration
def test_no_text_of_a_station_becomes_markup(client: httpx.Client, store: Store) -> None:
    evil = "</script><script>alert(1)</script>"
    store.stations.put(tower.STATION.replace("A tower of the tests.", evil).replace("Test forest", evil), "evil.toml")
    said = {"not_done": {"RECO_NT": evil}, "notes": [evil], "inputs": {"file": evil}}
    number = tower.put_run(store, tower.filled_days(1), provenance=said)
    for path in ("/", f"/station/{ID}", f"/runs/{number}", f"/station/{ID}/runs"):
        assert evil not in client.get(path).text


@pytest.mark.integration
def test_nothing_comes_from_elsewhere(client: httpx.Client, registered: Store) -> None:
    number = tower.put_run(registered, tower.filled_days(1))
    for path in ("/", f"/station/{ID}", "/station/nope", f"/runs/{number}", f"/station/{ID}/runs"):
        answer = client.get(path)
        assert not re.findall(r"""(?:https?:)?//[a-z0-9-]+\.[a-z]""", answer.text)
        assert not re.findall(r"<[^>]+\s(?:style|on\w+)=", answer.text)  # the policy forbids them
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    for file in (*(STATIC / "js").glob("*.js"), STATIC / "style.css"):
        assert not re.findall(r"https?://", file.read_text()), file.name


@pytest.mark.integration
def test_a_page_is_light_and_its_files_exist(client: httpx.Client, registered: Store) -> None:
    # the sum of the longest season that is told day by day
    tower.put_run(registered, tower.filled_days(1), provenance={"course": tower.course_of_days(800)})
    page = client.get(f"/station/{ID}?lang=zh").text
    addresses = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    modules = {f"/static/js/{script.name}" for script in (STATIC / "js").glob("*.js")}
    contents = [page.encode()]
    for address in addresses | modules:
        answer = client.get(address)
        assert answer.status_code == 200, address
        contents.append(answer.content)
    weight = sum(len(gzip.compress(content, 5)) for content in contents)
    print(f"\nthe station page weighs {weight / 1e3:.1f} kB compressed")
    assert weight < 250_000


def test_vendored_files_have_their_licence() -> None:
    for folder in (STATIC / "vendor").iterdir():
        assert "MIT" in (folder / "LICENSE").read_text()


@pytest.mark.integration
def test_a_browser_asks_about_scripts_each_time(client: httpx.Client) -> None:
    first = client.get("/static/js/page.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/static/js/page.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


@pytest.mark.integration
def test_the_api_is_described_on_a_page_of_our_own(client: httpx.Client, registered: Store) -> None:
    page = client.get("/api/v1/docs", params={"lang": "zh"})
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'self'" in page.headers["content-security-policy"]
    schema = client.get("/api/v1/openapi.json").json()
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert f"<h2><code>{method.upper()} {path}</code></h2>" in page.text
            for parameter in operation.get("parameters", []):
                assert f"<code>{parameter['name']}</code>" in page.text
    assert len(re.findall("<summary>", page.text)) == sum(map(len, schema["paths"].values()))
    assert "参数" in page.text
    assert not re.search(r"""(?:src|href)=["']?https?://""", page.text)
    assert client.get("/docs").headers["location"] == "/api/v1/docs"
