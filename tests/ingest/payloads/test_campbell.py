"""Campbell Scientific's messages: the examples of their documents, and a logger's own."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from core.clock import to_ns
from core.errors import PayloadError
from core.records import LoggerState, Reading, SampleBlock
from ingest.payloads import decode
from tests.ingest.foreign import source, state_source

# MQTT GeoJSON of the CR6's help, without the commas that JSON does not allow
GEOJSON = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-111.8549, 41.7666, 4498.0]},
    "properties": {
        "loggerID": "CR1000X_400",
        "publish_ts": "2025-10-01T09:21:00.038Z",
        "observationNames": ["logger_temp", "extreme_temperature", "message", "crTemp"],
        "observations": {"2025-10-01T09:21:00Z": [75, False, "75.25 : It is warm", 24.31]},
    },
}
# the older spelling of the same page
OLDER_GEOJSON = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": ["12345.000000", "23456.000000", "345.000000"]},
    "Properties": {
        "loggerID": "CR1000X_400",
        "observationNames": ["batteryVolt", "batteryVolt_Avg", "crTemp"],
        "observations": {"2019-02-28T19:00:00.0Z": [13.67, 13.67, 24.31]},
    },
}
# CSIJSON of the CR800's manual
CSIJSON: dict[str, Any] = {
    "head": {
        "transaction": 0,
        "signature": 38611,
        "environment": {
            "station_name": "11467",
            "table_name": "Test",
            "model": "CR1000",
            "serial_no": "11467",
            "os_version": "CR1000.Std.21.03",
            "prog_name": "CPU:file format.CR1",
        },
        "fields": [
            {"name": "batt_volt_Min", "type": "xsd:float", "process": "Min"},
            {"name": "PTemp", "type": "xsd:float", "process": "Smp"},
        ],
    },
    "data": [
        {"time": "2011-01-06T15:04:15", "no": 0, "vals": [13.28, 21.29]},
        {"time": "2011-01-06T15:04:30", "no": 1, "vals": [13.28, 21.29]},
        {"time": "2011-01-06T15:04:45", "no": 2, "vals": [13.28, 21.29]},
        {"time": "2011-01-06T15:05:00", "no": 3, "vals": [13.28, 21.29]},
    ],
}
STATES = [  # a CR1000X's own messages, as it takes a new program
    (b'{"clientId":"CR1000X_70681","state":"online","fileTransfer":"Program file download"}', True, ""),
    (b'{"clientId":"CR1000X_70681","state":"offline","reason":"Loading program"}', False, "Loading program"),
    (b'{"clientId":"CR1000X_70681","state":"online"}', True, ""),
]


def ns(text: str) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


def dumped(content: object) -> bytes:
    return json.dumps(content).encode()


def one_reading(records: Sequence[Reading | SampleBlock | LoggerState]) -> Reading:
    (record,) = records
    assert isinstance(record, Reading)
    return record


def csijson(**record: Any) -> bytes:
    """The manual's table with one record, which is changed."""
    good = {"time": "2026-07-01T00:00:15", "no": 7, "vals": [13.28, 21.29]}
    return dumped({**CSIJSON, "data": [{**good, **record}]})


def test_geojson() -> None:
    reading = one_reading(decode(source("geojson"), dumped(GEOJSON), 0))
    assert (reading.station, reading.stream) == ("cn-foreign", "geojson")
    assert reading.time_ns == ns("2025-10-01T09:20:00")  # the stamp is the END of the minute
    assert reading.values == {"TA": 24.31, "warm": 0.0}
    assert reading.seq is None


def test_geojson_with_a_capital_and_coordinates_as_texts() -> None:
    reading = one_reading(decode(source("geojson"), dumped(OLDER_GEOJSON), 0))
    assert reading.time_ns == ns("2019-02-28T18:59:00")
    assert reading.values["TA"] == 24.31
    assert math.isnan(reading.values["warm"])


def test_csijson() -> None:
    records = decode(source("csijson"), dumped(CSIJSON), 0)
    assert all(isinstance(record, Reading) for record in records)
    found = [record for record in records if isinstance(record, Reading)]
    # the station's clock is seven hours behind UTC, and stamps are ENDs of 15 s
    assert [reading.time_ns for reading in found] == [
        ns(f"2011-01-06T22:04:{seconds}") for seconds in ("00", "15", "30", "45")
    ]
    assert [reading.seq for reading in found] == [0, 1, 2, 3]
    assert found[0].values["TA"] == 21.29
    assert math.isnan(found[0].values["PA"])


def test_csijson_of_high_rate_rows_becomes_blocks() -> None:
    fields = [{"name": "Ux", "type": "xsd:float", "units": "m/s", "processing": "Smp"}, {"dld_name": "Uz"}]
    stamps = [1, 2, 3, 7, 8]  # tenths of a second: three are missing
    data = [{"time": f"2026-07-01T00:00:00.{t}", "no": t, "vals": [t / 2, "NAN" if t == 2 else -t]} for t in stamps]
    blocks = decode(source("fast"), dumped({"head": {"fields": fields}, "data": data}), 0)
    first, second = blocks
    assert isinstance(first, SampleBlock)
    assert isinstance(second, SampleBlock)
    assert (first.start_ns, second.start_ns) == (ns("2026-07-01T00:00:00"), ns("2026-07-01T00:00:00.600000"))
    assert first.dt_ns == 100_000_000
    assert first.channels == ("u", "w")
    np.testing.assert_array_equal(first.samples, np.array([[0.5, 1, 1.5], [-1, np.nan, -3]], np.float32))
    np.testing.assert_array_equal(second.samples, np.array([[3.5, 4], [-7, -8]], np.float32))


@pytest.mark.parametrize("missing", ["NAN", "INF", "-INF", "", None])
def test_a_missing_value_is_nan(missing: object) -> None:
    reading = one_reading(decode(source("csijson"), csijson(vals=[1, missing]), 0))
    assert math.isnan(reading.values["TA"])


def test_a_stamp_with_a_zone_is_taken_at_its_word() -> None:
    reading = one_reading(decode(source("csijson"), csijson(time="2026-07-01T00:00:15Z"), 0))
    assert reading.time_ns == ns("2026-07-01T00:00:00")


def with_units(words: str) -> bytes:
    fields = [{"name": "PTemp", "units": words}, {"name": "BP_Avg", "units": "kPa"}]
    return dumped({"head": {"fields": fields}, "data": [{"time": "2026-07-01T00:00:15", "vals": [1, 2]}]})


@pytest.mark.parametrize("words", ["Deg C", "C", "deg C", "DegC", "", "who knows"])
def test_units_that_are_declared_or_not_known_pass(words: str) -> None:
    assert one_reading(decode(source("csijson"), with_units(words), 0)).seq is None


@pytest.mark.parametrize(("words", "ours"), [("K", "K"), ("kPa", "kPa"), ("m/s", "m s-1"), ("mbar", "hPa")])
def test_units_that_are_not_the_declared_ones_are_refused(words: str, ours: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(source("csijson"), with_units(words), 0)
    assert f"field 'PTemp' is in '{words}' ({ours}), the station file declares deg C" in caught.value.reason


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        (b"", "empty"),
        (b"[]", "expected an object with 'head'"),
        (b"{}", "head: expected an object"),
        (b'{"head": {}}', "fields: expected a list"),
        (b'{"head": {"fields": [{}]}}', "name: expected a text"),
        (b'{"head": {"fields": [{"name": "x"}]}}', "none of the fields of stream 'csijson'"),
        (b'{"head": {"fields": [{"name": "PTemp"}, {"name": "PTemp"}]}, "data": []}', "comes twice"),
        (b'{"head": {"fields": [{"name": "PTemp"}]}, "data": []}', "no records"),
        (b'{"head": {"fields": [{"name": "PTemp"}]}, "data": {}}', "data: expected a list"),
        (csijson(vals=[1]), "expected 2 values as there are fields, got 1"),
        (csijson(vals="12"), "vals: expected a list"),
        (csijson(vals=[1, "hot"]), "TA: expected a number"),
        (csijson(vals=[1, 1e39]), "TA: expected a finite number"),
        (csijson(no=-1), "no: expected 0"),
        (csijson(no="7"), "no: expected a whole number"),
        (csijson(time=7), "time: expected a text"),
        (csijson(time="yesterday"), "time: expected RFC 3339"),
        (csijson(time="2026-02-30T00:00:00"), "no such time"),
        (csijson(time="1900-01-01T00:00:00"), "from 1990 to 2100"),
        (csijson(time="2200-01-01T00:00:00"), "from 1990 to 2100"),
        (csijson(time="0001-01-01T00:00:00"), "from 1990 to 2100"),
        (csijson(vals=[1, 2]).replace(b"21.29", b"Infinity").replace(b"2]", b"Infinity]"), "no valid JSON"),
    ],
)
def test_bad_csijson_is_refused_with_a_reason(payload: bytes, part: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(source("csijson"), payload, 0)
    assert part in caught.value.reason
    assert caught.value.station == "cn-foreign"
    assert caught.value.topic == "cn-foreign/csijson/campbell-csijson"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"type": "FeatureCollection"}, "type: expected 'Feature'"),
        ({"properties": None}, "properties: expected an object"),
        ({"properties": {}}, "observationNames: expected a list"),
        ({"properties": {"observationNames": ["x"], "observations": {}}}, "none of the fields of stream 'geojson'"),
        ({"properties": {"observationNames": ["crTemp"]}}, "observations: expected an object"),
        ({"properties": {"observationNames": ["crTemp"], "observations": {}}}, "no records"),
        ({"properties": {"observationNames": ["crTemp"], "observations": {"x": [1]}}}, "expected RFC 3339"),
        ({"properties": {"observationNames": ["crTemp"], "observations": {"2025-10-01T09:21:00": [1]}}}, "with zone"),
        (
            {"properties": {"observationNames": ["crTemp"], "observations": {"2025-10-01T09:21:00Z": [1, 2]}}},
            "expected 1 values as there are names, got 2",
        ),
    ],
)
def test_bad_geojson_is_refused_with_a_reason(changes: dict[str, Any], part: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(source("geojson"), dumped({**GEOJSON, **changes}), 0)
    assert part in caught.value.reason


@pytest.mark.parametrize(("payload", "online", "reason"), STATES)
def test_states(payload: bytes, online: bool, reason: str) -> None:
    assert decode(state_source(), payload, 0) == [LoggerState("cn-foreign", "CR1000X_70681", online, reason)]


@pytest.mark.parametrize(("payload", "online"), [(b"online", True), (b"OFFLINE\n", False)])
def test_a_bare_word_is_a_state(payload: bytes, online: bool) -> None:
    assert decode(state_source(), payload, 0) == [LoggerState("cn-foreign", "", online)]


@pytest.mark.parametrize("payload", [b"", b"on", b"online" * 3, b'{"state":"asleep"}', b'{"state":1}', b"{}", b"[1]"])
def test_bad_states_are_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        decode(state_source(), payload, 0)
