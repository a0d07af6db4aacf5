"""Background, curve, enhancement and comparisons of what is stored."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from core.clock import to_ns
from core.records import Reading
from core.store import Store
from core.store.mole_fractions import StationEvent
from ingest.simulation.analyser import SimulatedAnalyser
from qc.mole_fraction.background import ALONE, EXCLUDED, KEPT, STEP, VARIABLE
from qc.stored_air import fit_background, read_comparisons, read_enhancement, select_hours
from tests.api import air_station
from tests.api.air_station import DAY, HOUR, ID, OTHER, START

pytestmark = pytest.mark.integration

WIND = """
[[stream]]
name = "mast"
kind = "reading"
interval = 600
channels = [{ name = "speed", variable = "WS", unit = "m s-1" }, { name = "from", variable = "WD", unit = "deg" }]
"""


@pytest.fixture
def stored(store: Store) -> Store:
    air_station.register(store, SimulatedAnalyser())
    return store


def selected(store: Store, hours: int, method: str = "", gas: str = "CO2") -> list[int]:
    row = store.stations.read(ID)
    found = select_hours(store, row, gas, "10m", START, START + hours * HOUR, method)  # type: ignore[arg-type]
    assert found.time_ns.tolist() == [to_ns(START + i * HOUR) for i in range(len(found.time_ns))]
    return found.background.state.tolist()


def test_hours_of_background_are_those_of_the_rule(stored: Store) -> None:
    # steady for 5 hours, then up by 1 ppm from one hour to the next: both are steps; 3 clean hours before the first one
    # restore it, 3 clean ones behind the second one restore that, too
    values = [420.0, 420.1, 420.2, 420.1, 420.0, 421.0, 421.1, 421.0, 421.1]
    air_station.put_hours(stored, ID, air_station.hours_from(START, 9), values)
    assert selected(stored, 9) == [KEPT] * 9
    # a lone peak: itself and its neighbours are steps; the neighbours have three clean hours, the peak none beside it
    values = [420.0] * 5 + [424.0] + [420.0] * 5
    air_station.put_hours(stored, ID, air_station.hours_from(START, 11), values)
    assert selected(stored, 11) == [KEPT] * 5 + [STEP] + [KEPT] * 5
    air_station.put_hours(stored, ID, air_station.hours_from(START, 11), values, sd=0.3)
    assert selected(stored, 11) == [VARIABLE] * 11
    air_station.put_hours(stored, ID, air_station.hours_from(START, 11), values, flag=3)
    assert selected(stored, 11) == [EXCLUDED] * 11  # suspect hours are no background
    air_station.put_hours(stored, ID, [START], [420.0])
    assert selected(stored, 1) == [ALONE]


def test_the_selection_does_not_depend_on_the_period(stored: Store) -> None:
    air_station.put_hours(stored, ID, air_station.hours_from(START, 60), [420.0] * 30 + [430.0] + [420.0] * 29)
    row = stored.stations.read(ID)
    whole = select_hours(stored, row, "CO2", "10m", START, START + 60 * HOUR)
    for first, last in ((0, 31), (30, 31), (29, 60)):
        part = select_hours(stored, row, "CO2", "10m", START + first * HOUR, START + last * HOUR)
        assert part.background.state.tolist() == whole.background.state[first:last].tolist()


def test_another_gas_has_the_hours_of_the_gas_that_selects(stored: Store) -> None:
    hours = air_station.hours_from(START, 11)
    air_station.put_hours(stored, ID, hours, [420.0] * 5 + [424.0] + [420.0] * 5)
    row = stored.stations.read(ID)
    assert select_hours(stored, row, "CH4", "10m", hours[0], hours[-1]).time_ns.size == 0
    # rows of two gases are put in at once: a second call would take the place of the first
    air_station.put_gases(stored, ID, hours, {"CO2": [420.0] * 5 + [424.0] + [420.0] * 5, "CH4": [1950.0] * 11})
    assert selected(stored, 11, gas="CH4") == [KEPT] * 5 + [STEP] + [KEPT] * 5


def test_wind_is_that_of_the_stations_readings(store: Store) -> None:
    more = WIND + "\n[mole_fraction.background]\nwind_from = 315\nwind_to = 45\nmin_wind = 2\n"
    air_station.register(store, SimulatedAnalyser(), more=more)
    hours = air_station.hours_from(START, 9)
    air_station.put_hours(store, ID, hours, [420.0] * 9)
    # by hour: from the north (350 and 10 deg: their mean is 0, not 180), calm, from the east; then nothing is known
    winds = [(5.0, (350.0, 10.0))] * 4 + [(1.0, (0.0, 0.0))] + [(5.0, (90.0, 90.0))]
    readings = [
        Reading(ID, "mast", to_ns(hour + i * timedelta(minutes=20)), {"speed": speed, "from": angle})
        for hour, (speed, angles) in zip(hours, winds, strict=False)
        for i, angle in enumerate(angles)
    ]
    store.messages.commit([], readings)
    assert selected(store, 9) == [KEPT] * 4 + [EXCLUDED] * 2 + [KEPT] * 3
    found = select_hours(store, store.stations.read(ID), "CO2", "10m", START, START + 9 * HOUR)
    assert found.wind_known


def test_a_curve_needs_two_years_and_then_knows_trend_and_growth(stored: Store) -> None:
    times, values = air_station.years_of_background(800)
    air_station.put_hours(stored, ID, times, values)
    row = stored.stations.read(ID)
    whole = fit_background(select_hours(stored, row, "CO2", "10m", times[0], START), 8.0)
    # six hours a day on end, the first at 12 h local standard time: all of them on one day
    assert (len(whole.day_ns), whole.span) == (800, 800)
    assert whole.curve is not None
    # the series is a polynomial and a harmonic: what is fitted is exact but for the hours within a day
    assert whole.curve.residual_sd < 0.02
    assert dict(whole.growth) == {2025: pytest.approx(2.5, abs=0.02)}
    assert whole.curve.amplitude(100.0) == pytest.approx(7.0, abs=0.05)
    short = fit_background(select_hours(stored, row, "CO2", "10m", START - 729 * DAY, START), 8.0)
    assert (short.span, short.curve, short.growth) == (729, None, ())
    nothing = fit_background(select_hours(stored, row, "CO2", "40m", times[0], START), 8.0)
    assert (nothing.span, nothing.curve, len(nothing.day_ns)) == (0, None, 0)


def test_an_enhancement_is_of_hours_that_both_have(stored: Store) -> None:
    air_station.register(stored, SimulatedAnalyser(), OTHER)
    air_station.put_hours(stored, ID, air_station.hours_from(START, 10), [430.0 + i for i in range(10)], u=0.03)
    air_station.put_hours(stored, OTHER, air_station.hours_from(START + 3 * HOUR, 10), [420.0] * 10, u=0.04)
    row, other = stored.stations.read(ID), stored.stations.read(OTHER)
    found = read_enhancement(stored, (row, "10m"), (other, "10m"), "CO2", START, START + DAY)
    assert found.difference.tolist() == [13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0]
    assert found.u.tolist() == pytest.approx([0.05] * 7)  # 3, 4, 5
    # 03 UTC is 11 h local time: 12 to 16 h are 04 to 07 UTC
    assert found.afternoon.tolist() == [False, True, True, True, True, False, False]


def test_flasks_and_round_robin_tanks_are_compared(stored: Store) -> None:
    minutes = [START + i * timedelta(minutes=1) for i in range(60)]
    air_station.put_hours(stored, ID, minutes, [420.0 + 0.02 * (i % 2) for i in range(60)], u=0.03, step_s=60)
    air_station.put_targets(stored, ID, [START + 2 * HOUR, START + 8 * HOUR], [0.05, 0.07])
    row = stored.stations.read(ID)

    def put(kind: str, start: int, end: int, where: str, value: float, scale: str = "WMO-CO2-X2019") -> None:
        data = {"gas": "CO2", "scale": scale, "value": value, "u": 0.04, "where": where, "laboratory": "x"}
        event = StationEvent(kind, "info", "", START + start * HOUR, START + end * HOUR, data)
        stored.mole_fractions.put_event(row, event)

    put("flask", 0, 1, "10m", 419.91)
    put("flask", 0, 1, "40m", 420.0)
    put("round_robin", 1, 9, "SIM-T", 421.0)
    put("flask", 0, 1, "10m", 419.75, "WMO-CO2-X2007")
    found = {(one.kind, one.data["where"], one.data["value"]): two for one, two in read_comparisons(
        stored.mole_fractions, row, START, START + DAY)}  # fmt: skip
    flask = found["flask", "10m", 419.91]
    assert flask is not None
    # mean of 60 minutes that are 420.00 and 420.02 in turn: 420.01, sd 0.01008
    assert (flask.value, flask.n) == (pytest.approx(420.01), 60)
    assert flask.difference == pytest.approx(0.10)
    assert flask.u == pytest.approx(np.sqrt(0.03**2 + 0.01008**2 + 0.04**2), rel=1e-3)
    assert found["flask", "40m", 420.0] is None
    tank = found["round_robin", "SIM-T", 421.0]
    assert tank is not None
    assert (tank.difference, tank.n, tank.within_goal) == (pytest.approx(1.06), 2, False)
    older = found["flask", "10m", 419.75]
    assert older is not None
    # X2019 = 1.00079 X2007 - 0.142
    assert older.difference == pytest.approx(420.01 - (1.00079 * 419.75 - 0.142))
