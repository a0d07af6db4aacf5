"""Behind a reverse proxy, under a prefix, in several processes: every address is the one that readers see."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from core.errors import ConfigError
from core.settings import ROOT, Settings, read_settings
from core.store import Store
from tests.api import tower
from tests.api.conftest import serving
from tests.api.proxies import KINDS, PREFIX, proxy
from tests.api.tower import ID
from tests.conftest import free_port
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration
PASSWORD = "a long enough one"


@pytest.fixture(params=KINDS)
def public(request: pytest.FixtureRequest, settings: Settings, registered: Store, tmp_path: Path) -> Iterator[str]:
    """The address of a platform behind a proxy, without the prefix."""
    tower.put_days(registered, 2)
    registered.access.add_account("li.hua", "admin", ["*"], password=PASSWORD)
    port = free_port()
    behind = settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}{PREFIX}"})
    with serving(behind), proxy(request.param, port, settings.api_port, tmp_path):
        yield f"http://127.0.0.1:{port}"


def test_every_link_leads_on_under_the_prefix(public: str) -> None:
    with httpx.Client(base_url=public, timeout=PATIENCE) as reader:
        waiting, seen = [f"{PREFIX}/"], set[str]()
        while waiting:
            path = waiting.pop()
            answer = reader.get(path)
            assert answer.status_code == 200, path
            seen.add(path)
            if answer.headers["content-type"].startswith("text/html"):
                found = re.findall(r'(?:href|src|action)="([^"?#]+)', answer.text)
                assert found, path
                for link in found:
                    assert link.startswith(f"{PREFIX}/"), (path, link)
                    # its form alone is posted to
                    if link not in seen and link not in waiting and not link.endswith("/logout"):
                        waiting.append(link)
                assert f'"root":"{PREFIX}"' in answer.text
        assert {f"{PREFIX}/station/{ID}", f"{PREFIX}/runs/1", f"{PREFIX}/static/js/station.js"} <= seen


def test_answers_name_addresses_as_readers_see_them(public: str) -> None:
    with httpx.Client(base_url=f"{public}{PREFIX}", timeout=PATIENCE) as reader:
        unknown = reader.get("/api/v1/stations/nope")
        assert (unknown.status_code, unknown.json()["type"]) == (404, f"{PREFIX}/api/v1/problems#UnknownStation")
        page = reader.get("/station/nope")
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert reader.get("/api/v1/openapi.json").json()["servers"] == [{"url": f"{public}{PREFIX}"}]
        old = reader.get("/openapi.json")
        assert old.headers["location"] == f"{PREFIX}/api/v1/openapi.json"
        first = reader.get(f"/api/v1/stations/{ID}/fluxes.csv")
        assert first.headers["content-type"] == "text/csv; charset=utf-8"
        assert reader.get("/api/v1/me?x=1").status_code == 422
        with reader.stream("GET", f"/api/v1/stations/{ID}/live") as events:
            assert next(events.iter_lines()).startswith(":")


def test_a_login_holds_under_the_prefix_alone(public: str) -> None:
    with httpx.Client(base_url=public, timeout=PATIENCE) as reader:
        form = {"name": "li.hua", "password": PASSWORD, "next": f"/station/{ID}"}
        answer = reader.post(f"{PREFIX}/login", data=form, headers={"Origin": public})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PREFIX}/station/{ID}")
        assert f"Path={PREFIX};" in answer.headers["set-cookie"]
        assert reader.get(f"{PREFIX}/api/v1/me").json()["name"] == "li.hua"
        token = re.search(r'name="csrf" value="(\w+)"', reader.get(f"{PREFIX}/").text)
        assert token
        out = reader.post(f"{PREFIX}/logout?lang=zh", data={"csrf": token[1]}, headers={"Origin": public})
        assert (out.status_code, out.headers["location"]) == (303, f"{PREFIX}/?lang=zh")
        assert reader.get(f"{PREFIX}/api/v1/me").json()["kind"] == "anonymous"
        foreign = reader.post(f"{PREFIX}/login", data=form, headers={"Origin": "https://evil.example"})
        assert foreign.status_code in (401, 403)


def test_a_cookie_is_secure_where_readers_use_tls(settings: Settings, registered: Store) -> None:
    registered.access.add_account("li.hua", "viewer", ["*"], password=PASSWORD)
    form = {"name": "li.hua", "password": PASSWORD}
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    for change, headers, is_secure in (
        ({}, {}, False),
        ({}, forwarded, True),
        ({"trusted_proxies": "192.0.2.1"}, forwarded, False),
        ({"public_url": "https://flux.example.org"}, {}, True),
    ):
        with running_with(settings, change) as address:
            cookie = httpx.post(f"{address}/login", data=form, headers=headers).headers["set-cookie"]
        assert ("Secure" in cookie) == is_secure, change
        assert "HttpOnly" in cookie
        assert "Path=/;" in cookie


def running_with(settings: Settings, change: dict[str, str]):  # type: ignore[no-untyped-def]
    """Serve as the program does, with other settings."""
    return serving(settings.model_copy(update=change | {"api_port": free_port()}))


def serving_processes(parent: int) -> list[int]:
    """The children of a process that serve, as Linux tells."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(one) for one in children if "spawn_main" in Path(f"/proc/{one}/cmdline").read_text()]


@pytest.mark.alone
def test_several_processes_share_one_port(environment: dict[str, str], settings: Settings, registered: Store) -> None:
    program = "from api.app import serve; from core.settings import read_settings; serve(read_settings())"
    several = {**environment, "FLUXTOWER_API_PROCESSES": "2"}
    with subprocess.Popen([sys.executable, "-c", program], env=several, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{settings.api_port}"

            def answers() -> bool:
                try:
                    return httpx.get(f"{address}/health", timeout=PATIENCE).status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(answers)
            wait_for(lambda: len(serving_processes(process.pid)) == 2)
            with httpx.stream("GET", f"{address}/api/v1/live", timeout=PATIENCE) as response:
                assert response.status_code == 200
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
            assert not answers()
        finally:
            process.kill()


@pytest.mark.parametrize(
    "text", ["example.org", "https://a.org/", "https://a.org/x/", "https://a.org/api", "ftp://a.org"]
)
def test_an_address_that_cannot_be_public_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUXTOWER_PUBLIC_URL", text)
    with pytest.raises(ConfigError, match="FLUXTOWER_PUBLIC_URL"):
        read_settings()


def test_without_a_public_address_nothing_is_said_of_servers() -> None:
    assert "servers" not in create_app(Settings(dsn="postgresql://nobody@127.0.0.1:9/none")).openapi()
