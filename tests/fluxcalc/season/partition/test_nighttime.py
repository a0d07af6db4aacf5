"""Night-time partitioning and the filter before it: REddyProc, the analytic case, and what cannot be told."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import curve_fit

from fluxcalc.season.gapfill.mds import fill_mds
from fluxcalc.season.partition.nighttime import T_REF, T_ZERO, fit_response, partition_by_night, respiration
from fluxcalc.season.ustar.low_turbulence import flag_low_turbulence
from fluxcalc.season.ustar.moving_point import moving_point
from fluxcalc.sun import potential_radiation, solar_elevation
from tests.fluxcalc.reference import SEASON, needs_season
from tests.fluxcalc.season.gapfill.test_mds import column
from tests.fluxcalc.season.ustar.test_moving_point import SITES, night_of, read_site

PLACES = {"DE-Tha_1998": (51.0, 13.6), "DE-Geb_2004_2006": (51.1, 10.9)}
"""As the reference was made with."""
RUNS = [(site, run, "uStar") for site in SITES for run in ("fixed_mds_mr_gl", "seasonal_ustar_mr_gl")]
RUNS += [("DE-Tha_1998", "annual_ustar_scens", name) for name in ("U05", "U50", "U95", "uStar")]


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize(("site", "run", "name"), RUNS)
def test_night_of_reddyproc(site, run, name):
    """E0 equal, reference respiration, respiration and uptake to the tables' eight decimals."""
    table = pl.read_parquet(SEASON / site / f"reddyproc_{run}.parquet")
    inputs, starts = read_site(site)
    nee = np.where(column(table, f"NEE_{name}_fqc") == 0, column(table, f"NEE_{name}_f"), np.nan)
    temperature = np.where(column(table, "Tair_fqc") == 0, column(table, "Tair_f"), np.nan)
    above = potential_radiation(starts.dt.offset_by("15m"), *PLACES[site], 1.0)
    assert_allclose(above, column(table, f"PotRad_{name}"), atol=6e-7)
    night = (column(inputs, "Rg") <= 10) & (above <= 0)
    parts = partition_by_night(
        nee,
        temperature,
        night,
        nee_filled=column(table, f"NEE_{name}_f"),
        temperature_filled=column(table, "Tair_f"),
    )
    assert parts.e0 == column(table, f"E_0_{name}")[0]
    assert_allclose(parts.r_ref, column(table, f"R_ref_{name}"), atol=1e-9)
    assert_allclose(parts.reco, column(table, f"Reco_{name}"), atol=1e-8)
    assert_allclose(parts.gpp, column(table, f"GPP_{name}_f"), atol=2e-8)
    print(f"{site} {run} {name}: E0 {parts.e0}, {len(parts.windows)} windows; all half-hours equal to 1e-8")


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("run", ["fixed_mds_mr_gl", "seasonal_ustar_mr_gl"])
def test_filter_and_filling_of_reddyproc(site, run):
    """Flags of u*, and every record's value, sd, number, method, window and quality after the filter."""
    table = pl.read_parquet(SEASON / site / f"reddyproc_{run}.parquet")
    inputs, _ = read_site(site)
    nee, radiation, temperature, deficit, ustar = (
        column(inputs, name) for name in ("NEE", "Rg", "Tair", "VPD", "Ustar")
    )
    threshold = np.full(len(nee), 0.4 if "Tha" in site else 0.12)
    if run.startswith("seasonal"):
        night, _ = night_of(site)
        seasons = pl.read_parquet(SEASON / site / "reddyproc_ustar_bins.parquet")["season"].to_numpy()
        threshold = moving_point(night).of_records(seasons, night.years)
    flags = flag_low_turbulence(ustar, threshold, radiation)
    assert_array_equal(flags, column(table, "Ustar_uStar_fqc"))
    filled = fill_mds(np.where(flags == 0, nee, np.nan), radiation, temperature, deficit)
    for name, ours in (
        ("fqc", filled.qc), ("fall_qc", filled.looked_up_qc), ("fnum", filled.count), ("fmeth", filled.method),
        ("fwin", filled.window),
    ):  # fmt: skip
        theirs = column(table, f"NEE_uStar_{name}")
        assert_array_equal(ours, np.nan_to_num(theirs, nan=-1 if "qc" in name else 0), err_msg=name)
    for name, floats in (("f", filled.value), ("fall", filled.looked_up), ("fsd", filled.sd)):
        assert_allclose(floats, column(table, f"NEE_uStar_{name}"), atol=6e-9, err_msg=name)
    print(f"{site} {run}: {len(flags)} records, {np.count_nonzero(flags)} below the threshold, all equal")


def made_year(e0: float = 180.0, r_ref: float = 2.5, noise: float = 0.0, days: int = 120):
    random = np.random.default_rng(4)
    hour = (np.arange(days * 48) + 0.5) / 2
    day = hour / 24
    temperature = 10 + 8 * np.sin(2 * np.pi * day / 365) + 6 * np.sin(2 * np.pi * (hour - 9) / 24)
    temperature += np.repeat(random.normal(0, 2, days), 48)
    night = (hour % 24 < 6) | (hour % 24 > 18)
    flux = respiration(r_ref, e0, temperature) - np.where(night, 0, 8.0)
    return flux + random.normal(0, noise, flux.size), temperature, night


def test_what_was_built_in_comes_back():
    nee, temperature, night = made_year()
    parts = partition_by_night(nee, temperature, night, nee_filled=nee, temperature_filled=temperature)
    assert parts.e0 == pytest.approx(180, abs=0.006)
    assert_allclose(parts.r_ref, 2.5, rtol=1e-3)
    assert_allclose(parts.gpp[~night], 8, rtol=1e-2)
    assert_allclose(parts.gpp[night], 0, atol=0.01)


def test_noise_costs_little():
    nee, temperature, night = made_year(noise=0.4)
    parts = partition_by_night(nee, temperature, night, nee_filled=nee, temperature_filled=temperature)
    assert parts.e0 == pytest.approx(180, abs=25)
    assert np.mean(parts.reco) == pytest.approx(np.mean(respiration(2.5, 180.0, temperature)), rel=0.03)


def test_fit_is_least_squares():
    """SciPy's Levenberg-Marquardt finds the same optimum and standard error."""
    random = np.random.default_rng(7)
    temperature = random.uniform(-2, 18, 80)
    flux = respiration(2.0, 250.0, temperature) + random.normal(0, 0.3, 80)
    rise = 1 / (T_REF - T_ZERO) - 1 / (temperature + 273.15 - T_ZERO)
    ours = fit_response(rise, flux)
    (r_ref, e0), covariance = curve_fit(lambda x, a, b: a * np.exp(b * x), rise, flux, p0=(2, 200))
    assert (ours.r_ref, ours.e0) == pytest.approx((r_ref, e0), rel=1e-5)
    assert ours.error == pytest.approx(math.sqrt(covariance[1, 1]), rel=1e-4)


def test_fits_that_do_not_end():
    assert fit_response(np.zeros(10), np.ones(10)) is None  # no range of temperature
    sawtooth = np.array([5.0, -5.0] * 20)
    assert fit_response(np.linspace(-0.01, 0.01, 40), sawtooth) is None


@pytest.mark.parametrize("case", ["no night", "no temperature", "no exchange", "one day", "constant temperature"])
def test_what_cannot_be_told_is_said(case):
    nee, temperature, night = made_year(days=1 if case == "one day" else 60)
    if case == "no night":
        night = np.zeros_like(night)
    if case in ("no temperature", "constant temperature"):
        temperature = np.full_like(temperature, np.nan if case == "no temperature" else 10.0)
    if case == "no exchange":
        nee = np.full_like(nee, np.nan)
    parts = partition_by_night(nee, temperature, night, nee_filled=nee, temperature_filled=temperature)
    assert np.isnan(parts.reco).all()
    assert np.isnan(parts.gpp).all()
    assert "3 are needed" in parts.reason


def test_potential_radiation_is_positive_where_the_sun_is_up():
    """Against the other position of the sun of this package, to a third of a degree."""
    starts = [datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=30 * i) for i in range(48 * 30)]
    middles = pl.Series([start.replace(tzinfo=None) + timedelta(hours=8, minutes=15) for start in starts])
    above = potential_radiation(middles, 26.0, 117.0, 8.0)
    elevation = np.array([solar_elevation(start + timedelta(minutes=15), 26.0, 117.0) for start in starts])
    assert_array_equal(above[np.abs(elevation) > 0.33] > 0, elevation[np.abs(elevation) > 0.33] > 0)
    up = elevation > 5
    assert_allclose(above[up], 1366 * np.sin(np.radians(elevation[up])), rtol=0.03, atol=8)
