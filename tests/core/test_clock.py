"""The clock and its grid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import floor_to_grid, fluxnet_stamp, from_ns, intervals, to_ns

TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(tzinfo=UTC))


@given(TIMES)
def test_nanoseconds_go_there_and_back(time: datetime) -> None:
    assert from_ns(to_ns(time)) == time


@given(TIMES, st.sampled_from([10, 15, 30, 60]))
def test_the_grid_starts_at_midnight_and_holds_the_time(time: datetime, minutes: int) -> None:
    start = floor_to_grid(time, minutes)
    assert start <= time < start + timedelta(minutes=minutes)
    midnight = start.replace(hour=0, minute=0)
    assert (start - midnight) % timedelta(minutes=minutes) == timedelta(0)


def test_intervals_touch_the_stretch_and_its_end_is_outside() -> None:
    start = datetime(2026, 7, 1, 0, 10, tzinfo=UTC)
    half = timedelta(minutes=30)
    first = datetime(2026, 7, 1, tzinfo=UTC)
    assert intervals(start, first + half, 30) == [first]
    assert intervals(start, first + half + timedelta(seconds=1), 30) == [first, first + half]
    assert intervals(start, start, 30) == [first]
    assert intervals(first, first, 30) == []


@pytest.mark.parametrize(("offset", "stamp"), [(8.0, "202607010800"), (-8.0, "202606301600"), (5.75, "202607010545")])
def test_exports_are_in_local_standard_time(offset: float, stamp: str) -> None:
    assert fluxnet_stamp(datetime(2026, 7, 1, tzinfo=UTC), offset) == stamp
