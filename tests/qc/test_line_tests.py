"""Tests of sampling lines in the store: one that is passed is told as well as one that is not, and told once."""

from __future__ import annotations

import pytest

from core.clock import NS, from_ns, to_ns
from core.records import Reading
from core.store import Store
from core.store.mole_fractions import StationEvent
from ingest.simulation.analyser import CHANNELS, SimulatedAnalyser
from qc.making import make_period
from tests.api import air_station
from tests.api.air_station import DAY, HOUR, ID, START

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("leak", "severity"), [(0.0, "info"), (0.5, "warning")])
def test_what_came_of_a_line_test_is_an_event(store: Store, leak: float, severity: str) -> None:
    # half an hour of the intake 40m, in which the target's dry gas is given to the line
    start, end = to_ns(START + 6 * HOUR) + 1920 * NS, to_ns(START + 6 * HOUR) + 3540 * NS
    scene = SimulatedAnalyser(seed=12)
    air_station.register(store, scene)
    made = scene.samples(to_ns(START), to_ns(START + 13 * HOUR))
    values = made.in_units
    during = (made.time_ns >= start) & (made.time_ns < end)
    c0, c1, c2 = 1.0, -0.0120, -2.674e-4
    water = values[during, 4] / 10
    moist = made.truth["CO2"][during] * (c0 + water * (c1 + water * c2))
    values[during, 1] += scene.true_content[12]["CO2"] + leak - moist
    values[during, 4] = 0.0
    rows = zip(made.time_ns.tolist(), values.tolist(), strict=True)
    readings = [Reading(ID, "analyser", time, dict(zip(CHANNELS, row, strict=True))) for time, row in rows]
    for first in range(0, len(readings), 5000):
        store.messages.commit([], readings[first : first + 5000])
    row = store.stations.read(ID)
    data = {"intake": "40m", "tank": "SIM-T", "checks": {}, "by": "li"}
    test = StationEvent("line_test", "info", "half-yearly", from_ns(start), from_ns(end), data)
    store.mole_fractions.put_event(row, test)
    for _ in range(2):
        make_period(store, row, START, START + 13 * HOUR)
    events = store.mole_fractions.read_events(ID, START, START + DAY)
    found = [one for one in events if one.kind == "mole fraction line_test" and one.data["gas"] == "CO2"]
    assert [one.severity for one in found] == [severity]
    assert found[0].data["about"] == "40m"
    assert found[0].data["value"] == pytest.approx(leak, abs=0.08)
    assert ("within the goal" in found[0].message) is (severity == "info")
