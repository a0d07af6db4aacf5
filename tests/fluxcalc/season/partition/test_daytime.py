"""Day-time partitioning: REddyProc, the year whose parameters are known, naive twins, and what cannot be told."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import curve_fit, minimize

from fluxcalc.kernels.daytime import fit_light, fit_night, light_cost
from fluxcalc.season.partition.daytime import PRIOR_WIDTH, partition_by_day, window_centres
from fluxcalc.season.partition.daytime_record import LASSLOP, REDDYPROC, DayRules
from fluxcalc.season.partition.nighttime import respiration
from fluxcalc.season.partition.temperature_sensitivity import Sensitivity, temperature_rise
from tests import naive_season
from tests.fluxcalc.reference import SEASON, needs_season
from tests.fluxcalc.season.gapfill.test_mds import column

RUNS = [
    ("DE-Tha_1998", "gl_lasslop_compatible_fixed", "fixed", LASSLOP),
    ("DE-Tha_1998", "gl_nboot0_fixed", "fixed", DayRules(samples=0)),
    ("DE-Tha_1998", "fixed_mds_mr_gl", "fixed", REDDYPROC),
    ("DE-Tha_1998", "seasonal_ustar_mr_gl", "seasonal", REDDYPROC),
    ("DE-Geb_2004_2006", "fixed_mds_mr_gl", "fixed", REDDYPROC),
    ("DE-Geb_2004_2006", "seasonal_ustar_mr_gl", "seasonal", REDDYPROC),
]
INPUTS = {"fixed": "fixed_mds_mr_gl", "seasonal": "seasonal_ustar_mr_gl"}


def read_run(site, run, threshold):
    """Return the program's table, what it was given, and the year of each record."""
    table = pl.read_parquet(SEASON / site / f"reddyproc_{run}.parquet")
    inputs = pl.read_parquet(SEASON / site / f"reddyproc_{INPUTS[threshold]}.parquet")
    nee = np.where(column(inputs, "NEE_uStar_fqc") == 0, column(inputs, "NEE_uStar_f"), np.nan)
    names = ("NEE_uStar_fsd", "Rg_f", "Tair_f", "VPD_f", "PotRad_uStar")
    year = np.searchsorted([366 * 48, 731 * 48], np.arange(nee.size), side="right")
    return table, (nee, *(column(inputs, name) for name in names)), year


def sums(parts, table, year):
    """Return the annual sums of respiration and of uptake, relative to the program's."""
    pairs = ((parts.reco, "Reco_DT_uStar"), (parts.gpp, "GPP_DT_uStar"))
    return [[ours[year == y].sum() / column(table, name)[year == y].sum() for y in np.unique(year)]
            for ours, name in pairs]  # fmt: skip


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize(("site", "run", "threshold", "rules"), RUNS)
def test_day_of_reddyproc(site, run, threshold, rules):
    """Median difference (of uptake: where there is any) within 1e-4 of the median flux, sums of years within 2 %."""
    table, inputs, year = read_run(site, run, threshold)
    parts = partition_by_day(*inputs, rules=rules)
    centres = np.array([window.centre for window in parts.windows])
    assert_array_equal(centres, np.flatnonzero(np.isfinite(column(table, "FP_E0"))))
    e0 = np.abs(np.array([window.e0 for window in parts.windows]) - column(table, "FP_E0")[centres])
    assert np.median(e0) < 0.005
    assert np.count_nonzero(e0 > 1) <= 7  # at one turn of the year of DE-Geb
    fitted = np.array([not window.reason for window in parts.windows])
    theirs = np.isfinite(column(table, "FP_beta")[centres])
    assert np.count_nonzero(fitted != theirs) <= 0.02 * centres.size
    line = f"{site} {run}: E0 {np.median(e0):.1e} K, windows {fitted.sum()} of {theirs.sum()}"
    for name, ours, ratios in zip(("Reco", "GPP"), (parts.reco, parts.gpp), sums(parts, table, year), strict=True):
        peer = column(table, f"{name}_DT_uStar")
        some = peer > 0.01  # no uptake at night
        apart = np.median(np.abs(ours - peer)[some]) / np.median(peer[some])
        line += f"; {name} {apart:.1e} of its median, sums {', '.join(f'{ratio - 1:+.2%}' for ratio in ratios)}"
        assert apart < 1e-4
        # a hundredth of a kelvin of E0 decides whether windows of a dry field have a response to light (below)
        assert_allclose(ratios, 1, atol=0.03 if (site, threshold) == ("DE-Geb_2004_2006", "seasonal") else 0.02)
    their_sd = column(table, "Reco_DT_uStar_SD")
    spread = np.median(parts.reco_sd[their_sd > 0] / their_sd[their_sd > 0])
    print(f"{line}; uncertainty of Reco {spread:.2f} of its")


@pytest.mark.figures
@needs_season
@pytest.mark.parametrize(("site", "run", "threshold", "rules"), RUNS[2:])
def test_day_of_reddyproc_with_its_sensitivities(site, run, threshold, rules):
    """With E0 of the program: parameters equal, sums within 0.4 %; what a hundredth of a kelvin does is printed."""
    table, inputs, year = read_run(site, run, threshold)
    centres = window_centres(year.size)
    e0, sd = (column(table, name)[centres] for name in ("FP_E0", "FP_E0_sd"))
    parts = partition_by_day(*inputs, rules=rules, sensitivity=Sensitivity(e0, sd, e0, sd))
    assert_allclose([window.r_night for window in parts.windows], column(table, "FP_RRef_Night")[centres], rtol=1e-6)
    theta = np.array([window.theta for window in parts.windows]).T
    theirs = np.array([column(table, f"FP_{name}")[centres] for name in ("k", "beta", "alpha", "RRef")])
    equal = np.isclose(theta, theirs, rtol=1e-3, atol=1e-6, equal_nan=True).all(axis=0)
    assert np.count_nonzero(~equal) <= 0.02 * centres.size
    some = equal & np.isfinite(theta[1])
    bright = np.array([window.gpp_2000 for window in parts.windows])
    assert_allclose(bright[some], column(table, "FP_GPP2000")[centres][some], rtol=1e-3)
    their_quality = column(table, "FP_qc")
    alike = np.mean(parts.quality == their_quality)
    assert alike > 0.99
    ratios = np.array(sums(parts, table, year))
    assert_allclose(ratios, 1, atol=0.004)
    moved = []
    for seed in range(5):
        other = e0 + np.random.default_rng(seed).normal(0, 0.01, e0.size)
        again = partition_by_day(*inputs, rules=rules, sensitivity=Sensitivity(other, sd, other, sd))
        moved.append(sums(again, table, year)[0])
    low, high = np.min(moved, axis=0) - 1, np.max(moved, axis=0) - 1
    print(
        f"{site} {run}: given E0, {np.count_nonzero(~equal)} windows of {centres.size} differ; sums of Reco "
        f"{', '.join(f'{ratio - 1:+.2%}' for ratio in ratios[0])}, of GPP "
        f"{', '.join(f'{ratio - 1:+.2%}' for ratio in ratios[1])}; quality of {alike:.2%} equal; with E0 0.01 K apart "
        f"sums of Reco {', '.join(f'{a:+.2%} to {b:+.2%}' for a, b in zip(low, high, strict=True))}"
    )


TRUTH = np.array([0.06, 28.0, 0.05, 3.0])
E0 = 180.0


def made_year(days: int = 60, noise: float = 0.0, dry: bool = True):
    random = np.random.default_rng(4)
    hour = (np.arange(days * 48) + 0.5) / 2
    cloud = np.repeat(random.uniform(0.4, 1.0, days), 48)
    potential = np.maximum(-1000 * np.cos(2 * np.pi * hour / 24), 0.0)
    radiation = cloud * potential
    temperature = 14 + 5 * np.sin(2 * np.pi * (hour - 9) / 24) + np.repeat(random.normal(0, 3, days), 48)
    deficit = np.maximum(9 + 8 * np.sin(2 * np.pi * (hour - 9) / 24), 1.0) * cloud if dry else np.full(hour.size, 5.0)
    reco = respiration(TRUTH[3], E0, temperature)
    most = TRUTH[1] * np.exp(-TRUTH[0] * np.maximum(deficit - 10, 0))
    gpp = TRUTH[2] * radiation * most / (TRUTH[2] * radiation + most)
    nee = reco - gpp + random.normal(0, noise, hour.size)
    sd = np.full(hour.size, max(noise, 0.2))
    return (nee, sd, radiation, temperature, deficit, potential), reco, gpp


@pytest.mark.parametrize("rules", [REDDYPROC, LASSLOP])
def test_what_was_built_in_comes_back(rules):
    series, reco, gpp = made_year()
    parts = partition_by_day(*series, rules=rules)
    assert parts.reason == ""
    assert_allclose([window.e0 for window in parts.windows], E0, rtol=1e-3)
    theta = np.median([window.theta for window in parts.windows], axis=0)
    assert_allclose(theta, TRUTH, rtol=0.1)
    assert_allclose(parts.reco.sum(), reco.sum(), rtol=0.01)
    assert_allclose(parts.gpp.sum(), gpp.sum(), rtol=0.01)
    assert np.median(np.abs(parts.gpp - gpp)) < 0.1


def test_noise_is_in_the_uncertainty():
    series, reco, gpp = made_year(noise=0.6)
    parts = partition_by_day(*series)
    assert_allclose(parts.reco.mean(), reco.mean(), rtol=0.07)
    assert_allclose(parts.gpp.mean(), gpp.mean(), rtol=0.05)
    for ours, sd, truth in ((parts.reco, parts.reco_sd, reco), (parts.gpp, parts.gpp_sd, gpp)):
        day = series[2] > 50
        assert 0.5 < np.mean(np.abs(ours - truth)[day] < sd[day]) <= 0.97
    again = partition_by_day(*series)
    assert_array_equal(parts.gpp_sd, again.gpp_sd)
    other = partition_by_day(*series, seed=1)
    assert_array_equal(parts.gpp, other.gpp)
    assert not np.array_equal(parts.gpp_sd, other.gpp_sd)


def test_without_deficit_the_response_to_light_is_fitted_alone():
    series, _, gpp = made_year(dry=False)
    without = partition_by_day(*series[:4], np.full(series[0].size, np.nan), series[5])
    assert without.reason == ""
    assert all(window.theta[0] == 0 and np.isnan(window.sd[0]) for window in without.windows)
    assert_allclose(without.gpp.sum(), gpp.sum(), rtol=0.01)


def test_a_window_that_fails_stops_no_other():
    series, _, gpp = made_year()
    nee = series[0].copy()
    nee[20 * 48 : 30 * 48] = np.nan
    parts = partition_by_day(nee, *series[1:])
    failed = [window for window in parts.windows if window.reason]
    assert 3 <= len(failed) <= 5
    assert "0 records of the day" in failed[1].reason
    assert np.isfinite(parts.gpp).all()
    assert_allclose(parts.gpp.sum(), gpp.sum(), rtol=0.02)


@pytest.mark.parametrize("rules", [REDDYPROC, LASSLOP])
@pytest.mark.parametrize("case", ["no night", "no day", "all gaps", "no temperature", "one day", "nothing"])
def test_what_cannot_be_told_is_said(case, rules):
    (nee, sd, radiation, temperature, deficit, potential), _, _ = made_year(days=1 if case == "one day" else 20)
    if case == "no night":
        potential, radiation = potential + 10, radiation + 10
    if case == "no day":
        nee[radiation > 0] = np.nan
    if case == "all gaps":
        nee[:] = np.nan
    if case == "no temperature":
        temperature = np.full_like(temperature, np.nan)
    keep = 0 if case == "nothing" else nee.size
    series = [values[:keep] for values in (nee, sd, radiation, temperature, deficit, potential)]
    parts = partition_by_day(*series, rules=rules)
    assert ("light" if case == "no day" else "no night") in parts.reason
    assert parts.reco.shape == (keep,)
    for values in (parts.reco, parts.gpp, parts.reco_sd, parts.gpp_sd):
        assert np.isnan(values).all()


def test_quality_tells_what_the_next_window_is_worth():
    (nee, *others), _, _ = made_year()
    nee = nee.copy()
    nee[15 * 48 : 50 * 48] = np.nan
    parts = partition_by_day(nee, *others)
    places = np.array([window.place for window in parts.windows if not window.reason])
    far = np.abs(places[:, None] - np.arange(nee.size)).min(axis=0) > 14 * 48
    assert far.any()
    assert_array_equal(parts.quality == 2, far)
    whole = [np.isfinite(window.sd).all() for window in parts.windows if not window.reason]
    assert_array_equal(parts.quality[places.astype(int)], np.where(whole, 0, 1))
    assert (partition_by_day(np.full_like(nee, np.nan), *others).quality == -1).all()


def test_uptake_in_bright_light():
    series, _, _ = made_year(noise=0.6)
    window = partition_by_day(*series).windows[10]
    _, beta, alpha, _ = window.theta
    assert window.gpp_2000 == pytest.approx(beta * alpha * 2000 / (beta + alpha * 2000))
    draws = np.random.default_rng(0).multivariate_normal(window.theta[1:3], window.covariance[1:3, 1:3], 20000).T
    sd = np.std(draws[0] * draws[1] * 2000 / (draws[0] + draws[1] * 2000))
    assert window.gpp_2000_sd == pytest.approx(sd, rel=0.05)
    without = partition_by_day(series[0], *series[1:], sensitivity=Sensitivity(*np.full((4, 29), np.nan)))
    assert "no night" in without.reason
    with pytest.raises(ValueError, match="29 windows, got 3"):
        partition_by_day(*series, sensitivity=Sensitivity(*np.ones((4, 3))))


def test_missing_drivers_leave_their_records_empty():
    (nee, sd, radiation, temperature, deficit, potential), _, _ = made_year()
    radiation[500], temperature[600], deficit[700] = np.nan, np.nan, np.nan
    parts = partition_by_day(nee, np.full_like(sd, np.nan), radiation, temperature, deficit, potential)
    assert_array_equal(np.flatnonzero(np.isnan(parts.gpp)), [500])
    assert_array_equal(np.flatnonzero(np.isnan(parts.reco)), [600])
    assert parts.gpp.min(initial=0, where=np.isfinite(parts.gpp)) >= 0


def light(seed: int, n: int = 60):
    random = np.random.default_rng(seed)
    radiation, dryness = random.uniform(5, 900, n), np.maximum(random.uniform(-8, 12, n), 0)
    rise = temperature_rise(random.uniform(5, 25, n))
    uptake = random.normal(8, 6, n)
    return radiation, dryness, rise, uptake, random.uniform(0.2, 4, n)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 1000),
    theta=st.tuples(*(st.floats(0.001, high) for high in (2.0, 200.0, 0.3, 20.0))),
)
def test_cost_is_that_of_the_naive_twin(seed, theta):
    radiation, dryness, rise, uptake, weight = light(seed)
    prior = np.array([0.05, 20.0, 0.1, 2.0])
    ours = light_cost(np.array(theta), prior, PRIOR_WIDTH, radiation, dryness, np.exp(150 * rise), uptake, weight)
    naive = naive_season.light_cost(theta, prior, PRIOR_WIDTH, radiation, dryness, np.exp(150 * rise), uptake, weight)
    assert ours == pytest.approx(naive, rel=1e-10)


@pytest.mark.parametrize("seed", range(8))
def test_fit_of_light_is_near_the_optimum(seed):
    """Of SciPy's simplex on the naive cost; the kernel stops early, where the cost changes by a thousandth."""
    random = np.random.default_rng(seed)
    radiation, dryness, rise, _, _ = light(seed, 120)
    growth = np.exp(150 * rise)
    most = 25 * np.exp(-0.05 * dryness)
    uptake = 0.05 * radiation * most / (0.05 * radiation + most) - 3 * growth + random.normal(0, 0.8, 120)
    weight = np.full(120, 1 / 0.8**2)
    prior = np.array([0.05, 25.0, 0.1, 2.0])
    data = (radiation, dryness, growth, uptake, weight)
    theta, free, cost = fit_light(prior, True, 0.22, PRIOR_WIDTH, np.array([1.0, 1.3, 0.8]), *data)
    assert free.all()
    optimum = minimize(
        naive_season.light_cost, prior, (prior, PRIOR_WIDTH, *data), method="Nelder-Mead",
        options={"maxiter": 4000, "maxfev": 4000, "xatol": 1e-7, "fatol": 1e-7},
    )  # fmt: skip
    assert optimum.fun <= cost + 1e-6
    assert cost <= 1.03 * optimum.fun
    assert_allclose(theta[1:], optimum.x[1:], rtol=0.2)


def test_alpha_too_large_is_that_of_the_last_window():
    random = np.random.default_rng(2)
    radiation = random.uniform(5, 300, 80)
    uptake = 0.3 * radiation * 20 / (0.3 * radiation + 20) - 5
    data = (radiation, np.zeros(80), np.ones(80), uptake, np.ones(80))
    theta, free, _ = fit_light(
        np.array([0.05, 20.0, 0.1, 2.0]), False, 0.21, PRIOR_WIDTH, np.array([1.0, 1.3, 0.8]), *data
    )
    assert theta[2] == 0.21
    assert free.tolist() == [False, True, False, True]


def test_fit_of_the_night_is_least_squares():
    random = np.random.default_rng(7)
    temperature = random.uniform(-2, 18, 80)
    flux = respiration(2.0, 250.0, temperature) + random.normal(0, 0.3, 80)
    rise = temperature_rise(temperature)
    ours = fit_night(rise, flux, flux.mean(), 100.0, 20)
    (r_ref, e0), covariance = curve_fit(lambda x, a, b: a * np.exp(b * x), rise, flux, p0=(2, 200))
    assert ours == pytest.approx((r_ref, e0, np.sqrt(covariance[1, 1])), rel=1e-4)
    assert np.isnan(fit_night(np.zeros(10), np.ones(10), 1.0, 100.0, 20)).all()
    assert np.isnan(fit_night(rise, flux, flux.mean(), 100.0, 1)).all()
