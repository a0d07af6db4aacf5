"""Variables and units."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import UnknownVariable
from core.variables import FLUX_COLUMNS, UNITS, VARIABLES, Variable, base_name, convert, si_scale, units_for


@pytest.mark.parametrize(
    ("name", "base"),
    [("TA_1_2_1", "TA"), ("NEE_PI_F", "NEE"), ("T_SONIC", "T_SONIC"), ("TS_1_1_1", "TS"), ("CO2_1_3_1", "CO2")],
)
def test_qualifiers_are_taken_off(name: str, base: str) -> None:
    assert base_name(name) == base


@pytest.mark.parametrize(
    ("value", "name", "unit_from", "unit_to", "expected"),
    [
        (25.0, "TA", "deg C", "K", 298.15),
        (1013.25, "PA", "hPa", "kPa", 101.325),
        (667.4865, "CO2_DENSITY", "mg m-3", "mmol m-3", 667.4865 / 44.01),  # molar mass of CO2 in g mol-1
        (8.788113, "H2O_DENSITY", "g m-3", "mmol m-3", 1000 * 8.788113 / 18.02),
        (36.0, "WS", "km h-1", "m s-1", 10.0),
    ],
)
def test_conversions_agree_with_sums_done_by_hand(
    value: float, name: str, unit_from: str, unit_to: str, expected: float
) -> None:
    assert convert(value, name, unit_from, unit_to) == pytest.approx(expected, rel=1e-12)


def test_missing_stays_missing() -> None:
    assert np.isnan(convert(np.array([np.nan]), "TA", "deg C", "K")).all()


def test_a_unit_of_another_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match=r"TA is not measured in 'hPa'; one of K, deg C"):
        si_scale("TA", "hPa")
    with pytest.raises(UnknownVariable):
        si_scale("TEMP", "K")


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=lambda v: v.name)
def test_every_variable_is_complete(variable: Variable) -> None:
    assert variable.unit in UNITS
    assert variable.unit in units_for(variable.name)
    assert variable.low < variable.high
    assert variable.en
    assert any("一" <= sign <= "鿿" for sign in variable.zh)


def test_every_flux_column_is_a_variable() -> None:
    assert [name for name in FLUX_COLUMNS if name not in VARIABLES] == []
