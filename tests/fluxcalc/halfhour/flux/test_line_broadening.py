"""Methane of an open-path laser: what the widening of its line adds to the density terms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.records import FloatArray
from core.station import Spectroscopy, Station
from fluxcalc.halfhour.flux.line_broadening import line_multipliers
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.halfhour.towers import (
    explained,
    methane_station,
)
from tests.fluxcalc.samples import START, samples, turbulence

M_CO2 = 44.01e-3


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
