"""Simulated weather stations."""

from __future__ import annotations

import numpy as np
import pytest

from core.clock import from_ns
from fluxcalc.sun import solar_elevation
from ingest.simulation.climates import CLIMATES, sine_of_sun
from ingest.simulation.weather import UNITS, make_weather, weather_stream
from ingest.simulation.weather_faults import FAULTS, plant

START = 1_700_000_000 * 10**9 // (86_400 * 10**9) * 86_400 * 10**9


def test_the_same_seed_gives_the_same_weather_and_another_one_another() -> None:
    one, again, other = (make_weather("temperate", seed, START, 2) for seed in (1, 1, 2))
    assert all(np.array_equal(one.values[name], again.values[name]) for name in UNITS)
    assert not np.array_equal(one.values["TA"], other.values["TA"])


@pytest.mark.parametrize("climate", CLIMATES)
def test_the_weather_is_one_that_the_earth_has(climate: str) -> None:
    """Records: WMO's archive of weather extremes; ranges of the mean by the climate itself."""
    facts = CLIMATES[climate]
    for step_s, days in ((60, 12), (600, 75)):
        values = make_weather(climate, 1, START, days, step_s).values
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


def test_the_sun_is_where_the_other_part_of_the_house_has_it() -> None:
    when = START + np.arange(0, 400, 7, dtype=np.int64) * 86_400 * 10**9 + 3 * 3600 * 10**9
    sine, _ = sine_of_sun(when, 47.0, 8.0)
    elevation = [solar_elevation(from_ns(int(one)), 47.0, 8.0) for one in when]
    assert np.degrees(np.arcsin(sine)) == pytest.approx(elevation, abs=0.4)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_planted_where_it_is_said_to_be(kind: str) -> None:
    """Outside of its rows and, but for the clock's, of its channels everything stays as it was."""
    weather = make_weather("temperate", 3, START, 30, 600)
    found = None
    for seed in range(200):
        found = plant(kind, weather, np.random.default_rng(seed), 0.9 if kind == "snow" else 2.0)
        if found is not None:
            break
    assert found is not None
    faulty, fault = found
    changed = {name for name in UNITS if not np.array_equal(faulty.values[name], weather.values[name], equal_nan=True)}
    assert fault.channel in changed
    assert fault.kind == kind
    assert len(changed) <= 2 or kind.startswith("clock")
    rows = np.flatnonzero(faulty.values[fault.channel] != weather.values[fault.channel])
    missing = np.isnan(faulty.values[fault.channel][rows])
    assert fault.begin <= rows[~missing].min() <= rows.max() < fault.end
