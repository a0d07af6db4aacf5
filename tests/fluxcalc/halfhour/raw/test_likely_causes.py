"""Mistakes of station files that the samples give away: told in the reason, and nothing told where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from core.records import FloatArray, FluxRecord
from core.station import Station, parse_station
from fluxcalc.halfhour.steps import process
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import START, samples, turbulence


def declared(*changes: tuple[str, str]) -> Station:
    text = (STATIONS / "synthetic.toml").read_text()
    for old, new in changes:
        assert text.count(old) >= 1
        text = text.replace(old, new)
    return parse_station(text, "synthetic.toml")


def record(station: Station, **channels: FloatArray) -> FluxRecord:
    return process(samples(turbulence() | channels), station, START)


@pytest.mark.parametrize(
    ("changes", "channels", "flux", "words"),
    [
        (
            [('"T_SONIC", unit = "deg C"', '"T_SONIC", unit = "K"')],
            {},
            "H",
            "the median of Ts is 20 K: is its unit deg C or deg F?",
        ),
        ([], {"Ts": 293.0 + turbulence()["Ts"] * 0.01}, "H", "is its unit K?"),
        ([], {"co2": turbulence()["co2"] / 44.01}, "FC", "is its unit mmol m-3"),  # mg m-3 declared
        ([('"U", unit = "m s-1"', '"U", unit = "cm s-1"')], {}, "H", ""),  # slow wind is no mistake
        ([], {name: 100 * turbulence()[name] for name in ("Ux", "Uy", "Uz")}, "H", "is its unit cm s-1"),
    ],
)
def test_a_wrong_unit_is_named(changes, channels, flux, words):
    made = record(declared(*changes), **channels)
    assert words in made.reasons.get(flux, "")
    if not words:
        assert "is its unit" not in " ".join(made.reasons.values())


@pytest.mark.parametrize("every", [2, 4])
def test_a_rate_declared_too_high_is_named(every):
    """Files of 10 Hz under ``rate = 20`` lie on every second place."""
    place = np.arange(36000)
    channels = {name: np.where(place % every == 0, values, np.nan) for name, values in turbulence().items()}
    made = process(samples(channels), declared(), START)
    assert f"records come {every} places apart: is rate {20 / every:g} instead of 20?" in made.reasons["H"]


def test_gaps_are_no_wrong_rate_and_no_wrong_unit():
    """Half of the samples lost in one stretch, and here and there."""
    random = np.random.default_rng(4)
    for lost in (np.arange(36000) > 15000, random.uniform(size=36000) < 0.5):
        channels = {name: np.where(lost, np.nan, values) for name, values in turbulence().items()}
        made = process(samples(channels), declared(), START)
        assert "of the samples are missing" in made.reasons["H"]
        assert "?" not in " ".join(made.reasons.values())
