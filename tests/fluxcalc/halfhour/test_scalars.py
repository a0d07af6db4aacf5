"""CH4, N2O and any further scalar: what is a multiple of CO2 has that multiple of its flux, by every method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from core.station import Station
from fluxcalc.halfhour.fits import Fits
from fluxcalc.halfhour.fitters import FITTERS, fit_kind
from fluxcalc.halfhour.lag.lag_fit import fit_lags
from fluxcalc.halfhour.spectral.cutoff_fit import SpectralAssessment, assess_spectra, fit_spectra
from fluxcalc.halfhour.spectral.spectra import tabulate_spectra
from fluxcalc.halfhour.steps import REGISTRIES, process, run_steps
from tests.fluxcalc.halfhour.towers import (
    HALF,
    PART,
    build,
    channel,
    closed_path,
    explained,
    fitted,
    open_path,
    with_laser,
)
from tests.fluxcalc.samples import START, samples, turbulence

EVERY_METHOD = [(key, method) for key, registry in REGISTRIES.items() for method in registry]


SCALED = (
    ("FO3", "FC"),
    ("SO3", "SC"),
    ("O3_MOLE_FRACTION", "CO2"),
    ("O3_MIXING_RATIO", "CO2_MIXING_RATIO"),
)
"""Columns of the further scalar, in nmol, and those of CO2, in umol."""

EQUAL = ("lag_co2_s", "factor_co2", "stationarity_w_co2", "skewness_co2", "valid_co2", "cutoff_co2_hz")
"""Diagnostics that do not depend on how much there is of a gas; those that a method has."""


def build_scaled(path: str, key: str, method: str) -> Station:
    """A station that measures the further scalar as it does CO2, with one method."""
    name, variable, unit = {
        "open": ("synthetic", "O3_DENSITY", "mol m-3"),
        "closed": ("closed", "O3_MIXING_RATIO", "umol mol-1"),
        "closed, moist": ("closed", "O3_MOLE_FRACTION", "umol mol-1"),
    }[path]
    swap = [('"CSAT3"' if path == "open" else '"HS-50"', '"WindMaster"')] if key == "angle_of_attack" else []
    if path == "closed, moist":
        swap.append(('"CO2_MIXING_RATIO"', '"CO2"'))  # CO2 itself is a fraction of moist air, too
    return build(name, channel("o3", variable, unit), more=("O3",), swap=tuple(swap), **{key: method})


@pytest.mark.parametrize(("key", "method"), EVERY_METHOD)
@pytest.mark.parametrize("path", ["open", "closed", "closed, moist"])
def test_a_multiple_of_co2_has_that_multiple_of_its_flux(path, key, method):
    station = build_scaled(path, key, method)
    data = open_path() if path == "open" else closed_path()
    before = process(samples(data, START - HALF), station, START - HALF, fits=fitted())
    richer = data | {"co2": 1.001 * data["co2"], "o3": 1.001 * data["o3"]}
    record = process(samples(richer), station, START, fits=fitted(), previous=before)
    explained(record, station)
    values, noted = record.values, record.diagnostics
    assert math.isfinite(values["FC"])
    assert math.isfinite(values["SC"])
    for ours, carbons in SCALED:
        assert values[ours] == pytest.approx(1e3 * PART * values[carbons], rel=1e-8), ours
    assert values["FO3_SSITC_TEST"] == values["FC_SSITC_TEST"]
    assert_scaled_diagnostics(noted)
    if key != "random_error" or method != "none":
        assert noted["random_error_fo3"] == pytest.approx(PART * noted["random_error_fc"], rel=1e-8)
    if key == "quality" and method != "mauder_foken_2004":
        assert noted["class_fo3"] == noted["class_fc"]


def assert_scaled_diagnostics(noted: Mapping[str, float]) -> None:
    """What a further scalar notes is what CO2 notes, or the part of it that the scalar is."""
    for name in EQUAL:
        if name in noted:
            assert noted[name.replace("co2", "o3")] == pytest.approx(noted[name], rel=1e-8), name
    for name in ("raw_co2", "mean_co2", "cov_w_co2"):
        assert noted[name.replace("co2", "o3")] == pytest.approx(PART * noted[name], rel=1e-8), name


def test_a_multiple_of_the_wind_has_that_multiple_of_its_variance():
    station = build(
        "synthetic",
        channel("o3", "O3_DENSITY", "nmol m-3"),
        more=("O3",),
        rotation="none",
        despike="none",
        lag="none",
        spectral="none",
        density="none",
    )
    w = turbulence(4)["Uz"]
    record = process(samples(turbulence(4) | {"o3": 900.0 + 40.0 * w}), station, START)
    assert record.values["FO3"] == pytest.approx(40.0 * w.var(), rel=1e-9)


def test_a_station_without_further_gases_has_no_columns_of_them():
    station = build("synthetic")
    assert station.gases == ("CO2", "H2O")
    assert not any("CH4" in name or "N2O" in name for name in station.flux_columns)
    record = process(samples(turbulence()), station, START)
    assert not any("ch4" in name or "n2o" in name for name in record.diagnostics)


# --- what is fitted over a period, and spectra


def test_lags_of_any_gas_are_fitted():
    station = with_laser()
    records = []
    for seed in range(12):
        data = turbulence(seed)
        nitrous = 330.0 + 0.3 * np.roll(data["Uz"], 28 + seed % 3) + 0.2 * turbulence(seed + 50)["Uz"]
        start = START + seed * HALF
        records.append(process(samples(data | {"n2o": nitrous}, start), station, start))
    fits = fit_lags(records, 0.05)
    (window,) = fits["n2o"]
    assert window.nominal == pytest.approx(1.45, abs=0.051)
    # what is kept of each half-hour for a fit is enough for that of further gases, too
    kept = [FITTERS["lags"].keep(None, record, station) for record in records]
    assert fit_kind("lags", kept, station, START, START + 12 * HALF).lags == fits
    # a flux within its random error says nothing of the lag
    faint = [replace(one, diagnostics={**one.diagnostics, "raw_n2o": 1e-15}) for one in records]
    assert set(fit_lags(faint, 0.05)) == {"co2", "h2o"} & set(fits)


def test_cut_off_frequencies_of_any_gas_are_fitted():
    half = run_steps(samples(open_path()), build_open(), START)
    assert set(assess_spectra(half).gases) == {"co2", "h2o", "o3"}
    f = np.geomspace(0.001, 8.0, 40)
    heat = f ** (-5 / 3)
    one = SpectralAssessment(
        f, heat, {"ch4": 3 * heat / (1 + (f / 0.7) ** 2)}, 0.5, 3.0, "unstable", np.full(12, np.nan)
    )
    ((_, _, cutoff),) = fit_spectra([one] * 10, Fits()).cutoffs["ch4"]
    assert cutoff == pytest.approx(0.7, rel=1e-3)


def build_open() -> Station:
    return build("synthetic", channel("o3", "O3_DENSITY", "mol m-3"), more=("O3",))


def test_spectra_have_every_gas():
    table = tabulate_spectra(run_steps(samples(open_path()), build_open(), START), bins=30)
    assert {"spectrum_o3", "cospectrum_w_o3", "ogive_w_o3"} <= set(table)
    np.testing.assert_allclose(table["cospectrum_w_o3"], table["cospectrum_w_co2"], rtol=1e-6)
