from __future__ import annotations

import math
from contextlib import nullcontext

import numpy as np
import pytest

from core.errors import PayloadError
from core.records import Reading, SampleBlock
from core.settings import read_settings
from core.station import Station
from ingest.collector.conform import conform
from ingest.collector.stamp_limits import StampLimits

NOW = 1_782_864_000_000_000_000
DT = 100_000_000
DAY = 86_400_000_000_000
MINUTE = 60_000_000_000


def block(*names: str, start: int = NOW - DAY, dt: int = DT, stream: str = "ec") -> SampleBlock:
    samples = np.arange(len(names) * 4, dtype=np.float32).reshape(len(names), 4)
    return SampleBlock("cn-simulated-forest", stream, start, dt, names, samples, 5, 9)


def reading(stream: str = "met", time: int = NOW, **values: float) -> Reading:
    return Reading("cn-simulated-forest", stream, time, values)


def test_channels_come_in_the_declared_order(forest: Station) -> None:
    conformed = conform(block("w", "u", "co2"), forest, NOW)
    assert isinstance(conformed, SampleBlock)
    assert conformed.channels == ("u", "v", "w", "Ts", "co2", "h2o")
    assert conformed.samples[0].tolist() == [4, 5, 6, 7]
    assert conformed.samples[2].tolist() == [0, 1, 2, 3]
    assert conformed.samples[4].tolist() == [8, 9, 10, 11]
    assert np.isnan(conformed.samples[[1, 3, 5]]).all()
    assert conformed.samples.dtype == np.float32
    assert (conformed.start_ns, conformed.dt_ns, conformed.seq, conformed.run) == (NOW - DAY, DT, 5, 9)


def test_a_block_in_order_is_left_alone(forest: Station) -> None:
    sent = block("u", "v", "w", "Ts", "co2", "h2o")
    assert conform(sent, forest, NOW) is sent


def test_readings_get_the_declared_order(forest: Station) -> None:
    conformed = conform(reading(PA_1_1_1=97.7, TA_1_1_1=21.0), forest, NOW)
    assert isinstance(conformed, Reading)
    assert list(conformed.values) == ["TA_1_1_1", "RH_1_1_1", "PA_1_1_1", "SW_IN_1_1_1", "P_1_1_1"]
    assert conformed.values["TA_1_1_1"] == 21.0
    assert conformed.values["PA_1_1_1"] == 97.7
    assert math.isnan(conformed.values["RH_1_1_1"])


@pytest.mark.parametrize(
    ("record", "part"),
    [
        (block("u", stream="fast"), "unknown stream 'fast': station cn-simulated-forest declares co2, ec, met"),
        (reading("slow", TA_1_1_1=1.0), "fluxtower station add FILE.toml"),
        (block("u", "xx"), "unknown channel 'xx': stream 'ec' declares u, v, w, Ts, co2, h2o"),
        (reading(TA=1.0), "unknown channel 'TA'"),
        (block("TA_1_1_1", stream="met"), "stream 'met' is declared as reading: publish to .../reading"),
        (reading("ec", u=1.0), "stream 'ec' is declared as block"),
        (block("u", dt=DT + DT // 50), "declares 10 samples a second"),
        (block("u", dt=DT // 2), "correct `rate` in the station file"),
        (block("u", start=NOW + DAY), "set the logger's clock"),
        (reading(time=NOW + DAY + 2_000_000_000, TA_1_1_1=1.0), "2026-07-02T00:00:02Z, 1 day, 0:00:02 ahead"),
        (reading(time=NOW + 6 * MINUTE, TA_1_1_1=1.0), "FLUXTOWER_MAX_AHEAD_SECONDS allows 300"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(
    forest: Station, record: SampleBlock | Reading, part: str
) -> None:
    with pytest.raises(PayloadError) as caught:
        conform(record, forest, NOW)
    assert part in caught.value.reason
    assert caught.value.station == "cn-simulated-forest"


def test_a_step_within_a_percent_and_a_clock_some_minutes_ahead_are_taken(forest: Station) -> None:
    conform(block("u", dt=DT + DT // 200), forest, NOW)
    conform(reading(time=NOW + 5 * MINUTE, TA_1_1_1=1.0), forest, NOW)


@pytest.mark.parametrize(("minutes", "taken"), [(0, True), (9, True), (11, False)])
def test_the_end_of_a_block_must_not_lie_too_far_ahead(forest: Station, minutes: int, taken: bool) -> None:
    record = block("u", start=NOW + minutes * MINUTE)
    limits = StampLimits(ahead_ns=10 * MINUTE)
    ends = np.array([record.start_ns + 4 * DT])
    assert limits.out_of_range(ends, NOW).tolist() == [not taken]
    with nullcontext() if taken else pytest.raises(PayloadError, match="allows 600"):
        conform(record, forest, NOW, limits)


@pytest.mark.parametrize(("days", "taken"), [(0, True), (29, True), (31, False), (9000, False)])
def test_data_that_are_too_old_when_they_come_are_refused(forest: Station, days: int, taken: bool) -> None:
    record = block("u", start=NOW - days * DAY)
    limits = StampLimits(age_ns=30 * DAY)
    assert limits.out_of_range(np.array([record.start_ns + 4 * DT]), NOW).tolist() == [not taken]
    with (
        nullcontext() if taken else pytest.raises(PayloadError, match=r"days before it came: set the .*AGE_DAYS \(30\)")
    ):
        conform(record, forest, NOW, limits)


def test_the_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUXTOWER_MAX_AHEAD_SECONDS", "90")
    monkeypatch.setenv("FLUXTOWER_MAX_AGE_DAYS", "2.5")
    assert StampLimits.of(read_settings()) == StampLimits(90_000_000_000, 216_000_000_000_000)


@pytest.mark.parametrize(
    ("name", "sent", "missing"),
    [("TA_1_1_1", -9999.0, True), ("TA_1_1_1", -7999.0, True), ("TA_1_1_1", 9999.0, True), ("TA_1_1_1", -99.9, True),
     ("TA_1_1_1", 85.0, False), ("TA_1_1_1", 99.0, False), ("TA_1_1_1", -127.0, False), ("RH_1_1_1", 99.0, False),
     ("RH_1_1_1", 9999.0, True)],
)  # fmt: skip
def test_a_number_that_stands_for_a_missing_value_is_missing(
    forest: Station, name: str, sent: float, missing: bool
) -> None:
    """Only one that looks like it and cannot be a value; what a broken sensor says stays, and is flagged."""
    conformed = conform(reading(**{name: sent}), forest, NOW)
    assert isinstance(conformed, Reading)
    assert conformed.values[name] == pytest.approx(np.nan if missing else sent, nan_ok=True)
