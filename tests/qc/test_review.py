"""Reviews: which months are reviewed, what makes a review void, who signs what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import to_ns
from core.errors import ReviewError
from core.records import Reading
from core.store import Change, Correction, Draft, Review, Store
from qc.review import judge_month, months, read_states, sign_review, subjects_of
from tests.api import tower

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
LATER = datetime(2026, 8, 1, tzinfo=UTC)
DUE = datetime(2026, 9, 1, tzinfo=UTC)
SUBJECT = "met.TA"


def review(number: int, level: str = "station", verdict: str = "accepted", **more: object) -> Review:
    said = Review("cn-x", level, verdict, (SUBJECT,), JUNE, JULY, "", f"user {number}", number, LATER)  # type: ignore[arg-type]
    return replace(said, made=LATER + timedelta(hours=number), **more)  # type: ignore[arg-type]


def state(*said: Review, changes: tuple[Change, ...] = (), now: datetime = LATER) -> tuple[str, str]:
    found = judge_month(SUBJECT, JUNE, JULY, said, changes, DUE, now)
    return found.state, found.why


def test_levels_follow_each_other() -> None:
    assert state() == ("to review", "")
    assert state(review(1)) == ("station", "")
    assert state(review(1), review(2, "centre")) == ("centre", "")


def test_a_part_of_a_month_is_not_the_month_but_two_parts_are() -> None:
    middle = JUNE + timedelta(days=10)
    first, second = review(1, end=middle), review(2, start=middle)
    assert state(first) == ("to review", "")
    assert state(first, second) == ("station", "")
    assert state(first, replace(second, start=middle + timedelta(seconds=1))) == ("to review", "")


def test_what_comes_after_a_review_makes_it_void_and_says_why() -> None:
    late = Change("met", JUNE, JULY, LATER + timedelta(days=3), "data came")
    assert state(review(1), review(2, "centre"), changes=(late,)) == (
        "to review",
        "data came on 2026-08-04 00:00Z, after the review",
    )
    assert state(review(1), changes=(replace(late, changed=LATER),)) == ("station", "")
    assert state(review(1), changes=(replace(late, subject="other"),)) == ("station", "")
    assert state(review(1), changes=(replace(late, start=JULY, end=DUE),)) == ("station", "")
    assert state(review(1), review(100), changes=(late,)) == ("station", "")  # signed again


def test_a_returned_month_is_to_review_until_it_is_signed_again() -> None:
    returned = review(2, "centre", "returned", reason="look at the 3rd")
    assert state(review(1), returned) == ("to review", "returned by user 2 on 2026-08-01: look at the 3rd")
    assert state(review(1), returned, review(3)) == ("station", "")
    assert state(review(1), returned, review(3), review(4, "centre")) == ("centre", "")


def test_a_month_is_overdue_until_the_centre_has_signed() -> None:
    late = DUE + timedelta(seconds=1)
    assert judge_month(SUBJECT, JUNE, JULY, [review(1)], [], DUE, late).is_overdue
    assert not judge_month(SUBJECT, JUNE, JULY, [review(1)], [], DUE, DUE).is_overdue
    assert not judge_month(SUBJECT, JUNE, JULY, [review(1), review(2, "centre")], [], DUE, late).is_overdue


@given(st.integers(-12, 14), st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1)), st.integers(1, 800))
def test_months_meet_and_begin_at_local_midnight(offset: int, start: datetime, days: int) -> None:
    begin = start.replace(tzinfo=UTC)
    end = begin + timedelta(days=days)
    found = list(months(begin, end, offset))
    assert found[0][0] <= begin
    assert found[-1][1] >= end
    for (_, before), (after, _) in pairwise(found):
        assert before == after
    for first, last in found:
        local = first + timedelta(hours=offset)
        assert (local.day, local.hour, local.minute) == (1, 0, 0)
        assert 28 <= (last - first).days <= 31


@pytest.mark.integration
def test_signing_on_a_real_database(store: Store) -> None:
    store.stations.put(tower.STATION, "cn-tower.toml")
    row = store.stations.read(tower.ID)
    assert subjects_of(row.station) == ["met.TA", "met.RH", "fluxes"]
    # June of local standard time, UTC+8
    start, end = next(months(datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 6, 16, tzinfo=UTC), 8.0))
    store.messages.commit([], [tower.reading(start + timedelta(minutes=i), 20.0 + i) for i in range(3)])

    def states() -> dict[str, tuple[str, str]]:
        found = read_states(store.reviews, row, start, end, 45)
        assert {(one.start, one.end) for one in found} == {(start, end)}
        return {one.subject: (one.state, one.why) for one in found}

    assert states() == dict.fromkeys(("met.TA", "met.RH"), ("to review", ""))  # no half-hour, no fluxes to review
    tower.put_flux(store, tower.flux(start, FC=1.0))
    assert states() == dict.fromkeys(("met.TA", "met.RH", "fluxes"), ("to review", ""))
    draft = Draft(tower.ID, "centre", "accepted", (), start, end, "", "wang")
    with pytest.raises(ReviewError, match=r"met\.TA is not reviewed by the station: its operator signs first"):
        sign_review(store, draft)
    flag = Correction("flag", tower.ID, "met", start, start + timedelta(minutes=1), ("TA",), "ice", "li")
    outside = replace(flag, end=end + timedelta(days=1))
    with pytest.raises(ReviewError, match="flags lie in the period"):
        sign_review(store, replace(draft, level="station", by="li"), [outside])
    sign_review(store, replace(draft, level="station", by="li"), [flag])
    flags = store.readings.read(tower.ID, "met", start, end)["flags"].to_list()
    assert flags[0][0] == 4
    assert {one[0] for one in states().values()} == {"station"}
    sign_review(store, draft)
    assert {one[0] for one in states().values()} == {"centre"}

    # a reading that comes late, and a correction, make what they touch void, and nothing else
    store.messages.commit([], [Reading(tower.ID, "met", to_ns(start + timedelta(days=20)), {"TA": 1.0, "RH": 2.0})])
    after = states()
    assert after["fluxes"] == ("centre", "")
    assert after["met.TA"][0] == "to review"
    assert after["met.TA"][1].startswith("data came on ")
    tower.put_flux(store, tower.flux(start, FC=2.0), revision=2)
    assert states()["fluxes"][1].startswith("half-hours were computed on ")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subjects": ("met.XX",)}, "no 'met.XX' to review"),
        ({"end": datetime(2100, 1, 1, tzinfo=UTC)}, "a period that is over"),
        ({"end": JUNE}, "a period that is over"),
        ({"verdict": "returned"}, "say what is to be looked at again"),
    ],
)
def test_what_cannot_be_signed(store: Store, change: dict[str, object], said: str) -> None:
    store.stations.put(tower.STATION, "cn-tower.toml")
    draft = Draft(tower.ID, "station", "accepted", (), JUNE, JULY, "", "li")
    with pytest.raises(ReviewError, match=said):
        sign_review(store, replace(draft, **change))  # type: ignore[arg-type]
    assert store.reviews.find(tower.ID, JUNE, JULY) == []
