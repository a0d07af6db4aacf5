"""Words for units, as loggers and people write them."""

from __future__ import annotations

import pytest

from core.station import Channel
from core.variables import convert
from ingest.units import fault_of_words, unit_of


@pytest.mark.parametrize(
    ("words", "unit"),
    [
        ("m/s", "m s-1"),
        ("m s-1", "m s-1"),
        ("m s^-1", "m s-1"),
        ("[m s\u207b\u00b9]", "m s-1"),
        ("ms-1", "m s-1"),
        ("Meters/Second", "m s-1"),
        ("kt", "kt"),
        ("knots", "kt"),
        ("mph", "mph"),
        ("km/h", "km h-1"),
        ("C", "deg C"),
        ("\u00b0C", "deg C"),
        ("\u00b0 C", "deg C"),
        ("Deg C", "deg C"),
        ("degF", "deg F"),
        ("\u00b0F", "deg F"),
        ("K", "K"),
        ("mbar", "hPa"),
        ("HPA", "hPa"),
        ("kPa", "kPa"),
        ("inHg", "inHg"),
        ("in. Hg", "inHg"),
        ("mmHg", "mmHg"),
        ("psi", "psi"),
        ("mmol/mol", "mmol mol-1"),
        ("\u00b5mol/mol", "umol mol-1"),
        ("\u03bcmol mol\u207b\u00b9", "umol mol-1"),
        ("ppm", "umol mol-1"),
        ("ppb", "nmol mol-1"),
        ("mg/m^3", "mg m-3"),
        ("mg/m3", "mg m-3"),
        ("mg m\u207b\u00b3", "mg m-3"),
        ("g/m\u00b3", "g m-3"),
        ("mmol/m^3", "mmol m-3"),
        ("W/m^2", "W m-2"),
        ("Watts/meter^2", "W m-2"),
        ("umol/(m2 s)", "umol m-2 s-1"),
        ("\u00b5mol+1s-1m-2", "umol m-2 s-1"),
        ("umol m-2 s-1", "umol m-2 s-1"),
        ("\u00b5mol/m\u00b2/s", "umol m-2 s-1"),
        ("%", "%"),
        ("% RH", "%"),
        ("m^3/m^3", "fraction"),
        ("Degrees", "deg"),
        ("inches", "inch"),
        ("furlongs", None),
        ("ppt", None),
        ("mgC/m^3", None),
        ("\u00e9\x00", None),
    ],
)
def test_words_mean_a_unit(words: str, unit: str | None) -> None:
    assert unit_of(words) == unit


@pytest.mark.parametrize(
    ("value", "name", "unit", "wanted", "known"),
    [
        (10.0, "WS", "kt", "m s-1", 5.144444),
        (10.0, "WS", "mph", "m s-1", 4.4704),
        (212.0, "TA", "deg F", "deg C", 100.0),
        (-40.0, "TA", "deg F", "deg C", -40.0),
        (29.92126, "PA", "inHg", "kPa", 101.325),
        (760.0, "PA", "mmHg", "kPa", 101.325),
        (14.695949, "PA", "psi", "kPa", 101.325),
        (1.0, "PA", "atm", "hPa", 1013.25),
        (2.0, "P", "inch", "mm", 50.8),
    ],
)
def test_values_are_converted(value: float, name: str, unit: str, wanted: str, known: float) -> None:
    assert convert(value, name, unit, wanted) == pytest.approx(known, rel=1e-6)


def channel(unit: str = "deg C", **keys: float) -> Channel:
    variable = {"deg C": "T_SONIC", "1": "DIAG_SONIC", "mmol m-3": "CO2_DENSITY"}[unit]
    return Channel.model_validate({"name": "x", "variable": variable, "unit": unit, **keys})


@pytest.mark.parametrize(
    ("words", "declared", "part", "refused"),
    [
        ("C", channel(), "", False),
        ("", channel(), "", False),
        ("unitless", channel(), "", False),
        ("deg F", channel(), "(deg F), the station file declares deg C", True),
        ("K", channel(), "(K)", True),
        ("mV", channel(), "`gain`", True),
        ("mgC/m^3", channel("mmol m-3"), "a mass of carbon", True),
        ("ppt", channel("mmol m-3"), "parts per thousand or per trillion", True),
        ("furlongs", channel(), "not known", False),
        ("anything", channel("1"), "", False),
        ("0.01 C", channel(gain=0.01), "", False),
    ],
)
def test_what_a_header_states_is_compared(words: str, declared: Channel, part: str, refused: bool) -> None:
    fault, wrong = fault_of_words(words, declared)
    assert part in fault
    assert bool(fault) is bool(part)
    assert wrong is refused
