"""Spectral corrections other than the default one against EddyPro 6.2.1. Run with ``-s`` to see the tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.records import FluxRecord
from fluxcalc.halfhour.fits import Fits
from fluxcalc.halfhour.spectral.spectra import compute_cospectrum, compute_spectrum
from fluxcalc.halfhour.steps import process, run_steps
from tests.fluxcalc.halfhour.test_golden_halfhour import (
    CORRECTED,
    DT,
    FACTORS,
    VARIANTS_FROM,
    alpine,
    alpine_results,
    differences,
    flags,
    synthetic,
    synthetic_results,
    synthetic_samples,
)
from tests.fluxcalc.reference import HALFHOUR, needs_halfhour, read_csv, read_results, read_toa5, station

pytestmark = needs_halfhour

MASSMAN = "massman_2000"


@pytest.mark.parametrize("number", range(VARIANTS_FROM, VARIANTS_FROM + 16))
def test_synthetic_massman(number):
    record, reference = synthetic(number, MASSMAN), synthetic_results("massman")[number]
    worst = differences(record, reference, FACTORS | CORRECTED)
    assert max(worst.values()) < 1e-5
    ours, theirs = flags(record, reference)
    assert ours == theirs


@pytest.mark.parametrize("period", [0, 1])
def test_orchard_massman(period):
    start = datetime(2012, 6, 7, 12, 45, tzinfo=UTC) + period * timedelta(minutes=15)
    path = HALFHOUR / "fluxpart20hz" / "raw" / f"TOA5_6843.ts_Above_2012_06_07_{start:%H%M}.dat.gz"
    record: FluxRecord = process(
        read_toa5(path, start, 15, DT, stamps_end=True), station("orchard", spectral=MASSMAN), start
    )
    worst = differences(
        record, read_results(HALFHOUR / "fluxpart20hz" / "adv_massman.csv")[period], FACTORS | CORRECTED
    )
    assert max(worst.values()) < 5e-6


@pytest.mark.parametrize("number", range(24))
def test_closed_path_massman(number):
    """A short tube: its part is a tenth of the time constant, and that program has another coefficient for it."""
    start = datetime(2018, 7, 21, tzinfo=UTC) + number * timedelta(minutes=30)
    record, reference = alpine(start, MASSMAN), alpine_results("massman")[number]
    worst = differences(record, reference, FACTORS | CORRECTED)
    assert max(worst["Tau_scf"], worst["H_scf"], worst["u*"], worst["H"]) < 1e-5
    assert max(worst.values()) < 1e-3


def test_forest_momentum_and_heat_of_the_in_situ_method():
    """Only these two are compared: the cut-off frequencies of that run are not recorded, ours come near its factors."""
    start = datetime(2019, 7, 30, 11, 30, tzinfo=UTC)
    path = HALFHOUR / "dehoh20hz" / "raw" / "DE-HoH_EC_201907301200_v01.csv.gz"
    fits = Fits(cutoffs={"co2": ((0.0, 1.0, 5.0),), "h2o": ((0.0, 1.0, 0.5),)})
    samples = read_csv(path, start, 50_000_000)
    record = process(samples, station("forest", spectral="fratini_2012"), start, fits=fits)
    (reference,) = read_results(HALFHOUR / "dehoh20hz" / "icos_fratini_fcc.csv")
    worst = differences(record, reference, FACTORS)
    assert max(worst["Tau_scf"], worst["H_scf"]) < 1e-7


@pytest.mark.parametrize("number", range(24))
def test_asking_for_spectra_changes_no_flux(number):
    """The run that also wrote spectra: its table is that of the default corrections."""
    reference = read_results(HALFHOUR / "synth20hz" / "spectra.csv")[number]
    worst = differences(synthetic(number), reference, FACTORS | CORRECTED)
    assert max(worst.values()) < 1e-5


@pytest.mark.parametrize("number", [10, 20])
def test_spectra_of_synthetic_turbulence_hold_the_covariances_of_the_reference(number):
    """Parseval against another program's numbers: what the densities add up to are its covariance and variance."""
    start, samples = synthetic_samples(number)
    half = run_steps(samples, station("synthetic"), start)
    reference = synthetic_results("express")[number]
    heat = compute_cospectrum(half.series["w"], half.series["ts"], half.dt, taper="none")
    wind = compute_spectrum(half.series["u"], half.dt, taper="none")
    assert heat.density.sum() * heat.frequency[0] == pytest.approx(reference["w/ts_cov"], rel=1e-5)
    assert wind.density.sum() * wind.frequency[0] == pytest.approx(reference["u_var"], rel=1e-5)
