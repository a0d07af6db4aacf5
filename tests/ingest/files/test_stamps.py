"""Stamps: what a time format reads, to the microsecond, and what none is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from ingest.files.stamps import fault_of_format, has_zone, read_stamps

ISO = "%Y-%m-%d %H:%M:%S%.f"
ARRAY = "%Y %j %H%M %S%.f"


def read(time_format: str, *words: str) -> datetime | None:
    micros = read_stamps([pl.Series([word]) for word in words], time_format)[0]
    return None if micros is None else datetime(1970, 1, 1) + timedelta(microseconds=micros)


NOON = datetime(2026, 6, 1, 12)
TENTH = timedelta(milliseconds=100)


@pytest.mark.parametrize(
    ("time_format", "words", "time"),
    [
        (ISO, ["2026-06-01 12:00:00.1"], NOON + TENTH),
        (ISO, ["2026-06-01 24:00:00"], datetime(2026, 6, 2)),
        (ISO, ["2026-12-31 24:00:00.000"], datetime(2027, 1, 1)),
        (ISO, ["2026-06-01 24:00:01"], None),
        (ISO, ["2026-06-01 12:00:00+01:00"], None),
        # a zone is taken at its word
        ("%Y-%m-%dT%H:%M:%S%.f%:z", ["2026-06-01T13:00:00.1+01:00"], NOON + TENTH),
        ("%Y-%m-%dT%H:%M:%S%.f%z", ["2026-06-01T06:30:00-0530"], NOON),
        ("%Y-%m-%dT%H:%M:%S%.f%:z", ["2026-06-01T12:00:00Z"], NOON),
        ("%Y-%m-%dT%H:%M:%S%.fZ", ["2026-06-01T12:00:00.1Z"], NOON + TENTH),
        ("%Y-%m-%dT%H:%M:%S%.f%:z", ["2026-05-31T24:00:00+00:00"], datetime(2026, 6, 1)),
        # 152 is the first of June; hours and minutes without their zeros
        (ARRAY, ["2026", "152", "1200", "0.1"], NOON + TENTH),
        (ARRAY, ["2026", "152", "100", "5"], datetime(2026, 6, 1, 1, 0, 5)),
        (ARRAY, ["2026", "152", "5", "0"], datetime(2026, 6, 1, 0, 5)),
        (ARRAY, ["2026", "152", "0", "0"], datetime(2026, 6, 1)),
        (ARRAY, ["2026", "7", "905", "0"], datetime(2026, 1, 7, 9, 5)),
        (ARRAY, ["2026", "365", "2400", "0.1"], datetime(2027, 1, 1) + TENTH),
        (ARRAY, ["2026", "152", "2430", "0"], None),
        (ARRAY, ["2026", "152", "12000", "0"], None),
        (ARRAY, ["2026", "152", "12.0", "0"], None),
        ("%Y%m%d %H%M", ["20260601 100"], datetime(2026, 6, 1, 1)),
        # what touches must have its full width
        ("%Y%m%d%H%M", ["202606011200"], NOON),
        ("%Y%m%d%H%M", ["20260601120"], None),
        ("%Y%m%d%H%M", ["202606302400"], datetime(2026, 7, 1)),
        ("%Y%m%d%H%M", ["202606302430"], None),
        ("%Y%m%d%H%M%S", ["20260630240000"], datetime(2026, 7, 1)),
        ("%Y-%m-%d %H:%M", ["2026-05-01 24:00"], datetime(2026, 5, 2)),
        ("%Y%j %H:%M", ["202615 12:00"], None),
        ("%Y%m%dT%H%M%S%.f", ["20260601T120000.1"], NOON + TENTH),
        ("%Y%m%dT%H%M%S%.f", ["2026601T120000.1"], None),
        # epochs: 2026-06-01T12:00Z is 1780315200 s
        ("epoch", ["1780315200", "100000000"], NOON + TENTH),
        ("epoch_s", ["1780315200.1"], NOON + TENTH),
        ("epoch_ms", ["1780315200100"], NOON + TENTH),
        ("epoch_us", ["1780315200100000"], NOON + TENTH),
        ("epoch_ns", ["1780315200100000000"], NOON + TENTH),
        ("epoch_s", ["1780315200100"], None),
        ("epoch_ns", ["1780315200"], datetime(1970, 1, 1, 0, 0, 1, 780315)),
        ("epoch_s", ["-1"], None),
        ("epoch_s", ["soon"], None),
    ],
)
def test_a_stamp_is_the_time_that_it_says(time_format, words, time):
    assert read(time_format, *words) == time


def test_one_late_stamp_leaves_the_others():
    texts = pl.Series(["2026-06-01 23:59:59", "2026-06-01 24:00:00", "nonsense", "2026-06-02 00:00:01"])
    midnight = int(datetime(2026, 6, 2, tzinfo=UTC).timestamp()) * 10**6
    assert read_stamps([texts], ISO).to_list() == [midnight - 10**6, midnight, None, midnight + 10**6]


@pytest.mark.parametrize(
    ("time_format", "columns", "part"),
    [
        ("%Q", 1, "%Q means nothing"),
        ("YYYY-MM-DD", 1, "a date and a time of day"),
        ("%f", 1, "%f means nothing here; a fraction with its point is %.f"),
        ("%Y-%m-%d %H:%M:%S.%f", 1, "%f means nothing"),
        ("%Y-%m-%d", 1, "this has no time of day"),
        ("%H:%M:%S", 1, "this has no date"),
        ("%Y-%m-%d %I:%M", 1, "this has no time of day"),
        ("%Y-%m-%d %M:%S", 1, "this has no time of day"),
        ("%Y-%m %H:%M", 1, "this has no date"),
        ("%Y-%m-%d %H:%M %Z", 1, "%Z means nothing"),
        ("epoch", 1, "2 time_columns"),
        ("epoch_ms", 2, "1 time_columns"),
    ],
)
def test_what_means_nothing_is_refused(time_format, columns, part):
    assert part in (fault_of_format(time_format, columns) or "")


@pytest.mark.parametrize(
    ("time_format", "zone"),
    [
        (ISO, False),
        (ARRAY, False),
        ("%Y-%m-%dT%H:%M:%S%.f%:z", True),
        ("%Y-%m-%dT%H:%M:%SZ", True),
        ("%d.%m.%Y %H:%M:%S%.f", False),
        ("%m/%d/%Y %I:%M:%S %p", False),
        ("%d %b %Y %H:%M", False),
        ("%y%m%d%H%M%S", False),
        ("epoch_ms", True),
    ],
)
def test_what_people_write_is_taken(time_format, zone):
    assert fault_of_format(time_format, 1) is None
    assert has_zone(time_format) is zone
