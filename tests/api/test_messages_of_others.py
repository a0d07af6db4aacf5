"""Messages as other people's senders publish them: each is stored right, or is a reject that says what to change.

They go through the real broker to the real collector, the database and the pages. Expected values are those that stand
in the messages; expected words are what the sender has to do.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import cbor2
import httpx
import numpy as np
import pytest
from paho.mqtt import publish as paho_publish

from core.clock import NS, from_ns
from core.settings import Settings
from core.store import Store
from ingest.mqtt.broker import parse_address
from tests.api.conftest import serving
from tests.ingest.conftest import collecting
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

STATION = """
[station]
id = "m1"
name = "Senders of others"
latitude = 45.0
longitude = 10.0
altitude = 100.0
utc_offset = 1.0
[[stream]]
name = "ec"
kind = "block"
rate = 10.0
channels = [
 { name = "u", variable = "U", unit = "m s-1" },
 { name = "v", variable = "V", unit = "m s-1" },
 { name = "w", variable = "W", unit = "m s-1" },
 { name = "ts", variable = "T_SONIC", unit = "deg C" },
]
[[stream]]
name = "met"
kind = "reading"
interval = 60
channels = [
 { name = "TA_1_1_1", variable = "TA", unit = "deg C" },
 { name = "RH_1_1_1", variable = "RH", unit = "%" },
]
[[stream]]
name = "cj"
kind = "reading"
interval = 60
topic = "ROOT/cj"
format = "campbell-csijson"
channels = [
 { name = "TA_2_1_1", variable = "TA", unit = "deg C", field = "AirTC" },
 { name = "RH_2_1_1", variable = "RH", unit = "%", field = "RH" },
]
[[stream]]
name = "gj"
kind = "reading"
interval = 60
topic = "ROOT/gj"
format = "campbell-geojson"
channels = [{ name = "TA_3_1_1", variable = "TA", unit = "deg C", field = "AirTC" }]
[[stream]]
name = "tl"
kind = "reading"
interval = 60
topic = "ROOT/tl"
format = "toa5-line"
columns = ["TIMESTAMP", "RECORD", "AirTC", "RH"]
channels = [
 { name = "TA_4_1_1", variable = "TA", unit = "deg C", field = "AirTC" },
 { name = "RH_4_1_1", variable = "RH", unit = "%", field = "RH" },
]
[[stream]]
name = "sm"
kind = "reading"
interval = 60
topic = "ROOT/sm"
format = "senml-json"
channels = [
 { name = "TA_5_1_1", variable = "TA", unit = "deg C", field = "dev:temp" },
 { name = "RH_5_1_1", variable = "RH", unit = "%", field = "dev:rh" },
]
[[stream]]
name = "mj"
kind = "reading"
interval = 60
topic = "ROOT/mj"
format = "mapped-json"
time_path = "at"
time_format = "epoch_ms"
channels = [{ name = "TA_6_1_1", variable = "TA", unit = "deg C", field = "d.temp" }]
[[stream]]
name = "nt"
kind = "reading"
interval = 60
topic = "ROOT/nt"
format = "mapped-json"
channels = [{ name = "TA_7_1_1", variable = "TA", unit = "deg C", field = "temp" }]
"""
DAY = (datetime.now(UTC) - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
"""Midnight UTC of the day that the messages are of; the loggers' clocks are an hour ahead of UTC."""
DATE = f"{DAY:%Y-%m-%d}"
SECONDS = round(DAY.timestamp())
STEP = 100_000_000
NAN = float("nan")
NOT_JSON = "NaN and infinity are not JSON: send null where a value is missing"


class Sent(NamedTuple):
    """A message, and what must come of it: words of its reason, or minutes of the day -> values (none: no trace)."""

    topic: str
    payload: bytes
    expected: str | dict[float, tuple[float, ...]]
    qos: int = 1


def met(expected: str | tuple[float, ...], t: str, ta: str, rh: str = "50", minute: float = -1.0) -> Sent:
    """A reading in our JSON."""
    payload = f'{{"t": {t}, "v": {{"TA_1_1_1": {ta}, "RH_1_1_1": {rh}}}}}'.encode()
    return Sent("met", payload, expected if isinstance(expected, str) else {minute: expected})


def raw(expected: str | dict[float, tuple[float, ...]], payload: bytes, topic: str = "met") -> Sent:
    return Sent(topic, payload, expected)


def at(minute: int, zone: str = "Z") -> str:
    return f'"{DATE}T00:{minute:02d}:00{zone}"'


READINGS = [
    met(NOT_JSON, at(1), "NaN"),
    met(NOT_JSON, at(2), "-nan", "51"),
    met("send null where a value is missing", at(3), '"NAN"'),
    met("send it without quotes", at(4), '"21.4"'),
    met((5, 54), f'"{DATE} 00:05:00Z"', "5", "54", 5),
    met("write the zone with a colon, as +01:00", f'"{DATE}T01:06:00+0100"', "6"),
    met("append Z if it is UTC", f'"{DATE}T00:07:00"', "7"),
    met("these may be seconds; send nanoseconds", str(SECONDS + 480), "8"),
    met("these may be milliseconds; send nanoseconds", str((SECONDS + 540) * 1000), "9"),
    met("these may be microseconds; send nanoseconds", str((SECONDS + 600) * 10**6), "10"),
    met((11, 60), str((SECONDS + 660) * NS), "11", "60", 11),
    met("these may be seconds; send nanoseconds", f"{SECONDS + 720}.5", "12"),
    met("send 0 or 1", at(13), "true"),
    met("'TA_1_1_1' has two values: give each name once", at(14), '1, "TA_1_1_1": 14'),
    met("larger than any sensor's: send null", at(15), "1e400"),
    raw("begins with a byte order mark: send it without", b'\xef\xbb\xbf{"t": 1}'),
    raw("ends with a NUL byte: send the text without", b'{"t": 17, "v": {"TA_1_1_1": 17}}\0'),
    raw({18: (18, 67)}, f'{{"t": {at(18)}, "v": {{"TA_1_1_1": 18, "RH_1_1_1": 67}}}}\r\n'.encode()),
    met("hours are 00 to 23, seconds 00 to 59", f'"{DATE}T00:18:60Z"', "19"),
    met("hours are 00 to 23, seconds 00 to 59", f'"{DATE}T25:00:00Z"', "20"),
    raw("send a list of them", f'{{"t": {at(21)}, "v": {{"TA_1_1_1": 21}}}}\n{{"t": {at(22)}, "v": {{}}}}\n'.encode()),
    raw(
        "reading 2 of 3 (none is stored): v.'TA_1_1_1': expected a number, got 'bad'",
        f'[{{"t": {at(23)}, "v": {{"TA_1_1_1": 23}}}}, {{"t": {at(24)}, "v": {{"TA_1_1_1": "bad"}}}},'
        f' {{"t": {at(25)}, "v": {{"TA_1_1_1": 25}}}}]'.encode(),
    ),
    raw("add it to the station file", f'{{"t": {at(26)}, "v": {{"TA_1_1_1": 26, "BATT": 12.1}}}}'.encode()),
    raw("between double quotes", f"{{'t': '{DATE}T00:27:00Z', 'v': {{'TA_1_1_1': 27}}}}".encode()),
    raw("it is UTF-16: send UTF-8", f'{{"t": {at(28)}, "v": {{"TA_1_1_1": 28}}}}'.encode("utf-16")),
    raw('`format = "mapped-json"`', b'{"received_at": "2026-06-01T00:40:00.332604900Z", "uplink_message": {}}'),
    raw("other formats: `format` of the stream", b"weather,host=a temperature=21.3,humidity=50 1780272480000000000"),
    raw({}, b""),
    # beyond the cases that are known: stamps, numbers and depths that no sender should have
    met("expected a time from 1990 to 2100, got -5: set the sender's clock", "-5", "30"),
    met("from 1990 to 2100, got '0001-01-01T00:00:00Z'", '"0001-01-01T00:00:00Z"', "30"),
    met("from 1990 to 2100, got '9999-12-31T23:59:59Z'", '"9999-12-31T23:59:59Z"', "30"),
    met("expected a whole number, got 1e+30", "1" + "0" * 30, "30"),
    met("expected a time from 1990 to 2100, got 0", "0", "30"),
    met("expected a whole number, got None", "null", "30"),
    met("send null where a value is missing", at(30), '"Infinity"'),
    met("send null where a value is missing", at(30), '"-inf"'),
    met("send one number, or null", at(30), "[30]"),
    met("expected a finite number, got 1e+39", at(30), "1e39"),
    met((NAN, 31), at(31), "-9999", "31", 31),
    met((NAN, 32), at(32), "9999.0", "32", 32),
    met((NAN, 99), at(33), "-99.9", "99", 33),
    raw("'t' has two values", f'{{"t": {at(34)}, "v": {{"TA_1_1_1": 1}}, "t": {at(35)}}}'.encode()),
    raw("no valid JSON", b"[" * 5000 + b"]" * 5000),
    raw("no valid JSON", b'{"t":' * 100_000),
    raw("v.'TA_1_1_1': expected a number, got a dict", b'{"t": %s, "v": {"TA_1_1_1": {"v": 1}}}' % at(30).encode()),
    raw("seq: expected 0 to", b'{"t": %s, "seq": 9223372036854775807, "v": {"TA_1_1_1": 1}}' % at(30).encode()),
    raw("seq: expected a whole number", b'{"t": %s, "seq": "7", "v": {"TA_1_1_1": 1}}' % at(30).encode()),
    raw("more than 1048576: send shorter messages", b" " * 3_000_000),
]


def block(c: str, dt: str = str(STEP), n: str = "2", t: str = at(0)) -> bytes:
    return f'{{"v":1,"t":{t},"dt":{dt},"n":{n},"c":{{{c}}}}}'.encode()


def cbor(samples: object, t: object = (SECONDS + 600) * NS) -> bytes:
    return cbor2.dumps({"v": 1, "t": t, "dt": STEP, "n": 2, "c": dict.fromkeys(("u", "v", "w", "ts"), samples)})


def typed(tag: int, kind: str) -> cbor2.CBORTag:
    return cbor2.CBORTag(tag, np.zeros(2, kind).tobytes())


TWO = '"u":[1,2],"v":[0,0],"w":[0,0],"ts":[20,20]'
BLOCKS = [
    raw("it looks like milliseconds: nanoseconds are due", block(TWO, dt="100"), "ec"),
    raw(NOT_JSON, block(TWO.replace("1,2", "NaN,2")), "ec"),
    raw("dt: expected a whole number, got 100000000.0: send it without a decimal point", block(TWO, dt="1e8"), "ec"),
    raw("n: expected a whole number, got 2.0: send it without", block(TWO, n="2.0"), "ec"),
    raw("expected n = 3 samples, got 2: `n` counts the samples of each channel", block(TWO, n="3"), "ec"),
    raw("send 'u' (capitals matter)", block(TWO.replace('"u"', '"U"')), "ec"),
    raw("a comma stands before } or ]", block(TWO + ","), "ec"),
    raw("'u' has two values", block(TWO + ',"u":[9,9]'), "ec"),
    raw("expected a time from 1990 to 2100", block(TWO, t="-1"), "ec"),
    raw("these may be seconds; send nanoseconds", block(TWO, t=str(SECONDS)), "ec"),
    raw("ahead of this machine's clock when it came", block(TWO, t=str(time.time_ns() + 2 * 86_400 * NS)), "ec"),
    raw({0: (1, 0, 0, 20)}, block(TWO), "ec"),
    raw("send little-endian float32", cbor([1.0, 2.0]), "ec"),
    raw("got tag 86: send little-endian float32", cbor(typed(86, "<f8")), "ec"),
    raw("got tag 81: send little-endian float32", cbor(typed(81, ">f4")), "ec"),
    raw("expected n = 2 samples, got 4", cbor(cbor2.CBORTag(85, bytes(16))), "ec"),
    raw("no `resolution` of that channel", cbor(typed(77, "<i2")), "ec"),
    raw("these may be seconds; send nanoseconds", cbor(typed(85, "<f4"), t=float(SECONDS)), "ec"),
    raw({10: (0, 0, 0, 0)}, cbor(typed(85, "<f4"), t=f"{DATE}T00:10:00Z"), "ec"),
    raw("compressed by gzip or zlib", zlib.compress(cbor(typed(85, "<f4"))), "ec"),
    raw("it may be MessagePack: send CBOR or JSON", b"\x82\xa1v\x01\xa1t\x01", "ec"),
]


def csijson(values: str, minute: int, unit: str = "Deg C", stamp: str = "", data: str = "[%s]") -> bytes:
    about = {"station_name": "a", "table_name": "T", "model": "CR1000X", "serial_no": "1"}
    units = {"AirTC": unit, "RH": "%"}
    fields = [{"name": one, "type": "xsd:float", "units": units[one], "process": "Smp"} for one in units]
    head = json.dumps({"transaction": 0, "signature": 1, "environment": about, "fields": fields}, ensure_ascii=False)
    record = f'{{"time":"{stamp or f"{DATE}T02:{minute:02d}:00"}","no":{minute},"vals":[{values}]}}'
    return f'{{"head":{head},"data":{data % record},"more":false}}'.encode()


def geojson(observations: str, at: str = "[-1,41,4]") -> bytes:
    about = f'"geometry":{{"type":"Point","coordinates":{at}}}'
    inner = f'"loggerID":"a","observationNames":["AirTC","Batt"],"observations":{{{observations}}}'
    return f'{{"type":"Feature",{about},"properties":{{{inner}}}}}'.encode()


# a logger's stamp is the END of its minute by a clock an hour ahead: 02:01 there is minute 60 of the day
LOGGERS = [
    raw({60: (11.5, NAN)}, csijson('11.5,"NAN"', 1), "cj"),
    raw(NOT_JSON, csijson("11.6,NAN", 2), "cj"),
    raw(NOT_JSON, csijson("11.7,NaN", 3), "cj"),
    raw({63: (11.8, NAN)}, csijson("11.8,null", 4), "cj"),
    raw("TA_2_1_1: expected a number, got '11.9': send it without quotes", csijson('"11.9","-INF"', 5), "cj"),
    raw("data: expected a list, got a dict: write [ ] around it", csijson("12.0,50", 6, data="%s"), "cj"),
    raw({126: (12.1, 50)}, csijson("12.1,50", 7, stamp=f"{DATE}T02:07:00Z"), "cj"),
    raw({67: (NAN, 50)}, csijson("-7999,50", 8), "cj"),
    raw({68: (12.3, 50)}, csijson("12.3,50", 9, "degC"), "cj"),
    raw({69: (12.4, 50)}, csijson("12.4,50", 10, "\u00b0C"), "cj"),
    raw("is in 'Deg F' (deg F), the station file declares deg C: correct one", csijson("54,50", 11, "Deg F"), "cj"),
    raw("expected 2 values as there are fields, got 1: send null", csijson("12.6", 12), "cj"),
    raw(
        {120: (NAN,), 121: (13.67,)},
        geojson(f'"{DATE}T02:01:00Z":["NAN",12.1],"{DATE}T02:02:00Z":[13.67,12.1]', '["-1","41","4"]'),
        "gj",
    ),
    raw(NOT_JSON, geojson(f'"{DATE}T02:03:00Z":[NAN,12.1]', "[null,null,null]"), "gj"),
    raw(NOT_JSON, geojson(f'"{DATE}T02:04:00Z":[14.1,12.1]', "[NAN,NAN,NAN]"), "gj"),
    raw("expected a number in deg C, got True", csijson("true,50", 13), "cj"),
    raw("its zone is missing", geojson(f'"{DATE}T02:05:00":[14.2,12.1]'), "gj"),
    raw({60: (21.1, NAN)}, f'"{DATE} 02:01:00",1,21.1,"NAN"'.encode(), "tl"),
    raw({61: (21.2, NAN)}, f'"{DATE} 02:02:00",2,21.2,NAN'.encode(), "tl"),
    raw({1379: (21.3, 50)}, f'"{DATE} 24:00:00",3,21.3,50'.encode(), "tl"),
    raw({63: (21.4, 50)}, f'"{DATE} 02:04:00",4,21.4,50\r\n\0\0'.encode(), "tl"),
    raw({64: (21.5, 50)}, f'\ufeff"{DATE} 02:05:00",5,21.5,50\r\n'.encode(), "tl"),
    raw("got 3; they are 'TIMESTAMP, RECORD, AirTC, RH': correct", f'"{DATE} 02:06:00",6,21.6'.encode(), "tl"),
    raw({66: (21.7, 50)}, f'"{DATE} 02:07:00",7,"21.7","50"'.encode(), "tl"),
    raw({67: (21.8, 50)}, f"{DATE}T02:08:00,8,21.8,50".encode(), "tl"),
    raw({68: (NAN, 50)}, f'"{DATE} 02:09:00",9,-7999,50'.encode(), "tl"),
    raw("write a point for decimals", f'"{DATE} 02:10:00",10,"21,9",50'.encode(), "tl"),
    raw("expected a number, got '2_2'", f'"{DATE} 02:11:00",11,2_2,50'.encode(), "tl"),
]


def senml(time: str, unit: str = "Cel", value: str = "21.5") -> bytes:
    more = ',{"n":"rh","u":"%RH","v":88}' if time else ""
    return f'[{{"bn":"dev:",{time}"n":"temp","u":"{unit}","v":{value}}}{more}]'.encode()


OTHERS = [
    raw({0: (21.5, 88)}, senml(f'"bt":{SECONDS},'), "sm"),
    raw("SenML writes that as 'Cel'", senml(f'"bt":{SECONDS + 60},', "C"), "sm"),
    raw(NOT_JSON, senml(f'"bt":{SECONDS + 120},', value="NaN"), "sm"),
    raw("true and false are values of channels with unit 1 alone", b'[{"n":"dev:temp","vb":true}]', "sm"),
    raw("true and false are values of", b'{"at": %d, "d": {"temp": true}}' % (SECONDS * 1000), "mj"),
    raw("these may be milliseconds; send seconds", senml(f'"bt":{(SECONDS + 180) * 1000},'), "sm"),
    raw("these may be nanoseconds; send seconds", senml(f'"bt":{(SECONDS + 180) * NS},'), "sm"),
    raw("ahead of this machine's clock", senml('"bt":200000000,'), "sm"),
    raw({4: (21.25,)}, b'{"at": %d, "d": {"temp": 21.25}}' % ((SECONDS + 240) * 1000), "mj"),
    raw("this may be epoch_s, correct `time_format`", b'{"at": %d, "d": {"temp": 2}}' % SECONDS, "mj"),
    raw("this may be epoch_ns, correct `time_format`", b'{"at": %d, "d": {"temp": 2}}' % (SECONDS * NS), "mj"),
    raw("'temp' has two values", b'{"at": %d, "d": {"temp": 2, "temp": 3}}' % (SECONDS * 1000), "mj"),
    raw("expected a number, got '2_1'", b'{"at": %d, "d": {"temp": "2_1"}}' % (SECONDS * 1000), "mj"),
    Sent("root/m1/met", b"1", "expected ROOT/STATION/STREAM/block or .../reading"),
    Sent("root/m1/met/reading/more", b"2", "expected ROOT/STATION/STREAM/block or .../reading"),
    Sent("root/m1/met/readings", b"3", "the last level must be block or reading"),
    Sent("root/M1/met/reading", b"4", "is no name: lower-case letters"),
    Sent("root/m1//reading", b"5", "is no name: lower-case letters"),
    Sent("root/m1/wind/reading", b'{"t": %s, "v": {"TA": 6}}' % at(0).encode(), "add a [[stream]] to the station file"),
    Sent("root/m1/met/block", block(TWO), "publish to .../reading"),
    Sent("root/m2/met/reading", b"8", "m2"),
    Sent("met", f'{{"t": {at(40)}, "v": {{"TA_1_1_1": 40, "RH_1_1_1": 40}}}}'.encode(), {40: (40, 40)}, 2),
    Sent("met", f'{{"t": {at(41)}, "v": {{"TA_1_1_1": 41, "RH_1_1_1": 41}}}}'.encode(), {41: (41, 41)}, 0),
]
ALL = [*READINGS, *BLOCKS, *LOGGERS, *OTHERS]
CHANNELS = {"cj": 2, "gj": 3, "tl": 4, "sm": 5, "mj": 6, "nt": 7}


def topic_of(sent: Sent, settings: Settings) -> str:
    if sent.topic in ("met", "ec"):
        return f"{settings.topic_root}/m1/{sent.topic}/{'block' if sent.topic == 'ec' else 'reading'}"
    if sent.topic.startswith("root/"):
        return sent.topic.replace("root", settings.topic_root, 1)
    return f"{settings.collector}/{sent.topic}"


def publish(settings: Settings, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
    broker = parse_address(settings.broker_url)
    paho_publish.single(topic, payload, qos, retain, broker.host, broker.port)


@contextmanager
def running(settings: Settings, store: Store) -> Iterator[httpx.Client]:
    """The collector and the pages; what is sent until now is kept by the broker for the collector."""
    store.stations.put(STATION.replace("ROOT", settings.collector), "m1.toml")
    with (
        collecting(settings),
        serving(settings) as address,
        httpx.Client(base_url=address, timeout=PATIENCE) as client,
    ):
        # the foreign topics are subscribed to a moment after the collector's own
        probe = {"at": (SECONDS - 3600) * 1000, "d": {"temp": 1}}

        def hears() -> bool:
            publish(settings, f"{settings.collector}/mj", json.dumps(probe).encode())
            return store.readings.read("m1", "mj", DAY - timedelta(days=1), DAY).height == 1

        wait_for(hears)
        yield client


def test_each_is_stored_right_or_refused_with_what_to_do(settings: Settings, store: Store) -> None:
    assert len({(one.topic, one.payload) for one in ALL}) == len(ALL)
    with running(settings, store) as client:
        for one in ALL:
            publish(settings, topic_of(one, settings), one.payload, one.qos)
        last = {"at": (SECONDS + 86_000) * 1000, "d": {"temp": 2.5}}
        publish(settings, f"{settings.collector}/mj", json.dumps(last).encode())
        end = DAY + timedelta(days=1)
        wait_for(lambda: store.readings.read("m1", "mj", DAY, end).height == 2)
        wait_for(lambda: len(store.rejects.find(1000)) == sum(isinstance(one.expected, str) for one in ALL))
        values = client.get("/api/v1/stations/m1/latest").json()["values"]
        for path in ("/", "/station/m1", "/api/v1/stations/m1", "/api/v1/stations/m1/feeds", "/health"):
            assert client.get(path).status_code == 200, path
    reasons = {}
    for row in store.rejects.find(1000):
        reasons[row.topic, store.rejects.read(row.id)[1]] = row.reason
    for one in ALL:
        if isinstance(one.expected, str):
            reason = reasons.pop((topic_of(one, settings), one.payload[: 1 << 20]), None)
            assert reason is not None, one
            assert one.expected.replace("ROOT", settings.topic_root) in reason, (one.payload[:200], reason)
    assert not reasons
    for stream in ("met", *CHANNELS):
        expected = {
            DAY + timedelta(minutes=minute): row
            for one in ALL
            if one.topic == stream and not isinstance(one.expected, str)
            for minute, row in one.expected.items()
        }
        if stream == "mj":
            expected[DAY + timedelta(seconds=86_000)] = (2.5,)
        table = store.readings.read("m1", stream, DAY - timedelta(hours=1, minutes=-1), end).drop("flags", "reasons")
        assert table["time"].to_list() == sorted(expected), stream
        for row in table.rows():
            assert row[1:] == pytest.approx(expected[row[0]], nan_ok=True), (stream, row)
    samples = store.samples.read("m1", "ec", DAY, DAY + timedelta(minutes=11))
    u = samples.channels["u"]
    assert samples.start_ns == SECONDS * NS
    assert dict(zip(np.flatnonzero(np.isfinite(u)).tolist(), u[np.isfinite(u)], strict=True)) == {
        0: 1.0, 1: 2.0, 6000: 0.0, 6001: 0.0,
    }  # fmt: skip
    newest = {one["channel"]: (one["value"], datetime.fromisoformat(one["time"])) for one in values}
    assert newest["TA_1_1_1"] == (41.0, DAY + timedelta(minutes=41))
    assert newest["TA_2_1_1"] == (pytest.approx(12.1), DAY + timedelta(minutes=126))
    assert newest["RH_4_1_1"] == (50.0, DAY + timedelta(minutes=1379))
    assert newest["TA_6_1_1"] == (2.5, DAY + timedelta(seconds=86_000))


def test_a_retained_message_without_a_time_is_none_of_now(settings: Settings, store: Store) -> None:
    """The broker gives it to a new subscription, months later: it is refused; one with a time is a value of then."""
    topics = [f"{settings.collector}/{name}" for name in ("nt", "sm")]
    met = f"{settings.topic_root}/m1/met/reading"
    try:
        publish(settings, topics[0], b'{"temp": 77.0}', retain=True)
        publish(settings, topics[1], senml(""), retain=True)
        publish(settings, met, f'{{"t": {at(1)}, "v": {{"TA_1_1_1": 1, "RH_1_1_1": 2}}}}'.encode(), retain=True)
        with running(settings, store):
            publish(settings, topics[0], b'{"temp": 7.0}')
            wait_for(lambda: store.readings.read("m1", "nt", DAY, datetime.now(UTC)).height == 1)
            wait_for(lambda: len(store.rejects.find()) == 2)
    finally:
        for topic in (*topics, met):
            publish(settings, topic, b"", retain=True)
    assert {row.topic for row in store.rejects.find()} == set(topics)
    assert all("send the time with the values, or do not set retain" in row.reason for row in store.rejects.find())
    fresh = store.readings.read("m1", "nt", DAY, datetime.now(UTC))
    assert fresh["TA_7_1_1"].to_list() == [7.0]
    assert store.readings.read("m1", "sm", from_ns(0), datetime.now(UTC)).is_empty()
    then = store.readings.read("m1", "met", from_ns(0), datetime.now(UTC))
    assert then.drop("flags", "reasons").rows() == [(DAY + timedelta(minutes=1), 1.0, 2.0)]


def test_a_clock_that_drifts_ahead_is_refused_when_it_is_too_far(settings: Settings, store: Store) -> None:
    """Each reading is some seconds farther ahead; none beyond five minutes is stored or becomes the newest value."""
    began = time.time_ns() // NS * NS
    ahead = [0, 100, 200, 280, 700, 800, 86_400]
    with running(settings, store) as client:
        for place, seconds in enumerate(ahead):
            reading = {"t": began + seconds * NS, "v": {"TA_1_1_1": place, "RH_1_1_1": 50}}
            publish(settings, f"{settings.topic_root}/m1/met/reading", json.dumps(reading).encode())
        wait_for(lambda: len(store.rejects.find()) == 3)
        wait_for(lambda: store.readings.read("m1", "met", from_ns(began), from_ns(began + 86_500 * NS)).height == 4)
        newest = client.get("/api/v1/stations/m1/latest").json()["values"]
    assert {one["channel"]: one["value"] for one in newest if one["stream"] == "met"} == {"TA_1_1_1": 3, "RH_1_1_1": 50}
    assert all("set the logger's clock" in row.reason for row in store.rejects.find())
