"""Forty-one versions of the exchange: all that ONEFlux prints of them, and cases that can be seen."""

from __future__ import annotations

import csv
import math

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fluxcalc.season.uncertainty.day_sums import sum_days
from fluxcalc.season.uncertainty.random import joint_uncertainty
from fluxcalc.season.ustar.low_turbulence import ENOUGH_TURBULENCE, flag_low_turbulence, in_low_turbulence
from fluxcalc.season.ustar.versions import (
    PERCENTILES,
    Versions,
    fill_versions,
    most_alike,
    nearest_rank,
    pool_percentiles,
)
from tests.fluxcalc.reference import MISSING, SEASON, needs_season
from tests.fluxcalc.season.gapfill.test_mds import column, weather

THARANDT = SEASON / "DE-Tha_1998"
GRAMS = 1800 * 48 * 365 * 12.0107e-6  # of carbon in a year, from umol m-2 s-1


def rows_of(path):
    with path.open() as table:
        return list(csv.DictReader(table))


def percentiles_of_oneflux() -> np.ndarray:
    row = rows_of(THARANDT / "oneflux_DE-Tha_USTAR_percentiles_y.csv")[0]
    return np.array([float(value) for name, value in row.items() if name != "TIMESTAMP"])


@needs_season
def test_percentiles_of_a_hundred_bootstraps_are_those_of_oneflux():
    lines = (THARANDT / "oneflux_ustar_mp.txt").read_text().split("\n forward mode 2\n")[-1].splitlines()
    samples = np.array([float(line) for line in lines if len(line.split()) == 1][:100])
    assert (np.diff(samples) >= 0).all()  # the hundred, ascending; what follows are their quantiles
    assert_array_equal(pool_percentiles({1998: samples})[1998], percentiles_of_oneflux())


def references(folder, site) -> dict[tuple[str, str], float]:
    """Percentile of the reference of each year's sum, as the program tells it."""
    rows = rows_of(folder / f"oneflux_{site}_AUX_NEE_yy.csv")
    return {(row["VARIABLE"], row["YEAR"]): float(row["PERCENTILE"]) for row in rows}


@pytest.mark.figures
@needs_season
def test_all_versions_of_oneflux():
    """Half-hours of the reference, the median threshold and seven percentiles with quality; the year's sums."""
    inputs = pl.read_parquet(THARANDT / "input.parquet")
    theirs = pl.read_parquet(THARANDT / "oneflux_nee_proc_hh.parquet")
    flux, ustar, *drivers = (column(inputs, name) for name in ("NEE", "Ustar", "Rg", "Tair", "VPD"))
    thresholds = np.repeat(percentiles_of_oneflux()[:, np.newaxis], flux.size, axis=1)
    found = fill_versions(flux, drivers, lambda k: in_low_turbulence(ustar, thresholds[k]))

    def assert_same(name, value, qc):
        assert_allclose(value, column(theirs, f"NEE_{name}_y"), rtol=6e-6, atol=1e-6)
        assert_array_equal(qc, column(theirs, f"NEE_{name}_qc_y"))

    assert_same("ref", found.value[found.reference], found.qc[found.reference])
    assert_same("ust50", found.value[-1], found.qc[-1])
    for percent in (5, 16, 25, 50, 75, 84, 95):
        assert_same(f"{percent:02d}", *found.percentile(percent))
    mean, error = found.mean()
    assert_allclose(mean, column(theirs, "NEE_mean_y"), rtol=6e-6, atol=1e-6)
    assert_allclose(error, column(theirs, "NEE_SE_y"), rtol=6e-6, atol=1e-6)

    random, joint = column(theirs, "NEE_ref_randUnc_y"), column(theirs, "NEE_ref_joinUnc_y")
    some = random != MISSING
    assert_array_equal(some, joint != MISSING)
    assert_allclose(joint_uncertainty(random, found.half_spread())[some], joint[some], rtol=1.2e-5)

    year = rows_of(THARANDT / "oneflux_DE-Tha_NEE_yy.csv")[0]
    means = found.period_means(np.full(flux.size, 1998))
    for percent in (5, 16, 25, 50, 75, 84, 95):
        value, qc = means.percentile(percent)
        assert value[0] * GRAMS == pytest.approx(float(year[f"NEE_{percent:02d}_y"]), rel=3e-6)
        assert qc[0] == pytest.approx(float(year[f"NEE_{percent:02d}_qc_y"]), abs=1e-6)
    mean, error = means.mean()
    assert mean[0] * GRAMS == pytest.approx(float(year["NEE_mean_y"]), rel=3e-6)
    assert error[0] * GRAMS == pytest.approx(float(year["NEE_SE_y"]), rel=3e-6)
    starts = inputs["time"].str.to_datetime().dt.offset_by("-30m")
    own = sum_days(found, starts, 48).published("NEE_VUT", "YY", starts, 48)
    assert own.value[own.reference, 0] == pytest.approx(float(year["NEE_ref_y"]), rel=3e-6)
    assert own.qc[own.reference, 0] == pytest.approx(float(year["NEE_ref_qc_y"]), abs=1e-6)
    assert PERCENTILES[own.reference] == references(THARANDT, "DE-Tha")["NEE_VUT_REF", "1998"]
    print(f"10 series of {flux.size} half-hours, joint uncertainty of {some.sum()}, 10 sums of the year: all equal")


@pytest.mark.figures
@needs_season
def test_sums_of_three_years_whose_thresholds_differ():
    """Each year of Gebesee has thresholds of its own; sums, quality, spread of the years are ONEFlux's."""
    folder = SEASON / "DE-Geb_2004_2006"
    inputs = pl.read_parquet(folder / "input.parquet")
    flux, ustar, *drivers = (column(inputs, name) for name in ("NEE", "Ustar", "Rg", "Tair", "VPD"))
    rows = rows_of(folder / "oneflux_DE-Geb_USTAR_percentiles_y.csv")
    table = np.array([[float(value) for name, value in row.items() if name != "TIMESTAMP"] for row in rows]).T
    ends = inputs["time"].str.to_datetime()
    place = (ends.dt.offset_by("-30m").dt.year() - 2004).to_numpy()
    found = fill_versions(flux, drivers, lambda k: in_low_turbulence(ustar, table[k][place]))
    starts = ends.dt.offset_by("-30m")
    of_year = sum_days(found, starts, 48).published("NEE_VUT", "YY", starts, 48)
    assert PERCENTILES[of_year.reference] == references(folder, "DE-Geb")["NEE_VUT_REF", "2005"]
    # of three years the middle one has the thresholds of all
    all_years = fill_versions(flux, drivers, lambda k: in_low_turbulence(ustar, np.full(flux.size, table[k][1])))
    constant = sum_days(all_years, starts, 48).published("NEE_CUT", "YY", starts, 48)
    assert PERCENTILES[constant.reference] == references(folder, "DE-Geb")["NEE_CUT_REF", "-9999"]
    means = found.period_means(place)
    values, quality = means.percentiles((5, 16, 25, 50, 75, 84, 95))
    for number, row in enumerate(rows_of(folder / "oneflux_DE-Geb_NEE_yy.csv")):
        for stem, versions in (("y", of_year), ("c", constant)):
            reference = versions.value[versions.reference, number]
            assert reference == pytest.approx(float(row[f"NEE_ref_{stem}"]), rel=5e-6)
        grams = GRAMS / 365 * (366 if row["TIMESTAMP"] == "2004" else 365)
        for i, percent in enumerate((5, 16, 25, 50, 75, 84, 95)):
            assert values[i, number] * grams == pytest.approx(float(row[f"NEE_{percent:02d}_y"]), rel=5e-6)
            assert quality[i, number] == pytest.approx(float(row[f"NEE_{percent:02d}_qc_y"]), abs=1e-6)
    print("3 years, 7 percentiles of their sums and quality, references of VUT and CUT: all equal")


def test_years_share_their_neighbours_thresholds():
    samples = {2001: np.full(10, 0.1), 2002: np.full(10, 0.2), 2003: np.array([0.3] * 9 + [math.nan])}
    varying, constant = pool_percentiles(samples), pool_percentiles(samples, constant=True)
    assert (varying[2001].min(), varying[2001].max()) == (0.1, 0.2)
    assert (varying[2002].min(), varying[2002].max()) == (0.1, 0.3)
    assert (varying[2003].min(), varying[2003].max()) == (0.2, 0.3)
    assert_array_equal(constant[2001], constant[2003])
    assert varying[2002].shape == (len(PERCENTILES) + 1,)
    assert varying[2002][-1] == 0.2  # the 15th of 29
    assert np.isnan(pool_percentiles({2001: np.full(3, np.nan)})[2001]).all()


def test_a_percentile_is_one_of_the_values():
    assert [nearest_rank(40, percent) for percent in (0, 5, 16, 50, 84, 100)] == [0, 1, 5, 19, 33, 39]


def test_the_record_after_a_low_one_goes_too():
    ustar = np.array([0.5, 0.1, 0.5, 0.5, math.nan, 0.5, 0.5, 0.3])
    low = in_low_turbulence(ustar, np.full(8, 0.3))
    assert_array_equal(low, [False, True, True, False, True, True, False, False])
    assert in_low_turbulence(ustar, np.full(8, math.nan)).all()


def test_the_night_alone_is_filtered_where_wanted():
    flux, *drivers = weather(3, 10)
    ustar = np.random.default_rng(3).uniform(0, 1, flux.size)
    thresholds = np.repeat(np.linspace(0.1, 0.4, 41)[:, np.newaxis], flux.size, axis=1)
    found = fill_versions(
        flux, drivers, lambda k: flag_low_turbulence(ustar, thresholds[k], drivers[0]) != ENOUGH_TURBULENCE
    )
    day = (drivers[0] >= 10) & np.isfinite(flux)
    assert_array_equal(found.value[:, day], np.broadcast_to(flux[day], (41, day.sum())))
    kept = (found.qc == 0).sum(axis=1)
    assert (np.diff(kept[:40]) <= 0).all()
    assert kept[0] > kept[39]


def test_the_reference_is_the_middle_one():
    wave = np.sin(np.arange(200.0))
    values = np.array([wave + shift for shift in (-2.0, -1.0, 0.1, 1.0, 2.0)])
    values[3, 7] = math.nan
    assert most_alike(values) == 2
    assert most_alike(np.ones((4, 9))) == 0
    assert most_alike(np.full((4, 9), math.nan)) == 0


def test_the_reference_is_the_truth_that_others_meet_best():
    """By hand: a = (0, 2, 4), b = (0, 3, 6), c = (-2, 0, 2): squares about the mean 8, 18, 8; apart 5, 12, 29."""
    values = np.array([[0.0, 2.0, 4.0], [0.0, 3.0, 6.0], [-2.0, 0.0, 2.0]])
    # sums of efficiencies: of a 3 - 17 / 8 = 0.875, of b 3 - 34 / 18 = 1.111, of c 3 - 41 / 8 = -2.125;
    # summed the other way a would be the one: 3 - 5 / 18 - 12 / 8 = 1.222, b 3 - 5 / 8 - 29 / 8 = -1.25
    assert most_alike(values) == 1


def test_the_reference_of_a_single_period_is_what_most_are():
    """Nothing varies there: the value that most rows have; of several such the one that shorter periods tell."""
    one = np.array([[1.0], [2.0], [2.0], [3.0], [3.0], [5.0]])
    wave = np.sin(np.arange(30.0))
    finer = np.array([wave + shift for shift in (-1.0, -5.0, -5.0, 0.0, 0.0, 1.0)])
    assert most_alike(np.array([[4.0], [1.0], [1.0]])) == 1
    assert most_alike(one, finer) == 3
    assert most_alike(np.arange(6.0)[:, np.newaxis], finer) == 0


def test_means_of_periods():
    value = np.repeat([[1.0, 3.0, 5.0, math.nan]], 41, axis=0)
    qc = np.repeat([[0, 2, 1, -1]], 41, axis=0)
    found = Versions(value, qc, 0).period_means(np.array([7, 7, 8, 9]))
    assert_array_equal(found.value[0], [2.0, 5.0, math.nan])
    assert_array_equal(found.qc[0], [0.5, 1.0, 0.0])
