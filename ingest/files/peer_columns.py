"""What the columns of other programs' tables are: EddyPro's full output and biomet, REddyProc's text, Heihe's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.constants import M_CO2
from core.errors import PayloadError
from core.variables import UNITS, VARIABLES, convert
from ingest.files.unit_words import read_unit


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of another program is.

    Attributes
    ----------
    variable : str
        FLUXNET variable.
    unit : str
        A key of ``core.variables.UNITS``, ``PER_HOUR``, or as in ``OTHER_FACTORS``.
    """

    variable: str
    unit: str


OTHER_FACTORS = {("FC", "mg m-2 s-1"): 1 / M_CO2, ("P", "m"): 1000.0}
"""What brings a variable from a unit that is none of ours to its own: mg of CO2 to umol, m of rain to mm."""
PER_HOUR = "mm h-1"
"""Unit of water that rises; ours is that of an interval."""
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
    "ET": Column("ET", "mm h-1"), "ch4_flux": Column("FCH4", "umol m-2 s-1"),
    "qc_ch4_flux": Column("FCH4_SSITC_TEST", "1"), "ch4_strg": Column("SCH4", "umol m-2 s-1"),
    "ch4_mole_fraction": Column("CH4", "umol mol-1"), "ch4_mixing_ratio": Column("CH4_MIXING_RATIO", "umol mol-1"),
    "n2o_flux": Column("FN2O", "umol m-2 s-1"), "qc_n2o_flux": Column("FN2O_SSITC_TEST", "1"),
    "n2o_strg": Column("SN2O", "umol m-2 s-1"), "n2o_mole_fraction": Column("N2O", "umol mol-1"),
    "n2o_mixing_ratio": Column("N2O_MIXING_RATIO", "umol mol-1"),
}  # fmt: skip
"""EddyPro's full output: its units are fixed."""
REDDYPROC = {
    "NEE": Column("NEE", "umol m-2 s-1"), "LE": Column("LE", "W m-2"), "H": Column("H", "W m-2"),
    "Rg": Column("SW_IN", "W m-2"), "Tair": Column("TA", "deg C"), "Tsoil": Column("TS", "deg C"),
    "rH": Column("RH", "%"), "VPD": Column("VPD", "hPa"), "Ustar": Column("USTAR", "m s-1"),
    "PPFD": Column("PPFD_IN", "umol m-2 s-1"),
}  # fmt: skip
"""The columns that REddyProc's introduction uses."""
HEIHE = {
    "Wdir": Column("WD", "deg"), "Wnd": Column("WS", "m s-1"), "Ustar": Column("USTAR", "m s-1"),
    "L": Column("MO_LENGTH", "m"), "Hs": Column("H", "W m-2"), "LE": Column("LE", "W m-2"),
    "Fc": Column("FC", "mg m-2 s-1"), "QA_Hs": Column("H_SSITC_TEST", "1"), "QA_LE": Column("LE_SSITC_TEST", "1"),
    "QA_Fc": Column("FC_SSITC_TEST", "1"),
}  # fmt: skip
"""Eddy covariance of the Heihe and ChinaFLUX stations: CO2 in mg, stamps of the END in Beijing time."""
BIOMET = {
    "TA": "TA", "RH": "RH", "RG": "SW_IN", "SWIN": "SW_IN", "SW_IN": "SW_IN", "RN": "NETRAD", "NETRAD": "NETRAD",
    "PA": "PA", "PPFD": "PPFD_IN", "PPFD_IN": "PPFD_IN", "TS": "TS", "TSOIL": "TS", "SHF": "G", "G": "G", "SWC": "SWC",
    "P": "P", "P_RAIN": "P", "PREC": "P", "LWIN": "LW_IN", "LW_IN": "LW_IN", "LWOUT": "LW_OUT", "LW_OUT": "LW_OUT",
    "SWOUT": "SW_OUT", "SW_OUT": "SW_OUT", "RR": "SW_OUT", "MWS": "WS", "WS": "WS", "WD": "WD", "VPD": "VPD",
}  # fmt: skip
"""EddyPro's names of biomet variables, in capitals, and ours; their units stand in the table."""
NOT_TAKEN = (
    ("un_", "before spectral correction"), ("rand_err_", "random errors are estimated anew"),
    ("qc_", "there is no flux of that name here, or its flag is not used"), ("QC_", "quality of another column"),
    ("w/", "raw covariance"), ("var(", "variance"), ("cov(", "raw covariance"), ("v-adv", "advection is not used"),
)  # fmt: skip
"""How names begin of columns that are left out, and why."""


def why_left_out(name: str) -> str:
    """Say why a column that another program wrote is not taken."""
    return next((why for begin, why in NOT_TAKEN if name.startswith(begin)), "nothing here is made of it")


def match_names(names: Iterable[str], known: Mapping[str, Column]) -> dict[str, str]:
    """Return the file's name of each known column: as it is written, else in another case."""
    whole = list(names)
    small = {name.casefold(): name for name in reversed(whole)}
    exact = {name: name if name in whole else small.get(name.casefold(), "") for name in known}
    return {name: found for name, found in exact.items() if found}


def to_fluxnet(named: Column, minutes: int = 30) -> tuple[float, float]:
    """Return factor and shift that bring a column to the variable's FLUXNET unit; ``minutes`` is an interval."""
    wanted = VARIABLES[named.variable].unit
    if named.unit == wanted:
        return 1.0, 0.0
    if named.unit == PER_HOUR:
        return minutes / 60, 0.0
    factor = OTHER_FACTORS.get((named.variable, named.unit))
    if factor is not None:
        return factor, 0.0
    zero, one = (convert(value, named.variable, named.unit, wanted) for value in (0.0, 1.0))
    return one - zero, zero


def biomet_column(name: str, words: str) -> Column | str | None:
    """Return what a column of a biomet table is; why it cannot be taken; None where its name is not known."""
    base = name.upper()
    while base not in BIOMET and "_" in base and base.rsplit("_", 1)[1].isdigit():
        base = base.rsplit("_", 1)[0]
    if base not in BIOMET:
        return None
    variable = BIOMET[base]
    unit = read_unit(words)
    if unit in UNITS:
        try:
            to_fluxnet(Column(variable, unit))
        except ValueError:
            unit = None
    if not unit or unit not in UNITS:
        return f"{name}: its unit {words!a} is not known for {variable}: write it as {VARIABLES[variable].unit}"
    return Column(variable, unit)


def check_units(names: Sequence[str], units: Sequence[str], known: Mapping[str, Column], line: int, file: str) -> None:
    """Refuse a table whose line of units names another unit than the program writes, or none that is known.

    Parameters
    ----------
    names, units : sequence of str
        Of all columns.
    known : mapping of str to Column
        The file's name -> what it is.
    line : int
        Number of the line of units.
    file : str
        Its name, for messages.

    Raises
    ------
    PayloadError
        Names the line, the column and what is expected.
    """
    if units and sum(_is_number(word) for word in units) > len(units) / 2:
        raise PayloadError(
            f"{file}: line {line}: expected a line of units under the names, as '-', 'Wm-2', 'degC', got numbers: "
            f"put one in, for {', '.join(f'{name} {one.unit}' for name, one in list(known.items())[:3])}..."
        )
    for name, words in zip(names, units, strict=False):
        if name not in known:
            continue
        stated, expected = read_unit(words), known[name].unit
        if stated is None:
            raise PayloadError(
                f"{file}: line {line}: {name} is in {words!a}, which is no unit known here, expected {expected}: "
                "correct the word, or convert the column"
            )
        if stated not in ("", expected) and not (expected == "1" and stated == "deg"):
            raise PayloadError(
                f"{file}: line {line}: {name} is in {words!a}, expected {expected}: convert it, or rename the column"
            )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
