"""Storage: of one level between two records, and of a profile."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import FluxRecord
from fluxcalc.halfhour.flux.profile import profile_storage
from fluxcalc.halfhour.flux.storage import STORAGE_TERMS, add_storage, level_storage
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence

HALF = timedelta(minutes=30)


@pytest.fixture(scope="module")
def before() -> FluxRecord:
    return process(samples(turbulence(1), START - HALF), station("synthetic"), START - HALF)


def warmer_and_richer() -> dict:
    channels = turbulence(2)
    return channels | {"Ta": channels["Ta"] + 0.9, "h2o": channels["h2o"] + 0.5, "co2": channels["co2"] + 9.0}


def test_air_that_warms_has_stored_heat(before):
    """1 K, 9 mg m-3 of CO2 and 0.5 g m-3 of vapour in 4 m (gases 3.95 m) and half an hour, by hand."""
    record = process(samples(warmer_and_richer()), station("synthetic"), START, previous=before)
    warming = record.values["TA"] - before.values["TA"]
    assert warming == pytest.approx(0.9, abs=0.01)
    assert record.values["SH"] == pytest.approx(1.17 * 1012 * 0.9 / 1800 * 4.0, rel=0.02)
    # the fraction grows with the density and with the volume of the warmer air
    moles = 98.5e3 / 8.314 / 293.05
    carbon = (709 / (98.5e3 / 293.05) - 700 / (98.5e3 / 292.15)) * 8.314 / 44.01e-3
    assert record.values["SC"] == pytest.approx(carbon * moles / 1800 * 3.95, rel=0.05)
    water = (9.5 / (98.5e3 / 293.05) - 9.0 / (98.5e3 / 292.15)) * 8.314 * 1e-3  # [kg mol-1]
    assert record.values["SLE"] == pytest.approx(water * moles * 2.453e6 / 1800 * 3.95, rel=0.02)
    assert not set(STORAGE_TERMS) & set(record.reasons)


def test_without_the_interval_before_there_is_a_reason(before):
    data = samples(turbulence(2))
    alone = process(data, station("synthetic"), START)
    apart = process(data, station("synthetic"), START, previous=replace(before, end=before.end - HALF))
    for record in (alone, apart):
        assert [math.isnan(record.values[name]) for name in STORAGE_TERMS] == [True] * 3
        assert {record.reasons[name] for name in STORAGE_TERMS} == {"the interval before is not known"}
    # known later, the record is what it would have been at once
    assert add_storage(alone, before, station("synthetic")) == process(
        data, station("synthetic"), START, previous=before
    )


def test_each_term_is_missing_alone(before):
    gasless = replace(before, values={**before.values, "CO2": math.nan})
    record = process(samples(turbulence(2)), station("synthetic"), START, previous=gasless)
    assert record.reasons["SC"] == "the interval before has no CO2"
    assert math.isfinite(record.values["SH"])
    assert math.isfinite(record.values["SLE"])
    channels = turbulence(2)
    channels["h2o"] = np.full_like(channels["h2o"], np.nan)
    record = process(samples(channels), station("synthetic"), START, previous=before)
    assert "h2o" in record.reasons["SLE"]
    assert math.isfinite(record.values["SH"])


def test_level_storage_by_hand():
    assert level_storage(16.0e-3, 16.9e-3, 1800.0, 20.0) == pytest.approx(1e-5)


def test_profile_of_a_linear_change():
    """0 at the ground's level, 4 at the top: the mean over 4 to 20 m, and the value at 4 m below."""
    heights = [20.0, 4.0, 12.0]
    after = [5.0, 1.0, 3.0]
    expected = (1.0 * 4 + (1.0 + 5.0) / 2 * 16) / 1800
    assert profile_storage(heights, [0.0] * 3, after, 1800, 20.0) == pytest.approx(expected)
    assert profile_storage(heights, [0.0] * 3, after, 1800, 30.0) == pytest.approx(expected + 5.0 * 10 / 1800)
    assert profile_storage(heights, [0.0] * 3, after, 1800, 12.0) == pytest.approx((4 + (1 + 3) / 2 * 8) / 1800)


def test_a_level_that_is_missing_is_left_out():
    assert profile_storage([2.0, 5.0, 9.0], [1, math.nan, 1], [2, 7, 4], 10, 9) == pytest.approx(
        profile_storage([2.0, 9.0], [1, 1], [2, 4], 10, 9)
    )
    assert math.isnan(profile_storage([2.0], [math.nan], [1.0], 10, 9))


@given(st.floats(0.5, 50), st.floats(-1, 1), st.integers(1, 6))
def test_a_uniform_profile_is_one_level(top, change, levels):
    heights = np.linspace(0.3, top, levels)
    found = profile_storage(heights, np.zeros(levels), np.full(levels, change), 1800, top)
    assert found == pytest.approx(level_storage(0.0, change, 1800, top), abs=1e-12)
