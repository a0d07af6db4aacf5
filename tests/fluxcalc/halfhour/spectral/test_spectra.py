"""Spectra against what is known without a transform: Parseval's sums, tones, noise, filters, a plain sum of waves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxcalc.halfhour.spectral.spectra import (
    TAPERS,
    bin_logarithmically,
    compute_cospectrum,
    compute_spectrum,
    cosine_taper,
    tabulate_spectra,
)
from fluxcalc.halfhour.steps import run_steps
from tests import naive
from tests.fluxcalc.reference import station
from tests.fluxcalc.samples import START, samples, turbulence

DT = 0.05


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


def area(spectrum) -> float:
    return spectrum.density.sum() * spectrum.frequency[0]


@given(st.integers(2, 400), st.integers(0, 50), st.floats(0.01, 2.0))
def test_densities_add_up_to_the_covariance(n, seed, dt):
    """Parseval: nothing is lost, whether the number of samples is even or odd."""
    x, y = noise(n, seed), noise(n, seed + 1)
    expected = ((x - x.mean()) * (y - y.mean())).mean()
    found = compute_cospectrum(x, y, dt, taper="none")
    assert area(found) == pytest.approx(expected, abs=1e-12)
    assert found.covariance == pytest.approx(expected, abs=1e-12)
    assert found.frequency[-1] <= 0.5 / dt * (1 + 1e-12)


@pytest.mark.parametrize("n", [3, 16, 37])
@pytest.mark.parametrize("taper", TAPERS)
def test_cospectrum_is_that_of_a_plain_sum_of_waves(n, taper):
    x, y = noise(n), noise(n, 1) + 3
    window = TAPERS[taper](n)
    expected = naive.cospectrum(x.tolist(), y.tolist(), DT, window.tolist())
    assert compute_cospectrum(x, y, DT, taper=taper).density == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("taper", TAPERS)
def test_a_tone_is_where_it_belongs_with_all_its_variance(taper):
    """A wave of amplitude 3 at 2 Hz has a variance of 4.5, and two waves a quarter apart have no covariance."""
    time = np.arange(36_000) * DT
    wave, shifted = 3 * np.sin(2 * np.pi * 2.0 * time), np.cos(2 * np.pi * 2.0 * time)
    spectrum = compute_spectrum(wave + 7.0, DT, taper=taper)
    assert spectrum.frequency[spectrum.density.argmax()] == pytest.approx(2.0)
    assert spectrum.covariance == pytest.approx(4.5)
    near = abs(spectrum.frequency - 2.0) < 0.02
    assert spectrum.density[near].sum() * spectrum.frequency[0] == pytest.approx(4.5, rel=1e-4)
    assert area(spectrum) == pytest.approx(4.5, rel=1e-4)
    assert abs(area(compute_cospectrum(wave, shifted, DT, taper=taper))) < 1e-6


def test_tapers_keep_a_tone_between_frequencies_from_leaking():
    """Without a window half a cycle too much spreads over the whole spectrum."""
    time = np.arange(36_000) * DT
    wave = np.sin(2 * np.pi * (2.0 + 0.5 / 1800) * time)
    far = {taper: compute_spectrum(wave, DT, taper=taper).density[7200:].max() for taper in TAPERS}
    assert all(far[taper] < 0.02 * far["none"] for taper in ("hann", "hamming", "cosine", "bartlett"))


def test_white_noise_is_flat_and_a_window_keeps_its_power():
    for taper in TAPERS:
        spectrum = compute_spectrum(noise(36_000), DT, taper=taper)
        halves = np.array_split(spectrum.density, 4)
        assert [half.mean() for half in halves] == pytest.approx([2 * DT] * 4, rel=0.05)


def test_first_order_filter_has_its_transfer_function():
    """The ratio of spectra behind and before a recursive filter is |a/(1 - (1 - a) exp(-i w))|^2."""
    n, a = 72_000, 0.2
    x = noise(n)
    y = np.empty(n)
    y[0] = x[0]
    for i in range(1, n):
        y[i] = a * x[i] + (1 - a) * y[i - 1]
    before, behind = compute_spectrum(x, DT), compute_spectrum(y, DT)
    binned = bin_logarithmically(before.frequency, 12, before=before.density, behind=behind.density)
    angle = 2 * np.pi * before.frequency * DT
    response = a**2 / (1 - 2 * (1 - a) * np.cos(angle) + (1 - a) ** 2)
    expected = bin_logarithmically(before.frequency, 12, value=response)["value"]
    assert (binned["behind"] / binned["before"])[4:] == pytest.approx(expected[4:], rel=0.1)


def test_weighted_spectrum_has_the_area_of_one_over_the_logarithm():
    spectrum = compute_spectrum(noise(20_001), DT, taper="none")
    assert (spectrum.weighted / spectrum.frequency).sum() * spectrum.frequency[0] == pytest.approx(1.0)
    nothing = compute_spectrum(np.full(10, 3.0), DT)
    assert np.isnan(nothing.weighted).all()
    assert np.isnan(nothing.ogive).all()


def test_ogive_is_the_sum_from_above():
    """Two waves with covariances 1 and 3: between them a quarter lies above."""
    time = np.arange(36_000) * DT
    low, high = np.sin(2 * np.pi * 0.1 * time), np.sin(2 * np.pi * 1.0 * time)
    found = compute_cospectrum(6 * low + 2 * high, low + high, DT, taper="none")
    at = np.interp([0.01, 0.5, 5.0], found.frequency, found.ogive)
    assert at == pytest.approx([1.0, 0.25, 0.0], abs=1e-9)


def test_gaps_are_bridged():
    time = np.arange(36_000) * DT
    wave = np.sin(2 * np.pi * 0.05 * time)
    holed = wave.copy()
    holed[::7] = np.nan
    holed[:3] = holed[-3:] = np.nan
    assert compute_spectrum(holed, DT).density[90 - 1] == pytest.approx(
        compute_spectrum(wave, DT).density[90 - 1], rel=1e-3
    )
    assert np.isnan(compute_spectrum(np.full(100, np.nan), DT).density).all()


def test_two_samples_behind_a_window_are_nothing():
    assert np.isnan(compute_spectrum(noise(2), DT, taper="hann").density).all()


@given(st.integers(1, 60), st.integers(2, 3000))
def test_bins_hold_every_frequency_once(bins, m):
    frequency = np.arange(1, m + 1) / 1800
    binned = bin_logarithmically(frequency, bins, one=np.ones(m), twice=2 * frequency)
    assert len(binned["frequency"]) <= bins
    assert (binned["one"] == 1).all()
    assert binned["twice"] == pytest.approx(2 * binned["frequency"])
    assert (np.diff(binned["frequency"]) > 0).all()


def test_bins_are_means():
    frequency = np.array([1.0, 2.0, 3.0, 50.0, 100.0])
    binned = bin_logarithmically(frequency, 2, value=np.array([1.0, 3.0, 8.0, 2.0, 4.0]))
    assert binned["frequency"] == pytest.approx([2.0, 75.0])
    assert binned["value"] == pytest.approx([4.0, 3.0])


def test_cosine_window_touches_the_ends_only():
    window = cosine_taper(1000)
    assert (window[50:950] == 1).all()
    assert window[0] < 0.001
    assert window == pytest.approx(window[::-1])


def test_table_of_an_interval():
    half = run_steps(samples(turbulence()), station("synthetic"), START)
    full = tabulate_spectra(half, taper="none")
    assert len(full["frequency"]) == 18_000
    assert full["frequency"][[0, -1]] == pytest.approx([1 / 1800, 10.0])
    # the end of the gases is missing by their lag, and is filled
    for name in ("u", "w", "ts", "co2"):
        assert (full[f"spectrum_{name}"] / full["frequency"]).sum() / 1800 == pytest.approx(1.0)
    for pair in ("w_u", "w_ts", "w_co2", "w_h2o"):
        assert (full[f"cospectrum_{pair}"] / full["frequency"]).sum() / 1800 == pytest.approx(1.0)
        assert full[f"ogive_{pair}"][0] == pytest.approx(1.0)
    binned = tabulate_spectra(half, bins=50)
    assert binned.keys() == full.keys()
    assert {len(column) for column in binned.values()} == {len(binned["frequency"])}
    assert len(binned["frequency"]) < 50


def test_table_leaves_out_what_is_not_there():
    channels = turbulence()
    del channels["co2"]
    table = tabulate_spectra(run_steps(samples(channels), station("synthetic"), START), bins=20)
    assert "spectrum_h2o" in table
    assert not any("co2" in name for name in table)
    broken = {name: np.full(36_000, math.nan) for name in channels}
    assert tabulate_spectra(run_steps(samples(broken), station("synthetic"), START)) == {}
