"""Pushing: what is sent, and what a person is told when it cannot be."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core.errors import ConfigError, SetupError
from core.settings import Settings
from dashboards import push
from dashboards.push import data_source

DSN = "postgresql://reader:p%40ss@127.0.0.1:15432/fluxtower"


def test_data_source_of_an_address() -> None:
    source = data_source(DSN)
    assert (source["uid"], source["type"]) == ("fluxtower", "grafana-postgresql-datasource")
    assert (source["url"], source["user"]) == ("127.0.0.1:15432", "reader")
    assert source["jsonData"]["database"] == "fluxtower"
    assert source["jsonData"]["sslmode"] == "disable"
    assert source["secureJsonData"] == {"password": "p@ss"}
    assert "database" not in source  # ignored since Grafana 12.2
    assert data_source("postgresql://a@db.example.org/x")["jsonData"]["sslmode"] == "require"


def test_another_form_of_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="FLUXTOWER_DSN"):
        data_source("host=127.0.0.1 dbname=fluxtower")


def test_without_a_grafana_the_remedy_is_told() -> None:
    with pytest.raises(SetupError, match="FLUXTOWER_GRAFANA_URL"):
        push(Settings(dsn=DSN))


def test_a_grafana_that_is_away_is_a_clear_error() -> None:
    with pytest.raises(SetupError, match="did not take the dashboards"):
        push(Settings(dsn=DSN, grafana_url="http://127.0.0.1:9", grafana_token="t"))


class _Recorder(BaseHTTPRequestHandler):
    """Not Grafana: it keeps what it is sent under the paths of Grafana's documented HTTP API, and gives it back."""

    kept: dict[str, Any]
    requests: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.requests.append(("GET", self.path))
        self._answer(self.kept.get(self.path))

    def do_POST(self) -> None:
        body = self._body()
        uid = body["dashboard"]["uid"] if "dashboard" in body else body["uid"]
        folder = {"/api/datasources": "/api/datasources/uid", "/api/dashboards/db": "/api/dashboards/uid"}
        self.kept[f"{folder.get(self.path, self.path)}/{uid}"] = body
        self.requests.append(("POST", self.path))
        self._answer({"status": "success", "url": f"/d/{uid}/station"})

    def do_PUT(self) -> None:
        self.kept[self.path] = self._body()
        self.requests.append(("PUT", self.path))
        self._answer({"status": "success"})

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, content: Any) -> None:
        text = json.dumps({"message": "not found"} if content is None else content).encode()
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def recorder() -> Iterator[tuple[str, type[_Recorder]]]:
    handler = type("Recorder", (_Recorder,), {"kept": {}, "requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_pushing_twice_is_the_same_as_once(recorder: tuple[str, type[_Recorder]]) -> None:
    address, grafana = recorder
    settings = Settings(dsn=DSN, grafana_url=address, grafana_token="t")
    assert push(settings) == [f"{address}/d/fluxtower-station/station"]
    assert set(grafana.kept) == {
        "/api/folders/fluxtower",
        "/api/datasources/uid/fluxtower",
        "/api/dashboards/uid/fluxtower-station",
    }
    sent = grafana.kept["/api/dashboards/uid/fluxtower-station"]
    assert (sent["folderUid"], sent["overwrite"]) == ("fluxtower", True)
    first = json.dumps(grafana.kept, sort_keys=True)
    push(settings)
    assert json.dumps(grafana.kept, sort_keys=True) == first
    assert grafana.requests.count(("POST", "/api/folders")) == 1
    assert grafana.requests.count(("POST", "/api/datasources")) == 1
