"""The application on a real database, behind a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from api.app import create_app
from core.settings import Settings
from core.store import Store
from tests.api import tower
from tests.waiting import PATIENCE, wait_for


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve the application in a thread; gives its address."""
    config = uvicorn.Config(
        create_app(settings),
        port=settings.api_port,
        log_level="warning",
        timeout_graceful_shutdown=1,
        forwarded_allow_ips=settings.trusted_proxies,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        assert server.started
        yield f"http://127.0.0.1:{settings.api_port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    """Where the application listens."""
    with serving(settings) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def registered(store: Store) -> Store:
    """A store that knows the small tower."""
    store.stations.put(tower.STATION, "cn-tower.toml")
    return store
