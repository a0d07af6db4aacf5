"""A season's uncertainty, of half-hours and sums, and its energy balance."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from fluxcalc.season.aggregates import aggregate
from fluxcalc.season.record import Season
from fluxcalc.season.sums import sum_season
from fluxcalc.season.uncertainty.random import paired_day_uncertainty, random_uncertainty
from tests.fluxcalc.season.test_steps import K, made_up, run

DAYS = 120
NOISE, LE_NOISE = 0.6, 5.0


def with_gaps(days: int = DAYS) -> pl.DataFrame:
    frame = made_up(days)
    lost = np.random.default_rng(9).random(frame.height) < 0.2
    return frame.with_columns(
        H=pl.col("LE") * 0.5 + 20, G=pl.col("SW_IN") * 0.05, FCH4=pl.col("FC") * 4,
        FC=pl.when(~pl.Series(lost)).then("FC"), LE=pl.when(~pl.Series(lost)).then("LE"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def season() -> Season:
    return run(with_gaps(), partition=("nt",))


def test_random_uncertainty_is_the_noise_that_was_built_in(season):
    for name, noise in (("NEE", NOISE), ("LE", LE_NOISE), ("FCH4", 4 * NOISE)):
        assert np.median(season.results[f"{name}_RANDUNC"]) == pytest.approx(noise, rel=0.35)
    assert np.isfinite(season.results["FCH4_RANDUNC"]).mean() > 0.99


def test_sums_have_the_uncertainty_of_independent_noise(season):
    total = sum_season(season)
    measured = np.isfinite(season.measured("NEE")).sum()
    # what differs within like conditions counts as noise, too
    assert 1 < total["NEE_F"].random / (NOISE * math.sqrt(measured) * K) < 1.5
    le = np.isfinite(season.measured("LE")).sum()
    assert 1 < total["LE_F"].random / (LE_NOISE * math.sqrt(le) * 1800 / 1e6) < 1.5
    assert total["LE_F"].value == pytest.approx(season.results["LE_F"].sum() * 1800 / 1e6)
    # the same in water, 2.5 MJ a kilogram
    assert total["ET"].random == pytest.approx(total["LE_F"].random / 2.48, rel=0.02)
    assert total["FCH4_F"].value == pytest.approx(season.results["FCH4_F"].sum() * K / 1000)
    for name in ("NEE_F", "LE_F", "H_F", "FCH4_F", "ET"):
        some = total[name]
        known = [part for part in (some.random, some.filling, some.ustar) if not math.isnan(part)]
        assert some.joint == pytest.approx(math.hypot(*known))
        assert math.isnan(some.ustar) == (name != "NEE_F")
    filled = DAYS * 48 - measured
    # errors of single gaps hardly go together: more than independent ones, less than as if all were one
    alone = np.nanmean(season.results["NEE_GAPUNC"]) * K
    assert 0.9 * alone * math.sqrt(filled) < total["NEE_F"].filling < alone * filled / 3


def test_error_of_filled_values_is_told_where_they_are(season):
    sd = season.results["NEE_GAPUNC"]
    np.testing.assert_array_equal(np.isnan(sd), np.isfinite(season.measured("NEE")))
    truth = season.variables["FC"]
    assert np.isfinite(truth[np.isfinite(season.measured("NEE"))]).all()
    off = (season.results["LE_F"] - made_up(DAYS)["LE"].to_numpy())[np.isnan(season.measured("LE"))]
    told = season.results["LE_GAPUNC"][np.isnan(season.measured("LE"))]
    assert np.sqrt(np.mean(off**2)) == pytest.approx(np.sqrt(np.mean(told**2)), rel=0.25)


@pytest.mark.parametrize("way", ["oneflux", "paired_days"])
def test_other_ways_to_tell_the_random_one(season, way):
    other = run(with_gaps(), partition=(), uncertainty=way)
    drivers = [other.measured(name) for name in ("SW_IN", "TA", "VPD")]
    given = other.measured("NEE"), other.results["NEE_F"]
    if way == "oneflux":
        expected = random_uncertainty(*given, *drivers, neighbours="oneflux").sd
    else:
        expected = paired_day_uncertainty(*given, *drivers[:2]).sd
    assert_allclose(other.results["NEE_RANDUNC"], expected)
    assert not np.allclose(other.results["NEE_RANDUNC"], season.results["NEE_RANDUNC"], equal_nan=True)
    assert np.median(other.results["NEE_RANDUNC"]) == pytest.approx(NOISE, rel=0.5)


def test_without_uncertainty_there_is_none():
    plain = run(with_gaps(60), partition=(), uncertainty="none")
    assert not any(name.endswith(("RANDUNC", "GAPUNC", "JOINTUNC", "_U50")) for name in plain.results)
    assert math.isnan(sum_season(plain)["NEE_F"].joint)


def closed(share: float) -> pl.DataFrame:
    """Turbulent fluxes that are a share of the available energy, as each half-hour has them."""
    frame = with_gaps(60)
    whole = (made_up(60)["LE"] * 1.5 + 20) / share
    return frame.with_columns(NETRAD=whole + frame["G"])


def test_the_balance_is_closed_by_what_it_lacks():
    season = run(closed(0.8), partition=())
    found = season.closure
    assert found.slope == pytest.approx(0.8, abs=0.01)
    assert found.ratio == pytest.approx(0.8, abs=0.001)
    measured = np.isfinite(season.measured("LE")) & np.isfinite(season.measured("H"))
    assert_allclose(season.results["LE_CORR"][measured], season.measured("LE")[measured] / 0.8, rtol=1e-6)
    assert (season.results["EBC_CF_METHOD"] == 1).all()
    total = sum_season(season)
    assert total["H_CORR"].value == pytest.approx(total["H_F"].value / 0.8, rel=1e-3)
    assert (season.results["LE_CORR_25"] <= season.results["LE_CORR_75"] + 1e-9).all()
    between = (season.results["LE_CORR_75"] - season.results["LE_CORR_25"]) / 1.349
    assert_allclose(season.results["LE_CORR_JOINTUNC"], np.hypot(season.results["LE_RANDUNC"], between))


@pytest.mark.parametrize("missing", [["G"], ["NETRAD"], ["G", "NETRAD"]])
def test_what_the_balance_lacks_is_told(missing):
    season = run(closed(0.8).drop(missing), partition=(), uncertainty="none")
    assert season.reasons["LE_CORR"] == f"no record of {' and '.join(sorted(missing, key='NETRAD G'.index))}"
    assert season.closure is None
    assert "ET" in season.results


def test_random_uncertainty_of_days_and_years():
    n = 365 * 48
    starts = made_up()["start"]
    sd = np.random.default_rng(2).uniform(0.5, 1.5, n)
    hole = sd.copy()
    hole[:20] = np.nan
    day = aggregate({"NEE_RANDUNC": sd, "LE_RANDUNC": hole}, starts, "DD", 48, {}).row(0, named=True)
    assert day["NEE_RANDUNC"] == pytest.approx(math.sqrt((sd[:48] ** 2).sum()) * K)
    assert day["LE_RANDUNC"] == pytest.approx(math.sqrt((sd[20:48] ** 2).sum()) / 28)
    year = aggregate({"NEE_RANDUNC": sd}, starts, "YY", 48, {})["NEE_RANDUNC"][0]
    assert year == pytest.approx(math.sqrt((sd**2).sum()) * K)
    hole[:30] = np.nan
    assert math.isnan(aggregate({"LE_RANDUNC": hole}, starts, "DD", 48, {})["LE_RANDUNC"][0])
