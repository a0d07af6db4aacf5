"""Further gases that are missing, faint, bursty or out of their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.station import Station, parse_station
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.halfhour.towers import (
    LASER,
    METHANE,
    build,
    channel,
    explained,
    methane_station,
)
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import START, samples, turbulence


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
