"""CH4, N2O and any further scalar: what is a multiple of CO2 has that multiple of its flux, by every method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from core.records import FloatArray, FluxRecord
from core.station import Spectroscopy, Station, parse_station
from fluxcalc.halfhour.fits import Fits, LagWindow, PlaneSector
from fluxcalc.halfhour.fitters import FITTERS, fit_kind
from fluxcalc.halfhour.flux.line_broadening import line_multipliers
from fluxcalc.halfhour.lag.lag_fit import fit_lags
from fluxcalc.halfhour.spectral.cutoff_fit import SpectralAssessment, assess_spectra, fit_spectra
from fluxcalc.halfhour.spectral.spectra import tabulate_spectra
from fluxcalc.halfhour.spectral.transfer import tube_loss
from fluxcalc.halfhour.steps import REGISTRIES, process, run_steps
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import START, samples, turbulence

HALF = timedelta(minutes=30)
PART = 7e-5  # of a further scalar in CO2, in moles
M_CO2 = 44.01e-3

EVERY_METHOD = [(key, method) for key, registry in REGISTRIES.items() for method in registry]

LASER = """
[[analyzer]]
model = "TGA"
gases = ["N2O"]
path = "closed"
tube_length = 12.0
tube_diameter = 0.004
flow_rate = 10.0
cell_volume = 0.2
path_length = 0.4
time_constant = 0.2
eastward_separation = 0.3
vertical_separation = -0.2
"""

METHANE = """
[[analyzer]]
model = "LI-7700"
gases = ["CH4"]
northward_separation = 0.3
"""


def build(
    name: str,
    channels: str = "",
    analyzers: str = "",
    *,
    more: tuple[str, ...] = (),
    swap: tuple[tuple[str, str], ...] = (),
    **methods: str,
) -> Station:
    """A station of the tests with further channels and analysers; ``more`` gases of its first analyser."""
    text = (STATIONS / f"{name}.toml").read_text()
    for old, new in swap:
        assert old in text
        text = text.replace(old, new)
    text = text.replace('"CO2", "H2O"]', "".join(f'"{gas}", ' for gas in ("CO2", "H2O", *more)).rstrip(", ") + "]")
    text = text.replace("\n]\n", f"\n{channels}\n]\n").replace("\n[[stream]]", f"{analyzers}\n[[stream]]")
    text += "\n[flux.methods]\n" + "".join(f'{key} = "{value}"\n' for key, value in methods.items())
    return parse_station(text, f"{name}.toml")


def channel(name: str, variable: str, unit: str) -> str:
    return f'    {{ name = "{name}", variable = "{variable}", unit = "{unit}" }},'


def explained(record: FluxRecord, station: Station) -> None:
    """Every column of the station is there; what is missing or flagged, and nothing else, has a reason."""
    assert tuple(record.values) == station.flux_columns
    for name, value in record.values.items():
        flagged = name.endswith("_SSITC_TEST") and value > 0
        assert (name in record.reasons) == (math.isnan(value) or flagged), name


@cache
def open_path() -> dict[str, FloatArray]:
    """Turbulence whose CO2 has nothing beyond 3.2 standard deviations, so that no limit of spikes tells gases apart."""
    made = turbulence(11)
    mean, sd = made["co2"].mean(), made["co2"].std()
    carbon = np.roll(np.clip(made["co2"], mean - 3.2 * sd, mean + 3.2 * sd), 3)
    return made | {"co2": carbon, "o3": PART * carbon * 1e-6 / M_CO2}


@cache
def closed_path() -> dict[str, FloatArray]:
    made = open_path()
    late = np.roll(made["Uz"], 5)
    carbon = 400.0 + np.clip(-0.5 * late + 0.5 * np.random.default_rng(2).standard_normal(late.size), -1.7, 1.7)
    water = 10.0 + 0.2 * late + 0.1 * np.random.default_rng(3).standard_normal(late.size)
    return made | {"co2": carbon, "h2o": water, "o3": PART * carbon}


def fitted() -> Fits:
    """Fits that every method can use, of both gases alike."""
    windows = (LagWindow(0.2, 0.0, 0.4),)
    return Fits(
        planes=(PlaneSector(0.0, 360.0, 0.0, 0.002, -0.003),),
        lags={"co2": windows, "o3": windows, "h2o": windows},
        cutoffs={"co2": ((0.0, 1.0, 0.8),), "o3": ((0.0, 1.0, 0.8),), "h2o": ((0.0, 1.0, 0.3),)},
        attenuation={"unstable": (0.01, 0.02), "stable": (0.01, 0.02)},
    )


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


# --- several analysers


def with_laser(**methods: str) -> Station:
    return build("synthetic", channel("n2o", "N2O_MIXING_RATIO", "nmol mol-1"), LASER, **methods)


def test_each_analyser_has_its_own_lag_path_and_factor():
    data = turbulence(6)
    nitrous = 330.0 + 0.3 * np.roll(data["Uz"], 28) + 0.2 * np.random.default_rng(1).standard_normal(data["Uz"].size)
    station = with_laser()
    record = process(samples(data | {"n2o": nitrous}), station, START)
    explained(record, station)
    values, noted = record.values, record.diagnostics
    # (12 m of 4 mm and 0.2 L) through 10 L min-1
    assert station.analyzer_of("N2O").cell_volume == 0.2
    assert noted["lag_n2o_s"] == pytest.approx(1.4)
    assert noted["lag_co2_s"] == 0
    assert noted["spectral_default_n2o"] == 0
    dry_air = 98.5e3 * 0.988 / (8.314 * 292.1)
    assert values["FN2O"] == pytest.approx(0.3 * 0.45**2 * dry_air * noted["factor_n2o"], rel=0.03)
    assert values["FN2O"] == pytest.approx(1e9 * noted["raw_n2o"] * noted["factor_n2o"])
    assert values["N2O_MIXING_RATIO"] == pytest.approx(330.0, abs=0.1)
    assert values["N2O"] == pytest.approx(values["N2O_MIXING_RATIO"] / (1 + 1e-3 * values["H2O_MIXING_RATIO"]))
    # the others are as without it
    plain = process(samples(data), build("synthetic"), START)
    assert {name: values[name] for name in plain.values} == pytest.approx(dict(plain.values), nan_ok=True, rel=1e-12)


@pytest.mark.parametrize("method", ["moncrieff_1997", "massman_2000", "moncrieff_1997_fast"])
def test_a_factor_is_that_of_the_analyser_whatever_the_gas(method):
    """The tube's flow is turbulent, where molecules make no difference: N2O and CO2 behind the same laser are alike."""
    nitrous = with_laser(spectral=method)
    text = LASER.replace("N2O", "CO2").replace("12.0", "12.0")
    carbon = build("synthetic", spectral=method)
    both = replace_analyzers(carbon, text)
    data = samples(turbulence(6) | {"n2o": turbulence(6)["co2"] / 2})
    first = run_steps(data, nitrous, START)
    # a density in a closed path wants a cell: only the factor is looked at
    second = run_steps(data, both, START)
    assert first.factors["n2o"] == pytest.approx(second.factors["co2"], rel=1e-12)
    assert first.factors["n2o"] > 1.02 * first.factors["co2"]


def replace_analyzers(station: Station, text: str) -> Station:
    laser = build("synthetic", analyzers=text).analyzer[-1]
    only_water = station.analyzer[0].model_copy(update={"gases": ("H2O",)})
    return station.model_copy(update={"analyzer": (only_water, laser)})


def test_molecules_matter_where_the_flow_is_laminar():
    """Loss goes with 1/D; Massman (1998) has 0.1952 and 0.1381 cm2 s-1; what is in no table is taken for CO2."""
    loss = {gas: tube_loss(gas, 5.0, 0.004, 2e-5, 293.0, 1e5) for gas in ("co2", "ch4", "xe")}
    assert loss["co2"] / loss["ch4"] == pytest.approx(0.1952 / 0.1381)
    assert loss["xe"] == loss["co2"]


def test_a_moist_fraction_of_an_analyser_without_vapour_says_so():
    station = build("synthetic", channel("n2o", "N2O", "nmol mol-1"), LASER)
    record = process(samples(turbulence() | {"n2o": 330.0 + turbulence()["Uz"]}), station, START)
    explained(record, station)
    assert math.isnan(record.values["FN2O"])
    assert "water vapour of the same analyser" in record.reasons["FN2O"]
    assert math.isfinite(record.values["FC"])


def test_a_second_closed_path_has_a_cell_of_its_own():
    cells = [("t1", "T_CELL", "deg C"), ("p1", "PA_CELL", "kPa"), ("t2", "T_CELL", "deg C"), ("p2", "PA_CELL", "kPa")]
    channels = "\n".join(channel(*one) for one in cells)
    second = LASER.replace('["N2O"]', '["O3", "H2O"]')
    # vapour is that of the second analyser, too
    station = build(
        "closed",
        channels + "\n" + channel("o3", "O3_DENSITY", "nmol m-3"),
        second,
        swap=(('["CO2", "H2O"]', '["CO2"]'),),
    )
    data = closed_path()
    n = data["Uz"].size
    density = 60.0 * 30e3 / (8.314 * 308.15)  # 60 nmol mol-1 at 30 kPa and 35 deg C
    made = {"t1": np.full(n, 20.0), "p1": np.full(n, 90.0), "t2": np.full(n, 35.0), "p2": np.full(n, 30.0)}
    record = process(samples(data | made | {"o3": density * (1.0 + 1e-3 * data["Uz"])}), station, START)
    assert record.values["O3_MOLE_FRACTION"] == pytest.approx(60.0, rel=1e-3)
    assert math.isfinite(record.values["FO3"])


def test_an_instrument_that_calls_itself_bad_loses_its_own_gas_alone():
    words = [channel("d1", "DIAG_IRGA", "1"), channel("d2", "DIAG_IRGA", "1"), channel("s1", "SIGNAL_IRGA", "%")]
    words += [channel("s2", "SIGNAL_IRGA", "%"), channel("ch4", "CH4_DENSITY", "mmol m-3")]
    station = build("synthetic", "\n".join(words), METHANE + "least_signal = 10.0\n")
    data = turbulence()
    n = data["Uz"].size
    weak = np.where(np.arange(n) < 100, 5.0, 40.0)
    unready = np.where(np.arange(n) >= n - 50, float(1 << 15), 0.0)
    made = {"d1": np.full(n, 240.0), "d2": unready, "s1": np.full(n, 8.0), "s2": weak, "ch4": 0.08 + 1e-4 * data["Uz"]}
    noted = process(samples(data | made), station, START).diagnostics
    assert (noted["bad_irga_2"], noted["irga_2_not_ready"], noted["irga_2_weak_signal"]) == (150, 50, 100)
    assert noted["bad_irga_1"] == 0
    assert noted["valid_ch4"] <= n - 150
    assert noted["valid_co2"] == n


# --- methane


def power_law(temperature: FloatArray, equivalent: FloatArray) -> FloatArray:
    """A line whose widening is a power law: kappa = (T/293.15)^0.4 (Pe/98)^0.6."""
    return (temperature / 293.15) ** 0.4 * (equivalent / 98.0) ** 0.6


def power_table() -> Spectroscopy:
    temperatures, pressures = np.arange(-10.0, 51.0, 5.0), np.arange(85.0, 110.0, 2.5)
    kappa = power_law(temperatures[:, None] + 273.15, pressures[None, :])
    as_tuples = tuple(tuple(float(value) for value in row) for row in kappa)
    return Spectroscopy(temperatures=tuple(temperatures), pressures=tuple(pressures), kappa=as_tuples)


def test_multipliers_of_a_power_law_by_hand():
    """B = 1 + (1 - x) 0.46 0.6/(1 + 0.46 x), C = 1 + (1 - x) 0.4 + x (B - 1)."""
    x, equivalent = 0.02, 97.0 * (1 + 0.46 * 0.02)
    a, b, c = line_multipliers(power_table(), 301.0, 97e3, x)
    assert a == pytest.approx((301.0 / 293.15) ** 0.4 * (equivalent / 98.0) ** 0.6, rel=1e-6)
    assert b == pytest.approx(1 + 0.98 * 0.46 * 0.6 / (1 + 0.46 * 0.02), rel=1e-5)
    assert c == pytest.approx(1 + 0.98 * 0.4 + 0.02 * (b - 1), rel=1e-4)


def test_a_line_that_does_not_widen_changes_nothing():
    flat = Spectroscopy(temperatures=(0.0, 20.0, 40.0), pressures=(80.0, 95.0, 110.0), kappa=((1.0,) * 3,) * 3)
    assert line_multipliers(flat, 300.0, 95e3, 0.02) == pytest.approx((1.0, 1.0, 1.0))
    data = samples(turbulence() | {"ch4": 0.08 + 1e-4 * turbulence()["Uz"]})
    station = methane_station()
    flatly = with_table(station, flat)
    plain, same = process(data, station, START), process(data, flatly, START)
    assert same.values["FCH4"] == pytest.approx(plain.values["FCH4"], rel=1e-12)


def methane_station(**methods: str) -> Station:
    return build("synthetic", channel("ch4", "CH4_DENSITY", "mmol m-3"), METHANE, **methods)


def with_table(station: Station, table: Spectroscopy) -> Station:
    first, second = station.analyzer
    return station.model_copy(update={"analyzer": (first, second.model_copy(update={"spectroscopy": table}))})


def moving_air(exchange: float) -> dict[str, FloatArray]:
    """Air whose temperature and vapour ratio go with the wind; CH4 is 2 umol per mole of dry air, plus an exchange.

    What an LI-7700 reports of it: the density over kappa of the same moment.
    """
    data = turbulence(5)
    w = data["Uz"]
    temperature, pressure = data["Ts"] + 273.15, 98.5e3
    water = 0.012 + 5e-4 * w + 3e-4 * np.random.default_rng(7).standard_normal(w.size)
    dry = pressure / (8.314 * temperature) / (1 + water)  # [mol m-3]
    fraction = water / (1 + water)
    humidity = 0.622 * water / (1 + 0.622 * water)
    kappa = power_law(temperature, 1e-3 * pressure * (1 + 0.46 * fraction))
    return data | {
        "Ts": temperature * (1 + 0.51 * humidity) - 273.15,
        "Ta": np.full_like(w, temperature.mean() - 273.15),
        "press": np.full_like(w, pressure * 1e-3),
        "h2o": dry * water * 18.02e-3 * 1e3,
        "co2": dry * 400e-6 * 44.01e-3 * 1e6,
        "ch4": 1e3 * dry * (2e-6 + exchange * w) / kappa,
    }


PLAIN = {"despike": "none", "spectral": "none", "lag": "none"}


def test_air_of_constant_methane_has_no_flux_of_it():
    station = methane_station(**PLAIN)
    data = samples(moving_air(0.0))
    corrected = process(data, with_table(station, power_table()), START)
    uncorrected = process(data, station, START)
    raw = 1e9 * corrected.diagnostics["raw_ch4"]
    assert raw < -20
    assert abs(corrected.values["FCH4"]) < 0.01 * abs(raw)
    # the terms of density alone leave what the line does
    assert abs(uncorrected.values["FCH4"]) > 0.15 * abs(raw)
    assert corrected.values["CH4"] == pytest.approx(2e3 / 1.012, rel=1e-3)
    assert corrected.values["CH4_MIXING_RATIO"] == pytest.approx(2e3, rel=1e-3)


def test_methane_that_is_exchanged_is_found():
    exchange = 3e-9
    record = process(samples(moving_air(exchange)), with_table(methane_station(**PLAIN), power_table()), START)
    dry = 98.5e3 / (8.314 * 293.15) / 1.012
    assert record.values["FCH4"] == pytest.approx(1e9 * dry * exchange * turbulence(5)["Uz"].var(), rel=0.01)


def test_terms_of_methane_by_hand():
    """F = A (F0 + B mu n/rho_d w'rho_v' + C (1 + mu sigma) n/T w'T'), from the record's own figures."""
    station = with_table(methane_station(**PLAIN), power_table())
    record = process(samples(moving_air(1e-9)), station, START)
    noted, values = record.diagnostics, record.values
    temperature, pressure, x = values["TA"] + 273.15, 1e3 * values["PA"], 1e-3 * values["H2O"]
    vapour = x * pressure / (8.314 * temperature) * 18.02e-3
    dry = (pressure - vapour * 461.5 * temperature) / (287.04 * temperature)
    mu, sigma = 28.97 / 18.02, vapour / dry
    w_t = values["H"] / noted["heat_capacity"]
    w_vapour = noted["cov_w_h2o"] * 18.02e-3
    a, b, c = line_multipliers(power_table(), temperature, pressure, x)
    n = noted["mean_ch4"]
    by_hand = a * (noted["cov_w_ch4"] + b * mu * n / dry * w_vapour + c * (1 + mu * sigma) * n / temperature * w_t)
    assert values["FCH4"] == pytest.approx(1e9 * by_hand, rel=1e-6)
    assert (noted["line_a_ch4"], noted["line_b_ch4"], noted["line_c_ch4"]) == pytest.approx((a, b, c))


def test_weather_outside_of_the_table_is_a_reason():
    cold = Spectroscopy(temperatures=(-30.0, -20.0, 0.0), pressures=(80.0, 95.0, 110.0), kappa=((1.0,) * 3,) * 3)
    station = with_table(methane_station(), cold)
    record = process(samples(turbulence() | {"ch4": 0.08 + 1e-4 * turbulence()["Uz"]}), station, START)
    explained(record, station)
    assert "outside of the table" in record.reasons["FCH4"]
    assert math.isfinite(record.values["FC"])


def test_heat_of_one_analyser_is_nothing_to_another():
    data = samples(turbulence() | {"ch4": 0.08 + 1e-4 * turbulence()["Uz"]})
    plain, warmed = (process(data, methane_station(density=method), START) for method in ("wpl", "burba_2008"))
    assert warmed.values["FC"] > plain.values["FC"] + 0.1
    # what is left is that of the vapour flux, which the heat does raise
    ratio = warmed.values["FH2O"] / plain.values["FH2O"] - 1.0
    assert abs(warmed.values["FCH4"] / plain.values["FCH4"] - 1.0) < ratio


# --- bad data


@pytest.mark.parametrize("fault", ["no channel", "no samples", "nan", "frozen", "negative"])
def test_a_missing_gas_ends_in_a_reason_and_takes_nothing_with_it(fault):
    station = methane_station() if fault != "no channel" else build("synthetic", analyzers=METHANE)
    data = turbulence()
    n = data["Uz"].size
    made = {"nan": np.full(n, np.nan), "frozen": np.full(n, 0.08), "negative": np.full(n, -0.08)}
    record = process(samples(data | ({"ch4": made[fault]} if fault in made else {})), station, START)
    explained(record, station)
    told = {"no channel": "no channel of the station", "no samples": "has no samples", "frozen": "frozen"}
    for name in ("FCH4", "FCH4_SSITC_TEST", "CH4", "CH4_MIXING_RATIO", "SCH4"):
        assert math.isnan(record.values[name])
        assert told.get(fault, "no usable sample") in record.reasons[name]
    plain = process(samples(data), build("synthetic"), START)
    for name in ("TAU", "H", "LE", "FC", "CO2"):
        assert record.values[name] == plain.values[name]


def test_without_vapour_a_density_has_no_flux_and_a_ratio_has():
    both = channel("ch4", "CH4_DENSITY", "mmol m-3") + "\n" + channel("n2o", "N2O_MIXING_RATIO", "nmol mol-1")
    station = build("synthetic", both, METHANE + LASER)
    data = turbulence()
    made = {"ch4": 0.08 + 1e-4 * data["Uz"], "n2o": 330.0 + np.roll(data["Uz"], 28), "h2o": np.full(36000, np.nan)}
    record = process(samples(data | made), station, START)
    explained(record, station)
    assert "h2o" in record.reasons["FCH4"]
    assert math.isfinite(record.values["FN2O"])


def test_little_of_a_scalar_may_be_less_than_nothing():
    """Noise around zero is a measurement of next to nothing: no sample is lost, and the flux is not biased."""
    station = build("synthetic", channel("no", "NO_DENSITY", "nmol m-3"), more=("NO",), density="none", lag="none")
    data = turbulence(3)
    made = 2.0 * data["Uz"] + 5.0 * np.random.default_rng(4).standard_normal(36000)
    record = process(samples(data | {"no": made}), station, START)
    assert record.diagnostics["valid_no"] == 36000
    assert record.values["FNO"] == pytest.approx(2.0 * 0.45**2 * record.diagnostics["factor_no"], rel=0.1)


def test_bursts_of_methane_are_no_spikes():
    """Six standard deviations are a spike of CO2 and none of CH4, twelve are one of both."""
    data = turbulence()
    methane = 0.08 + 1e-4 * np.clip(np.random.default_rng(1).standard_normal(36000), -3, 3)
    for place, height in ((9000, 6e-4), (20000, 12e-4)):
        methane[place] = 0.08 + height
    noted = process(samples(data | {"ch4": methane}), methane_station(), START).diagnostics
    assert noted["spikes_ch4"] == 1
    assert noted["vm97_spikes_ch4"] == 0


def test_limits_are_those_of_the_gas():
    options = "\n[flux.options.screening]\nlimits_gases = { CH4 = [1500.0, 2500.0] }\nstep_gases = { CH4 = [9, 5] }\n"
    data = turbulence()
    methane = 0.08 + 1e-4 * data["Uz"]  # 1.97 umol mol-1
    methane[5000:5400] = 0.12
    methane[18000:] += 4e-4
    stations = [methane_station(), parse_station(source(methane_station()) + options, "a.toml")]
    usual, narrow = (process(samples(data | {"ch4": methane}), one, START).diagnostics for one in stations)
    assert usual["valid_ch4"] - narrow["valid_ch4"] == 400
    assert (usual["vm97_absolute_limits_ch4"], narrow["vm97_absolute_limits_ch4"]) == (0, 2)
    assert narrow["vm97_discontinuities_ch4"] == 2


def source(station: Station) -> str:
    """The station file of ``methane_station``."""
    assert station.gases == ("CO2", "H2O", "CH4")
    text = (STATIONS / "synthetic.toml").read_text()
    text = text.replace("\n]\n", "\n" + channel("ch4", "CH4_DENSITY", "mmol m-3") + "\n]\n")
    return text.replace("\n[[stream]]", METHANE + "\n[[stream]]")


# --- what is fitted over a period, and spectra


def test_lags_of_any_gas_are_fitted():
    station = with_laser()
    records = []
    for seed in range(12):
        data = turbulence(seed)
        nitrous = 330.0 + 0.3 * np.roll(data["Uz"], 28 + seed % 3) + 0.2 * turbulence(seed + 50)["Uz"]
        start = START + seed * HALF
        records.append(process(samples(data | {"n2o": nitrous}, start), station, start))
    fits = fit_lags(records)
    (window,) = fits["n2o"]
    assert window.nominal == pytest.approx(1.45, abs=0.051)
    # what is kept of each half-hour for a fit is enough for that of further gases, too
    kept = [FITTERS["lags"].keep(None, record) for record in records]
    assert fit_kind("lags", kept, station, START, START + 12 * HALF).lags == fits
    # a flux within its random error says nothing of the lag
    faint = [replace(one, diagnostics={**one.diagnostics, "raw_n2o": 1e-15}) for one in records]
    assert set(fit_lags(faint)) == {"co2", "h2o"} & set(fits)


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
