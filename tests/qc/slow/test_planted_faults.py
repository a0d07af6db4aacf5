"""Faults planted into simulated weather are found, and clean weather is good: a small part of `benchmarks.qc`."""

from __future__ import annotations

import pytest

from benchmarks.qc import run
from benchmarks.qc_cases import KINDS, false_alarms, run_case
from ingest.simulation.weather_faults import FAULTS

CASES = 12


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_fault_is_found_and_called_by_its_name(kind: str) -> None:
    tally = run(kind, CASES)
    assert tally.found >= CASES - 1
    assert tally.named >= CASES - 3


def test_every_kind_that_can_be_planted_is_looked_for() -> None:
    assert set(KINDS) == set(FAULTS)
    assert len(FAULTS) >= 15


def test_what_is_small_is_not_found() -> None:
    """A check that told everything would pass the tests above."""
    assert run("spike", CASES, 0.5).found == 0
    assert run("level", CASES, 0.5).found <= 1
    assert run("night_offset", CASES, 0.1).found == 0


def test_clean_weather_is_good() -> None:
    alarms = false_alarms(1)
    assert max(alarms.values()) <= 0.01, alarms


def test_the_same_number_is_the_same_case() -> None:
    assert run_case("spike", 3) == run_case("spike", 3)
