"""A station whose readings are sent, and a destination for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.station import Station, parse_station
from ingest.hj212.config import Destination, Exchange, read_exchange

FAR_MN = "SENT-BY-FLUXTOWER-000001"
TEXT = """
[station]
id = "cn-source"
name = "A station that sends"
latitude = 40.0
longitude = 116.0
altitude = 50
utc_offset = 8

[[stream]]
name = "met"
kind = "reading"
interval = 60
channels = [
    { name = "TA", variable = "TA", unit = "K" },
    { name = "WD", variable = "WD", unit = "deg" },
    { name = "P", variable = "P", unit = "mm" },
]
"""
DESTINATION = f"""
[[destination]]
name = "bureau"
host = "127.0.0.1"
port = 9003
station = "cn-source"
mn = "{FAR_MN}"
pw = "654321"

[[destination.stream]]
name = "met"
cn = ["2011", "2061"]
values = [
    {{ channel = "TA", code = "a01001", unit = "deg C", digits = 2 }},
    {{ channel = "WD", code = "a01008", unit = "deg", digits = 1 }},
    {{ channel = "P", code = "a01020", unit = "mm", digits = 1 }},
]
"""
# the same values at the far end, as a station of its own
FAR_TEXT = f"""
[station]
id = "cn-far"
name = "What a bureau has of it"
latitude = 40.0
longitude = 116.0
altitude = 50
utc_offset = 8

[[stream]]
name = "now"
kind = "reading"
interval = 60
format = "hj212"
mn = "{FAR_MN}"
cn = ["2011"]
channels = [
    {{ name = "TA", variable = "TA", unit = "deg C", field = "a01001-Rtd" }},
    {{ name = "WD", variable = "WD", unit = "deg", field = "a01008-Rtd" }},
    {{ name = "P", variable = "P", unit = "mm", field = "a01020-Rtd" }},
]

[[stream]]
name = "hours"
kind = "reading"
interval = 3600
format = "hj212"
mn = "{FAR_MN}"
cn = ["2061"]
channels = [
    {{ name = "TA", variable = "TA", unit = "deg C", field = "a01001-Avg" }},
    {{ name = "WD", variable = "WD", unit = "deg", field = "a01008-Avg" }},
    {{ name = "P", variable = "P", unit = "mm", field = "a01020-Cou" }},
]
"""


def station() -> Station:
    return parse_station(TEXT, "source.toml")


def exchange(folder: Path, text: str = DESTINATION) -> Exchange:
    file = folder / "hj212.toml"
    file.write_text(text)
    file.chmod(0o600)
    return read_exchange(file)


def destination(folder: Path, **changes: Any) -> Destination:
    (one,) = exchange(folder).destination
    return one.model_copy(update=changes)
