"""Webhooks: signed, kept until they are answered, told only of what they may know."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from api.releases.making import make_release
from core.access import Policy
from core.errors import ConfigError
from core.settings import Settings
from core.store import Store
from fluxtower import webhooks
from tests.api import tower


class _Receiver(ThreadingHTTPServer):
    status = 500
    got: list[tuple[dict[str, str], bytes]]


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    with _Receiver(("127.0.0.1", 0), _Handler) as server:
        server.got = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("url", ["https://example.org/x", "http://127.0.0.1:9/x", "http://localhost/", "http://[::1]/"])
def test_addresses_that_may_be_told(url: str) -> None:
    webhooks.check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://127.0.0.1/",
        "https://",
        "x",
        "https://a:b@example.org/",
        "http://127.0.0.1.evil.org/",
    ],
)
def test_addresses_that_may_not_be_told(url: str) -> None:
    with pytest.raises(ConfigError):
        webhooks.check_address(url)


@pytest.mark.integration
def test_a_release_is_told_signed_and_again_until_it_is_answered(
    store: Store, settings: Settings, receiver: _Receiver
) -> None:
    store.stations.put(tower.STATION, "cn-tower.toml")
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    number = store.webhooks.put(url, None, "test")
    run = tower.put_run(store, tower.filled_days(1))
    make_release(store, settings, tower.ID, run, by="li.hua")
    assert webhooks.deliver_due(store, settings) == 0
    assert webhooks.deliver_due(store, settings) == 0
    assert len(receiver.got) == 1  # not due again before its time
    assert store.webhooks.read()[0].failure == "answered 500"
    with psycopg.connect(store.dsn) as connection:
        connection.execute("UPDATE webhook_delivery SET due = now()")
    store.access.set_policy(Policy(tower.ID, "products", "private"), "test")
    assert webhooks.deliver_due(store, settings) == 0
    assert len(receiver.got) == 1
    store.access.set_policy(Policy(tower.ID, "products", "public"), "test")
    receiver.status = 204
    with psycopg.connect(store.dsn) as connection:
        connection.execute("UPDATE webhook_delivery SET due = now()")
    assert webhooks.deliver_due(store, settings) == 1
    headers, body = receiver.got[-1]
    secret = webhooks.secret_of(settings, number).encode()
    assert headers["X-Fluxtower-Signature"] == f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
    assert json.loads(body)["release"] == "cn-tower-v1"
    assert receiver.got[0][1] == body
    told = store.webhooks.read()[0]
    assert (told.delivered, told.waiting, told.abandoned) == (1, 0, 0)
