"""How a season's sum of NEE grew: against loops over its records, and against the sum of the whole season."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from fluxcalc.season.cumulative import MAX_DAYS, cumulate, describe_cumulative
from fluxcalc.season.record import Season
from fluxcalc.season.sums import sum_season
from tests.fluxcalc.season.test_steps import BEGIN, K, made_up, run
from tests.fluxcalc.season.test_uncertainties import with_gaps

DAYS = 100


@pytest.fixture(scope="module")
def season() -> Season:
    return run(with_gaps(DAYS), partition=())


def test_a_cumulative_sum_ends_with_the_sum_and_its_uncertainty(season):
    growth = cumulate(season)
    total = sum_season(season)["NEE_F"]
    assert growth.missing == 0
    assert growth.end.to_list() == [BEGIN + timedelta(days=day + 1) for day in range(DAYS)]
    assert growth.value[-1] == pytest.approx(total.value, rel=1e-12)
    assert not math.isnan(total.ustar)
    assert growth.joint[-1] == pytest.approx(total.joint, rel=1e-9)


def test_the_sum_of_a_part_is_what_its_records_say(season):
    """A loop over the records of the first days: sums, noise of measured ones, errors of filled ones, the versions."""
    growth = cumulate(season)
    days = 37
    value = noise = filling = filling_of_all = 0.0
    known = 0
    measured = np.isfinite(season.measured("NEE"))
    for i in range(DAYS * 48):
        error = season.results["NEE_GAPUNC"][i]
        if not measured[i] and not math.isnan(error):
            known += 1
            filling_of_all += error**2
        if i < days * 48:
            value += season.results["NEE_F"][i]
            noise += season.results["NEE_RANDUNC"][i] ** 2 if measured[i] else 0.0
            filling += 0.0 if measured[i] or math.isnan(error) else error**2
    versions = [
        sum(float(season.results[f"NEE_U{level}"][i]) for i in range(days * 48)) for level in ("05", "50", "95")
    ]
    spread = (max(versions) - min(versions)) / (2 * 1.6449)
    # filled values of the part go together as those of the whole do
    filling *= season.parts["NEE"].filling ** 2 / filling_of_all
    assert known > 500
    assert growth.value[days - 1] == pytest.approx(value * K, rel=1e-9)
    assert growth.joint[days - 1] == pytest.approx(math.sqrt(noise + filling + spread**2) * K, rel=1e-5)
    assert (np.diff(growth.joint) > -1e-9).mean() > 0.8  # it grows but where versions come near each other again


def test_days_without_a_value_are_left_out_and_counted(season):
    nothing = np.where(np.arange(DAYS * 48) // 48 == 20, np.nan, season.results["NEE_F"])
    growth = cumulate(season.with_results(NEE_F=nothing))
    assert growth.missing == 48
    assert np.flatnonzero(np.isnan(growth.value)).tolist() == [20]
    assert growth.value[21] - growth.value[19] == pytest.approx(nothing[21 * 48 : 22 * 48].sum() * K)


def test_without_uncertainty_there_is_no_band_and_without_nee_no_sum():
    plain = run(made_up(12), partition=(), uncertainty="none", ustar="none")
    assert np.isnan(cumulate(plain).joint).all()
    assert np.isfinite(cumulate(plain).value).all()
    assert cumulate(run(made_up(12).drop("FC"), partition=())) is None


def test_a_sum_of_which_nothing_is_known_is_not_certain():
    young = run(made_up(1)[20:22], partition=())
    assert np.isfinite(cumulate(young).value).all()
    assert np.isnan(cumulate(young).joint).all()
    assert math.isnan(sum_season(young)["NEE_F"].joint)


def test_what_is_kept_of_a_cumulative_sum():
    plain = run(made_up(3)[:-10], partition=(), uncertainty="none", ustar="none")
    said = describe_cumulative(cumulate(plain), 1.0)
    assert said["unit"] == "gC m-2"
    # local time is an hour ahead; the last day is not whole
    first = datetime(2023, 1, 1, 23, tzinfo=UTC)
    assert said["end"] == [first, first + timedelta(days=1), first + timedelta(days=2, hours=-5)]
    assert said["NEE_F"] == [round(value, 3) for value in cumulate(plain).value.tolist()]


def test_a_long_cumulative_sum_is_kept_in_steps_of_days():
    n = 48 * 1700
    times = pl.datetime_range(BEGIN, BEGIN + (n - 1) * timedelta(minutes=30), "30m", eager=True)
    long = Season(times, 30, 51.0, 15.0, 1.0, {}, results={"NEE_F": np.full(n, 2.0)})
    said = describe_cumulative(cumulate(long), 1.0)
    assert MAX_DAYS / 2 < len(said["end"]) <= MAX_DAYS
    assert said["end"][-1] == datetime(2022, 12, 31, 23, tzinfo=UTC) + timedelta(days=1700)
    assert np.diff(said["NEE_F"]) == pytest.approx(3 * 48 * 2 * K, abs=2e-3)
