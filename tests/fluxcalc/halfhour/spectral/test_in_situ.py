"""In-situ corrections: filters of known speed laid on turbulence must be found, and what they took given back.

Horst's formula is checked against the integral that it stands for, Ibrom's against losses made by its own definition.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import FloatArray
from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits
from fluxcalc.halfhour.interval import HalfHour, Meteorology
from fluxcalc.halfhour.spectral.cutoff_fit import (
    TRIAL_CUTOFFS,
    SpectralAssessment,
    assess_spectra,
    fit_attenuation,
    fit_cutoff,
    fit_cutoffs,
    fit_spectra,
    smooth_cutoffs,
)
from fluxcalc.halfhour.spectral.in_situ import cutoff_of, factor_by_peak, pass_low, stability_class
from fluxcalc.halfhour.spectral.model_cospectra import scalar_cospectrum
from fluxcalc.halfhour.spectral.moncrieff import factor_around_analyzer
from fluxcalc.halfhour.steps import process, run_steps
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence

N, DT = 36_000, 0.05
IN_SITU = ("horst_1997", "ibrom_2007", "fratini_2012")
ATTENUATION = {"unstable": (0.02, 0.05), "stable": (0.05, 0.01)}


def slow_turbulence(seed: int) -> dict[str, FloatArray]:
    """Turbulence whose spectra fall as f^(-5/3) from 0.05 Hz on, in the station's channels."""
    channels = turbulence(seed)
    random = np.random.default_rng(seed)
    frequency = np.fft.rfftfreq(N, DT)
    shape = (1 + (frequency / 0.05) ** 2) ** (-5 / 12)

    def red(white: FloatArray) -> FloatArray:
        series = np.fft.irfft(np.fft.rfft(white) * shape, N)
        return (series - series.mean()) / series.std()

    w, other = red(random.standard_normal(N)), red(random.standard_normal(N))
    scalar = 0.6 * w + 0.8 * other
    along = red(random.standard_normal(N))
    return channels | {
        "Ux": 3.0 - 0.25 * w + 0.5 * along,
        "Uy": 0.4 * red(random.standard_normal(N)),
        "Uz": 0.45 * w,
        "Ts": 20.0 + 0.5 * scalar,
        "co2": 700.0 - 6.0 * scalar,
        "h2o": 9.0 + 0.4 * scalar,
    }


def delay_and_damp(series: FloatArray, cutoff: float) -> FloatArray:
    """Lay the exact response of a first-order sensor on a series."""
    frequency = np.fft.rfftfreq(N, DT)
    return np.fft.irfft(np.fft.rfft(series) / (1 + 1j * frequency / cutoff), N)


def through_analyzer(seed: int, cutoff: float) -> dict[str, FloatArray]:
    channels = slow_turbulence(seed)
    return channels | {gas: delay_and_damp(channels[gas], cutoff) for gas in ("co2", "h2o")}


def interval(channels: dict[str, FloatArray], spectral: str = "none", fits: Fits = NOTHING_FITTED) -> HalfHour:
    return run_steps(samples(channels), station("synthetic", spectral=spectral, despike="none"), START, fits=fits)


# --- formulas


@given(st.floats(0.01, 1.0), st.floats(0.05, 10.0))
def test_horst_in_stable_air_is_the_integral_of_its_cospectrum(stability, cutoff):
    """For Co ~ 1/(1 + (f/fm)^2) and a sensor that keeps 1/(1 + (f/fc)^2), as the paper assumes."""
    half = replace(interval_stub(), raw_stability=stability, wind_speed=3.0)
    f = np.geomspace(1e-7, 1e6, 200_001)
    peak = (2.0 - 1.915 / (1.0 + 0.5 * stability)) * 3.0 / 3.598
    cospectrum = 1 / (1 + (f / peak) ** 2)
    whole = np.trapezoid(cospectrum * f, np.log(f))
    left = np.trapezoid(cospectrum / (1 + (f / cutoff) ** 2) * f, np.log(f))
    assert factor_by_peak(half, station("synthetic"), "co2", cutoff) == pytest.approx(whole / left, rel=2e-4)


@pytest.mark.parametrize("cutoff", [0.1, 0.3, 1.0, 3.0])
def test_horst_in_unstable_air_is_near_the_integral_of_measured_cospectra(cutoff):
    """With Kaimal's cospectra: within a fifth of what is lost."""
    half = replace(interval_stub(), raw_stability=-0.3, wind_speed=3.0)
    f = np.geomspace(1e-6, 1e4, 50_001)
    cospectrum = scalar_cospectrum(f * 3.598 / 3.0, -0.3)
    whole = np.trapezoid(cospectrum * f, np.log(f))
    kept = np.trapezoid(cospectrum / (1 + (f / cutoff) ** 2) * f, np.log(f)) / whole
    assert 1 - 1 / factor_by_peak(half, station("synthetic"), "co2", cutoff) == pytest.approx(1 - kept, rel=0.2)


def interval_stub() -> HalfHour:
    return HalfHour(START, START, samples(turbulence(n=1)), Meteorology())


def test_low_pass_is_the_root_of_half_at_its_cutoff():
    assert pass_low(np.array([0.0, 0.5]), 0.5) == pytest.approx([1.0, math.sqrt(0.5)])


def test_class_of_humidity():
    fits = Fits(cutoffs={"co2": ((0.0, 1.0, 2.0),), "h2o": ((0.3, 0.4, 0.9), (0.5, 0.6, 0.5))})
    assert [cutoff_of(fits, "h2o", humidity) for humidity in (0.1, 0.35, 0.44, 0.46, 0.55, 1.1)] == [
        0.9,
        0.9,
        0.9,
        0.5,
        0.5,
        0.5,
    ]
    assert cutoff_of(fits, "co2", math.nan) == 2.0
    assert math.isnan(cutoff_of(fits, "h2o", math.nan))
    assert math.isnan(cutoff_of(NOTHING_FITTED, "co2", 0.5))


# --- the step


@pytest.mark.parametrize("method", IN_SITU)
def test_without_fits_gases_are_corrected_analytically(method):
    record = process(samples(turbulence()), station("synthetic", spectral=method), START)
    usual = process(samples(turbulence()), station("synthetic"), START)
    for name in ("tau", "h", "h2o", "co2"):
        assert record.diagnostics[f"factor_{name}"] == usual.diagnostics[f"factor_{name}"]
    assert math.isnan(record.diagnostics["cutoff_co2_hz"])


@pytest.mark.parametrize("method", IN_SITU)
def test_slower_analysers_need_more(method):
    found = []
    for cutoff in (0.3, 1.0, 5.0):
        fits = Fits(cutoffs={"co2": ((0.0, 1.0, cutoff),)}, attenuation=ATTENUATION)
        half = interval(slow_turbulence(0), method, fits)
        found.append(half.factors["co2"])
        assert half.factors["h"] == interval(slow_turbulence(0), "moncrieff_1997").factors["h"]
        assert half.diagnostics["cutoff_co2_hz"] == cutoff
    assert found == sorted(found, reverse=True)
    assert found[-1] > 1


def test_ibrom_is_its_formula_beside_what_happens_around_the_analyser():
    fits = Fits(cutoffs={"co2": ((0.0, 1.0, 0.45),)}, attenuation=ATTENUATION)
    half = interval(slow_turbulence(0), "ibrom_2007", fits)
    assert stability_class(half) == "unstable"
    around = factor_around_analyzer(half, station("synthetic"), "co2")
    wind = half.diagnostics["wind_speed"]
    assert half.factors["co2"] == pytest.approx((1 + 0.02 * wind / 0.5) * around)
    assert 1 < around < half.factors["co2"]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("cutoff", [0.4, 1.0, 2.5])
def test_fratini_gives_back_what_a_filter_took(cutoff, seed):
    """The covariance of the undamped gas is known. The lag of the greatest covariance leaves a little of the delay."""
    fits = Fits(cutoffs={"co2": ((0.0, 1.0, cutoff),)})
    damped = interval(through_analyzer(seed, cutoff), "fratini_2012", fits)
    kept = damped.covariance("w_co2") / interval(slow_turbulence(seed)).covariance("w_co2")
    factor = damped.factors["co2"] / factor_around_analyzer(damped, station("synthetic"), "co2")
    assert kept < 0.975
    assert factor * kept == pytest.approx(1.0, abs=0.2 * (1 - kept))


def test_small_fluxes_take_the_model_of_wind():
    fits = Fits(cutoffs={"co2": ((0.0, 1.0, 0.5),)}, attenuation=ATTENUATION)
    channels = slow_turbulence(0)
    channels["co2"] = 700.0 + (channels["co2"] - 700.0) / 100
    small, model = interval(channels, "fratini_2012", fits), interval(channels, "ibrom_2007", fits)
    assert small.factors["co2"] == model.factors["co2"]
    large = interval(slow_turbulence(0), "fratini_2012", fits)
    assert large.factors["co2"] != pytest.approx(model.factors["co2"], rel=1e-3)


def test_a_filter_that_takes_nearly_all_leaves_no_factor():
    fits = Fits(cutoffs={"co2": ((0.0, 1.0, 0.001),)}, attenuation=ATTENUATION)
    assert math.isnan(interval(slow_turbulence(0), "horst_1997", fits).factors["co2"])


# --- the assessment


@pytest.mark.parametrize("cutoff", [0.05, 0.3, 1.0])
def test_filter_is_found_whatever_the_scale(cutoff):
    f = np.geomspace(0.001, 10, 50)
    assert fit_cutoff(f, 7.3 / (1 + (f / cutoff) ** 2)) == pytest.approx(cutoff, rel=1e-5)


def test_ragged_low_frequencies_do_not_spoil_the_filter():
    """The mean of few values is far off: what matters is where there are many."""
    f = np.geomspace(0.005, 2, 40)
    ragged = 1 + np.random.default_rng(1).standard_normal(40) * np.sqrt(0.005 / f)
    assert fit_cutoff(f, np.abs(ragged) / (1 + (f / 0.3) ** 2)) == pytest.approx(0.3, rel=0.1)


def test_a_gas_that_does_not_fall_behind_has_no_cutoff():
    f = np.geomspace(0.001, 10, 50)
    assert math.isnan(fit_cutoff(f, np.ones(50)))
    assert math.isnan(fit_cutoff(f[:3], np.ones(3)))


def test_assessment_finds_the_analyser():
    """Twelve intervals through an analyser of 0.4 Hz."""
    assessed = [one for seed in range(12) if (one := assess_spectra(interval(through_analyzer(seed, 0.4)))) is not None]
    assert len(assessed) == 12
    assert all(set(one.gases) == {"co2", "h2o"} for one in assessed)
    (found,) = fit_cutoffs(assessed, "co2", ((0.0, 1.0),), band=(0.005, 2.0))
    assert found[:2] == (0.0, 1.0)
    assert found[2] == pytest.approx(0.4, rel=0.05)
    fits = fit_spectra(assessed, Fits(cutoffs={"ch4": ((0.0, 1.0, 3.0),)}))
    assert fits.cutoffs["ch4"] == ((0.0, 1.0, 3.0),)
    assert [cutoff for _, _, cutoff in fits.cutoffs["h2o"]] == pytest.approx([0.4] * len(fits.cutoffs["h2o"]), rel=0.1)
    assert fits.attenuation.keys() == {"unstable"}


def test_calm_or_bad_intervals_are_not_assessed():
    channels = slow_turbulence(0)
    assert assess_spectra(interval(channels | {"Ts": np.full(N, 20.0)})) is None
    only_water = channels | {"co2": 700.0 + 0.01 * (channels["co2"] - 700.0)}
    assessed = assess_spectra(interval(only_water))
    assert assessed is not None
    assert set(assessed.gases) == {"h2o"}


def assessed_at(
    humidity: float, cutoff: float, wind: float = 3.0, a: tuple[float, float] = (0.03, 0.02)
) -> SpectralAssessment:
    f = np.geomspace(0.001, 10, 50)
    temperature = 1 / (1 + (f / 0.05) ** (5 / 3))
    gases = {"h2o": 2.0 * temperature / (1 + (f / cutoff) ** 2)}
    return SpectralAssessment(f, temperature, gases, humidity, wind, "stable", a[0] * wind / (a[1] + TRIAL_CUTOFFS))


def test_water_is_slower_in_humid_air():
    """Ibrom's dependence: ln fc falls with the square of humidity; a class without data takes its neighbour's."""

    def true(humidity: float) -> float:
        return math.exp(0.5 - 0.4 * humidity - 2.0 * humidity**2)

    classes = [(low / 10, (low + 1) / 10) for low in range(10)]
    middles = [0.25, 0.35, 0.45, 0.65, 0.75, 0.95]
    assessed = [assessed_at(humidity, true(humidity)) for humidity in middles for _ in range(10)] + [
        assessed_at(0.05, 3.0)
    ]
    found = smooth_cutoffs(fit_cutoffs(assessed, "h2o", classes))
    assert [(low + high) / 2 for low, high, _ in found] == pytest.approx(middles)
    assert [cutoff for _, _, cutoff in found] == pytest.approx([true(humidity) for humidity in middles], rel=1e-4)
    assert smooth_cutoffs(found[:3]) == found[:3]


def test_saturated_air_is_in_the_last_class():
    (found,) = fit_cutoffs([assessed_at(1.02, 0.2)] * 10, "h2o", ((0.0, 0.9), (0.9, 1.0)))
    assert found == (0.9, 1.0, pytest.approx(0.2, rel=1e-4))


def test_attenuation_by_its_own_definition_is_found():
    assessed = [assessed_at(0.5, 1.0, wind=wind) for wind in np.linspace(1, 8, 15)]
    ((stability, (a1, a2)),) = fit_attenuation(assessed).items()
    assert stability == "stable"
    assert (a1, a2) == pytest.approx((0.03, 0.02), rel=1e-3)
    assert fit_attenuation(assessed[:5]) == {}
