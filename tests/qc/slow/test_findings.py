"""Findings about stretches of time, on series whose answer is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.clock import from_ns
from core.station import Identity
from fluxcalc.sun import solar_elevation
from qc.codes import BAD, SUSPECT
from qc.slow.buddy import HOUR_NS, buddy_outliers, find_outsiders
from qc.slow.clock import clock_lag, find_clock_errors
from qc.slow.drift import find_drifts
from qc.slow.finding import DAY_NS, ChannelSeries
from qc.slow.findings import NEEDED_DAYS, find_all, reference_of
from qc.slow.kernels import potential_radiation, sines_of_sun
from qc.slow.level import find_leaps
from qc.slow.night_offset import find_night_offsets
from qc.slow.noise import find_noise
from qc.slow.unit import find_units

SITE = Identity(id="x", name="x", latitude=30.0, longitude=120.0, altitude=100.0, utc_offset=8.0)
START = 1_700_000_000 * 10**9 // (60 * DAY_NS) * 60 * DAY_NS  # the beginning of a window of 15 and of 60 days
TEN_MINUTES = 600 * 10**9


def times(days: float, step: int = TEN_MINUTES) -> NDArray[np.int64]:
    return START + np.arange(round(days * DAY_NS / step), dtype=np.int64) * step


def sky(when: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Radiation under a sky that half of the time is cloudy, by the sun of another part of the house."""
    elevation = np.array([solar_elevation(from_ns(int(t) + TEN_MINUTES // 2), 30.0, 120.0) for t in when])
    random = np.random.default_rng(seed)
    clouds = np.where(random.random(when.size) < 0.5, random.uniform(0.2, 0.8, when.size), 1.0)
    return 1000 * np.clip(np.sin(np.radians(elevation)), 0, None) * clouds


def series(name: str, unit: str, when: NDArray[np.int64], values: NDArray[np.float64]) -> ChannelSeries:
    return ChannelSeries(name.lower(), name, unit, TEN_MINUTES, when, values)


def test_the_sun_is_where_the_other_part_of_the_house_has_it() -> None:
    when = START + np.arange(0, 700 * DAY_NS, 5 * DAY_NS + 3_700 * 10**9, dtype=np.int64)
    elevation = [solar_elevation(from_ns(int(t)), 30.0, 120.0) for t in when]
    assert np.degrees(np.arcsin(sines_of_sun(when, 30.0, 120.0))) == pytest.approx(elevation, abs=0.4)
    # noon of the June solstice on the tropic: the sun is overhead, 1.5 % further away than on average, twice
    solstice = 1_718_884_800 * 10**9  # 2024-06-20 12:00 UTC
    assert potential_radiation(solstice, 23.44, 0.4) == pytest.approx(1361 / 1.0160**2, rel=2e-3)


@pytest.mark.parametrize("minutes", [-60, -30, 0, 30, 60])
def test_a_clock_is_compared_with_the_sun(minutes: int) -> None:
    when = times(30)
    light = np.roll(sky(when, 1), minutes // 10)
    found = find_clock_errors(series("SW_IN", "W m-2", when, light), SITE)
    assert [one.start_ns for one in found] == ([] if minutes == 0 else [START, START + 15 * DAY_NS])
    for one in found:
        assert one.data["lag_minutes"] == pytest.approx(minutes, abs=8)
        assert one.flag == (BAD if abs(minutes) == 60 else SUSPECT)
        assert one.reason.startswith("clock: stamps are ")
        assert ("late" in one.reason) == (minutes > 0)


def test_a_clock_cannot_be_told_without_light() -> None:
    when = times(15)
    assert np.isnan(clock_lag(when, np.zeros(when.size), TEN_MINUTES, SITE))
    assert np.isnan(clock_lag(when[:300], sky(when[:300], 1), TEN_MINUTES, SITE))  # two days
    assert find_clock_errors(series("TA", "deg C", when, sky(when, 1)), SITE) == []


@pytest.mark.parametrize(("offset", "flags"), [(0.0, set()), (-5.0, set()), (12.0, {SUSPECT}), (-40.0, {BAD})])
def test_radiation_at_night_is_nothing(offset: float, flags: set[int]) -> None:
    when = times(4)
    found = find_night_offsets(series("SW_IN", "W m-2", when, sky(when, 1) + offset), SITE)
    assert {one.flag for one in found} == flags
    assert all(one.data["offset"] == pytest.approx(offset, abs=0.1) for one in found)
    assert len(found) == (4 if flags else 0)  # four nights from 8 o'clock in the morning on


def steady(when: NDArray[np.int64], seed: int = 1) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    hours = (when / 3.6e12 + 8) % 24
    return 15 + 5 * np.cos((hours - 15) * np.pi / 12) + random.normal(0, 0.1, when.size)


def test_a_leap_of_level_is_told_against_a_reference() -> None:
    when = times(40)
    values, reference = steady(when, 1), steady(when, 2)
    at = int(20 * DAY_NS / TEN_MINUTES)
    assert find_leaps(series("TA", "deg C", when, values), reference, 8.0) == []
    values[at:] += 1.5
    (found,) = find_leaps(series("TA", "deg C", when, values), reference, 8.0)
    assert abs(found.start_ns - when[at]) <= DAY_NS
    assert found.data["leap"] == pytest.approx(1.5, abs=0.2)
    assert found.flag == BAD  # 7.5 accuracies
    kelvin = series("TA", "K", when, values + 273.15)
    assert [one.start_ns for one in find_leaps(kelvin, reference, 8.0)] == [found.start_ns]
    values[at:] -= 1.2
    assert find_leaps(series("TA", "deg C", when, values), reference, 8.0) == []  # 1.5 accuracies: nobody can tell


def test_a_drift_is_told_against_a_reference_and_a_leap_is_none() -> None:
    when = times(60)
    values, reference = steady(when, 1), steady(when, 2)
    assert find_drifts(series("TA", "deg C", when, values), reference, 8.0) == []
    (found,) = find_drifts(series("TA", "deg C", when, values + np.linspace(0, 2, when.size)), reference, 8.0)
    assert found.data["drift"] == pytest.approx(2.0, rel=0.1)
    assert found.flag == BAD
    leap = values + np.where(np.arange(when.size) > when.size / 2, 1.5, 0.0)
    assert find_drifts(series("TA", "deg C", when, leap), reference, 8.0) == []


def test_noise_that_grows_is_told() -> None:
    when = times(14)
    values = steady(when)
    assert find_noise(series("TA", "deg C", when, values), 8.0) == []
    noisy = values.copy()
    noisy[-288:] += np.random.default_rng(3).normal(0, 2.0, 288)
    found = find_noise(series("TA", "deg C", when, noisy), 8.0)
    assert [one.start_ns >= when[-288] - DAY_NS for one in found] == [True] * len(found)
    assert found[-1].data["noise"] == pytest.approx(2.0, rel=0.3)
    assert found[-1].data["usual"] == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize(
    ("name", "unit", "sent", "factor", "offset"),
    [
        ("TA", "deg C", "deg F", 1.8, 32.0),
        ("TA", "deg C", "K", 1.0, 273.15),
        ("PA", "hPa", "kPa", 0.1, 0.0),
        ("RH", "%", "fraction", 0.01, 0.0),
    ],
)
def test_another_unit_is_told_by_the_days_before(name: str, unit: str, sent: str, factor: float, offset: float) -> None:
    when = times(12)
    base = {"TA": 0.0, "PA": 965.0, "RH": 45.0}[name]
    values = steady(when) + base
    assert find_units(series(name, unit, when, values), 8.0) == []
    changed = values.copy()
    changed[-432:] = changed[-432:] * factor + offset
    found = find_units(series(name, unit, when, changed), 8.0)
    assert {one.data["unit"] for one in found} == {sent}
    assert len(found) >= 3


def test_an_outsider_among_neighbours() -> None:
    random = np.random.default_rng(5)
    sites = [
        SITE.model_copy(
            update={"id": f"s{i}", "latitude": 30 + random.uniform(0, 0.2), "longitude": 120 + random.uniform(0, 0.2),
                    "altitude": float(random.uniform(0, 180))}
        )
        for i in range(30)
    ]  # fmt: skip
    heights = np.array([site.altitude for site in sites])
    values = 20 - 0.0065 * heights + random.normal(0, 0.3, 30)
    assert not buddy_outliers(sites, values).any()
    values[7] += 6
    values[8] = np.nan
    assert np.flatnonzero(buddy_outliers(sites, values)).tolist() == [7]
    hours = START + np.arange(6) * HOUR_NS
    means = np.tile(values, (6, 1)) + random.normal(0, 0.1, (6, 30))
    means[4:, 7] -= 6
    ((station, found),) = find_outsiders(sites, ["ta"] * 30, hours, means)
    assert (station, found.start_ns, found.end_ns) == ("s7", START, START + 4 * HOUR_NS)


def test_a_station_without_neighbours_or_on_a_mountain_is_no_outsider() -> None:
    sites = [SITE.model_copy(update={"latitude": 30 + 0.01 * i, "altitude": 100.0}) for i in range(10)]
    sites[3] = sites[3].model_copy(update={"altitude": 1500.0})
    values = np.full(10, 20.0)
    values[3] = 5.0
    assert not buddy_outliers(sites, values).any()
    assert not buddy_outliers(sites[:3], np.array([20.0, 20.0, 40.0])).any()


def test_what_a_finding_hangs_on_is_known() -> None:
    """Cut to the days that a day needs, its findings are those of the whole series."""
    when = times(150)
    random = np.random.default_rng(9)
    values = steady(when) + np.where(when > when[9000], 2.0, 0.0) + np.where(when > when[16000], 250.0, 0.0)
    values += np.linspace(0, 4.5, when.size)
    values[5000:5300] += random.normal(0, 2, 300)
    values[random.random(when.size) < 0.05] = np.nan
    values[12000:12500] = np.nan
    reference = steady(when, 2)
    whole = find_all(series("TA", "deg C", when, values), SITE, reference)
    assert {one.check for one in whole} == {"level", "noise", "unit", "drift"}
    for found in whole:
        before, after = NEEDED_DAYS[found.check]
        day = found.start_ns // DAY_NS * DAY_NS
        rows = (when >= day - before * DAY_NS) & (when < day + (after + 1) * DAY_NS)
        cut = find_all(series("TA", "deg C", when[rows], values[rows]), SITE, reference[rows])
        assert found in [one for one in cut if one.check == found.check]


def test_other_sensors_are_a_reference() -> None:
    when = times(1)
    one = series("TA_1_1_1", "deg C", when, np.full(when.size, 20.0))
    kelvin = series("TA_1_2_1", "K", when[5:], np.full(when.size - 5, 294.15))
    third = series("TA_1_3_1", "deg C", when, np.full(when.size, 23.0))
    assert reference_of(one, [one]) is None
    found = reference_of(one, [one, kelvin, third, series("TS", "deg C", when, np.zeros(when.size))])
    assert found is not None
    assert found[:5].tolist() == [23.0] * 5
    assert found[5:] == pytest.approx(22.0)
