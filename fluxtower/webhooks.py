"""Tell addresses of releases: signed, from a spool in the database, again and again until they answer."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from core.access import ANONYMOUS
from core.errors import ConfigError, FluxTowerError
from core.settings import Settings
from core.store import Delivery, Store

CHECK_SECONDS = 5.0
"""How often the spool is looked at. [s]"""
TIMEOUT = 10.0
"""How long an address may take to answer. [s]"""
FIRST_WAIT = 30.0
"""After the first failure; twice as long after each further one, `LONGEST_WAIT` at most. [s]"""
LONGEST_WAIT = 6 * 3600.0
MAX_ATTEMPTS = 16
"""After two days it is given up."""
SIGNATURE = "X-Fluxtower-Signature"
EVENT = "X-Fluxtower-Delivery"

log = logging.getLogger(__name__)


def check_address(url: str) -> None:
    """Return if an address may be told: https, or this machine itself.

    Raises
    ------
    ConfigError
        It is neither.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    is_here = host == "localhost" or _is_loopback(host or "")
    has_secret = parts.username is not None or parts.password is not None
    if not host or has_secret or not (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
        expected = "https://..., or http://127.0.0.1...; without user and password"
        raise ConfigError("command line", "URL", expected, url)


def secret_of(settings: Settings, webhook: int) -> str:
    """Return the secret with which what a webhook is sent is signed; it is kept nowhere."""
    return hmac.new(settings.secret("webhooks").encode(), f"webhook {webhook}".encode(), hashlib.sha256).hexdigest()


def sign(secret: str, body: bytes) -> str:
    """Return the value of the header ``SIGNATURE``."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def run_deliveries(settings: Settings, stop: threading.Event) -> None:
    """Deliver what is due until ``stop`` is set."""
    with Store(settings.store_dsn, pool_size=1) as store:
        while not stop.is_set():
            try:
                deliver_due(store, settings, stop)
            except FluxTowerError as error:
                log.error("%s", error)
            stop.wait(CHECK_SECONDS)


def deliver_due(store: Store, settings: Settings, stop: threading.Event | None = None) -> int:
    """Deliver what is due now; return how many were taken."""
    due = store.webhooks.find_due()
    if not due:
        return 0
    policies, delivered = store.access.read_policies(), 0
    # where an address sends us on is not where somebody said that we may go
    with httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client:
        for one in due:
            if stop is not None and stop.is_set():
                break
            is_public = policies.may_read(ANONYMOUS, one.station, "products", datetime.now(UTC))
            if one.is_named or is_public:
                failure = _deliver(client, settings, one)
            else:
                failure = f"{one.station} is not public; `--station` tells of it all the same"
            if failure is None:
                store.webhooks.mark_delivered(one)
                delivered += 1
                continue
            log.warning("webhook %d: %s", one.webhook, failure)
            wait = min(FIRST_WAIT * 2**one.attempts, LONGEST_WAIT)
            store.webhooks.mark_failed(one, failure, wait, is_last=one.attempts + 1 >= MAX_ATTEMPTS)
    return delivered


def _deliver(client: httpx.Client, settings: Settings, one: Delivery) -> str | None:
    """Return why an address could not be told, None if it was."""
    body = one.body.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "fluxtower",
        EVENT: str(one.id),
        SIGNATURE: sign(secret_of(settings, one.webhook), body),
    }
    try:
        answer = client.post(one.url, content=body, headers=headers)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"[:500]
    return None if answer.is_success else f"answered {answer.status_code}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
