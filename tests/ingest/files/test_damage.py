"""Three hundred damaged raw files; `benchmarks/damage.py` reads ten thousand. And what judges them finds faults."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.damage import Read, judge, read_file, run
from benchmarks.damaged_files import DAMAGES, Damaged, Draft, all_kinds
from benchmarks.good_files import FORMATS, ORDERS, Entry, good_items
from ingest.files.records import LeftOut

N = 140


def good(name: str) -> Damaged:
    return Draft(FORMATS[name], [ORDERS[0], *(Entry(i, i) for i in range(N))]).finish()


def test_damaged_files_give_what_is_whole_or_a_word() -> None:
    trials = run(300, seed=1)
    assert [one for one in trials if one.verdict.outcome != "good"] == []
    assert {(one.damage, one.format) for one in trials} == {*all_kinds()}


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"ghg"}))
def test_good_files_are_read_whole(name: str, tmp_path: Path) -> None:
    made = good(name)
    read = read_file(made, name, tmp_path)
    assert made.whole == {*range(N)} == {*read.values}
    # the number of a record in the first column, from the definition of the values
    assert [round(row[0] * 1000) - 1500 for _, row in sorted(read.values.items())] == [*range(N)]
    assert (read.account.describe(), read.problems, judge(made, read).outcome) == ("", [], "good")


def spoil_time(read: Read) -> Read:
    return read._replace(values={place + 1: row for place, row in read.values.items()})


def spoil_column(read: Read) -> Read:
    return read._replace(values={place: (row[1], row[0], *row[2:]) for place, row in read.values.items()})


def spoil_number(read: Read) -> Read:
    return read._replace(values=read.values | {7: (0.0, *read.values[7][1:])})


def spoil_record(read: Read) -> Read:
    return read._replace(values={place: row for place, row in read.values.items() if place != 7})


@pytest.mark.parametrize(
    ("spoil", "outcome"),
    [(spoil_time, "wrong"), (spoil_column, "wrong"), (spoil_number, "wrong"), (spoil_record, "silent")],
)
def test_a_fault_of_a_reader_is_found(spoil, outcome: str, tmp_path: Path) -> None:
    made = good("toa5")
    read = spoil(read_file(made, "toa5", tmp_path))
    assert judge(made, read).outcome == outcome


def test_what_is_told_is_not_silent_unless_more_is_lost(tmp_path: Path) -> None:
    made = good("toa5")
    read = read_file(made, "toa5", tmp_path)
    few = {place: row for place, row in read.values.items() if place > 9}
    told = replace(read.account, read=N, left_out=[LeftOut("damage", 5, 10)])
    told.placed = replace(told.placed, used=N - 10)
    assert judge(made, read._replace(values=few, account=told)).outcome == "good"
    too_few = {place: row for place, row in few.items() if place > 60}
    assert judge(made, read._replace(values=too_few, account=told)).outcome == "silent"
    unbalanced = replace(told, read=N + 1)
    assert judge(made, read._replace(values=few, account=unbalanced)).outcome == "silent"


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_kind_of_damage_changes_the_file(damage: str) -> None:
    for _, name in (kind for kind in all_kinds() if kind[0] == damage):
        # every damage throws the dice for the good file first
        undamaged = [Draft(FORMATS[name], good_items(random.Random(seed))).finish().content for seed in range(4)]
        damaged = [DAMAGES[damage](FORMATS[name], random.Random(seed)).content for seed in range(4)]
        assert sum(one != other for one, other in zip(undamaged, damaged, strict=True)) > 2, name
