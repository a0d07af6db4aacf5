"""Records of which a stamp is damaged: what is not of the time of those around it is left out and told, all else used.

The files are written here line by line, so which of their stamps are damaged is known.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.station import parse_station
from ingest.files import text
from ingest.files.examination import LONE, Examined, examine

STATION = parse_station(
    """
[station]
id = "t1"
name = "T"
latitude = 45.0
longitude = 10.0
altitude = 100.0
utc_offset = 0.0
[[stream]]
name = "ec"
kind = "block"
rate = 20.0
channels = [{ name = "w", variable = "W", unit = "m s-1" }]
[files]
format = "csv"
time_columns = ["time"]
""",
    "t1.toml",
)
FIRST = datetime(2026, 6, 1, 12, tzinfo=UTC)
N = 400
STEP = timedelta(milliseconds=50)
EVEN = [FIRST + i * STEP for i in range(N)]
Change = Callable[[list[datetime]], object]


def examined(folder: Path, stamps: Sequence[datetime]) -> Examined:
    path = folder / "t.csv"
    rows = (f"{one:%Y-%m-%d %H:%M:%S.%f},{i / 100}\n" for i, one in enumerate(stamps))
    path.write_text("time,w\n" + "".join(rows))
    return examine(path, STATION, "ec")


def moved(*places: int, by: timedelta) -> list[datetime]:
    return [one + by if i in places else one for i, one in enumerate(EVEN)]


def used(found: Examined) -> set[int]:
    """Numbers of the records that are used: lines begin at 2."""
    parts = [part for one in found.spans for part in one.span.parts]
    return {line - 2 for first, last in parts for line in range(first, last + 1)}


@pytest.mark.parametrize("by", [1, -1, 30, -30, 1800, -1800, 4 * 86400, -4 * 86400, 10**9, -(10**9)])
@pytest.mark.parametrize("places", [(7,), (200,), (100, 102, 300), (50, 51, 52)])
def test_stamps_that_jump_away_and_back_are_left_out(tmp_path: Path, places: tuple[int, ...], by: int) -> None:
    found = examined(tmp_path, moved(*places, by=timedelta(seconds=by)))
    assert used(found) == {*range(N)} - {*places}
    assert sum(one.records for one in found.account.left_out) == len(places)
    assert found.account.left_out[0].line == places[0] + 2
    assert f"line {places[0] + 2}" in found.problems[0]
    assert len(found.spans) == 1


@pytest.mark.parametrize(("place", "by"), [(0, -0.1), (N - 1, 0.1), (0, -1800.0), (N - 1, 1800.0), (N - 1, 4e5)])
def test_an_end_that_stands_apart_is_left_out(tmp_path: Path, place: int, by: float) -> None:
    found = examined(tmp_path, moved(place, by=timedelta(seconds=by)))
    assert used(found) == {*range(N)} - {place}
    assert [(one.reason, one.line, one.records) for one in found.account.left_out] == [(LONE, place + 2, 1)]
    assert LONE in found.account.describe()


def test_several_are_told_in_one_line(tmp_path: Path) -> None:
    found = examined(tmp_path, moved(50, 100, 150, by=timedelta(seconds=5)))
    reason = "stamps like 2026-06-01 12:00:07Z stand amid records of another time"
    assert [(one.reason, one.line, one.records) for one in found.account.left_out] == [(reason, 52, 3)]
    assert found.problems == [f"t.csv: line 52: {reason}; 3 left out: is the file damaged there?"]


def with_gaps(stamps: list[datetime]) -> list[datetime]:
    return stamps[:100] + stamps[130:380] + stamps[399:]


def jittered(stamps: list[datetime]) -> list[datetime]:
    dice = random.Random(3)
    return [one + timedelta(milliseconds=dice.uniform(-40, 40)) for one in stamps]


def with_a_second_lost(stamps: list[datetime]) -> list[datetime]:
    return stamps[:200] + [one + timedelta(seconds=1) for one in stamps[200:]]


def corrected(stamps: list[datetime]) -> list[datetime]:
    """A clock that gains, and is set back by 300 ms now and then."""
    return [one - (i // 100) * timedelta(milliseconds=300) for i, one in enumerate(stamps)]


@pytest.mark.parametrize("change", [list, with_gaps, jittered, with_a_second_lost, corrected])
def test_what_is_not_damaged_is_used_without_a_word(tmp_path: Path, change: Change) -> None:
    stamps = change(list(EVEN))
    assert isinstance(stamps, list)
    found = examined(tmp_path, stamps)
    assert (used(found), found.problems, found.account.describe()) == ({*range(len(stamps))}, [], "")


@pytest.mark.parametrize("piece", [200, 377, 1000, 5000])
@pytest.mark.parametrize("place", [0, 1, 2, 37, 198, N - 2, N - 1])
def test_it_does_not_matter_how_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, place: int
) -> None:
    by = timedelta(hours=-1 if place == 0 else 1)
    whole = used(examined(tmp_path, moved(place, by=by)))
    monkeypatch.setattr(text, "PIECE_BYTES", piece)
    found = examined(tmp_path, moved(place, by=by))
    # the first one is not judged where hardly any others were read with it
    assert used(found) == ({*range(N)} if place == 0 and piece == 200 else whole)
    assert whole == {*range(N)} - {place}
