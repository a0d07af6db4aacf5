"""A station whose messages come in other makers' formats, and what its topics mean."""

from __future__ import annotations

from core.station import Station, parse_station
from ingest.payloads import MessageSource
from ingest.sources import Sources

FILE = """
[station]
id = "cn-foreign"
name = "Loggers of other makers"
latitude = 41.8
longitude = -111.9
altitude = 1400
utc_offset = -7
state_topics = ["cs/v2/state/QU8Q-9JTY-HVP8/#"]

[[stream]]
name = "senml-json"
kind = "reading"
interval = 60
topic = "senml/json"
format = "senml-json"
channels = [
    { name = "TA", variable = "TA", unit = "deg C", field = "urn:dev:ow:10e2073a01080063" },
    { name = "RH", variable = "RH", unit = "%", field = "urn:dev:ow:10e2073a01080063:rh" },
    { name = "WET", variable = "DIAG_IRGA", unit = "1", field = "urn:dev:ow:10e2073a01080063:wet" },
]

[[stream]]
name = "senml-cbor"
kind = "reading"
interval = 60
topic = "senml/cbor"
format = "senml-cbor"
channels = [
    { name = "current", variable = "DIAG_IRGA", unit = "1", field = "urn:dev:ow:10e2073a0108006:current" },
    { name = "voltage", variable = "DIAG_SONIC", unit = "1", field = "urn:dev:ow:10e2073a0108006:voltage" },
]

[[stream]]
name = "geojson"
kind = "reading"
interval = 60
topic = "cs/v2/data/CR1000X/400/+"
format = "campbell-geojson"
channels = [
    { name = "TA", variable = "TA", unit = "deg C", field = "crTemp" },
    { name = "warm", variable = "DIAG_IRGA", unit = "1", field = "extreme_temperature" },
]

[[stream]]
name = "csijson"
kind = "reading"
interval = 15
topic = "cs/v2/data/QU8Q-9JTY-HVP8/Test/cj"
format = "campbell-csijson"
channels = [
    { name = "TA", variable = "TA", unit = "deg C", field = "PTemp" },
    { name = "PA", variable = "PA", unit = "kPa", field = "BP_Avg" },
]

[[stream]]
name = "fast"
kind = "block"
rate = 10
topic = "cs/v1/data/cr6/123/Fast"
format = "campbell-csijson"
logger_utc_offset = 0
channels = [
    { name = "u", variable = "U", unit = "m s-1", field = "Ux" },
    { name = "w", variable = "W", unit = "m s-1", field = "Uz" },
]

[[stream]]
name = "toa5"
kind = "reading"
interval = 1800
topic = "serial/toa5"
format = "toa5-line"
columns = ["TIMESTAMP", "RECORD", "AirTC_Avg", "RH"]
channels = [
    { name = "TA", variable = "TA", unit = "deg C", field = "AirTC_Avg" },
    { name = "RH", variable = "RH", unit = "%" },
]

[[stream]]
name = "mapped"
kind = "reading"
interval = 600
topic = "v3/app/devices/+/up"
format = "mapped-json"
time_path = "received_at"
channels = [
    { name = "TS", variable = "TS", unit = "deg C", field = "uplink_message.decoded_payload.temp" },
    { name = "SWC", variable = "SWC", unit = "%", field = "uplink_message.decoded_payload.vwc", gain = 100.0 },
    { name = "PA", variable = "PA", unit = "kPa", field = "uplink_message.rx_metadata.0.pressure" },
]

[[stream]]
name = "ec"
kind = "block"
rate = 20
channels = [
    { name = "u", variable = "U", unit = "m s-1", resolution = 0.01 },
    { name = "ts", variable = "T_SONIC", unit = "deg C", resolution = 0.005, offset = 20.0 },
    { name = "w", variable = "W", unit = "m s-1" },
]
"""


HEAD = FILE.split("[[stream]]")[0]
"""The station without its streams."""


def stream_text(name: str) -> str:
    """What the file says about one stream."""
    (text,) = (part for part in FILE.split("[[stream]]")[1:] if f'name = "{name}"\nkind' in part)
    return f"[[stream]]{text}"


def index_of(name: str) -> int:
    """Which of the streams it is, as errors count them."""
    return list(station().streams).index(name)


def station() -> Station:
    return parse_station(FILE, "foreign.toml")


def source(stream: str) -> MessageSource:
    """What the topic of a stream means."""
    declared = station()
    sources = Sources({declared.id: declared}, "flux/v1")
    topic = declared.streams[stream].topic
    if topic is None:
        return sources.resolve(f"flux/v1/{declared.id}/{stream}/{declared.streams[stream].kind}")
    return sources.resolve(topic.replace("+", "Hourly"))


def state_source() -> MessageSource:
    """What the topic of a logger's state means; it ends in a slash, as loggers publish it."""
    declared = station()
    return Sources({declared.id: declared}, "flux/v1").resolve("cs/v2/state/QU8Q-9JTY-HVP8/")
