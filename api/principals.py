"""Who asks: an API key in a header, a login in a cookie, or nobody in particular."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool

from api.errors import AccessDenied, NotAuthenticated, TooManyRequests
from api.readable import ReadableStore
from core.access import ANONYMOUS, Action, Policies, Principal
from core.errors import UnknownStation
from core.settings import Settings
from core.store import Store

COOKIE = "fluxtower_login"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
POLICY_SECONDS = 1.0
"""How long policies are remembered. [s]"""
MAX_FAILURES = 30
"""How often a minute an address may send a key or password that is not right."""


class Gate:
    """What a process remembers between requests: policies for a second, how often who asked.

    Parameters
    ----------
    store : Store
    requests_per_minute : int
        Most requests of one address or principal; 0: any number. Each process of the API counts for itself.
    """

    def __init__(self, store: Store, requests_per_minute: int) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._policies = Policies()
        self._read = float("-inf")
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._requests = RateLimitItemPerMinute(requests_per_minute) if requests_per_minute else None
        self._failures = RateLimitItemPerMinute(MAX_FAILURES)

    @property
    def is_fresh(self) -> bool:
        """Whether the policies need not be read again."""
        return time.monotonic() - self._read < POLICY_SECONDS

    def policies(self) -> Policies:
        """Return the policies in force, at most ``POLICY_SECONDS`` old."""
        if not self.is_fresh:
            with self._lock:
                if not self.is_fresh:
                    self._policies = self.store.access.read_policies()
                    self._read = time.monotonic()
        return self._policies

    @property
    def known_policies(self) -> Policies:
        """The policies as they were last read."""
        return self._policies

    def count(self, principal: Principal, address: str) -> None:
        """Count a request; ``TooManyRequests`` if there were too many in the last minute."""
        who = f"{principal.kind} {principal.key or principal.name}" if principal is not ANONYMOUS else address
        if self._requests is not None and not self._limiter.hit(self._requests, "requests", who):
            raise TooManyRequests(f"more than {self._requests.amount} requests a minute")

    def refuse_guessing(self, address: str) -> None:
        """Raise ``TooManyRequests`` if an address has sent too many wrong keys or passwords in the last minute."""
        if not self._limiter.test(self._failures, "failures", address):
            raise TooManyRequests(f"more than {MAX_FAILURES} wrong keys or passwords a minute")

    def count_failure(self, address: str) -> None:
        """Count a wrong key or password."""
        self._limiter.hit(self._failures, "failures", address)


def gate_of(request: Request) -> Gate:
    """Return the gate of the application that got a request."""
    gate: Gate = request.app.state.gate
    return gate


def address_of(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else "unknown"


async def find_principal(request: Request) -> Principal:
    """Return who asks.

    Raises
    ------
    NotAuthenticated
        A key that is unknown, expired or revoked. A login that has ended is nobody in particular.
    TooManyRequests
        There were too many requests, or wrong keys, in the last minute.
    """
    gate, address = gate_of(request), address_of(request)
    key, login = _key_of(request), request.cookies.get(COOKIE)
    principal = ANONYMOUS
    if key is not None:
        gate.refuse_guessing(address)
        principal = await run_in_threadpool(_check_key, gate, key, address)
    elif login:
        found = await run_in_threadpool(gate.store.access.find_login, login)
        principal = found or ANONYMOUS
    gate.count(principal, address)
    request.state.principal = principal
    return principal


PrincipalDep = Annotated[Principal, Depends(find_principal)]


async def _readable(request: Request, principal: PrincipalDep) -> ReadableStore:
    gate = gate_of(request)
    policies = gate.policies() if gate.is_fresh else await run_in_threadpool(gate.policies)
    return ReadableStore(gate.store, principal, policies)


StoreDep = Annotated[ReadableStore, Depends(_readable)]


def is_still(gate: Gate, principal: Principal, request: Request) -> bool:
    """Whether the key or login with which a long answer began is still good."""
    if principal.kind == "key":
        found = gate.store.access.find_key(_key_of(request) or "")
        return found is not None and not (found.is_revoked or found.is_expired)
    if principal.kind == "user":
        return gate.store.access.find_login(request.cookies.get(COOKIE, "")) is not None
    return True


def csrf_token(login: str) -> str:
    """Return what a form of a logged-in reader has to send back, so that no foreign page can send it."""
    return hmac.new(login.encode(), b"csrf", hashlib.sha256).hexdigest()


async def require_own_form(request: Request) -> None:
    """Return if a writing request cannot have been made by a foreign page.

    Raises
    ------
    AccessDenied
        A cookie without the token of this login, or a foreign origin.
    """
    if _key_of(request) is not None:
        return  # no page can make a browser send a header that it does not know
    origin = request.headers.get("origin")
    settings: Settings = request.app.state.settings
    ours = {request.headers.get("host"), urlsplit(settings.public_url or "").netloc or None}
    if origin and urlsplit(origin).netloc not in ours:
        raise AccessDenied(f"a form from {origin}", is_anonymous=False)
    login = request.cookies.get(COOKIE)
    if login is None:
        return
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        sent = str((await request.form()).get(CSRF_FIELD, ""))
    if not hmac.compare_digest(sent or "", csrf_token(login)):
        raise AccessDenied("the form is not one of this login", is_anonymous=False)


OwnForm = Depends(require_own_form)
"""Dependency of every route that writes."""


def require_action(request: Request, store: ReadableStore, action: Action, station: str) -> Principal:
    """Return who asks, if he may do something at a station.

    Raises
    ------
    UnknownStation, AccessDenied
        He may not; kept in the audit log.
    """
    if store.may_read(station, "station") and store.may(action, station):
        return store.principal
    gate_of(request).store.access.log(store.principal, action, station, "denied")
    if not store.may_read(station, "station"):
        raise UnknownStation(station)
    raise AccessDenied(
        f"{station}: {store.principal.name or 'who is not logged in'} may not {action} here",
        is_anonymous=store.principal.kind == "anonymous",
    )


def _check_key(gate: Gate, key: str, address: str) -> Principal:
    found = gate.store.access.find_key(key)
    if found is None or found.is_revoked or found.is_expired:
        gate.count_failure(address)
        why = "unknown" if found is None else "revoked" if found.is_revoked else "expired"
        raise NotAuthenticated(f"the API key is {why}")
    return found.principal


def _key_of(request: Request) -> str | None:
    key = request.headers.get("x-api-key")
    if key is not None:
        return key
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None
