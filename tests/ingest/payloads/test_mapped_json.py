"""JSON of other senders: paths to time and values, as the station file declares them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest

from core.clock import to_ns
from core.errors import ConfigError, PayloadError
from core.records import Reading
from core.station import parse_station
from ingest.collector.conform import conform
from ingest.formats import check_formats
from ingest.payloads import MessageSource, decode
from ingest.sources import Sources
from tests.ingest.foreign import HEAD

NOON = to_ns(datetime(2026, 6, 1, 12, tzinfo=UTC))
STREAM = """
[[stream]]
name = "soil"
kind = "reading"
interval = 600
topic = "any"
format = "mapped-json"
{keys}
channels = [
    {{ name = "TA", variable = "TA", unit = "deg C", field = "{temperature}" }},
    {{ name = "RH", variable = "RH", unit = "%", field = "{humidity}", gain = 0.5, gain_offset = 1.0 }},
]
"""


def station_text(keys: str = "", temperature: str = "t", humidity: str = "h") -> str:
    return HEAD + STREAM.format(keys=keys, temperature=temperature, humidity=humidity)


def read(text: str, content: object, now_ns: int = NOON) -> Reading:
    source: MessageSource = Sources({"cn-foreign": parse_station(text, "a.toml")}, "flux/v1").resolve("any")
    (found,) = decode(source, json.dumps(content).encode(), now_ns)
    assert isinstance(found, Reading)
    return found


TTN = {
    "end_device_ids": {"device_id": "d"},
    "received_at": "2026-06-01T12:00:00.332604900Z",
    "uplink_message": {"f_port": 2, "decoded_payload": {"temp": 20.7, "hum": 60}},
}
CHIRPSTACK = {"time": "2026-06-01T14:00:00.5+02:00", "fPort": 1, "object": {"temp": 20.7, "hum": 60}}
TASMOTA = {"Time": "2026-06-01T05:00:00", "AM2301": {"Temperature": 20.7, "Humidity": 60}, "TempUnit": "C"}


@pytest.mark.parametrize(
    ("keys", "temperature", "humidity", "content", "late_ns"),
    [
        (
            'time_path = "received_at"',
            "uplink_message.decoded_payload.temp",
            "uplink_message.decoded_payload.hum",
            TTN,
            332_604_900,
        ),
        ('time_path = "time"', "object.temp", "object.hum", CHIRPSTACK, 500_000_000),
        # the station's clock is seven hours behind UTC
        ('time_path = "Time"', "AM2301.Temperature", "AM2301.Humidity", TASMOTA, 0),
        ('time_path = "at"\ntime_format = "epoch_s"', "v.0", "v.1", {"at": 1780315200, "v": [20.7, "60"]}, 0),
        (
            'time_path = "at"\ntime_format = "epoch_ms"',
            "v.0.x",
            "h",
            {"at": 1780315200100, "v": [{"x": 20.7}], "h": 60},
            10**8,
        ),
        (
            'time_path = "at"\ntime_format = "epoch_s"',
            "a.b",
            "h",
            {"at": "1780315200.5", "a.b": 20.7, "h": 60},
            5 * 10**8,
        ),
        (
            'time_path = "at"\ntime_format = "%d.%m.%Y %H:%M:%S"\nlogger_utc_offset = 2',
            "t",
            "h",
            {"at": "01.06.2026 14:00:00", "t": 20.7, "h": 60},
            0,
        ),
        ("", "t", "h", {"t": 20.7, "h": 60}, 0),
    ],
)
def test_a_message_is_a_reading(keys: str, temperature: str, humidity: str, content: object, late_ns: int) -> None:
    text = station_text(keys, temperature, humidity)
    check_formats(parse_station(text, "a.toml"), "a.toml")
    found = read(text, content)
    assert found.time_ns == NOON + late_ns
    assert found.values == {"TA": 20.7, "RH": 60.0}
    stored = conform(found, parse_station(text, "a.toml"), NOON)
    assert isinstance(stored, Reading)
    assert stored.values == {"TA": 20.7, "RH": 31.0}


def test_what_is_not_there_is_missing() -> None:
    assert math.isnan(read(station_text(), {"t": 1.5}).values["RH"])
    assert math.isnan(read(station_text(), {"t": 1.5, "h": None}).values["RH"])
    assert math.isnan(read(station_text(), {"t": 1.5, "h": "NaN"}).values["RH"])


def test_truth_is_a_value_of_flags_alone() -> None:
    flags = station_text().replace('variable = "TA", unit = "deg C"', 'variable = "DIAG_IRGA", unit = "1"')
    assert [read(flags, {"t": truth}).values["TA"] for truth in (True, False)] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"x": 1}, "none of the paths"),
        ([], "none of the paths"),
        ({"t": "warm"}, "'TA': expected a number, got 'warm'"),
        ({"t": {"x": 1}}, "'TA': expected a number"),
        ({"t": True}, "'TA': expected a number in deg C, got True"),
        ({"t": 1, "at": None}, "no time there"),
        ({"t": 1, "at": 5}, "is it a number since 1970"),
        ({"t": 1, "at": "noon"}, "expected RFC 3339"),
    ],
)
def test_what_is_wrong_is_said(content: object, reason: str) -> None:
    keys = 'time_path = "at"' if isinstance(content, dict) and "at" in content else ""
    with pytest.raises(PayloadError, match=reason):
        read(station_text(keys), content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (station_text('time_path = "t"\ntime_format = "%Q"'), "time_format: expected iso, epoch_s"),
        (station_text('time_path = "t"\ntime_format = "%Y-%m-%d"'), "time_format: expected iso, epoch_s"),
        (station_text('time_format = "epoch_s"'), "time_format: expected nothing without `time_path`"),
        (station_text('time_path = "t"').replace("mapped-json", "senml-json"), "time_path: expected nothing"),
    ],
)
def test_what_a_station_file_says_must_fit(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_formats(parse_station(text, "a.toml"), "a.toml")
