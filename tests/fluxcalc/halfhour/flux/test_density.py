"""Cells of closed paths, heat of an instrument, and the sun."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from core.station import Station, parse_station
from fluxcalc.halfhour.flux.surface_heating import instrument_heat
from fluxcalc.halfhour.steps import process
from fluxcalc.sun import solar_elevation
from tests.fluxcalc.reference import STATIONS, station
from tests.fluxcalc.samples import START, samples, turbulence


def closed(kind: str, *, cell: bool = True) -> Station:
    text = (STATIONS / "closed.toml").read_text()
    if kind == "density":
        text = text.replace("CO2_MIXING_RATIO", "CO2_DENSITY").replace("H2O_MIXING_RATIO", "H2O_DENSITY")
        text = text.replace('"umol mol-1"', '"mmol m-3"').replace('"mmol mol-1"', '"mmol m-3"')
    if cell:
        text = text.replace(
            "\n]\n\n[flux]",
            '\n    { name = "tc", variable = "T_CELL", unit = "deg C" },'
            '\n    { name = "pc", variable = "PA_CELL", unit = "kPa" },\n]\n\n[flux]',
        )
    return parse_station(text + '\n[flux.methods]\ndespike = "none"\n', "closed.toml")


def through_a_cell() -> tuple[dict, dict]:
    """The same air as dry ratios, and as densities in a cell whose temperature and pressure fluctuate with the wind."""
    channels = turbulence(3)
    n = len(channels["Uz"])
    random = np.random.default_rng(4)
    wind = np.roll(channels["Uz"], 4)
    carbon = 400.0 - 0.5 * wind + random.standard_normal(n)  # [umol mol-1 of dry air]
    water = 10.0 + 0.2 * wind + 0.1 * random.standard_normal(n)  # [mmol mol-1 of dry air]
    temperature = 25.0 + 0.3 * wind + 0.1 * random.standard_normal(n)
    pressure = 85.0 + 0.05 * random.standard_normal(n)
    moist = 1e3 * pressure / (8.314 * (temperature + 273.15))  # [mol m-3]
    dry = moist / (1 + 1e-3 * water)
    ratios = channels | {"co2": carbon, "h2o": water}
    densities = channels | {"co2": 1e-3 * carbon * dry, "h2o": water * dry, "tc": temperature, "pc": pressure}
    return ratios, densities


def test_densities_in_a_cell_are_dry_ratios():
    ratios, densities = through_a_cell()
    expected = process(samples(ratios), closed("ratio", cell=False), START)
    record = process(samples(densities), closed("density"), START)
    assert abs(expected.values["FC"]) > 1
    for name in ("FC", "LE", "H", "CO2", "H2O", "CO2_MIXING_RATIO"):
        assert record.values[name] == pytest.approx(expected.values[name], rel=1e-9)


@pytest.mark.parametrize("lost", ["tc", "pc", "both"])
def test_a_cell_that_is_not_measured_costs_the_gas(lost):
    densities = through_a_cell()[1]
    for name in ("tc", "pc") if lost == "both" else (lost,):
        densities.pop(name)
    record = process(samples(densities), closed("density", cell=lost != "both"), START)
    assert np.isnan(record.values["FC"])
    assert "temperature and pressure of its cell" in record.reasons["FC"]
    assert np.isfinite(record.values["H"])


def test_gaps_of_the_cell_are_gaps_of_the_gas():
    densities = through_a_cell()[1]
    densities["tc"][100:200] = np.nan
    record = process(samples(densities), closed("density"), START)
    full = process(samples(through_a_cell()[1]), closed("density"), START)
    assert record.diagnostics["valid_co2"] == full.diagnostics["valid_co2"] - 100
    assert record.values["FC"] == pytest.approx(full.values["FC"], rel=0.05)


def test_instrument_heat_by_hand():
    """20 deg C, 4 m s-1, day: layers of 4.510, 4.860 and 0.2051 mm, 1.45, 0.34 and 0.56 K, 25.683 mW m-1 K-1."""
    plate = 0.025683 * 1.45 / 4.5099e-3
    sphere = 0.025683 * 0.34 * (22.5e-3 + 4.8595e-3) / (22.5e-3 * 4.8595e-3)
    cylinder = 0.025683 * 0.56 / (2.5e-3 * np.log(1 + 0.20506e-3 / 2.5e-3))
    expected = plate + sphere + 0.15 * cylinder
    assert instrument_heat(293.15, 4.0, daytime=True) == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(instrument_heat(293.15, 0.0, daytime=False))
    # a cold winter day is what the method is for; a mild night cools the instrument
    assert instrument_heat(253.15, 4.0, daytime=True) > 20
    assert instrument_heat(298.15, 4.0, daytime=False) < 0


def test_instrument_heat_takes_uptake_away_and_leaves_heat_alone():
    data = samples(turbulence())
    plain = process(data, station("synthetic"), START)
    heated = process(data, station("synthetic", density="burba_2008"), START)
    assert heated.diagnostics["daytime"] == 1
    assert heated.diagnostics["instrument_heat"] > 10
    assert heated.values["FC"] > plain.values["FC"]
    assert heated.values["LE"] > plain.values["LE"]
    for name in ("TAU", "H", "USTAR"):
        assert heated.values[name] == plain.values[name]


@pytest.mark.parametrize(
    ("time", "latitude", "longitude", "elevation"),
    [
        # the almanac's sunrise and sunset have the upper edge of a refracted sun on the horizon: centre at -0.83
        (datetime(2024, 6, 20, 3, 43, tzinfo=UTC), 51.5, -0.1, -0.83),
        (datetime(2024, 6, 20, 20, 21, tzinfo=UTC), 51.5, -0.1, -0.83),
        (datetime(2024, 12, 21, 8, 4, tzinfo=UTC), 51.5, -0.1, -0.83),
        (datetime(2024, 6, 20, 12, 2, tzinfo=UTC), 23.44, 0.0, 90.0),
        (datetime(2024, 12, 21, 11, 58, tzinfo=UTC), -33.0, 0.0, 80.4),
    ],
)
def test_the_sun_stands_where_the_almanac_says(time, latitude, longitude, elevation):
    assert solar_elevation(time, latitude, longitude) == pytest.approx(elevation, abs=0.3)
