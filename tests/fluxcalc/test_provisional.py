"""The running season: a regular grid, usable fluxes only, no hole that could be filled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from core.frames import PRODUCT_COLUMNS
from fluxcalc.provisional import provisional_season
from tests.fluxcalc.test_gapfill import weather

START = datetime(2024, 6, 1, tzinfo=UTC)


def half_hours(days: int = 10, minutes: int = 30, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    y, radiation, temperature, deficit = weather(seed, days, 1440 // minutes)
    starts = [START + i * timedelta(minutes=minutes) for i in range(y.size)]
    time = pl.Series("start", starts, dtype=pl.Datetime("us", "UTC"))
    fluxes = pl.DataFrame({"start": time, "FC": y, "FC_SSITC_TEST": np.zeros(y.size)})
    return fluxes, pl.DataFrame({"start": time, "SW_IN": radiation, "TA": temperature, "VPD": deficit})


@pytest.mark.parametrize("minutes", [15, 30])
def test_bad_flags_and_lost_intervals_are_filled(minutes):
    fluxes, drivers = half_hours(minutes=minutes)
    n = fluxes.height
    flags = np.zeros(n)
    flags[100:120] = 2
    flags[130:140] = 1
    flags[145] = np.nan
    fluxes = fluxes.with_columns(FC_SSITC_TEST=pl.Series(flags).fill_nan(None))
    sent = fluxes.with_row_index().filter(~pl.col("index").is_between(200, 219)).drop("index")
    product = provisional_season(sent.sample(fraction=1, shuffle=True, seed=1), drivers, averaging_minutes=minutes)
    assert product.schema == PRODUCT_COLUMNS
    assert product["start"].to_list() == fluxes["start"].to_list()
    gaps = np.zeros(n, dtype=bool)
    gaps[100:120] = gaps[200:220] = gaps[145] = True
    assert product["NEE"].is_null().to_numpy().tolist() == gaps.tolist()
    assert product["NEE_F"].null_count() == 0
    kept = product.filter(~gaps)
    assert kept["NEE_F"].to_list() == fluxes.filter(~gaps)["FC"].to_list()
    assert set(kept["NEE_F_QC"]) == {0}
    filled = product.filter(gaps)
    assert set(filled["NEE_F_QC"]) == {1}
    assert set(filled["NEE_F_METHOD"]) == {1}
    assert filled["NEE_F_N"].min() >= 2
    # the same weather on other days: the filled values are near the ones that were taken out
    assert (filled["NEE_F"] - fluxes.filter(gaps)["FC"]).abs().mean() < 2


def test_drivers_come_at_any_step_and_may_be_missing():
    fluxes, drivers = half_hours()
    fluxes = fluxes.with_columns(FC=pl.when(pl.int_range(pl.len()).is_between(50, 60)).then(None).otherwise("FC"))
    often = pl.concat([drivers.with_columns(pl.col("start") + timedelta(minutes=shift)) for shift in (1, 11, 21)])
    by_half_hour = provisional_season(fluxes, drivers)
    assert provisional_season(fluxes, often).equals(by_half_hour)
    without = provisional_season(fluxes, drivers.drop("VPD"))
    assert set(without["NEE_F_METHOD"]) == {2}
    for nothing in (None, drivers.head(0)):
        alone = provisional_season(fluxes, nothing)
        assert set(alone["NEE_F_METHOD"]) == {3}
        assert alone["NEE_F"].null_count() == 0


def test_what_cannot_be_filled_is_null():
    fluxes, drivers = half_hours(days=1)
    product = provisional_season(fluxes.with_columns(FC_SSITC_TEST=pl.lit(2.0)), drivers)
    assert product.height == 48
    for name in ("NEE", "NEE_F", "NEE_F_QC", "NEE_F_SD", "NEE_F_METHOD", "NEE_F_WINDOW"):
        assert product[name].null_count() == 48, name
    assert set(product["NEE_F_N"]) == {0}


def test_infinite_and_undefined_fluxes_are_gaps():
    fluxes, drivers = half_hours()
    values = fluxes["FC"].to_numpy().copy()
    values[[70, 80]] = np.nan, np.inf
    product = provisional_season(fluxes.with_columns(FC=pl.Series(values)), drivers)
    assert product["NEE"].null_count() == 2
    assert product["NEE_F"].is_finite().all()


def test_no_fluxes_give_an_empty_product():
    fluxes, drivers = half_hours(days=1)
    assert provisional_season(fluxes.head(0), drivers).schema == PRODUCT_COLUMNS


def test_one_half_hour_is_a_season():
    fluxes, _ = half_hours(days=1)
    product = provisional_season(fluxes.head(1), None)
    assert product["NEE_F"].to_list() == fluxes["FC"].head(1).to_list()
    assert product["NEE_F_QC"].to_list() == [0]
