"""What is not as the station file says: the rate of readings, the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.station import parse_station
from core.timeliness import faults_of

BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
STATION = parse_station(
    """
[station]
id = "cn-x"
name = "X"
latitude = 26.0
longitude = 118.0
altitude = 10.0
utc_offset = 8.0
[[stream]]
name = "ec"
kind = "block"
rate = 10.0
channels = [{ name = "w", variable = "W", unit = "m s-1" }]
[[stream]]
name = "met"
kind = "reading"
interval = 60.0
channels = [{ name = "TA", variable = "TA", unit = "deg C" }]
""",
    "x.toml",
)


def every(*seconds: float) -> list[datetime]:
    """Times, newest first, with these steps between them."""
    times = [BEGIN]
    for step in seconds:
        times.append(times[-1] + timedelta(seconds=step))
    return times[::-1]


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (every(*[600] * 11), "one value every 600 s, the station file says 60 s: correct `interval`"),
        (every(*[10] * 11), "one value every 10 s, the station file says 60 s"),
        (every(*[60] * 11), None),
        (every(*[59, 61, 60.5, 58, 62] * 2), None),
        (every(60, 60, 86_400, 60, 60, 3600, 60), None),  # outages are no rate
        (every(600, 600, 600, 600), None),  # too few to say
        ([], None),
    ],
)
def test_a_rate_is_told_when_it_is_another_than_declared(times: list[datetime], says: str | None) -> None:
    faults = faults_of(STATION, {"met": times, "ec": every(*[600] * 11)}, {})
    assert faults.keys() == ({"met"} if says else set())
    if says:
        assert faults["met"][0].startswith(says)


@pytest.mark.parametrize(
    ("delay", "says"),
    [
        (-200.0, "its clock is 200 s ahead of this machine's"),
        (-9.0, None),
        (0.3, None),
        (3600.0, None),  # an hour and two steps: a batch an hour is not told
        (7 * 3600.0, "its data come 7.0 h after they were measured: a backlog, a clock that is behind, or local time"),
        (10 * 86_400.0, "its data come 10 days after"),
        (None, None),
    ],
)
def test_a_clock_is_told_when_it_is_off(delay: float | None, says: str | None) -> None:
    faults = faults_of(STATION, {}, {"ec": delay})
    assert faults.keys() == ({"ec"} if says else set())
    if says:
        assert faults["ec"][0].startswith(says)
