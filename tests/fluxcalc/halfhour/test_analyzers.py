"""Several analysers at one tower: each has its own lag, path, cell and faults."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.station import Station
from fluxcalc.halfhour.spectral.transfer import tube_loss
from fluxcalc.halfhour.steps import process, run_steps
from tests.fluxcalc.halfhour.towers import (
    LASER,
    METHANE,
    build,
    channel,
    closed_path,
    explained,
    with_laser,
)
from tests.fluxcalc.samples import START, samples, turbulence


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
