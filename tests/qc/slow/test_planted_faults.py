"""Faults planted into simulated weather are found, and clean weather is good: a small part of `benchmarks.qc`."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.qc import run
from benchmarks.qc_cases import KINDS, LONG, SHORT, clean, false_alarms, run_case
from ingest.simulation.weather import CLIMATES, UNITS, make_weather, weather_stream
from ingest.simulation.weather_faults import FAULTS

CASES = 12
START = 1_700_000_000 * 10**9 // (86_400 * 10**9) * 86_400 * 10**9


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


def test_the_same_seed_gives_the_same_weather_and_another_one_another() -> None:
    one, again, other = (make_weather("temperate", seed, START, 2) for seed in (1, 1, 2))
    assert all(np.array_equal(one.values[name], again.values[name]) for name in UNITS)
    assert not np.array_equal(one.values["TA"], other.values["TA"])
    assert run_case("spike", 3) == run_case("spike", 3)


@pytest.mark.parametrize("climate", CLIMATES)
def test_the_weather_is_one_that_the_earth_has(climate: str) -> None:
    """Records: WMO's archive of weather extremes; ranges of the mean by the climate itself."""
    facts = CLIMATES[climate]
    for data in (SHORT, LONG):
        values = clean(climate, 0, data).values
        assert -89.2 <= values["TA"].min() <= values["TA"].max() <= 56.7
        assert abs(values["TA"].mean() - facts.mean) < facts.annual + 3 * facts.synoptic + 3
        assert 0 < values["RH"].min() <= values["RH"].max() <= 100
        assert values["T_DEW"].max() <= 35
        assert 0 <= values["WS"].min() < 2
        assert (values["WS_MAX"] >= values["WS"] - 0.1).all()
        assert values["SW_IN"].max() < 1600
        assert (values["P"] >= 0).all()
        assert values["LW_IN"].min() > 60
    assert [channel.unit for channel in weather_stream(60).channels] == list(UNITS.values())


def test_the_sums_of_ten_minutes_are_those_of_the_minutes() -> None:
    minutes = make_weather("tropical", 4, START, 3, 60).values
    tens = make_weather("tropical", 4, START, 3, 600).values
    assert tens["P"].sum() == pytest.approx(minutes["P"].sum(), abs=0.2)
    assert tens["TA"].mean() == pytest.approx(minutes["TA"].mean(), abs=0.05)
    assert tens["WS_MAX"].max() == pytest.approx(minutes["WS_MAX"].max(), abs=0.1)


def test_polar_night_is_dark_and_the_tropics_are_not() -> None:
    winter = 1_703_980_800 * 10**9  # the end of December
    assert make_weather("polar", 1, winter, 3).values["SW_IN"].max() < 10
    assert make_weather("tropical", 1, winter, 3).values["SW_IN"].max() > 400
