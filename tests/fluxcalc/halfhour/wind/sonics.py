"""Towers of the tests with other sonics."""

from __future__ import annotations

from core.records import FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.fits import Fits, PlaneSector
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import START, samples

WHOLE = PlaneSector(0.0, 360.0, 0.05, 0.08, -0.04)


def variant(sonic: str = "", model: str = "CSAT3", methods: str = "", options: str = "") -> Station:
    text = (STATIONS / "synthetic.toml").read_text().replace('"CSAT3"', f'"{model}"\n{sonic}')
    return parse_station(f"{text}\n[flux.methods]\n{methods}\n[flux.options]\n{options}\n", "synthetic.toml")


def run(channels: dict, chosen: Station, *planes: PlaneSector) -> FluxRecord:
    return process(samples(channels), chosen, START, fits=Fits(planes=planes))
