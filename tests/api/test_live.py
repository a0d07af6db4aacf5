"""The live feed: new values and fluxes reach readers soon, slow ones get the newest, shutdown is prompt."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from api.live import (
    LATER_MS,
    MAX_MAILBOX_MESSAGES,
    OVERLAP,
    RECOMPUTED_SPAN,
    Listener,
    LiveFeed,
    Mailbox,
    event_id,
    read_event_id,
)
from core.errors import ConfigError, SetupError
from core.settings import ROOT, Settings, read_settings
from core.store import Store
from tests.api import tower
from tests.api.conftest import serving
from tests.api.tower import HALF_HOUR, ID, START
from tests.conftest import free_port
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


def _told(response: httpx.Response, wanted: int) -> tuple[str, list[Event]]:
    """Id of the last of so many events, and the events."""
    found: list[Event] = []
    id = name = ""
    for line in response.iter_lines():
        kind, _, said = line.partition(": ")
        id = said if kind == "id" else id
        name = said if kind == "event" else name
        if kind == "data":
            found.append((name, json.loads(said)))
        if len(found) == wanted:
            break
    return id, found


@pytest.mark.integration
def test_a_reader_that_comes_back_gets_what_is_newer(
    client: httpx.Client, registered: Store, settings: Settings
) -> None:
    path = f"/api/v1/stations/{ID}/live"
    tower.put_flux(registered, tower.flux(START, FC=1.0))
    registered.messages.commit([], [tower.reading(START, 20.0)], [])
    with client.stream("GET", path) as response:
        last, [first] = _told(response, 1)
    assert first[1]["values"] == {"TA": 20.0, "RH": 50.0}
    received = datetime.fromisoformat(str(first[1]["received"]))
    assert abs((datetime.fromtimestamp(int(last) / 1e6, UTC) - received).total_seconds()) < 0.001

    # while nobody listens
    registered.messages.commit([], [tower.reading(START + timedelta(minutes=1), 21.0)], [])
    registered.messages.commit([], [tower.reading(START + timedelta(minutes=2), 22.0)], [])
    tower.put_flux(registered, tower.flux(START + HALF_HOUR, FC=2.0))
    # computed long before that the reader was told of the first reading
    _set_computed(registered, START, datetime.fromtimestamp(int(last) / 1e6, UTC) - timedelta(minutes=1))
    with client.stream("GET", path, headers={"Last-Event-ID": last}) as response:
        again, events = _told(response, 2)
    assert [(name, one.get("values"), one.get("start")) for name, one in events] == [
        ("latest", {"TA": 22.0, "RH": 50.0}, None),
        ("flux", None, "2026-07-01T00:30:00.000Z"),
    ]
    assert int(again) > int(last)

    # another process knows the id as well; what the reader has is not told again
    other = settings.model_copy(update={"api_port": free_port()})
    with (
        serving(other) as address,
        httpx.stream("GET", f"{address}{path}", headers={"Last-Event-ID": again}) as response,
    ):
        registered.messages.commit([], [tower.reading(START + timedelta(minutes=3), 23.0)], [])
        for name, message in _events(response):
            if message.get("values") == {"TA": 23.0, "RH": 50.0}:
                break
            # in doubt he is told again, but nothing older than what he had
            if name == "latest":
                assert message["values"] == {"TA": 22.0, "RH": 50.0}
            else:
                assert message["start"] == "2026-07-01T00:30:00.000Z"


@pytest.mark.integration
def test_the_first_after_a_silence_is_told_the_newest_and_nothing_older(
    client: httpx.Client, registered: Store
) -> None:
    path = f"/api/v1/stations/{ID}/live"
    registered.messages.commit([], [tower.reading(START, 20.0)], [])
    with client.stream("GET", path) as response:
        _told(response, 1)
    time.sleep(2.5)  # the feed notices that nobody listens any more
    registered.messages.commit([], [tower.reading(START + timedelta(minutes=1), 21.0)], [])
    for id in ("", "nonsense", "9" * 30):
        with client.stream("GET", path, headers={"Last-Event-ID": id}) as response:
            _, [(_, message)] = _told(response, 1)
        assert message["values"] == {"TA": 21.0, "RH": 50.0}


def _set_computed(store: Store, start: datetime, computed: datetime) -> None:
    with psycopg.connect(store.dsn) as connection:
        connection.execute("UPDATE flux SET computed = %s WHERE time = %s", (computed, start))


@pytest.mark.integration
def test_only_what_was_computed_since_is_read(registered: Store) -> None:
    noon = datetime(2026, 7, 20, 12, tzinfo=UTC)
    starts = [START + timedelta(days=day) for day in (0, 7, 8, 9)]
    for day, start in enumerate(starts):
        tower.put_flux(registered, tower.flux(start, FC=1.0))
        _set_computed(registered, start, noon + timedelta(minutes=day))
    found = registered.fluxes.read_computed({ID: noon + timedelta(minutes=1), "nowhere": noon}, RECOMPUTED_SPAN)
    assert [(one.start, one.computed) for one in found] == [
        (starts[2], noon + timedelta(minutes=2)),
        (starts[3], noon + timedelta(minutes=3)),
    ]
    all_newest = registered.fluxes.read_computed({ID: noon - timedelta(days=1)}, RECOMPUTED_SPAN)
    assert [one.start for one in all_newest] == starts[1:]  # the first is older than two days before the last
    assert registered.fluxes.read_computed({}, RECOMPUTED_SPAN) == []


def test_an_id_never_promises_what_still_waits() -> None:
    early, late = START, START + timedelta(seconds=1)

    async def run() -> list[datetime | None]:
        mailbox = Mailbox(EVERYTHING)
        mailbox.put("a", ("latest", {}, early))
        mailbox.put("b", ("latest", {}, early))
        mailbox.put("a", ("latest", {}, late))
        messages = [await mailbox.take() for _ in range(2)]
        return [message[2] for message in messages if message]

    assert asyncio.run(run()) == [early - timedelta(microseconds=1), early]


def test_ids_are_read_as_they_were_written() -> None:
    assert event_id(START) == "1782864000000000"  # date -u -d 2026-07-01 +%s
    assert read_event_id("1782864000000000") == START
    assert event_id(None) is None
    assert [read_event_id(text) for text in (None, "", "-1", "1e3", "9" * 18)] == [None] * 5
    assert timedelta(0) < OVERLAP < timedelta(minutes=1)


@pytest.mark.integration
def test_pages_of_allowed_origins_may_read_and_no_others(settings: Settings, registered: Store) -> None:
    lab, path = "https://lab.example.org", "/api/v1/stations"
    allowing = settings.model_copy(update={"cors_origins": f"{lab}, http://127.0.0.1:3000"})
    with serving(allowing) as address:
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        for origin, is_allowed in ((lab, True), ("https://lab.example.org.evil.net", False), ("null", False)):
            got = httpx.get(f"{address}{path}", headers={"Origin": origin})
            assert got.headers.get("access-control-allow-origin") == (origin if is_allowed else None)
            assert "access-control-allow-credentials" not in got.headers
            before = httpx.options(f"{address}{path}", headers={"Origin": origin, **asked})
            assert before.status_code == (200 if is_allowed else 400)
            writing = {**asked, "Access-Control-Request-Method": "POST"}
            assert httpx.options(f"{address}{path}", headers={"Origin": origin, **writing}).status_code == 400
        assert httpx.options(f"{address}{path}").headers["allow"] == "GET, HEAD, OPTIONS"
    with serving(settings.model_copy(update={"cors_origins": "*"})) as address:
        got = httpx.get(f"{address}{path}", headers={"Origin": lab, "Cookie": "fluxtower_login=x"})
        assert "access-control-allow-credentials" not in got.headers
        assert got.headers["access-control-allow-origin"] == "*"
    with serving(settings) as address:
        assert "access-control-allow-origin" not in httpx.get(f"{address}{path}", headers={"Origin": lab}).headers


@pytest.mark.parametrize("text", ["https://a.org/", "https://a.org/path", "a.org", "https://*.a.org", "ftp://a.org"])
def test_an_origin_that_no_browser_sends_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUXTOWER_CORS_ORIGINS", text)
    with pytest.raises(ConfigError, match="FLUXTOWER_CORS_ORIGINS"):
        read_settings()


@pytest.mark.integration
def test_an_unknown_station_has_no_feed(client: httpx.Client, registered: Store) -> None:
    assert client.get("/api/v1/stations/nope/live").status_code == 404


def test_a_slow_reader_gets_the_newest_of_each_thing() -> None:
    async def run() -> list[object]:
        mailbox = Mailbox(EVERYTHING)
        for i in range(1000):
            mailbox.put("a", ("latest", {"i": i}, None))
            mailbox.put("b", ("latest", {"i": -i}, None))
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
            mailbox.put(i, ("flux", {"i": i}, None))
        return (await _take(mailbox))["i"]

    assert asyncio.run(run()) == 10


def test_readers_are_told_that_the_database_is_away() -> None:
    async def run() -> list[Event]:
        with Store("postgresql://nobody@127.0.0.1:9/none") as store:
            async with LiveFeed(store, lambda: None).running() as feed:
                events = feed.events(EVERYTHING)
                assert (await anext(events)).retry == LATER_MS
                event = await asyncio.wait_for(anext(events), PATIENCE)
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
