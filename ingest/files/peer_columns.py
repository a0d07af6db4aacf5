"""What the columns of other programs' tables are: EddyPro's full output, REddyProc's text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import PayloadError
from core.variables import UNITS, VARIABLES, convert


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of another program is."""

    variable: str
    unit: str


EDDYPRO = {
    "Tau": Column("TAU", "kg m-1 s-2"), "H": Column("H", "W m-2"), "LE": Column("LE", "W m-2"),
    "co2_flux": Column("FC", "umol m-2 s-1"), "h2o_flux": Column("FH2O", "mmol m-2 s-1"),
    "qc_Tau": Column("TAU_SSITC_TEST", "1"), "qc_H": Column("H_SSITC_TEST", "1"),
    "qc_LE": Column("LE_SSITC_TEST", "1"), "qc_co2_flux": Column("FC_SSITC_TEST", "1"),
    "co2_strg": Column("SC", "umol m-2 s-1"), "H_strg": Column("SH", "W m-2"), "LE_strg": Column("SLE", "W m-2"),
    "co2_mole_fraction": Column("CO2", "umol mol-1"), "co2_mixing_ratio": Column("CO2_MIXING_RATIO", "umol mol-1"),
    "h2o_mole_fraction": Column("H2O", "mmol mol-1"), "h2o_mixing_ratio": Column("H2O_MIXING_RATIO", "mmol mol-1"),
    "sonic_temperature": Column("T_SONIC", "K"), "air_temperature": Column("TA", "K"),
    "air_pressure": Column("PA", "Pa"), "RH": Column("RH", "%"), "VPD": Column("VPD", "Pa"),
    "wind_speed": Column("WS", "m s-1"), "max_wind_speed": Column("WS_MAX", "m s-1"), "wind_dir": Column("WD", "deg"),
    "u*": Column("USTAR", "m s-1"), "TKE": Column("TKE", "m2 s-2"), "L": Column("MO_LENGTH", "m"),
    "(z-d)/L": Column("ZL", "1"), "x_peak": Column("FETCH_MAX", "m"), "x_70%": Column("FETCH_70", "m"),
    "x_90%": Column("FETCH_90", "m"),
}  # fmt: skip
"""EddyPro's full output: its units are fixed."""
REDDYPROC = {
    "NEE": Column("NEE", "umol m-2 s-1"), "LE": Column("LE", "W m-2"), "H": Column("H", "W m-2"),
    "Rg": Column("SW_IN", "W m-2"), "Tair": Column("TA", "deg C"), "Tsoil": Column("TS", "deg C"),
    "rH": Column("RH", "%"), "VPD": Column("VPD", "hPa"), "Ustar": Column("USTAR", "m s-1"),
}  # fmt: skip
"""The columns that REddyProc's introduction uses."""
SAME_UNITS = {"w m-2": "W m-2", "degc": "deg C", "mbar": "hPa", "-": "1", "": ""}


def to_fluxnet(named: Column) -> tuple[float, float]:
    """Return factor and shift that bring a column to the variable's FLUXNET unit."""
    wanted = VARIABLES[named.variable].unit
    if named.unit == wanted:
        return 1.0, 0.0
    zero, one = (convert(value, named.variable, named.unit, wanted) for value in (0.0, 1.0))
    return one - zero, zero


def check_units(names: Sequence[str], units: Sequence[str], known: Mapping[str, Column], line: int, file: str) -> None:
    """Refuse a table whose line of units names another one than the program writes; words not known pass."""
    for name, words in zip(names, units, strict=False):
        if name in known:
            stated = _unit(words)
            if stated and stated != known[name].unit:
                raise PayloadError(
                    f"{file}: line {line}: {name} is in {words!a}, expected {known[name].unit}: convert it, or rename "
                    "the column"
                )


def _unit(words: str) -> str | None:
    """Return our unit for ``[W+1m-2]``, ``umolm-2s-1``, ``degC``; None where it is not known."""
    text = _bare(words.strip().strip("[]"))
    return SAME_UNITS.get(text.lower()) or next((unit for unit in UNITS if _bare(unit) == text), None)


def _bare(unit: str) -> str:
    """Write a unit without blanks, in the order of its parts: ``umol+1s-1m-2`` and ``umol m-2 s-1`` are the same."""
    text = unit.replace("\u00b5", "u").replace("\u03bc", "u").replace("+1", " ")
    parts = re.findall(r"[A-Za-z%]+?(?=m-\d|s-\d|kg|mol-\d|K-\d|[^A-Za-z%]|$)-?\d?|-", text)
    return "".join(sorted(parts))
