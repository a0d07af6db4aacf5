"""Variables and units."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import UnknownVariable
from core.variables import (
    AMOUNTS,
    FLUX_COLUMNS,
    TRACE_COLUMNS,
    UNITS,
    VARIABLES,
    WEATHER_COLUMNS,
    Variable,
    base_name,
    convert,
    flux_variable,
    gas_columns,
    gas_of,
    si_scale,
    units_for,
    variable,
)


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


@pytest.mark.parametrize("facts", VARIABLES.values(), ids=lambda v: v.name)
def test_every_variable_is_complete(facts: Variable) -> None:
    assert facts.unit in UNITS
    assert facts.unit in units_for(facts.name)
    assert facts.low < facts.high
    assert facts.en
    assert any("一" <= sign <= "鿿" for sign in facts.zh)


def test_every_flux_column_is_a_variable() -> None:
    assert [name for name in (*FLUX_COLUMNS, *TRACE_COLUMNS, *WEATHER_COLUMNS) if name not in VARIABLES] == []
    assert (*gas_columns("CH4"), *gas_columns("N2O")) == TRACE_COLUMNS


@pytest.mark.parametrize("ending", AMOUNTS)
def test_any_further_scalar_has_a_family_of_names(ending: str) -> None:
    facts = variable(f"NH3_{ending}_1_2_1")
    assert facts.name == f"NH3_{ending}"
    assert facts.unit in units_for(f"NH3_{ending}")
    assert gas_of(f"NH3_{ending}_1_2_1") == "NH3"


def test_units_of_a_further_scalar() -> None:
    assert convert(3.0, "O3_DENSITY", "umol m-3", "nmol m-3") == pytest.approx(3000.0)
    assert convert(3.0, "O3_MIXING_RATIO", "umol mol-1", "nmol mol-1") == pytest.approx(3000.0)
    with pytest.raises(ValueError, match="not measured in 'mg m-3'"):
        si_scale("O3_DENSITY", "mg m-3")  # its molar mass is not known


@pytest.mark.parametrize("name", ["O3", "H_DENSITY", "C_DENSITY", "LE_MIXING_RATIO", "o3_DENSITY", "CH4_MOLE_FRACTION"])
def test_a_name_that_could_be_another_is_no_scalar(name: str) -> None:
    """H would have the storage SH, C the flux FC, LE the storage SLE."""
    with pytest.raises(UnknownVariable):
        variable(name)


def test_columns_of_a_further_scalar_are_told_apart() -> None:
    assert gas_columns("O3") == ("FO3", "FO3_SSITC_TEST", "O3_MOLE_FRACTION", "O3_MIXING_RATIO", "SO3")
    units = [flux_variable(name).unit for name in gas_columns("O3")]
    assert units == ["nmol m-2 s-1", "1", "nmol mol-1", "nmol mol-1", "nmol m-2 s-1"]
    assert "storage" in flux_variable("SO2").en
    assert "mole fraction" in flux_variable("SO2_MOLE_FRACTION").en
    assert flux_variable("FC") == VARIABLES["FC"]
    for name in ("XO3", "SO3_SSITC_TEST", "FX_Y", "O3"):
        with pytest.raises(UnknownVariable):
            flux_variable(name)


@pytest.mark.parametrize(
    ("name", "gas"), [("CO2", "CO2"), ("H2O_DENSITY", "H2O"), ("CH4_MIXING_RATIO_2", "CH4"), ("TA", None), ("U", None)]
)
def test_a_channel_names_its_gas(name: str, gas: str | None) -> None:
    assert gas_of(name) == gas
