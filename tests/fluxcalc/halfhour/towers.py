"""Stations of the tests with further analysers and gases."""

from __future__ import annotations

import math
from datetime import timedelta
from functools import cache

import numpy as np

from core.records import FloatArray, FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.fits import Fits, LagWindow, PlaneSector
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import turbulence

HALF = timedelta(minutes=30)
PART = 7e-5  # of a further scalar in CO2, in moles
M_CO2 = 44.01e-3

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


def with_laser(**methods: str) -> Station:
    return build("synthetic", channel("n2o", "N2O_MIXING_RATIO", "nmol mol-1"), LASER, **methods)


def methane_station(**methods: str) -> Station:
    return build("synthetic", channel("ch4", "CH4_DENSITY", "mmol m-3"), METHANE, **methods)


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
