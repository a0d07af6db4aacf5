"""Reasons of a summary: equal causes together, their numbers kept as ranges."""

from __future__ import annotations

import pytest

from fluxtower.batch.reasons import ReasonGroup, split_reason, write_reason


def together(*reasons: str) -> tuple[str, int]:
    (text, group), *others = [split_reason(reason) for reason in reasons]
    for other, one in others:
        assert other == text
        group.add(one)
    return write_reason(text, group), group.count


@pytest.mark.parametrize(
    ("reasons", "written"),
    [
        (["35 % from the model", "80 % from the model", "41 % from the model"], "35-80 % from the model"),
        (
            ["11.5 % are missing, 10 % may be", "100.0 % are missing, 10 % may be"],
            "11.5-100.0 % are missing, 10 % may be",
        ),
        (["-5 deg C", "12 deg C"], "-5 to 12 deg C"),
        (["9 %", "10 %"], "9-10 %"),  # as numbers, not as texts
        (
            ["no storage: 2024-06-20T00:30Z", "no storage: 2024-06-19T23:30Z"],
            "no storage: 2024-06-19T23:30Z to 2024-06-20T00:30Z",
        ),
        (["the sensor CO2_1 is frozen"], "the sensor CO2_1 is frozen"),
        (["1e-05 of it", "2e-06 of it"], "2e-06 to 1e-05 of it"),
    ],
)
def test_numbers_are_kept_as_ranges(reasons, written):
    assert together(*reasons) == (written, len(reasons))


def test_other_words_are_other_reasons():
    assert split_reason("35 % from the model")[0] != split_reason("35 % from the mean")[0]
    assert split_reason("no number") == ("no number", ReasonGroup(1, [], []))
