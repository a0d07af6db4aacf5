"""The live feed: new values and fluxes reach readers soon, slow ones get the newest, shutdown is prompt."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from api.live import MAX_MAILBOX_MESSAGES, Listener, LiveFeed, Mailbox
from core.errors import SetupError
from core.settings import ROOT, Settings
from core.store import Store
from tests.api import tower
from tests.api.tower import HALF_HOUR, ID, START
from tests.waiting import PATIENCE, SOON, wait_for

EVERYTHING = Listener(None, lambda *_: True, lambda: True)
Event = tuple[str, dict[str, object]]


def _events(response: httpx.Response) -> Iterator[Event]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


@pytest.mark.integration
def test_new_values_and_fluxes_are_told(client: httpx.Client, registered: Store) -> None:
    registered.messages.commit([], [tower.reading(START, 20.0)], [])
    tower.put_flux(registered, tower.flux(START, FC=1.0))
    with client.stream("GET", f"/api/v1/stations/{ID}/live") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in response.headers
        assert "default-src 'self'" in response.headers["content-security-policy"]
        events = _events(response)
        name, message = next(events)
        assert (name, message["stream"], message["values"]) == ("latest", "met", {"TA": 20.0, "RH": 50.0})

        registered.messages.commit([], [tower.reading(START + timedelta(minutes=1), 21.0)], [])
        sent = time.monotonic()
        name, message = next(events)
        assert (name, message["time"], message["values"]) == (
            "latest",
            "2026-07-01T00:01:00.000Z",
            {"TA": 21.0, "RH": 50.0},
        )
        assert time.monotonic() - sent < SOON

        tower.put_flux(registered, tower.flux(START + HALF_HOUR, FC=2.0))
        name, message = next(events)
        assert (name, message["station"], message["start"]) == ("flux", ID, "2026-07-01T00:30:00.000Z")
        tower.put_flux(registered, tower.flux(START, FC=3.0), revision=2)  # late data: computed again
        name, message = next(events)
        assert (name, message["start"]) == ("flux", "2026-07-01T00:00:00.000Z")


@pytest.mark.integration
def test_a_reader_of_one_station_hears_nothing_of_another(client: httpx.Client, registered: Store) -> None:
    registered.stations.put(tower.STATION.replace(ID, "other"), "other.toml")
    with client.stream("GET", f"/api/v1/stations/{ID}/live") as one, client.stream("GET", "/api/v1/live") as all:
        other = tower.reading(START, 1.0)
        registered.messages.commit([], [type(other)("other", other.stream, other.time_ns, other.values)], [])
        assert next(_events(all))[1]["station"] == "other"
        registered.messages.commit([], [tower.reading(START, 2.0)], [])
        assert next(_events(one))[1]["station"] == ID


@pytest.mark.integration
def test_an_unknown_station_has_no_feed(client: httpx.Client, registered: Store) -> None:
    assert client.get("/api/v1/stations/nope/live").status_code == 404


def test_a_slow_reader_gets_the_newest_of_each_thing() -> None:
    async def run() -> list[object]:
        mailbox = Mailbox(EVERYTHING)
        for i in range(1000):
            mailbox.put("a", ("latest", {"i": i}))
            mailbox.put("b", ("latest", {"i": -i}))
        return [(await _take(mailbox))["i"] for _ in range(2)]

    assert asyncio.run(run()) == [999, -999]


async def _take(mailbox: Mailbox) -> dict[str, object]:
    message = await mailbox.take()
    assert message is not None
    return message[1]


def test_a_mailbox_is_bounded_and_drops_the_oldest() -> None:
    async def run() -> object:
        mailbox = Mailbox(EVERYTHING)
        for i in range(MAX_MAILBOX_MESSAGES + 10):
            mailbox.put(i, ("flux", {"i": i}))
        return (await _take(mailbox))["i"]

    assert asyncio.run(run()) == 10


def test_readers_are_told_that_the_database_is_away() -> None:
    async def run() -> list[Event]:
        with Store("postgresql://nobody@127.0.0.1:9/none") as store:
            async with LiveFeed(store, lambda: None).running() as feed:
                event = await asyncio.wait_for(anext(feed.events(EVERYTHING)), PATIENCE)
        return [(str(event.event), json.loads(str(event.data)))]

    [(name, message)] = asyncio.run(run())
    assert name == "problem"
    assert message["detail"]


@pytest.mark.integration
def test_sigterm_ends_the_service_though_readers_listen(environment: dict[str, str], settings: Settings) -> None:
    program = "from api.app import serve; from core.settings import read_settings; serve(read_settings())"
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            address = f"http://127.0.0.1:{settings.api_port}"
            wait_for(lambda: _answers(f"{address}/health"))
            with httpx.stream("GET", f"{address}/api/v1/live", timeout=PATIENCE) as response:
                assert response.status_code == 200
                asked = time.monotonic()
                process.send_signal(signal.SIGTERM)
                _, errors = process.communicate(timeout=PATIENCE)
                assert time.monotonic() - asked < SOON
            assert "Traceback" not in errors
        finally:
            process.kill()


def test_a_taken_port_is_a_clear_error(settings: Settings) -> None:
    import socket

    from api.app import serve

    with (
        socket.create_server(("127.0.0.1", settings.api_port)),
        pytest.raises(SetupError, match=f"port {settings.api_port} of 127.0.0.1 is taken") as raised,
    ):
        serve(settings)
    assert "FLUXTOWER_API_PORT" in raised.value.remedy


def _answers(address: str) -> bool:
    try:
        httpx.get(address)
    except httpx.TransportError:
        return False
    return True
