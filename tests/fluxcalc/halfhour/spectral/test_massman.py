"""Massman's formula: what it integrates exactly, how far from integrals it is elsewhere, its time constants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcalc.halfhour.spectral.instruments import Sensor
from fluxcalc.halfhour.spectral.massman import momentum_time_constant, part_kept, peak_frequency
from fluxcalc.halfhour.spectral.model_cospectra import scalar_cospectrum
from fluxcalc.halfhour.spectral.transfer import pass_tube, tube_loss
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.halfhour.spectral.test_correction import LI_7200
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence

F = np.geomspace(1e-8, 1e6, 200_001)


def integral(cospectrum, tau: float, averaging: float) -> float:
    """What is left of a cospectrum behind a first-order sensor and the filter that stands for a block average."""
    slow, fast = 2 * np.pi * F * averaging / 2.8, 2 * np.pi * F * tau
    response = slow**2 / (1 + slow**2) / (1 + fast**2)
    return np.trapezoid(cospectrum * response * F, np.log(F)) / np.trapezoid(cospectrum * F, np.log(F))


@given(st.floats(0.003, 1.0), st.floats(1e-3, 2.0), st.sampled_from([900.0, 1800.0, 3600.0]))
def test_stable_formula_is_the_integral_of_its_cospectrum(peak, tau, averaging):
    """The formula belongs to f Co(f) ~ (f/fx)/(1 + (f/fx)^2)."""
    cospectrum = 1 / (1 + (F / peak) ** 2)
    assert part_kept(peak, tau, averaging, 1.0) == pytest.approx(integral(cospectrum, tau, averaging), rel=2e-4)


@pytest.mark.parametrize("stability", [-1.0, -0.1, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("tau", [0.01, 0.1, 0.2])
def test_formula_is_near_the_integral_of_measured_cospectra(stability, tau):
    """The paper claims a factor right to 0.06 for usual systems and cospectra as measured over flat terrain."""
    height, wind = 5.0, 3.0
    kept = part_kept(peak_frequency(stability) * wind / height, tau, 1800.0, stability)
    whole = integral(scalar_cospectrum(F * height / wind, stability), tau, 1800.0)
    assert 1 / kept == pytest.approx(1 / whole, abs=0.06)


def test_peak_moves_to_higher_frequencies_with_stability():
    peaks = [peak_frequency(stability) for stability in (-1.0, math.nan, 0.0, 0.1, 1.0, 10.0)]
    assert peaks[:3] == [0.085] * 3
    assert peaks == sorted(peaks)
    assert peaks[-1] < 2.0
    assert peak_frequency(1e-9) == pytest.approx(0.085)


def test_time_constant_of_momentum_is_that_of_both_paths():
    """A sonic of 5.7 and 2.8 m would take 1 s at 1 m s-1 for each."""
    assert momentum_time_constant(Sensor(5.7, 0.0, 0.0), 1.0) == pytest.approx(1.0)
    assert momentum_time_constant(Sensor(5.7, 0.0, 2.8), 2.0) == pytest.approx(math.sqrt(0.5))


def test_tube_loses_half_where_its_loss_says():
    loss = tube_loss("co2", flow=2.5e-4, **LI_7200)
    assert pass_tube(np.array([math.sqrt(math.log(2) / loss)]), "co2", flow=2.5e-4, **LI_7200)[0] == pytest.approx(0.5)


def test_slower_and_farther_loses_more():
    record = process(samples(turbulence()), station("synthetic", spectral="massman_2000"), START)
    factor = {name: record.diagnostics[f"factor_{name}"] for name in ("tau", "h", "h2o", "co2")}
    assert 1 < factor["tau"] == factor["h"] < factor["h2o"] == factor["co2"] < 1.3
    assert record.diagnostics["cospectral_peak_hz"] == pytest.approx(
        0.085 * record.diagnostics["wind_speed"] / (4.0 - 0.67 * 0.6)
    )


def test_no_wind_no_factor():
    channels = turbulence() | {"Uz": np.full(36000, np.nan)}
    record = process(samples(channels), station("synthetic", spectral="massman_2000"), START)
    assert math.isnan(record.diagnostics["factor_tau"])
    assert math.isnan(record.values["TAU"])
