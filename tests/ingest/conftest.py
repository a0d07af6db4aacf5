"""Stations of the demo, and a collector that runs beside a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.settings import ROOT, Settings
from core.station import Station, read_station
from ingest.collector import service
from tests.waiting import PATIENCE

DEMO = ROOT / "deploy" / "demo"


@pytest.fixture(scope="session")
def demo() -> Path:
    return DEMO


@pytest.fixture(scope="session")
def forest() -> Station:
    return read_station(DEMO / "stations" / "cn-simulated-forest.toml")


@pytest.fixture(scope="session")
def orchard() -> Station:
    return read_station(DEMO / "stations" / "us-orchard.toml")


@contextmanager
def collecting(settings: Settings) -> Iterator[threading.Event]:
    """Run a collector in a thread for the time of the block; give the event that stops it."""
    service.open_session(settings)
    stop = threading.Event()
    thread = threading.Thread(target=service.run_collector, args=(settings, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the collector does not stop"
