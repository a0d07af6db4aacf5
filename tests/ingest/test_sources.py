from __future__ import annotations

import re

import pytest

from core.errors import ConfigError, PayloadError, UnknownStation
from core.records import Reading
from core.station import Station, parse_station, with_line
from ingest.formats import check_formats
from ingest.payloads import MessageSource, decode
from ingest.sources import MAX_KNOWN_TOPICS, Sources, check_topics
from tests.ingest.foreign import FILE, HEAD, index_of, station, stream_text

ROOT = "flux/v1"
HOUR = 3_600_000_000_000


@pytest.fixture
def sources() -> Sources:
    return Sources({"cn-foreign": station()}, ROOT)


def other(topic: str, id: str = "cn-other") -> Station:
    """A station with one foreign topic."""
    text = HEAD.replace("cn-foreign", id).split("state_topics")[0]
    stream = stream_text("csijson").replace("cs/v2/data/QU8Q-9JTY-HVP8/Test/cj", topic)
    return parse_station(text + stream, "other.toml")


def test_a_topic_of_a_station_file_names_stream_and_format(sources: Sources) -> None:
    found = sources.resolve("cs/v2/data/QU8Q-9JTY-HVP8/Test/cj")
    assert (found.station, found.stream, found.format) == ("cn-foreign", "csijson", "campbell-csijson")
    assert found.declared is not None
    assert found.declared.name == "csijson"
    assert found.ahead_ns == -7 * HOUR  # the station's own, as nothing else is said
    assert sources.resolve("cs/v1/data/cr6/123/Fast").ahead_ns == 0
    assert sources.resolve("cs/v2/data/CR1000X/400/Hourly").stream == "geojson"
    assert sources.resolve("cs/v2/data/CR1000X/400/Daily").stream == "geojson"


@pytest.mark.parametrize("topic", ["cs/v2/state/QU8Q-9JTY-HVP8", "cs/v2/state/QU8Q-9JTY-HVP8/"])
def test_a_logger_says_its_state_with_and_without_a_slash(sources: Sources, topic: str) -> None:
    assert sources.resolve(topic) == MessageSource("cn-foreign", "", "state")


def test_our_own_topics(sources: Sources) -> None:
    found = sources.resolve("flux/v1/cn-foreign/ec/block")
    assert (found.station, found.stream, found.format) == ("cn-foreign", "ec", "block")
    assert found.declared is station().streams["ec"] or found.declared == station().streams["ec"]
    assert sources.resolve("flux/v1/cn-foreign/nothing/reading").declared is None
    with pytest.raises(UnknownStation):
        sources.resolve("flux/v1/nobody/ec/block")
    for topic in ("cs/v2/data/CR1000X/400", "cs/v2/data/CR1000X/400/a/b", "serial", ""):
        with pytest.raises(PayloadError, match="unknown topic"):
            sources.resolve(topic)


def test_what_is_remembered_is_bounded(sources: Sources) -> None:
    for number in range(MAX_KNOWN_TOPICS + 10):
        sources.resolve(f"cs/v2/data/CR1000X/400/{number}")
    assert len(sources._known) <= MAX_KNOWN_TOPICS


def test_the_filters_are_those_of_all_stations() -> None:
    stations = {"cn-foreign": station(), "cn-other": other("x/+/y")}
    filters = Sources(stations, ROOT).filters
    declared = [stream.topic for stream in station().stream if stream.topic]
    assert len(filters) == len(declared) + len(station().station.state_topics) + 1
    assert set(filters) >= {
        "senml/json",
        "senml/cbor",
        "cs/v2/data/CR1000X/400/+",
        "cs/v2/data/QU8Q-9JTY-HVP8/Test/cj",
        "cs/v1/data/cr6/123/Fast",
        "serial/toa5",
        "v3/app/devices/+/up",
        "cs/v2/state/QU8Q-9JTY-HVP8/#",
        "x/+/y",
    }


def test_of_two_stations_with_one_topic_the_first_keeps_it() -> None:
    stations = {"cn-foreign": station(), "cn-other": other("serial/toa5")}
    assert Sources(stations, ROOT).resolve("serial/toa5").station == "cn-foreign"


@pytest.mark.parametrize(
    ("topic", "by"),
    [
        ("serial/toa5", "'serial/toa5' is, by station cn-foreign"),
        ("serial/+", "'serial/toa5' is, by station cn-foreign"),
        ("cs/v2/+/CR1000X/#", "'cs/v2/data/CR1000X/400/+' is, by station cn-foreign"),
        ("cs/v2/state/QU8Q-9JTY-HVP8", "'cs/v2/state/QU8Q-9JTY-HVP8/#' is, by station cn-foreign"),
        ("flux/v1/x", "'flux/v1/#' is, by Fluxtower itself"),
        ("#", "'flux/v1/#' is, by Fluxtower itself"),
    ],
)
def test_a_topic_that_is_used_already_is_named(topic: str, by: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_topics(other(topic), "other.toml", [station()], ROOT)
    assert str(caught.value).startswith("other.toml: stream[0].topic: expected topics that are not used yet")
    assert by in str(caught.value)


def test_a_station_may_be_registered_again() -> None:
    check_topics(station(), "foreign.toml", [station(), other("x")], ROOT)


def test_our_own_formats_may_come_on_a_topic_of_the_loggers() -> None:
    text = HEAD + (
        '[[stream]]\nname = "met"\nkind = "reading"\ninterval = 60\ntopic = "site/+/met"\nformat = "reading"\n'
        'channels = [{ name = "TA", variable = "TA", unit = "deg C" }]\n'
    )
    declared = parse_station(text, "a.toml")
    found = Sources({declared.id: declared}, ROOT).resolve("site/7/met")
    (reading,) = decode(found, b'{"t": "2026-07-01T00:00:00Z", "v": {"TA": 21.5}}', 0)
    assert isinstance(reading, Reading)
    assert (reading.station, reading.stream, reading.values) == ("cn-foreign", "met", {"TA": 21.5})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'format = "senml-json"',
            "",
            "stream[senml-json].format: expected a value: topic and format come together, got nothing",
        ),
        ('topic = "senml/json"', "", "stream[senml-json].topic: expected a value: topic and format come together"),
        ('"senml-json"\nchan', '"senml"\nchan', "stream[senml-json].format: expected"),
        (
            'format = "senml-json"',
            'format = "block"',
            "stream[senml-json].format: expected a format of a stream of",
        ),
        (
            'topic = "senml/json"',
            'topic = "senml/#/x"',
            "stream[senml-json].topic: expected an MQTT topic: # is the last level",
        ),
        (
            'topic = "senml/json"',
            'topic = "senml/+"',
            "stream[senml-cbor].topic: expected topics that 'senml/+' has not",
        ),
        ('["cs/v2/state', '["$SYS/state', "station.state_topics: expected MQTT topics: it must not begin with $"),
        ('["cs/v2/state/QU8Q-9JTY-HVP8/#"]', '["serial/+"]', "station.state_topics: expected topics that"),
        ("logger_utc_offset = 0", "logger_utc_offset = 20", "stream[fast].logger_utc_offset: expected less than"),
        (
            'format = "senml-json"',
            'format = "senml-json"\nlogger_utc_offset = 8',
            "stream[senml-json].logger_utc_offset: expected nothing: the stamps have a zone, got 8",
        ),
        (
            'format = "senml-json"',
            'format = "senml-json"\ncolumns = ["a"]',
            "stream[senml-json].columns: expected nothing",
        ),
        ('columns = ["TIMESTAMP"', 'columns = ["TIME"', "stream[toa5].columns: expected a column 'TIMESTAMP'"),
        ('field = "AirTC_Avg"', 'field = "AirTC"', "stream[toa5].columns: expected a column 'AirTC'"),
        ('field = "AirTC_Avg"', 'field = "RH"', "stream[toa5].channels: expected names that differ, got 'RH' twice"),
        (
            'kind = "block"\nrate = 20',
            'kind = "block"\nstamps = "end"\nrate = 20',
            "stream[ec].stamps: expected nothing",
        ),
        ("resolution = 0.005, offset", "offset", "stream[ec].channels[1].resolution: expected a step beside `offset`"),
        ("resolution = 0.01", "resolution = 0", "stream[ec].channels[0].resolution: expected greater than 0, got 0"),
    ],
)
def test_a_mistaken_mapping_is_named(old: str, new: str, message: str) -> None:
    assert old in FILE
    text = FILE.replace(old, new, 1)
    with pytest.raises(ConfigError) as caught:
        check_formats(parse_station(text, "a.toml"), "a.toml")
    # the messages above name streams, errors count them
    expected = re.sub(r"^stream\[([a-z0-9-]+)\]", lambda found: f"stream[{index_of(found[1])}]", message)
    assert expected in str(caught.value)
    assert with_line(caught.value, text).line is not None
