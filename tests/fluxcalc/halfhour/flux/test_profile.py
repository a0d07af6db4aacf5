"""Storage from a profile: by hand, from a record, and where levels are missing."""

from __future__ import annotations

import math
from datetime import timedelta

import polars as pl
import pytest

from core.errors import ConfigError
from core.records import FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.flux.profile import average_levels, join_levels
from fluxcalc.halfhour.flux.storage import INCOMPLETE_PROFILE, add_storage
from fluxcalc.halfhour.interval import Meteorology
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import START, samples, turbulence

TEXT = (STATIONS / "synthetic.toml").read_text()
PROFILE = """
[[stream]]
name = "profile"
kind = "reading"
interval = 60.0
channels = [
    { name = "c1", variable = "CO2_1_1_1", unit = "umol mol-1" },
    { name = "c2", variable = "CO2_1_2_1", unit = "umol mol-1" },
    { name = "h1", variable = "H2O", unit = "mmol mol-1" },
    { name = "t1", variable = "TA_1_1_1", unit = "deg C" },
    { name = "t2", variable = "TA_1_2_1", unit = "deg C" },
    { name = "rh", variable = "RH", unit = "%" },
]

[flux]
profile = { stream = "profile", heights = { c1 = 1.0, c2 = 3.0, h1 = 2.0, t1 = 1.0, t2 = 4.0 } }
"""
CHANNELS = ("c1", "c2", "h1", "t1", "t2")


def station(text: str = PROFILE) -> Station:
    return parse_station(TEXT.replace("\n[flux]\n", text), "profile.toml")


def frame(*rows: tuple[float, ...], flags: tuple[int, ...] = (1, 1, 1, 1, 1, 1)) -> pl.DataFrame:
    columns = {name: [row[i] for row in rows] for i, name in enumerate(CHANNELS)}
    schema = {"flags": pl.List(pl.Int16), **dict.fromkeys(CHANNELS, pl.Float64)}
    return pl.DataFrame({"flags": [list(flags)] * len(rows), **columns}, schema=schema)


def run(before: pl.DataFrame, after: pl.DataFrame) -> FluxRecord:
    place = station()
    assert place.flux is not None
    assert place.flux.profile is not None
    stream, profile = place.streams["profile"], place.flux.profile
    ends = (average_levels(one, stream, profile) for one in (before, after))
    met = Meteorology(levels=join_levels(*ends, stream, profile))
    return process(samples(turbulence()), place, START, meteorology=met)


BEFORE = frame((400.0, 390.0, 12.0, 18.0, 19.0), (402.0, 392.0, 12.0, 18.0, 19.0))
AFTER = frame((411.0, 394.0, 12.9, 18.5, 19.5))


def test_terms_by_hand():
    """The change is constant below the lowest level and above the highest, and linear between two."""
    record = run(BEFORE, AFTER)
    moles = 98.5e3 / (8.314 * 292.15)
    carbon = (10.0 * 1.0 + (10.0 + 3.0) / 2 * 2.0 + 3.0 * 0.95) * moles / 1800  # up to the analyser at 3.95 m
    assert record.values["SC"] == pytest.approx(carbon, rel=1e-3)
    assert record.values["SLE"] == pytest.approx(0.9e-3 * 3.95 * moles * 18.02e-3 * 2.456e6 / 1800, rel=2e-3)
    assert record.values["SH"] == pytest.approx(0.5 * 4.0 * record.diagnostics["heat_capacity"] / 1800, rel=1e-6)
    assert not {"SC", "SH", "SLE"} & set(record.reasons)


def test_a_profile_needs_no_interval_before_and_stays_when_one_comes():
    place, half = station(), timedelta(minutes=30)
    record = run(BEFORE, AFTER)
    earlier = process(samples(turbulence(1), START - half), place, START - half)
    assert add_storage(record, earlier, place) == record


def test_a_level_that_is_missing_is_left_out():
    """With c2 gone the change of c1 holds for all the air; readings that a check suspects are none."""
    some = frame((411.0, math.nan, 12.9, 18.5, 19.5))
    moles = 98.5e3 / (8.314 * 292.15)
    assert run(BEFORE, some).values["SC"] == pytest.approx(10.0 * 3.95 * moles / 1800, rel=1e-3)
    suspect = frame((411.0, 394.0, 12.9, 18.5, 19.5), flags=(1, 3, 1, 1, 1, 1))
    assert run(BEFORE, suspect).values["SC"] == run(BEFORE, some).values["SC"]


def test_without_readings_at_an_end_there_is_a_reason_and_no_stand_in():
    half = timedelta(minutes=30)
    record = run(BEFORE, frame())
    earlier = process(samples(turbulence(1), START - half), station(), START - half)
    for one in (record, add_storage(record, earlier, station())):
        assert all(math.isnan(one.values[term]) for term in ("SC", "SH", "SLE"))
        assert {one.reasons[term] for term in ("SC", "SH", "SLE")} == {INCOMPLETE_PROFILE}


def test_what_the_profile_does_not_measure_comes_from_the_one_level():
    only = station(PROFILE.replace("c1 = 1.0, c2 = 3.0, h1 = 2.0, ", ""))
    record = process(samples(turbulence()), only, START)
    assert record.reasons["SH"] == INCOMPLETE_PROFILE
    assert record.reasons["SC"] == "the interval before is not known"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'stream = "profile", heights',
            'stream = "ec", heights',
            "flux.profile.stream: expected a stream of kind read",
        ),
        ("c1 = 1.0", "c9 = 1.0", "flux.profile.heights.c9: expected a channel of stream 'profile' (c1, c2"),
        ("c1 = 1.0", "rh = 1.0", "flux.profile.heights.rh: expected a channel of CO2, H2O or TA, got one of RH"),
        ("c1 = 1.0", "c1 = -1.0", "flux.profile.heights.c1: expected greater than 0"),
    ],
)
def test_mistakes_are_told(old, new, told):
    with pytest.raises(ConfigError) as error:
        station(PROFILE.replace(old, new))
    assert told in str(error.value)
