"""Published thresholds of u*: words for what they hold for."""

from __future__ import annotations

import pytest

from fluxcalc.season.ustar.published import UstarThreshold

SEASONS = [
    UstarThreshold(kind="season", value=0.21, year=1997, season=12),
    UstarThreshold(kind="season", value=0.15, year=1998, season=3),
]
YEARS = [
    UstarThreshold(kind="year", value=0.3, year=1998),
    UstarThreshold(kind="year", value=0.1, year=1998, percentile=5.0),
    UstarThreshold(kind="VUT", value=0.9, year=1998, percentile=98.75),
    UstarThreshold(kind="CUT", value=0.05, percentile=50.0),
]


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (UstarThreshold(kind="fixed", value=0.2), "fixed"),
        (SEASONS[0], "season 1997012"),
        (YEARS[0], "year 1998"),
        (YEARS[1], "year 1998 5 %"),
        (YEARS[2], "VUT 1998 98.75 %"),
        (YEARS[3], "CUT 50 %"),
    ],
)
def test_a_threshold_says_what_it_holds_for(threshold: UstarThreshold, expected: str) -> None:
    assert threshold.label == expected
