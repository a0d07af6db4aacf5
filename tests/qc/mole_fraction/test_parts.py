"""Parts of the chain against values worked out apart: water, scales, regression, jackknife, comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from core.station.mole_fraction import CalibrationMethod, MoleFraction
from ingest.simulation.analyser import SimulatedAnalyser, at
from qc.codes import GOOD
from qc.mole_fraction import Means, RawSeries, TankRun, kernels
from qc.mole_fraction.calibration import fit
from qc.mole_fraction.comparisons import OtherValue, compare_flask, compare_round_robin
from qc.mole_fraction.enhancement import enhancement
from qc.mole_fraction.preparation import apply_rules, prepare
from qc.mole_fraction.reference import base_covariance, find_reference, interpolate
from qc.mole_fraction.scales import assigned_on, convert_scale
from qc.mole_fraction.series import TargetRun
from qc.mole_fraction.water import correct_water, dry

HOUR = 3600 * 10**9
NONE = np.empty(0, np.int64)


def part() -> MoleFraction:
    found = SimulatedAnalyser().station.mole_fraction
    assert found is not None
    return found


def test_water_dilutes_and_broadens() -> None:
    # Chen et al. (2010): at 2 % 400 ppm dry are shown as 400 (1 - 0.024 - 0.0010696) = 389.97
    wet = np.array([400.0 * (1 - 0.0120 * 2 - 2.674e-4 * 4)])
    assert dry("CO2", wet, np.array([2.0]), (1.0, -0.0120, -2.674e-4))[0] == pytest.approx(400.0, abs=1e-9)
    # CO by a difference: 150 - (1 + 2 * 2 + 0.5 * 4 + 0.25 * 8) = 141
    assert dry("CO", np.array([150.0]), np.array([2.0]), (1.0, 2.0, 0.5, 0.25))[0] == 141.0


def test_the_correction_of_the_date_is_used_and_the_fallback_is_told() -> None:
    dated = part().model_copy(
        update={
            "water_correction": (
                part()
                .water_correction[0]
                .model_copy(update={"start": at_date("2026-01-10"), "coefficients": (1.0, -0.02, 0.0)}),
            )
        }
    )
    time = np.array([at("2026-01-09"), at("2026-01-11")], np.int64)
    made, fault, notes = correct_water(dated, "CO2", time, np.array([390.0, 390.0]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(made, [390 / (1 - 0.0120 - 2.674e-4), 390 / 0.98])
    assert not fault.any()
    assert notes == [
        "water: no coefficients of CO2 in the station file: Chen et al. (2010) is used (1, -0.012, -0.0002674)"
    ]
    bad = correct_water(dated, "CO2", time, np.array([390.0, 390.0]), np.array([-0.05, np.nan]))
    assert bad[1].tolist() == [True, True]
    assert np.isnan(bad[0]).all()


def at_date(text: str) -> object:
    from datetime import UTC, datetime

    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_scales_of_co2() -> None:
    # Hall et al. (2021): 0.18 ppm higher at 400 ppm
    assert convert_scale(400.0, "CO2", "WMO-CO2-X2007", "WMO-CO2-X2019") - 400 == pytest.approx(0.18, abs=0.01)
    back = convert_scale(
        convert_scale(412.3, "CO2", "WMO-CO2-X2007", "WMO-CO2-X2019"), "CO2", "WMO-CO2-X2019", "WMO-CO2-X2007"
    )
    assert back == pytest.approx(412.3, abs=1e-9)
    with pytest.raises(ValueError, match="no conversion from A to B is known"):
        convert_scale(400.0, "CO2", "A", "B")
    with pytest.raises(ValueError, match="outside 250 to 520"):
        convert_scale(600.0, "CO2", "WMO-CO2-X2007", "WMO-CO2-X2019")


def test_an_assignment_on_the_wanted_scale_is_taken_before_a_converted_one() -> None:
    tank = SimulatedAnalyser().tanks["SIM-1"]
    direct = assigned_on(tank, "CO2", "WMO-CO2-X2019", at("2026-01-10"))
    converted = assigned_on(tank, "CO2", "WMO-CO2-X2007", at("2026-01-10"))
    assert direct is not None
    assert converted is not None
    assert (direct.value, direct.converted_from) == (385.0, "")
    assert converted.value == pytest.approx((385 + 0.142) / 1.00079)
    assert converted.converted_from == "WMO-CO2-X2019"
    assert assigned_on(tank, "CH4", "NOAA-2000", at("2026-01-10")) is None


@pytest.mark.parametrize("degree", [1, 2])
def test_the_regression_is_orthogonal(degree: int) -> None:
    rng = np.random.default_rng(degree)
    x = np.array([-30.0, -5.0, 10.0, 25.0, 45.0])
    y = 411 + 0.997 * x + (2e-4 * x**2 if degree == 2 else 0) + rng.normal(0, 0.02, 5)
    sx, sy = np.array([0.01, 0.02, 0.01, 0.03, 0.01]), np.full(5, 0.02)
    made = fit("CO2", 0, "R", list("abcde"), x, np.diag(sx**2), y, sy, CalibrationMethod(degree=degree))

    def misfit(unknown: np.ndarray) -> np.ndarray:
        # coefficients of x/45, and the true responses: what the regression is, written out
        beta, true = unknown[: degree + 1], unknown[degree + 1 :]
        return np.concatenate([(y - sum(b * (true / 45) ** k for k, b in enumerate(beta))) / sy, (x - true) / sx])

    start = np.concatenate([np.array([410.0, 45.0, 0.0])[: degree + 1], x])
    found = least_squares(misfit, start, xtol=1e-15, ftol=1e-15, gtol=1e-15).x[: degree + 1]
    shown = np.linspace(-30, 45, 9)
    expected = sum(b * (shown / 45) ** k for k, b in enumerate(found))
    c0, c1, c2 = made.coefficients
    np.testing.assert_allclose(c0 + c1 * shown + c2 * shown**2, expected, atol=1e-6)
    assert made.freedom == 5 - degree - 1


def test_the_covariance_of_the_regression_is_that_of_many_draws() -> None:
    rng = np.random.default_rng(4)
    x, sx, sy = np.array([-30.0, 0.0, 40.0]), 0.02, 0.03
    y = 411 + 0.997 * x
    covariance = sx**2 * (0.4 * np.eye(3) + 0.6)  # the reference's error is common to all
    drawn = [
        fit(
            *("CO2", 0, "R", list("abc"), x + rng.multivariate_normal(np.zeros(3), covariance), covariance),
            *(y + rng.normal(0, sy, 3), np.full(3, sy), CalibrationMethod()),
        )
        for _ in range(1500)
    ]
    spread = np.cov(np.array([one.coefficients[:2] for one in drawn]).T)
    stated = (drawn[0].assigned_covariance + drawn[0].response_covariance)[:2, :2]
    np.testing.assert_allclose(np.sqrt(np.diag(spread)), np.sqrt(np.diag(stated)), rtol=0.06)
    chi2 = np.mean([one.chi2 for one in drawn])
    assert 0.5 < chi2 < 1.2


def reference_run(hour: float, value: float, *, tank: str = "SIM-R", n: int = 36) -> TankRun:
    middle = at("2026-01-10") + round(hour * HOUR)
    span = (middle - 90 * 10**9, middle + 90 * 10**9, middle)
    return TankRun("CO2", tank, "reference", 8, *span, value, 0.04, n, 0.04**2 / n, 0.0, True)


def test_the_reference_is_interpolated_between_runs_of_the_same_tank() -> None:
    runs = [reference_run(0, 411.0), reference_run(1, 411.2), reference_run(2, 411.0), reference_run(6, 411.0)]
    found = find_reference(runs, part(), NONE)
    assert found.bracketed.tolist() == [True, True, False, False]
    assert interpolate(found, at("2026-01-10T00:15:00")) == pytest.approx(411.05)
    assert interpolate(found, at("2026-01-10T03:00:00")) is None
    outage = find_reference(runs, part(), np.array([at("2026-01-10T00:30:00")]))
    assert outage.bracketed.tolist() == [False, True, False, False]


def test_the_jackknife_finds_the_diffusion_of_a_random_walk() -> None:
    rng = np.random.default_rng(5)
    walk = np.cumsum(rng.normal(0, 0.03, 3000))  # 0.03 ppm in an hour
    runs = [reference_run(i, 411 + w + rng.normal(0, 0.04 / 6)) for i, w in enumerate(walk)]
    found = find_reference(runs, part(), NONE)
    assert np.sqrt(np.nanmean(found.diffusion) * HOUR) == pytest.approx(0.03, rel=0.05)
    # a day of residuals, of which neighbours are correlated by -1/2
    assert found.freedom[100] == pytest.approx(24 / 1.5)
    assert np.isnan(found.diffusion[:3]).all()
    assert (found.presumed[:3] == found.diffusion[3]).all()
    # half-way between two runs: T q/4 and half of a run's variance
    half = base_covariance(found, at("2026-01-14T00:30:00"), at("2026-01-14T00:30:00"))
    i = 96
    expected = found.diffusion[i] * HOUR / 4 + (found.variance[i] + found.variance[i + 1]) / 4
    assert half == pytest.approx(expected)


def test_the_variance_of_an_averaged_baseline_is_that_of_many_bridges() -> None:
    rng = np.random.default_rng(6)
    times = np.arange(0, 3600, 60) + 30
    steps = rng.normal(0, 1.0, (4000, 3600)).cumsum(axis=1)
    bridges = steps - steps[:, -1:] * (np.arange(1, 3601) / 3600)
    expected = bridges[:, times].mean(axis=1).var()
    arrays = (np.array([0, 3600], np.int64), np.zeros(2), np.array([1.0, 1.0]))
    bridge, noise = kernels.baseline_variance(
        *(np.array([0]), np.array([60]), times.astype(np.int64), np.ones(60), np.zeros(60, np.int64)),
        *(np.array([True, False]), *arrays),
    )
    # q T/12 of a whole bridge
    assert bridge[0] == pytest.approx(3600 / 12, rel=0.01)
    assert bridge[0] == pytest.approx(expected, rel=0.1)
    assert noise[0] == 0.0


def test_rules_the_first_that_is_about_it_holds() -> None:
    scene = SimulatedAnalyser()
    base = part()
    rule = base.rule[0]
    rules = (
        rule.model_copy(update={"gas": "CH4", "min": 100.0}),
        rule.model_copy(update={"site": "elsewhere", "min": 0.0}),
        rule.model_copy(update={"system": "other", "min": 0.0}),
        rule,
        rule.model_copy(update={"min": 150.0}),
        rule.model_copy(update={"flag": "suspect", "min": 139.9}),
        rule.model_copy(update={"basis": "sd", "min": None, "max": 0.5}),
    )
    station = scene.station.model_copy(update={"mole_fraction": base.model_copy(update={"rule": rules})})
    made = scene.samples(at("2026-01-10T05:00:00"), at("2026-01-10T05:10:00"))
    values = made.in_units.copy()
    values[:, 5] = 140.0
    values[60, 5], values[61, 5], values[62, 5] = 139.5, 139.7, np.nan
    values[84:96:2, 5] = 141.1
    raw = RawSeries(made.time_ns, values, tuple(c.name for c in scene.station.stream[0].channels))
    own = station.mole_fraction
    assert own is not None
    ready = prepare(raw, station, own, ())
    state, marks = apply_rules(own, station.id, "CO2", raw, np.zeros_like(ready.state), np.zeros_like(ready.marks))
    assert state[59:64].tolist() == [0, 3, 2, 3, 0]
    assert (marks[84:96] > 0).all()  # by its sd all of the minute
    methane, _ = apply_rules(own, station.id, "CH4", raw, np.zeros_like(ready.state), np.zeros_like(ready.marks))
    assert methane[60:63].tolist() == [2, 2, 3]


def test_what_the_valve_says_and_when() -> None:
    scene = SimulatedAnalyser()
    made = scene.samples(at("2026-01-10T03:00:00"), at("2026-01-10T04:00:00"))
    values = made.in_units.copy()
    values[300:310, 0] = 99
    raw = RawSeries(made.time_ns, values, tuple(c.name for c in scene.station.stream[0].channels))
    ready = prepare(raw, scene.station, part(), ())
    assert (ready.entry[300:310] == -1).all()
    # reference 0-300 s, target to 900 s, then air: 120 s of flush, and 300 s more after the target
    assert ready.state[180:263].tolist() == [3] * 83
    assert ready.state[264:270].tolist() == [0] * 6


def hours(
    name: str, values: list[float], *, start: int = 0, flag: int = GOOD, scale: str = "S", u: float = 0.03
) -> Means:
    n = len(values)
    time = (start + np.arange(n)) * HOUR
    rest = (np.full(n, 10, np.int32), np.full(n, flag, np.int16), np.zeros(n, np.uint32))
    column = np.array(values, float)
    return Means(
        "CO2",
        "umol mol-1",
        scale,
        3600,
        time,
        np.zeros(n, np.int16),
        (name,),
        column,
        column * 0 + 0.2,
        column * 0 + u,
        *rest,
    )


def test_enhancement_is_taken_at_equal_times() -> None:
    found = enhancement(
        hours("10m", [420.0, 421, 422, 423], u=0.04),
        hours("60m", [410.0, 411], start=2),
        8.0,
        intake="10m",
        background_intake="60m",
    )
    assert found.time_ns.tolist() == [2 * HOUR, 3 * HOUR]
    assert found.difference.tolist() == [12.0, 12.0]
    assert found.u == pytest.approx([0.05, 0.05])
    # 2 and 3 h UTC are 10 and 11 h there
    assert not found.afternoon.any()
    late = enhancement(hours("10m", [420.0] * 9), hours("60m", [410.0] * 9), 8.0, intake="10m", background_intake="60m")
    assert late.afternoon.tolist() == [False] * 4 + [True] * 4 + [False]
    with pytest.raises(ValueError, match="scale: S of the site, T of the background"):
        enhancement(hours("a", [1.0]), hours("b", [1.0], scale="T"), 0.0, intake="a", background_intake="b")


def test_flasks_and_tanks_that_go_round() -> None:
    minutes = hours("40m", [420.0, 420.2, 425.0], scale="WMO-CO2-X2019")
    flask = OtherValue("CO2", "WMO-CO2-X2007", 0, 2 * HOUR, 420.0, 0.03, "40m", "CMA")
    found = compare_flask(flask, minutes, 0.1)
    assert found is not None
    assert (found.n, found.other.laboratory) == (2, "CMA")
    # X2007 420 is 1.00079 * 420 - 0.142 = 420.1898 on X2019; ours is 420.1
    assert found.difference == pytest.approx(420.1 - 420.1898)
    assert found.u == pytest.approx((0.03**2 + np.var([420.0, 420.2], ddof=1) + 0.03**2) ** 0.5)
    assert found.within_goal
    assert found.normal == pytest.approx(found.difference / found.u)
    assert compare_flask(OtherValue("CO2", "S", 90 * HOUR, 91 * HOUR, 1, 1, "40m"), minutes, 0.1) is None
    assert compare_flask(OtherValue("CO2", "S", 0, HOUR, 1, 1, "80m"), minutes, 0.1) is None
    runs = [TargetRun("CO2", "RR-1", i * HOUR, 400.0 + 0.02 * i, 0.02, 0.03, 60, 400.0, 0.02, GOOD) for i in range(3)]
    tank = OtherValue("CO2", "WMO-CO2-X2019", 0, 9 * HOUR, 400.2, 0.01, "RR-1", "WCC-Empa")
    compared = compare_round_robin(tank, runs, "WMO-CO2-X2019", 0.1)
    assert compared is not None
    assert (compared.n, compared.within_goal) == (3, False)
    assert compared.difference == pytest.approx(-0.18)
    assert compare_round_robin(OtherValue("CO2", "S", 0, 1, 1, 1, "RR-9"), runs, "S", 0.1) is None
