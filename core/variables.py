"""The variables we know: FLUXNET name, unit, plausible limits, words; and the only place that converts units.

Tables, API and exports use the FLUXNET unit of each variable; computations use SI (K, Pa, mol m-3, mol mol-1,
mol m-2 s-1).
Units are declared by the station, converted once at the border, never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from core.constants import M_CH4, M_CO2, M_H2O, M_N2O, ZERO_CELSIUS
from core.errors import UnknownVariable


class Unit(NamedTuple):
    """A unit: value_SI = value * factor + offset."""

    quantity: str
    factor: float
    offset: float = 0.0


UNITS: dict[str, Unit] = {
    "1": Unit("number", 1.0),
    "m s-1": Unit("speed", 1.0),
    "cm s-1": Unit("speed", 0.01),
    "km h-1": Unit("speed", 1 / 3.6),
    "kt": Unit("speed", 1852 / 3600),
    "mph": Unit("speed", 0.44704),
    "ft s-1": Unit("speed", 0.3048),
    "K": Unit("temperature", 1.0),
    "deg C": Unit("temperature", 1.0, ZERO_CELSIUS),
    "deg F": Unit("temperature", 5 / 9, ZERO_CELSIUS - 32 * 5 / 9),
    "Pa": Unit("pressure", 1.0),
    "hPa": Unit("pressure", 100.0),
    "kPa": Unit("pressure", 1e3),
    "bar": Unit("pressure", 1e5),
    "atm": Unit("pressure", 101_325.0),
    "inHg": Unit("pressure", 3386.389),
    "Torr": Unit("pressure", 101_325.0 / 760),
    "mmHg": Unit("pressure", 133.322387415),
    "psi": Unit("pressure", 6894.757293168),
    "mol m-3": Unit("amount density", 1.0),
    "mmol m-3": Unit("amount density", 1e-3),
    "umol m-3": Unit("amount density", 1e-6),
    "nmol m-3": Unit("amount density", 1e-9),
    "kg m-3": Unit("mass density", 1.0),
    "g m-3": Unit("mass density", 1e-3),
    "mg m-3": Unit("mass density", 1e-6),
    "ug m-3": Unit("mass density", 1e-9),
    "mol mol-1": Unit("mole fraction", 1.0),
    "mmol mol-1": Unit("mole fraction", 1e-3),
    "umol mol-1": Unit("mole fraction", 1e-6),
    "nmol mol-1": Unit("mole fraction", 1e-9),
    "mol m-2 s-1": Unit("amount flux", 1.0),
    "mmol m-2 s-1": Unit("amount flux", 1e-3),
    "umol m-2 s-1": Unit("amount flux", 1e-6),
    "nmol m-2 s-1": Unit("amount flux", 1e-9),
    "W m-2": Unit("energy flux", 1.0),
    "kg m-1 s-2": Unit("momentum flux", 1.0),
    "kg m-2 s-1": Unit("mass flux", 1.0),
    "mm": Unit("water depth", 1e-3),
    "inch": Unit("water depth", 0.0254),
    "m": Unit("length", 1.0),
    "cm": Unit("length", 0.01),
    "deg": Unit("angle", 0.017453292519943295),
    "rad": Unit("angle", 1.0),
    "%": Unit("ratio", 0.01),
    "fraction": Unit("ratio", 1.0),
    "cm3 min-1": Unit("volume flow", 1e-6 / 60),
    "L min-1": Unit("volume flow", 1e-3 / 60),
    "m2 s-2": Unit("specific energy", 1.0),
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable.

    Attributes
    ----------
    name : str
        FLUXNET/AmeriFlux base name; where these have none, ours in the same manner.
    unit : str
        Its FLUXNET unit, a key of ``UNITS``.
    low, high : float
        Plausible limits in ``unit``; a value outside is kept and flagged.
    en, zh : str
        What it is.
    molar_mass : float, optional
        For gases whose density may be declared as mass. [kg mol-1]
    """

    name: str
    unit: str
    low: float
    high: float
    en: str
    zh: str
    molar_mass: float | None = None


def _table(*rows: Variable) -> dict[str, Variable]:
    return {row.name: row for row in rows}


def _published(gas: str, low: float, high: float) -> tuple[Variable, ...]:
    """Return what a half-hour publishes of a gas beside its mole fractions; limits are those of flux and storage."""
    return (
        Variable(f"F{gas}", "nmol m-2 s-1", low, high, f"{gas} flux, positive upward", f"{gas} 通量"),
        Variable(f"F{gas}_SSITC_TEST", "1", 0, 2, f"quality of F{gas}: 0 good, 1 usable, 2 bad", f"{gas} 通量质量标记"),
        Variable(f"S{gas}", "nmol m-2 s-1", low, high, f"{gas} storage change below the sensor", f"{gas} 储存项"),
    )


VARIABLES: dict[str, Variable] = _table(
    # high-rate channels
    Variable("U", "m s-1", -50, 50, "wind along the sonic's x axis", "超声风速计 x 轴风速"),
    Variable("V", "m s-1", -50, 50, "wind along the sonic's y axis", "超声风速计 y 轴风速"),
    Variable("W", "m s-1", -50, 50, "vertical wind in the sonic's frame", "超声风速计垂直风速"),
    Variable("T_SONIC", "deg C", -60, 60, "sonic temperature", "超声虚温"),
    Variable("SOS", "m s-1", 290, 370, "speed of sound, in place of sonic temperature", "声速"),
    Variable("CO2_DENSITY", "mmol m-3", 5, 60, "CO2 molar density", "CO2 摩尔密度", M_CO2),
    Variable("H2O_DENSITY", "mmol m-3", 0, 2500, "water vapour molar density", "水汽摩尔密度", M_H2O),
    Variable("CH4_DENSITY", "mmol m-3", 0, 2, "CH4 molar density", "CH4 摩尔密度", M_CH4),
    Variable("N2O_DENSITY", "umol m-3", 0, 200, "N2O molar density", "N2O 摩尔密度", M_N2O),
    Variable("DIAG_SONIC", "1", 0, 65535, "diagnostic word of the sonic", "超声风速计诊断码"),
    Variable(
        "DIAG_SONIC_ADDRESS", "1", 0, 255, "what the sonic's diagnostic word is about (Gill)", "超声风速计状态地址"
    ),
    Variable("DIAG_IRGA", "1", 0, 16777215, "diagnostic word of the gas analyser", "气体分析仪诊断码"),
    Variable("SIGNAL_IRGA", "%", 0, 110, "signal strength of the gas analyser, much is good", "气体分析仪信号强度"),
    Variable("AGC_IRGA", "%", 0, 100, "automatic gain of the gas analyser, little is good", "气体分析仪自动增益"),
    Variable("T_CELL", "deg C", -40, 70, "temperature in the cell of a closed-path analyser", "闭路分析仪样品室温度"),
    Variable("VALVE", "1", 0, 65535, "position of the valve that selects intake or tank", "选择阀位置"),
    Variable("SAMPLE_FLOW", "cm3 min-1", 0, 50_000, "flow of sample air through the analyser", "样气流量"),
    Variable("T_CAVITY", "deg C", 0, 90, "temperature of an analyser's cavity", "光腔温度"),
    Variable("PA_CAVITY", "kPa", 0, 110, "pressure in an analyser's cavity", "光腔压力"),
    Variable("PA_CELL", "kPa", 20, 110, "pressure in the cell of a closed-path analyser", "闭路分析仪样品室气压"),
    # gases
    Variable("CO2", "umol mol-1", 150, 1200, "CO2 mole fraction in moist air", "湿空气 CO2 摩尔分数"),
    Variable("CO2_MIXING_RATIO", "umol mol-1", 150, 1200, "CO2 mole fraction in dry air", "干空气 CO2 摩尔分数"),
    Variable("H2O", "mmol mol-1", 0, 100, "water vapour mole fraction in moist air", "湿空气水汽摩尔分数"),
    Variable("H2O_MIXING_RATIO", "mmol mol-1", 0, 100, "water vapour mole fraction in dry air", "干空气水汽摩尔分数"),
    Variable("CH4", "nmol mol-1", 1000, 20000, "CH4 mole fraction in moist air", "湿空气 CH4 摩尔分数"),
    Variable("CH4_MIXING_RATIO", "nmol mol-1", 1000, 20000, "CH4 mole fraction in dry air", "干空气 CH4 摩尔分数"),
    Variable("N2O", "nmol mol-1", 200, 5000, "N2O mole fraction in moist air", "湿空气 N2O 摩尔分数"),
    Variable("N2O_MIXING_RATIO", "nmol mol-1", 200, 5000, "N2O mole fraction in dry air", "干空气 N2O 摩尔分数"),
    # weather and soil
    Variable("TA", "deg C", -80, 60, "air temperature", "气温"),
    Variable("T_DEW", "deg C", -90, 40, "dew point", "露点温度"),
    Variable("RH", "%", 0, 105, "relative humidity", "相对湿度"),
    Variable("VPD", "hPa", 0, 120, "vapour pressure deficit", "饱和水汽压差"),
    Variable("PA", "kPa", 50, 110, "air pressure", "气压"),
    Variable("P", "mm", 0, 150, "precipitation per step", "降水量"),
    Variable("SW_IN", "W m-2", -15, 1600, "incoming shortwave radiation", "入射短波辐射"),
    Variable("SW_OUT", "W m-2", -15, 1000, "outgoing shortwave radiation", "反射短波辐射"),
    Variable("SW_DIF", "W m-2", -15, 1200, "diffuse incoming shortwave radiation", "散射短波辐射"),
    Variable("LW_IN", "W m-2", 100, 600, "incoming longwave radiation", "入射长波辐射"),
    Variable("LW_OUT", "W m-2", 100, 800, "outgoing longwave radiation", "出射长波辐射"),
    Variable("NETRAD", "W m-2", -250, 1200, "net radiation", "净辐射"),
    Variable("PPFD_IN", "umol m-2 s-1", -30, 2800, "incoming photon flux density", "入射光合光量子通量"),
    Variable("PPFD_OUT", "umol m-2 s-1", -30, 2000, "reflected photon flux density", "反射光合光量子通量"),
    Variable("G", "W m-2", -300, 400, "soil heat flux", "土壤热通量"),
    Variable("TS", "deg C", -50, 70, "soil temperature", "土壤温度"),
    Variable("SWC", "%", 0, 100, "soil water content, by volume", "土壤体积含水量"),
    Variable("D_SNOW", "cm", -20, 1500, "depth of the snow", "积雪深度"),
    Variable("WS", "m s-1", 0, 75, "wind speed", "风速"),
    Variable("WS_MAX", "m s-1", 0, 100, "largest wind speed in the interval", "最大风速"),
    Variable("WD", "deg", 0, 360, "wind direction, from north clockwise", "风向"),
    # half-hour fluxes
    Variable("TAU", "kg m-1 s-2", -5, 1, "momentum flux, negative downward", "动量通量"),
    Variable("USTAR", "m s-1", 0, 8, "friction velocity", "摩擦风速"),
    Variable("H", "W m-2", -450, 900, "sensible heat flux, positive upward", "感热通量"),
    Variable("LE", "W m-2", -450, 1200, "latent heat flux, positive upward", "潜热通量"),
    Variable("ET", "mm", -1, 3, "evapotranspiration in the interval", "蒸散量"),
    Variable("FC", "umol m-2 s-1", -100, 100, "CO2 flux, positive upward", "CO2 通量"),
    Variable("FH2O", "mmol m-2 s-1", -20, 50, "water vapour flux, positive upward", "水汽通量"),
    Variable("SC", "umol m-2 s-1", -100, 100, "CO2 storage change below the sensor", "CO2 储存项"),
    Variable("SH", "W m-2", -200, 200, "heat storage change in the air below the sensor", "感热储存项"),
    Variable("SLE", "W m-2", -200, 200, "latent heat storage change in the air below the sensor", "潜热储存项"),
    Variable(
        "NEE", "umol m-2 s-1", -100, 100, "net ecosystem exchange of CO2, negative = uptake", "净生态系统 CO2 交换"
    ),
    Variable("RECO", "umol m-2 s-1", -50, 100, "ecosystem respiration", "生态系统呼吸"),
    Variable("GPP", "umol m-2 s-1", -50, 150, "gross primary production, positive = uptake", "总初级生产力"),
    Variable("MO_LENGTH", "m", -1e6, 1e6, "Obukhov length", "奥布霍夫长度"),
    Variable("ZL", "1", -1e4, 1e4, "stability (z - d)/L", "稳定度参数"),
    Variable("T_SONIC_SIGMA", "deg C", 0, 20, "standard deviation of sonic temperature", "超声虚温标准差"),
    Variable("U_SIGMA", "m s-1", 0, 20, "standard deviation of wind along the mean wind", "顺风向风速标准差"),
    Variable("V_SIGMA", "m s-1", 0, 20, "standard deviation of wind across the mean wind", "横风向风速标准差"),
    Variable("W_SIGMA", "m s-1", 0, 10, "standard deviation of vertical wind", "垂直风速标准差"),
    Variable("TKE", "m2 s-2", 0, 100, "turbulent kinetic energy", "湍流动能"),
    Variable("FETCH_MAX", "m", 0, 1e5, "distance upwind of the largest footprint contribution", "通量足迹峰值距离"),
    Variable("FETCH_70", "m", 0, 1e5, "distance upwind within which 70 % of the flux arises", "70 % 通量足迹距离"),
    Variable("FETCH_90", "m", 0, 1e5, "distance upwind within which 90 % of the flux arises", "90 % 通量足迹距离"),
    Variable("TAU_SSITC_TEST", "1", 0, 2, "quality of TAU: 0 good, 1 usable, 2 bad", "动量通量质量标记"),
    Variable("H_SSITC_TEST", "1", 0, 2, "quality of H: 0 good, 1 usable, 2 bad", "感热通量质量标记"),
    Variable("LE_SSITC_TEST", "1", 0, 2, "quality of LE: 0 good, 1 usable, 2 bad", "潜热通量质量标记"),
    Variable("FC_SSITC_TEST", "1", 0, 2, "quality of FC: 0 good, 1 usable, 2 bad", "CO2 通量质量标记"),
    *_published("CH4", -5000, 20000),
    *_published("N2O", -5000, 20000),
)

FLUX_COLUMNS: tuple[str, ...] = (
    *("TAU", "USTAR", "H", "LE", "ET", "FC", "FH2O"),
    *("TAU_SSITC_TEST", "H_SSITC_TEST", "LE_SSITC_TEST", "FC_SSITC_TEST"),
    *("MO_LENGTH", "ZL", "WS", "WS_MAX", "WD", "T_SONIC", "TA", "PA", "RH", "VPD", "CO2", "H2O", "CO2_MIXING_RATIO"),
    *("H2O_MIXING_RATIO", "U_SIGMA", "V_SIGMA", "W_SIGMA", "T_SONIC_SIGMA", "TKE"),
    *("FETCH_MAX", "FETCH_70", "FETCH_90", "SC", "SH", "SLE"),
)
"""What every half-hour publishes, in order; each is a column of the table ``flux`` in lower case."""

TRACE_COLUMNS: tuple[str, ...] = (
    *("FCH4", "FCH4_SSITC_TEST", "CH4", "CH4_MIXING_RATIO", "SCH4"),
    *("FN2O", "FN2O_SSITC_TEST", "N2O", "N2O_MIXING_RATIO", "SN2O"),
)
"""What half-hours publish beside, where CH4 or N2O is measured; columns of the table ``flux``, too."""

WEATHER_COLUMNS: tuple[str, ...] = (
    *("SW_IN", "NETRAD", "G", "TS", "P", "PPFD_IN", "SWC", "SW_OUT", "LW_IN", "LW_OUT"),
)
"""Means (of P the sum) of a station's meteorology, where it is measured; columns of the table ``flux``, too."""

GASES = ("CO2", "H2O", "CH4", "N2O")
"""The gases that FLUXNET names; any other scalar is one of the family that ``scalar_variable`` knows."""

GAS_NAME = r"[A-Z][A-Z0-9]{0,9}"
AMOUNTS: dict[str, tuple[str, str, str]] = {
    "DENSITY": ("umol m-3", "molar density", "摩尔密度"),
    "MOLE_FRACTION": ("nmol mol-1", "mole fraction in moist air", "湿空气摩尔分数"),
    "MIXING_RATIO": ("nmol mol-1", "mole fraction in dry air", "干空气摩尔分数"),
}
"""How the amount of a further scalar is given: ending of its name -> unit and words."""

_AMOUNT = re.compile(f"({GAS_NAME})_({'|'.join(AMOUNTS)})")
_PUBLISHED = re.compile(f"[FS]({GAS_NAME})(_SSITC_TEST)?")
NO_LIMIT = 1e9  # limit of a scalar about which nothing is known
_QUALIFIERS = re.compile(r"(_\d+_\d+_\d+|_\d+|_F|_PI|_QC|_SD|_N)+$")


def base_name(name: str) -> str:
    """Return a name without FLUXNET qualifiers: ``TA_1_2_1`` -> ``TA``, ``NEE_PI_F`` -> ``NEE``."""
    return name if name in VARIABLES else _QUALIFIERS.sub("", name)


def variable(name: str) -> Variable:
    """Look up a variable by its name, with or without qualifiers.

    Beside the table: the amount of any further scalar, such as ``O3_DENSITY``, ``NH3_MIXING_RATIO``,
    ``CO_MOLE_FRACTION``.

    Raises
    ------
    UnknownVariable
        The base name is not in the table, and is not such an amount.
    """
    base = base_name(name)
    found = VARIABLES.get(base) or scalar_variable(base)
    if found is None:
        raise UnknownVariable(name)
    return found


def scalar_variable(name: str) -> Variable | None:
    """Return a further scalar's amount, None if the name is not one; its plausible limits are wide open."""
    match = _AMOUNT.fullmatch(name)
    if match is None or not is_scalar(match[1]):
        return None
    unit, en, zh = AMOUNTS[match[2]]
    return Variable(name, unit, -NO_LIMIT, NO_LIMIT, f"{match[1]} {en}", f"{match[1]} {zh}")


def is_scalar(gas: str) -> bool:
    """Say whether a name can be that of a further scalar: no gas of ``GASES``, no column that others have."""
    if gas in GASES or not re.fullmatch(GAS_NAME, gas):
        return False
    return not any(name in VARIABLES for name in (gas, f"F{gas}", f"S{gas}"))


def gas_of(name: str) -> str | None:
    """Return the gas whose amount a channel measures: ``CO2_DENSITY_1`` -> ``CO2``; None if it measures none."""
    base = base_name(name)
    gas = next((base.removesuffix(f"_{kind}") for kind in AMOUNTS if base.endswith(f"_{kind}")), base)
    return gas if gas in GASES or scalar_variable(base) else None


def flux_column(gas: str) -> str:
    """Return the column of a gas's flux: ``FC`` of CO2, ``FH2O``, ``FCH4``, ``FO3``."""
    return "FC" if gas == "CO2" else f"F{gas}"


def fraction_column(gas: str) -> str:
    """Return the column of a gas's mole fraction in moist air: ``CO2``, ``O3_MOLE_FRACTION``."""
    return gas if gas in GASES else f"{gas}_MOLE_FRACTION"


def gas_columns(gas: str) -> tuple[str, ...]:
    """Return what a half-hour publishes of a gas beside CO2 and H2O: flux, its flag, mole fractions, storage."""
    return (f"F{gas}", f"F{gas}_SSITC_TEST", fraction_column(gas), f"{gas}_MIXING_RATIO", f"S{gas}")


def flux_variable(name: str) -> Variable:
    """Look up a column of a half-hour: one of ``FLUX_COLUMNS`` or of ``gas_columns``.

    Raises
    ------
    UnknownVariable
        It is neither.
    """
    if name in VARIABLES:
        return VARIABLES[name]
    match = _PUBLISHED.fullmatch(name)
    published = _published(match[1], -NO_LIMIT, NO_LIMIT) if match and is_scalar(match[1]) else ()
    return next((one for one in published if one.name == name), None) or variable(name)


def season_unit(name: str) -> str:
    """Return the unit of a half-hourly series of a season: ``NEE_F``, ``NEE_F_QC``, ``RECO_NT``, ``LE_F_SD``."""
    last = name.split("_")[-1]
    if last in ("QC", "METHOD", "N", "FLAG"):
        return "1"
    if last == "WINDOW":
        return "day"
    if name.startswith("SW_IN"):
        return VARIABLES["SW_IN"].unit
    known = VARIABLES.get(name.removesuffix("_F")) or VARIABLES.get(name.split("_")[0])
    return known.unit if known else "umol m-2 s-1"


def units_for(name: str) -> list[str]:
    """Return the units in which a variable may be declared."""
    wanted = variable(name)
    quantity = UNITS[wanted.unit].quantity
    mass = "mass density" if quantity == "amount density" and wanted.molar_mass else None
    return [unit for unit, facts in UNITS.items() if facts.quantity in (quantity, mass)]


def si_scale(name: str, unit: str) -> tuple[float, float]:
    """Return (factor, offset) that bring a variable from a declared unit to SI.

    Raises
    ------
    UnknownVariable
        The variable is not in the table.
    ValueError
        The unit does not measure that variable.
    """
    wanted = variable(name)
    if unit not in units_for(name):
        raise ValueError(f"{name} is not measured in {unit!r}; one of {', '.join(units_for(name))}")
    facts = UNITS[unit]
    per_mole = wanted.molar_mass if facts.quantity == "mass density" and wanted.molar_mass else 1.0
    return facts.factor / per_mole, facts.offset


def convert(value: float, name: str, unit_from: str, unit_to: str) -> float:
    """Convert a value (or an ndarray) of a variable between two units that measure it; NaN stays NaN."""
    factor_from, offset_from = si_scale(name, unit_from)
    factor_to, offset_to = si_scale(name, unit_to)
    return (value * factor_from + offset_from - offset_to) / factor_to
