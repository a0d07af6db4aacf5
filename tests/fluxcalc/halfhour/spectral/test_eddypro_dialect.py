"""The dialect's parts against filters, noise and places that were put in."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import FloatArray
from core.station import Analyzer
from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits
from fluxcalc.halfhour.spectral.eddypro_assessment import (
    EddyproAssessment,
    binned_spectrum,
    fit_as_eddypro,
    fit_curve,
    fit_members,
)
from fluxcalc.halfhour.spectral.in_situ import cutoff_of
from fluxcalc.halfhour.spectral.separation import (
    crosswind_distance,
    crosswind_number,
    separation_factor,
    vertical_number,
)


def analyzer(north: float = 0.0, east: float = 0.0, up: float = 0.0) -> Analyzer:
    return Analyzer(
        model="LI-7500", gases=("CO2",), northward_separation=north, eastward_separation=east, vertical_separation=up
    )


# --- separation


def test_along_the_wind_nothing_is_lost():
    for direction in (90.0, 270.0):
        assert separation_factor(analyzer(east=0.3), direction, 4.0, -0.5) == pytest.approx(1.0)
    assert crosswind_distance(analyzer(east=0.3), 180.0) == pytest.approx(0.3)
    assert crosswind_distance(analyzer(north=0.3, east=0.3), 45.0) == pytest.approx(0.0, abs=1e-12)
    assert separation_factor(None, 0.0, 4.0, 0.1) == 1.0


def test_across_the_wind_a_flux_falls_as_measured():
    """Horst & Lenschow: exp(-2 pi n y/z), n = 0.15 in unstable air."""
    found = separation_factor(analyzer(east=0.3), 0.0, 4.0, -0.5)
    assert found == pytest.approx(math.exp(2 * math.pi * 0.15 * 0.3 / 4.0))


def test_numbers_do_not_jump_where_formulas_meet():
    for number, place in (
        (crosswind_number, -0.05),
        (lambda zeta: vertical_number(zeta, above=False), -0.03),
        (lambda zeta: vertical_number(zeta, above=True), 0.03),
    ):
        assert number(place + 1e-9) == pytest.approx(number(place - 1e-9), rel=1e-6)


@given(st.floats(-2, 2), st.floats(0, 360))
def test_less_is_lost_below_the_sonic_than_above_and_never_gained(stability, direction):
    below, above = (separation_factor(analyzer(east=0.2, up=up), direction, 4.0, stability) for up in (-0.1, 0.1))
    assert 1.0 <= below <= above


# --- spectra and fits


def test_a_sine_stands_in_its_own_bin_with_its_whole_variance():
    """Variance over ln f: what a bin holds is f S d(ln f)."""
    n, dt = 16384, 0.1
    frequency = 300 / (n * dt)
    x = np.sin(2 * np.pi * frequency * np.arange(n) * dt)
    f, counts, weighted = binned_spectrum(x, dt)
    place = int(np.argmax(weighted))
    assert abs(f[place] / frequency - 1) < 0.1
    share = weighted / f * counts / (n * dt)
    assert share[place] == pytest.approx(1.0, rel=0.01)
    assert counts.sum() == n // 2


def spectra(cutoff: float, noise: float, humidity: float = 0.5, wind: float = 4.0) -> EddyproAssessment:
    """A spectrum of temperature, and that of a gas behind a filter with white noise on it, by formula."""
    f = np.geomspace(1e-3, 5.0, 50)
    heat = 0.2 * f**0.5 / (1 + (f / 0.03) ** 2) ** 0.6
    gas = 1.1 * heat / (1 + (f / cutoff) ** 2) + noise * f
    nothing: FloatArray = np.full(6, math.nan)
    return EddyproAssessment(f, np.ones(50), heat, {"co2": gas, "h2o": gas}, humidity, wind, "unstable", f[:6], nothing)


@pytest.mark.parametrize("cutoff", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 1e-2])
def test_a_slow_filter_is_found_behind_noise(cutoff, noise):
    """Far below 1 Hz, where nothing of the gas is left beside noise."""
    assert fit_members([spectra(cutoff, noise)], "co2") == pytest.approx(cutoff, rel=0.03)


def test_vapour_has_a_curve_over_humidity():
    def cutoff(humidity: float) -> float:
        return math.exp(-1.5 + 0.5 * humidity - 2.0 * humidity**2)

    assessed = [spectra(cutoff(humidity), 1e-3, humidity) for humidity in (0.2, 0.4, 0.5, 0.7, 0.9)]
    fits = fit_as_eddypro(assessed, NOTHING_FITTED)
    for humidity in (0.2, 0.45, 0.8, 0.95):
        assert cutoff_of(fits, "h2o", humidity) == pytest.approx(cutoff(humidity), rel=0.05)
    assert math.isnan(cutoff_of(fits, "h2o", math.nan))
    few = fit_as_eddypro(assessed[:2], NOTHING_FITTED)
    assert len(few.cutoffs["h2o"]) == 2
    assert not few.cutoff_curves


def test_a_curve_through_its_own_points():
    humidity = np.array([0.1, 0.35, 0.6, 0.85])
    points = [(h - 0.05, h + 0.05, math.exp(0.2 - 1.1 * h - 0.7 * h * h)) for h in humidity]
    assert fit_curve(points) == pytest.approx((0.2, -1.1, -0.7), rel=1e-6)


def test_constants_of_a_law_that_holds():
    cutoffs = np.array([0.13, 0.065, 0.032, 0.016, 0.008, 0.004])
    assessed = [
        replace(spectra(0.1, 0.0, wind=wind), cutoffs=cutoffs, factors=1 + 0.02 * wind / (0.01 + cutoffs))
        for wind in (1.0, 3.0, 6.0)
    ]
    fits = fit_as_eddypro(assessed, Fits())
    assert fits.attenuation["unstable"] == pytest.approx((0.02, 0.01), rel=1e-5)
    assert "stable" not in fits.attenuation
