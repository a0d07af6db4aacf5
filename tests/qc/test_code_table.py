"""Quality codes: what a code means with us, and what a round trip keeps."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qc.code_table import (
    CODES,
    DEFAULTS,
    NO_CODE,
    SCHEMES,
    Meaning,
    cause_of,
    from_ours,
    sender_reason,
    to_ours,
)
from qc.flag_scales import map_flags

FLAGS = (1, 2, 3, 4, 9)
CAUSES = sorted({row.meaning.cause for row in CODES} | {"spike", "night_offset"})
MEANINGS = st.builds(Meaning, st.sampled_from(FLAGS), st.sampled_from(CAUSES))
SCHEME = st.sampled_from(SCHEMES)


@pytest.mark.parametrize(
    ("scheme", "codes"),
    [
        ("qartod", "1 2 3 4 9"),
        ("icos", "U N O K"),
        ("fluxnet", "0 1 2 3"),
        ("ssitc", "0 1 2"),
        ("foken", "1 2 3 4 5 6 7 8 9"),
        ("hj212", "N F M S D C T B"),
        ("cn-aws", "0 1 2 3 4 5 7 8 9"),
    ],
)
def test_every_code_of_a_scheme_is_there_once(scheme: str, codes: str) -> None:
    assert [row.code for row in CODES if row.scheme == scheme and row.code != NO_CODE] == codes.split()


@given(SCHEME, MEANINGS, MEANINGS)
def test_from_ours_and_back_keeps_what_the_scheme_tells_apart(scheme: str, one: Meaning, other: Meaning) -> None:
    there = from_ours(scheme, *one), from_ours(scheme, *other)
    back = to_ours(scheme, there[0]), to_ours(scheme, there[1])
    assert (there[0] == there[1]) == (back[0] == back[1])


@given(SCHEME, MEANINGS)
def test_a_second_round_trip_changes_nothing(scheme: str, meaning: Meaning) -> None:
    code = from_ours(scheme, *meaning)
    assert from_ours(scheme, *to_ours(scheme, code)) == code


@pytest.mark.parametrize("scheme", SCHEMES)
def test_to_ours_and_back_keeps_what_we_tell_apart(scheme: str) -> None:
    codes = [row.code for row in CODES if row.scheme == scheme]
    for one, other in combinations(codes, 2):
        ours = to_ours(scheme, one), to_ours(scheme, other)
        back = from_ours(scheme, *ours[0]), from_ours(scheme, *ours[1])
        assert (ours[0] == ours[1]) == (back[0] == back[1])
        if ours[0] != ours[1]:
            assert to_ours(scheme, back[0]) == ours[0]


@given(SCHEME, MEANINGS)
def test_no_code_is_better_than_the_flag(scheme: str, meaning: Meaning) -> None:
    """What is bad with us is good nowhere, and what is good with us is bad nowhere."""
    back = to_ours(scheme, from_ours(scheme, *meaning)).flag
    if meaning.flag in (3, 4, 9):
        assert back in (3, 4, 9)
    else:
        assert back in (1, 2, 9)


def test_classes_of_foken_are_those_of_the_scale() -> None:
    classes = np.arange(1.0, 10.0)
    ssitc = map_flags(classes, "foken")
    for number, flag in zip(classes, ssitc, strict=True):
        assert to_ours("foken", f"{number:g}") == to_ours("ssitc", f"{flag:g}")


def test_hj212_and_chinese_weather_stations() -> None:
    assert to_ours("hj212", "M") == (4, "maintenance")
    assert from_ours("cn-aws", *to_ours("hj212", "S")) == "4"  # set by hand: modified
    assert from_ours("cn-aws", *to_ours("hj212", "B")) == "8"
    assert from_ours("hj212", *to_ours("cn-aws", "4")) == "S"
    assert from_ours("icos", *to_ours("hj212", "D")) == "N"
    assert from_ours("icos", 4, "manual") == "K"
    assert from_ours("icos", 1, "manual") == "O"


def test_reasons_name_causes() -> None:
    assert cause_of(["range: 285 deg C is above 60"]) == "above range"
    assert cause_of(["range: -95 deg C is below -80"]) == ""
    assert cause_of(["spike: 3.2", "consistency: TD 5 is more than TA 4"]) == "consistency"
    assert cause_of(["manual: the sensor fell"]) == "manual"
    for row in CODES:
        if row.scheme == "hj212" and row.meaning.cause:
            assert cause_of([sender_reason(row.meaning.cause, "HJ 212", row.code)]) == row.meaning.cause
    assert from_ours("hj212", 3, cause_of(["range: 285 deg C is above 60"])) == "T"
    assert cause_of([]) == ""


def test_what_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="'X' is no code of hj212: expected one of 'N', 'F'"):
        to_ours("hj212", "X")
    with pytest.raises(ValueError, match="'hj' is no scheme of quality codes: expected one of qartod"):
        from_ours("hj", 1)
    with pytest.raises(ValueError, match="7 is no flag"):
        from_ours("hj212", 7)
    assert set(DEFAULTS) == set(SCHEMES)
