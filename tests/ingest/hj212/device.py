"""A device of HJ 212, the station that declares it, and frames built by hand: not by the code under test."""

from __future__ import annotations

from core.station import Station, parse_station

MN = "010000A8900016F000169DC0"
HEAD = """
[station]
id = "cn-device"
name = "A device of HJ 212"
latitude = 40.0
longitude = 116.0
altitude = 50
utc_offset = 8
"""
MINUTES = f"""
[[stream]]
name = "minutes"
kind = "reading"
interval = 60
format = "hj212"
mn = "{MN}"
cn = ["2051"]
channels = [
    {{ name = "CO2", variable = "CO2", unit = "umol mol-1", field = "a05001-Avg" }},
    {{ name = "TA", variable = "TA", unit = "deg C", field = "a01001-Avg" }},
]
"""
REAL_TIME = f"""
[[stream]]
name = "now"
kind = "reading"
interval = 30
format = "hj212"
mn = "{MN}"
cn = ["2011"]
channels = [
    {{ name = "CO2", variable = "CO2", unit = "umol mol-1", field = "a05001-Rtd" }},
]
"""
TEXT = HEAD + MINUTES + REAL_TIME


def station(text: str = TEXT) -> Station:
    return parse_station(text, "device.toml")


def naive_crc(data: bytes) -> int:
    """The standard's words, bit by bit."""
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            out = register & 1
            register >>= 1
            if out:
                register ^= 0xA001
    return register


def framed(segment: str, *, lower: bool = False) -> bytes:
    data = segment.encode("gbk")
    check = f"{naive_crc(data):04x}" if lower else f"{naive_crc(data):04X}"
    return b"##" + f"{len(data):04d}".encode() + data + check.encode() + b"\r\n"


def message(
    cp: str, *, cn: str = "2051", qn: str = "20260701083100001", flag: str = "5", mn: str = MN, pw: str = "123456",
    more: str = "",
) -> bytes:  # fmt: skip
    return framed(f"QN={qn};ST=22;CN={cn};PW={pw};MN={mn};Flag={flag};{more}CP=&&{cp}&&")


def minute(stamp: str, co2: float, letter: str = "N", **changes: str) -> bytes:
    """A minute's averages; named by its stamp."""
    cp = f"DataTime={stamp};a05001-Avg={co2},a05001-Flag={letter};a01001-Avg=21.5,a01001-Flag=N"
    return message(cp, qn=f"{stamp}001", **changes)
