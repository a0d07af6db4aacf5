"""In-situ corrections of 64 alpine half-hours in EddyPro's dialect against EddyPro 6.2.1. Run with ``-s`` for tables.

Provenance: ../shared/reference/halfhour/README.md. The assessment of that program is read from its own file, so that
factors and fits are compared apart; then both together, as a station would have them.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from core.station import Options, Station
from fluxcalc.halfhour.fits import Fits
from fluxcalc.halfhour.fitters import FITTERS, fit_kind
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.spectral.correction import correct_spectra
from fluxcalc.halfhour.spectral.eddypro_assessment import EddyproAssessment, assess_as_eddypro, fit_humidity_classes
from fluxcalc.halfhour.steps import run_steps
from tests.fluxcalc.reference import HALFHOUR, needs_halfhour, read_csv, read_results, station

pytestmark = needs_halfhour

FINSE = HALFHOUR / "finse10hz"
STARTS = tuple(datetime(2018, 7, 20, 8, 30, tzinfo=UTC) + number * timedelta(minutes=30) for number in range(64))
VARIANTS = {"horst_1997": "horst_fcc", "ibrom_2007": "ibrom_fcc", "fratini_2012": "fratini_fcc"}
GASES = ("co2", "h2o")
STABILITIES = ("unstable", "stable")


def alpine(spectral: str, assessment: str = "eddypro") -> Station:
    original = station("finse", spectral=spectral)
    assert original.flux is not None
    options = Options(assessment=assessment)
    return original.model_copy(update={"flux": original.flux.model_copy(update={"options": options})})


@cache
def half_hour(number: int) -> HalfHour:
    """Take one through all steps, without anything fitted: momentum, heat and the series are then as in the runs."""
    start = STARTS[number]
    samples = read_csv(FINSE / "raw" / f"{start:%Y-%m-%dT%H%M%S}.csv.gz", start, 100_000_000)
    return run_steps(samples, alpine("fratini_2012"), start)


@cache
def results(method: str) -> list[dict[str, float]]:
    return read_results(FINSE / f"{VARIANTS[method]}.csv")


@cache
def printed() -> Fits:
    """Read that program's own assessment."""
    text = (FINSE / "fcc_assessment.txt").read_text()
    carbon = float(re.findall(r"^January += +\S+ +(\S+)", text, re.MULTILINE)[0])
    (curve,) = re.findall(r"exp1 +exp2 +exp3\n(.*)", text)
    c, b, a = (float(number) for number in curve.split())
    constants = {name: re.findall(rf"^{name} += +(\S+) +(\S+)", text, re.MULTILINE)[0] for name in STABILITIES}
    return Fits(
        cutoffs={"co2": ((0.0, 1.0, carbon),)},
        cutoff_curves={"h2o": (a, b, c)},
        attenuation={name: (float(a1), float(a2)) for name, (a1, a2) in constants.items()},
    )


@cache
def assessed() -> list[EddyproAssessment]:
    kept = [assess_as_eddypro(half_hour(number)) for number in range(64)]
    return [one for one in kept if one is not None]


@cache
def fitted() -> Fits:
    kept = [FITTERS["spectra"].keep(half_hour(n), None, alpine("fratini_2012")) for n in range(64)]  # type: ignore[arg-type]
    return fit_kind("spectra", [one for one in kept if one], alpine("fratini_2012"), STARTS[0], STARTS[-1])


def factors(number: int, method: str, fits: Fits) -> dict[str, float]:
    return dict(correct_spectra(replace(half_hour(number), fits=fits), alpine(method)).factors)


def largest_difference(number: int, method: str, fits: Fits) -> float:
    ours, reference = factors(number, method, fits), results(method)[number]
    worst = 0.0
    for gas in GASES:
        difference = ours[gas] / reference[f"{gas}_scf"] - 1
        theirs = reference[f"{gas}_scf"]
        print(f"{STARTS[number]:%d %H:%M} {method:13s} {gas} {ours[gas]:.6f} {theirs:.6f} {difference:9.1e}")
        worst = max(worst, abs(difference))
    return worst


@pytest.mark.parametrize("number", range(64))
@pytest.mark.parametrize(("method", "tolerance"), [("horst_1997", 2e-6), ("ibrom_2007", 3e-6), ("fratini_2012", 1e-3)])
def test_factors_by_the_printed_assessment(method, tolerance, number):
    assert largest_difference(number, method, printed()) < tolerance


def test_which_half_hours_are_assessed():
    """Numbers as that program wrote above its mean spectra."""
    with (FINSE / "fcc_h2o_ensemble_spectra.csv").open() as stream:
        counts = [int(text.removeprefix("n_=_")) for text in list(csv.reader(stream))[2] if text.startswith("n_=_")]
    water = [round(10 * one.humidity + 1e-9) for one in assessed() if "h2o" in one.gases]
    assert [water.count(place) for place in range(1, 10)] == counts
    assert sum("co2" in one.gases for one in assessed()) == 48


def test_mean_spectra():
    with (FINSE / "fcc_co2_ensemble_spectra.csv").open() as stream:
        table = np.array([[float(text) for text in row[:3]] for row in list(csv.reader(stream))[3:]])
    members = [one for one in assessed() if "co2" in one.gases]
    m = len(table)
    assert members[0].frequency[:m] == pytest.approx(table[:, 0], rel=1e-9)
    assert np.mean([one.temperature for one in members], axis=0)[:m] == pytest.approx(table[:, 1], rel=1e-5)
    assert np.mean([one.gases["co2"] for one in members], axis=0)[:m] == pytest.approx(table[:, 2], rel=1e-5)


def test_cutoffs_of_the_assessment():
    """Of CO2 to 1e-4, of vapour by class to 1e-3, and of its curve to 1e-3 at all humidities."""
    text = (FINSE / "fcc_assessment.txt").read_text()
    assert fitted().cutoffs["co2"][0][2] == pytest.approx(printed().cutoffs["co2"][0][2], rel=2e-4)
    members = [one for one in assessed() if "h2o" in one.gases]
    classes = re.findall(r"^RH class +\S+ - +\S+% += +\S+ +(\S+) +[1-9]", text, re.MULTILINE)
    found = [cutoff for *_, cutoff in fit_humidity_classes(members, "h2o")]
    assert found == pytest.approx([float(cutoff) for cutoff in classes], rel=1e-3)
    x = np.linspace(0.2, 0.9, 15)
    ours, theirs = (np.polynomial.Polynomial(one.cutoff_curves["h2o"])(x) for one in (fitted(), printed()))
    assert np.exp(ours) == pytest.approx(np.exp(theirs), rel=1e-3)


def test_constants_of_wind_and_cutoff():
    """That program does not say which covariances it degrades, and how: ours come near."""
    for name in STABILITIES:
        assert fitted().attenuation[name] == pytest.approx(printed().attenuation[name], rel=0.04)
        print(name, fitted().attenuation[name], printed().attenuation[name])


@pytest.mark.parametrize("number", range(64))
@pytest.mark.parametrize(("method", "tolerance"), [("horst_1997", 1e-3), ("ibrom_2007", 4e-3), ("fratini_2012", 4e-3)])
def test_factors_by_our_own_assessment(method, tolerance, number):
    assert largest_difference(number, method, fitted()) < tolerance
