"""Published thresholds of u*: words for what they hold for, and which of them filtered NEE."""

from __future__ import annotations

import pytest

from fluxcalc.season.ustar.published import UstarThreshold, range_in_use

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


def test_those_of_versions_have_not_filtered_nee() -> None:
    assert range_in_use([*SEASONS, *YEARS], by_season=True) == (0.15, 0.21)
    assert range_in_use([*SEASONS, *YEARS], by_season=False) == (0.3, 0.3)
    assert range_in_use([UstarThreshold(kind="fixed", value=0.2)], by_season=False) == (0.2, 0.2)
    assert range_in_use(YEARS[1:], by_season=False) is None
