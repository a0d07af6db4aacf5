"""Which error becomes which status, and when a feed is late."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta

import pytest

from api.deps import choose_period
from api.errors import BadQuery, UnknownStream, answer_to
from core import errors
from core.station import Channel, Stream
from core.timeliness import expected_seconds, status, worst


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.UnknownStation("x"), 404),
        (errors.UnknownVariable("x"), 404),
        (UnknownStream("x", "stream 'y'", []), 404),
        (BadQuery("x", "y"), 422),
        (errors.StoreUnavailable("x"), 503),
        (errors.StoreError("x"), 500),
        (errors.ConfigError("f", "k", "e", "g"), 500),
        (errors.PayloadError("x"), 500),
        (RuntimeError("x"), 500),
    ],
)
def test_status_of_an_error(error: Exception, expected: int) -> None:
    assert answer_to(error).status == expected


def test_every_error_of_ours_has_an_answer_with_a_remedy() -> None:
    ours = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    assert len(ours) > 5
    for kind in ours:
        assert answer_to(kind.__new__(kind)).remedy


@pytest.mark.parametrize(
    ("age", "expected", "state"),
    [(None, 60, "none"), (0, 60, "ok"), (120, 60, "ok"), (121, 60, "late"), (600, 60, "late"), (601, 60, "silent")],
)
def test_status_by_the_stations_own_expectation(age: float | None, expected: float, state: str) -> None:
    assert status(age, expected) == state


def test_expectation_is_the_interval_or_the_longest_block() -> None:
    channels = (Channel(name="a", variable="TA", unit="deg C"),)
    assert expected_seconds(Stream(name="met", kind="reading", interval=1800.0, channels=channels)) == 1800
    assert expected_seconds(Stream(name="ec", kind="block", rate=20.0, channels=channels)) == 60


def test_the_worst_stream_counts() -> None:
    assert worst(["ok", "late", "none"]) == "late"
    assert worst(["late", "silent"]) == "silent"
    assert worst(["ok", "none"]) == "ok"
    assert worst(["none"]) == worst([]) == "none"


NEWEST = datetime(2012, 6, 7, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_period_ends_with_the_newest_data_by_default() -> None:
    period = choose_period(None, None, NEWEST, DAY, 7 * DAY)
    assert (period.start, period.end) == (NEWEST - DAY, NEWEST)


def test_a_period_after_the_newest_data_is_empty_and_no_error() -> None:
    period = choose_period(NEWEST + DAY, None, NEWEST, DAY, 7 * DAY)
    assert (period.start, period.end) == (NEWEST + DAY, NEWEST + 2 * DAY)


def test_a_default_period_is_never_longer_than_allowed() -> None:
    assert choose_period(None, NEWEST, None, 7 * DAY, DAY).length == DAY


def test_without_data_a_period_ends_now() -> None:
    assert abs(choose_period(None, None, None, DAY, DAY).end - datetime.now(UTC)) < timedelta(seconds=5)
