"""Frames become readings by the station file's mapping, and nothing is guessed."""

from __future__ import annotations

import math
import re

import pytest

from core.errors import ConfigError, PayloadError
from ingest.formats import check_formats
from ingest.payloads import MessageSource, decode
from ingest.payloads.hj212 import find_unmapped, read_segments
from ingest.sources import DEVICE, Sources, check_topics
from tests.ingest.hj212.device import MINUTES, MN, TEXT, message, minute, station

NS = 10**9
HALF_PAST = (20_635 * 86_400 + 1800) * NS  # 2026-07-01T00:30:00Z


def source(text: str = TEXT) -> MessageSource:
    return Sources({"cn-device": station(text)}, "flux/v1").resolve(DEVICE + MN)


def test_a_minute_in_beijing_time() -> None:
    (reading,) = decode(source(), minute("20260701083000", 415.25), 0)
    assert (reading.station, reading.stream, reading.time_ns) == ("cn-device", "minutes", HALF_PAST)
    assert dict(reading.values) == {"CO2": 415.25, "TA": 21.5}
    assert dict(reading.sender_flags) == {}


def test_a_command_goes_to_its_stream() -> None:
    (reading,) = decode(source(), message("DataTime=20260701083000;a05001-Rtd=400,a05001-Flag=N", cn="2011"), 0)
    assert (reading.stream, dict(reading.values)) == ("now", {"CO2": 400.0})
    with pytest.raises(
        PayloadError, match=r"CN '2061': no stream of device .* takes it, only 2051, 2011: add it to `cn`"
    ):
        decode(source(), message("DataTime=20260701083000;a05001-Avg=400", cn="2061"), 0)


def test_stamps_of_the_end_and_of_another_clock() -> None:
    text = TEXT.replace('cn = ["2051"]', 'cn = ["2051"]\nstamps = "end"\nlogger_utc_offset = 0')
    (reading,) = decode(source(text), minute("20260701083000", 415.25), 0)
    assert reading.time_ns == HALF_PAST + 8 * 3600 * NS - 60 * NS


@pytest.mark.parametrize(
    ("letter", "flag", "reason"),
    [
        ("M", 4, "sender: maintenance (HJ 212 M)"),
        ("D", 4, "sender: fault (HJ 212 D)"),
        ("S", 3, "sender: set by hand (HJ 212 S)"),
        ("T", 3, "sender: above range (HJ 212 T)"),
        ("B", 9, "sender: no communication (HJ 212 B)"),
        ("n", 2, "sender: a flag that is not known (HJ 212 'n')"),
        ("0", 2, "sender: a flag that is not known (HJ 212 '0')"),
    ],
)
def test_a_sender_s_flag_is_kept_beside_the_value(letter: str, flag: int, reason: str) -> None:
    (reading,) = decode(source(), minute("20260701083000", 415.25, letter), 0)
    assert reading.values["CO2"] == 415.25
    assert dict(reading.sender_flags) == {"CO2": (flag, reason)}


def test_a_value_that_was_not_sent_is_missing() -> None:
    (reading,) = decode(source(), message("DataTime=20260701083000;a05001-Avg=400,a01001-Flag=D"), 0)
    assert reading.values["CO2"] == 400.0
    assert math.isnan(reading.values["TA"])
    assert dict(reading.sender_flags) == {}


def test_parts_of_a_message_are_one_reading() -> None:
    parts = [
        message("DataTime=20260701083000;a05001-Avg=400,a05001-Flag=N", flag="7", more="PNUM=2;PNO=1;"),
        message("DataTime=20260701083000;a01001-Avg=20,a01001-Flag=M", flag="7", more="PNO=2;PNUM=2;"),
    ]
    (reading,) = decode(source(), b"".join(parts), 0)
    assert dict(reading.values) == {"CO2": 400.0, "TA": 20.0}
    assert list(reading.sender_flags) == ["TA"]


def test_what_nobody_maps_is_found() -> None:
    sent = message("DataTime=20260701083000;a05001-Avg=400;a34004-Avg=12,a34004-Max=20")
    assert find_unmapped(source(), read_segments(sent)) == ["2051 a34004-Avg", "2051 a34004-Max"]
    assert find_unmapped(source(), read_segments(minute("20260701083000", 1))) == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "the message is empty"),
        (b"\r\n", "the message has no frame"),
        (message("DataTime=20260701083000;a34004-Avg=1"), "none of the codes of the streams of CN 2051 (a05001-Avg, "),
        (message("DataTime=20260701083000;a05001-Avg=1", mn="other"), "MN: the frame is of device 'other', expected "),
        (message("DataTime=18000701083000;a05001-Avg=1"), "DataTime: expected a time from 1990 to 2100"),
        (minute("20260701083000", 1).replace(b"CRC", b"")[:-6] + b"0000\r\n", "CRC: the frame says '0000'"),
    ],
)
def test_what_cannot_be_read_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(PayloadError, match=re.escape(reason)) as caught:
        decode(source(), payload, 0)
    assert caught.value.station == "cn-device"


def test_an_unknown_device() -> None:
    with pytest.raises(PayloadError, match="unknown device MN 'who': no stream of a registered station has it as `mn`"):
        Sources({"cn-device": station()}, "flux/v1").resolve(DEVICE + "who")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f'mn = "{MN}"\n', "", r"stream\[0\].mn: expected a value beside the format hj212"),
        ('cn = ["2051"]\n', "", r"stream\[0\].cn: expected a value beside the format hj212"),
        ('cn = ["2051"]', 'cn = ["205"]', r"stream\[0\].cn"),
        ('cn = ["2051"]', 'cn = ["2051"]\ntopic = "a/b"', r"stream\[0\].topic: expected nothing: frames of HJ 212"),
        ('kind = "reading"\ninterval = 60', 'kind = "block"\nrate = 1', r"stream\[0\].kind: expected reading"),
        ('format = "hj212"', 'topic = "a"\nformat = "senml-json"', r"stream\[0\].mn: expected nothing: the format is"),
        ("a05001-Avg", "a05001", r"stream\[0\].channels\[0\].field: expected a code of HJ 212 with one of Rtd, Avg"),
        ('cn = ["2051"]', 'cn = ["2051"]\ntime_path = "x"', r"stream\[0\].time_path: expected nothing"),
    ],
)  # fmt: skip
def test_mistakes_of_a_station_file(old: str, new: str, message: str) -> None:
    text = TEXT.replace(MINUTES, MINUTES.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        check_formats(station(text), "device.toml")


def test_a_device_belongs_to_one_station() -> None:
    check_formats(station(), "device.toml")
    other = station(TEXT.replace("cn-device", "cn-other"))
    with pytest.raises(
        ConfigError, match=r"stream\[0\].mn: expected a device that is not used yet \(station cn-other has"
    ):
        check_topics(station(), "device.toml", iter([other]), "flux/v1")
