"""A hostile sender on one station: what others sent, and what it sent rightly, stays right; broker to page."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import httpx
import numpy as np
import orjson
import pytest

from core.clock import NS, from_ns
from core.records import Reading, SampleBlock
from core.settings import Settings
from core.store import Store
from ingest.encoding import encode_block, encode_reading
from ingest.mqtt.publisher import Publisher
from ingest.mqtt.topics import block_topic, reading_topic
from tests.api.conftest import serving
from tests.ingest.conftest import collecting
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

STATION = """
[station]
id = "{id}"
name = "{id}"
latitude = 26.0
longitude = 118.0
altitude = 10.0
utc_offset = 8.0
[[stream]]
name = "ec"
kind = "block"
rate = 10.0
channels = [{{ name = "w", variable = "W", unit = "m s-1" }}]
[[stream]]
name = "met"
kind = "reading"
interval = 60.0
channels = [{{ name = "TA", variable = "TA", unit = "deg C" }}, {{ name = "RH", variable = "RH", unit = "%" }}]
[[stream]]
name = "air"
kind = "reading"
interval = 60.0
topic = "{root}/{id}/air"
format = "senml-json"
channels = [{{ name = "TA", variable = "TA", unit = "deg C", field = "temp" }}]
"""
ATTACKED, OTHER = "cn-attacked", "cn-other"
DAY_NS = 86_400 * NS
ROUNDS = 4


def block(station: str, start_ns: int, value: float) -> SampleBlock:
    return SampleBlock(station, "ec", start_ns, NS // 10, ("w",), np.full((1, 10), value, np.float32))


def pack(seconds: float, unit: str, value: float) -> bytes:
    return orjson.dumps([{"n": "temp", "u": unit, "t": seconds, "v": value}])


def attack(publisher: Publisher, settings: Settings, now_ns: int, i: int) -> int:
    """Publish what is wrong in every way; return how many messages must be refused."""
    met, ec = (of(ATTACKED, name, settings.topic_root) for of, name in ((reading_topic, "met"), (block_topic, "ec")))
    refused = 0
    for off_ns in (DAY_NS, 400 * NS, 5000 * DAY_NS, -20_000 * DAY_NS, -9000 * DAY_NS):
        at_ns = now_ns + off_ns + i * NS
        publisher.publish(met, encode_reading(Reading(ATTACKED, "met", at_ns, {"TA": 66.0, "RH": 66.0})))
        publisher.publish(ec, encode_block(block(ATTACKED, at_ns, 66.0)))
        refused += 2
    publisher.publish(met, encode_reading(Reading(ATTACKED, "met", now_ns + i, {"TA": np.nan, "RH": np.nan})))
    publisher.publish(ec, encode_block(block(ATTACKED, now_ns + (20 + i) * NS, np.nan)))
    publisher.publish(f"{settings.collector}/{ATTACKED}/air", pack(now_ns / 1e9 + i, "K", 294.0))
    publisher.publish(met, bytes([i]) * 3_000_000)
    publisher.publish(ec, bytes([65 + i]) * 3_000_000)
    publisher.publish(met, orjson.dumps({"t": now_ns // NS + i, "v": {"TA": 66.0}}))
    return refused + 4


def test_a_hostile_sender_leaves_every_other_value_right(settings: Settings, store: Store) -> None:
    for id in (ATTACKED, OTHER):
        store.stations.put(STATION.format(id=id, root=settings.collector), f"{id}.toml")
    now_ns = time.time_ns() // NS * NS
    began_ns = now_ns - 60 * NS
    refused = 0
    with (
        collecting(settings),
        serving(settings) as address,
        httpx.Client(base_url=address, timeout=PATIENCE) as client,
        Publisher(settings.broker_url, settings.topic_root) as publisher,
    ):

        def send_well(i: int) -> None:
            for id in (ATTACKED, OTHER):
                publisher.publish(
                    block_topic(id, "ec", settings.topic_root), encode_block(block(id, began_ns + i * NS, i))
                )
                values = {"TA": 20.0 + i, "RH": 50.0 + i}
                publisher.send(Reading(id, "met", began_ns + i * NS, values))
                publisher.publish(f"{settings.collector}/{id}/air", pack((began_ns + i * NS) / 1e9, "Cel", 10.0 + i))

        def came() -> bool:
            send_well(0)  # until the collector has subscribed to the foreign topics
            return len(store.latest.read()) == 6

        wait_for(came)
        for i in range(1, ROUNDS + 1):
            refused += attack(publisher, settings, now_ns, i)
            send_well(i)
        publisher.flush()
        wait_for(lambda: len(store.rejects.find(1000)) == refused)
        end = from_ns(now_ns + DAY_NS)
        wait_for(lambda: store.readings.read(OTHER, "met", from_ns(began_ns), end).height == ROUNDS + 1)
        for id in (ATTACKED, OTHER):
            said = client.get(f"/api/v1/stations/{id}/latest").json()["values"]
            newest = {(one["stream"], one["channel"]): one for one in said}
            expected = {("ec", "w"): 4.0, ("met", "TA"): 24.0, ("met", "RH"): 54.0, ("air", "TA"): 14.0}
            assert {key: one["value"] for key, one in newest.items()} == expected
            for (stream, _), one in newest.items():
                at_ns = began_ns + ROUNDS * NS + (9 * NS // 10 if stream == "ec" else 0)
                assert datetime.fromisoformat(one["time"]) == from_ns(at_ns)
                assert abs((datetime.now(UTC) - datetime.fromisoformat(one["received"])).total_seconds()) < PATIENCE
            line = client.get(f"/api/v1/stations/{id}").json()
            assert datetime.fromisoformat(line["time"]) == from_ns(began_ns + ROUNDS * NS + 9 * NS // 10)
        for path in ("/", f"/station/{ATTACKED}", f"/station/{OTHER}", f"/api/v1/stations/{OTHER}/feeds", "/health"):
            assert client.get(path).status_code == 200, path
    stored = store.readings.read(OTHER, "met", from_ns(0), end)
    assert stored["TA"].to_list() == [20.0, 21.0, 22.0, 23.0, 24.0]
    stored = store.readings.read(ATTACKED, "met", from_ns(0), from_ns(now_ns + 9000 * DAY_NS))
    assert stored["TA"].fill_nan(None).drop_nulls().to_list() == [20.0, 21.0, 22.0, 23.0, 24.0]
    rejects = store.rejects.find(1000)
    assert {one.station for one in rejects} == {ATTACKED}
    words = ("ahead of this machine's clock", "days before it came", "1990 to 2100", "is in 'K'", "has 3000000 bytes")
    for word in words:
        assert any(word in one.reason for one in rejects), word
