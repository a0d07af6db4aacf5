"""Logging in at an identity provider: the whole way with PKCE, against a fake of one on loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from core.settings import Settings
from core.store import Store
from tests.api.conftest import serving
from tests.conftest import free_port

pytestmark = pytest.mark.integration

CLIENT, SECRET = "fluxtower", "a secret of both"


class FakeProvider(ThreadingHTTPServer):
    """An identity provider that knows one subject, and holds a client to what it asked for."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__(("127.0.0.1", self.port), FakeProviderAnswers)
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.key = RSAKey.generate_key(2048, {"kid": "1"}, private=True)
        self.subject = "42"
        self.asked: dict[str, dict[str, str]] = {}

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the reader is sent back to; the reader has logged in."""
        assert query["client_id"] == CLIENT
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.asked[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, object]:
        """Return the tokens of a code, once, to who can show what its challenge was made of."""
        query = self.asked.pop(form["code"])
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == query["code_challenge"]
        assert form["redirect_uri"] == query["redirect_uri"]
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": query["nonce"],
        }
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": signed}


class FakeProviderAnswers(BaseHTTPRequestHandler):
    server: FakeProvider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/.well-known/openid-configuration":
            issuer = self.server.issuer
            self._json(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/keys",
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif address.path == "/keys":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        else:
            back = self.server.authorize({name: values[0] for name, values in parse_qs(address.query).items()})
            self.send_response(302)
            self.send_header("Location", back)
            self.end_headers()

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert self.headers["Authorization"] == "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        self._json(self.server.token({name: values[0] for name, values in form.items()}))

    def _json(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    server = FakeProvider()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reader(settings: Settings, store: Store, provider: FakeProvider) -> Iterator[httpx.Client]:
    ours = settings.model_copy(update={"oidc_issuer": provider.issuer, "oidc_client": CLIENT, "oidc_secret": SECRET})
    with serving(ours) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def go_to_provider(reader: httpx.Client) -> str:
    """Log in at the provider; return the address at which the reader comes back."""
    sent = reader.get("/login/oidc", params={"next": "/station/cn-tower"})
    assert sent.status_code == 302
    back: str = httpx.get(sent.headers["location"]).headers["location"]
    return back


def test_a_known_identity_is_logged_in(reader: httpx.Client, store: Store, provider: FakeProvider) -> None:
    store.access.add_account("li.hua", "engineer", ["*"], identity=f"{provider.issuer} 42")
    assert "127.0.0.1" in reader.get("/login").text  # the page offers the provider
    came = reader.get(go_to_provider(reader))
    assert came.status_code == 303
    assert came.headers["location"] == "/station/cn-tower"
    assert reader.get("/api/v1/me").json()["name"] == "li.hua"
    assert [one.action for one in store.access.read_audit() if one.outcome == "done"] == ["log in"]


def test_an_unknown_identity_is_not(reader: httpx.Client, store: Store, provider: FakeProvider) -> None:
    store.access.add_account("li.hua", "engineer", ["*"], identity=f"{provider.issuer} 7")
    came = reader.get(go_to_provider(reader))
    assert came.status_code == 401
    assert "fluxtower_login" not in came.headers.get("set-cookie", "")
    assert reader.get("/api/v1/me").json()["kind"] == "anonymous"
    assert store.access.read_audit()[0].detail == {"identity": f"{provider.issuer} 42"}


def test_a_state_that_is_not_ours_is_refused(reader: httpx.Client, store: Store, provider: FakeProvider) -> None:
    store.access.add_account("li.hua", "engineer", ["*"], identity=f"{provider.issuer} 42")
    back = urlsplit(go_to_provider(reader))
    query = {name: values[0] for name, values in parse_qs(back.query).items()}
    forged = f"{back.path}?{urlencode({**query, 'state': 'forged'})}"
    assert reader.get(forged).status_code == 401
    assert reader.get("/api/v1/me").json()["kind"] == "anonymous"


def test_another_reader_cannot_come_back_with_it(reader: httpx.Client, store: Store, provider: FakeProvider) -> None:
    store.access.add_account("li.hua", "engineer", ["*"], identity=f"{provider.issuer} 42")
    back = go_to_provider(reader)
    with httpx.Client(base_url=reader.base_url, timeout=30) as other:
        assert other.get(back).status_code == 401
        assert other.get("/api/v1/me").json()["kind"] == "anonymous"
