"""Values of half-hourly tables that are of another unit or sign, missing by a code, made up or not there."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from benchmarks.made_up_tables import MG_OF_UMOL, Field, Sheet
from benchmarks.planting import Mistakes, Plant, Planted, words_of

MISTAKES: Mistakes = {}
"""Kind -> mistakes."""


def _plant(kind: str, name: str, plant: Plant) -> None:
    MISTAKES.setdefault(kind, {})[name] = plant


def _all_rows(variable: str, factor: float, shift: float = 0.0, own: str = "", *also: str) -> Plant:
    """Plant another unit: FLUXNET unit times factor plus shift, in columns whose own unit is ``own`` (any if empty)."""

    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        found = sheet.column_of(variable)
        if found is None or (found[1].unit != own if own else (found[1].factor, found[1].shift) != (1, 0)):
            return None
        holder, column = found
        holder.set_values(column, sheet.site.given(variable) * factor + shift)
        return Planted((*words_of(sheet, variable), *also))

    return plant


for _name, _variable, _factor, _shift, _own_unit in (
    ("TA in K", "TA", 1, 273.15, ""), ("TA in deg F", "TA", 1.8, 32, ""), ("TA in deg C for K", "TA", 1, 0, "[K]"),
    ("TS in K", "TS", 1, 273.15, ""),
    ("VPD in kPa", "VPD", 0.1, 0, ""), ("VPD in Pa", "VPD", 100, 0, ""), ("VPD in hPa for Pa", "VPD", 1, 0, "[Pa]"),
    ("VPD in kPa for Pa", "VPD", 0.1, 0, "[Pa]"),
    ("RH a fraction", "RH", 0.01, 0, ""),
    ("PA in hPa", "PA", 10, 0, ""), ("PA in Pa", "PA", 1000, 0, ""), ("PA in hPa for Pa", "PA", 10, 0, "[Pa]"),
    ("PA in kPa for Pa", "PA", 1, 0, "[Pa]"),
    ("FC in mg CO2 m-2 s-1", "FC", MG_OF_UMOL, 0, ""), ("FC in mg CO2 m-2 h-1", "FC", MG_OF_UMOL * 3600, 0, ""),
    ("FC in nmol m-2 s-1", "FC", 1000, 0, ""), ("NEE in mg CO2 m-2 s-1", "NEE", MG_OF_UMOL, 0, ""),
    ("SW_IN is PPFD", "SW_IN", 2.02, 0, ""), ("SW_IN in kW m-2", "SW_IN", 0.001, 0, ""),
    ("SW_IN in MJ m-2 of 30 min", "SW_IN", 0.0018, 0, ""), ("USTAR in cm s-1", "USTAR", 100, 0, ""),
    ("LE in mm h-1", "LE", 0.00147, 0, ""),
):  # fmt: skip
    _plant("unit", _name, _all_rows(_variable, _factor, _shift, _own_unit))


def _from_the_middle_on(variable: str, factor: float, shift: float = 0.0) -> Plant:
    """Plant another unit in the second half of a table, as by another program of the logger."""

    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        found = sheet.column_of(variable)
        if found is None or (found[1].factor, found[1].shift) != (1, 0):
            return None
        holder, column = found
        values = sheet.site.given(variable)
        half = np.arange(values.size) >= values.size // 2
        holder.set_values(column, np.where(half, values * factor + shift, values))
        return Planted(words_of(sheet, variable))

    return plant


for _name, _variable, _factor, _shift in (
    ("TA in K", "TA", 1, 273.15), ("TA in deg F", "TA", 1.8, 32), ("RH a fraction", "RH", 0.01, 0),
    ("VPD in kPa", "VPD", 0.1, 0), ("FC in mg CO2 m-2 s-1", "FC", MG_OF_UMOL, 0), ("SW_IN is PPFD", "SW_IN", 2.02, 0),
    ("SW_IN in kW m-2", "SW_IN", 0.001, 0), ("VPD in Pa", "VPD", 100, 0), ("PA in hPa", "PA", 10, 0),
    ("NEE in mg CO2 m-2 s-1", "NEE", MG_OF_UMOL, 0), ("FC turned", "FC", -1, 0), ("NEE turned", "NEE", -1, 0),
    ("G turned", "G", -1, 0), ("H turned", "H", -1, 0), ("LE turned", "LE", -1, 0), ("NETRAD turned", "NETRAD", -1, 0),
):  # fmt: skip
    _plant("unit of a half", _name, _from_the_middle_on(_variable, _factor, _shift))
for _variable in ("G", "NETRAD", "FC", "NEE", "H", "LE"):
    _plant("sign", f"{_variable} turned", _all_rows(_variable, -1))


CODED = (
    "FC", "NEE", "LE", "H", "USTAR", "SW_IN", "TA", "VPD", "RH", "SC", "NETRAD", "G", "TS", "PA", "WS",
)  # fmt: skip
"""Variables in which codes for missing values stand."""


def _missing_code(code: str) -> Plant:
    def plant(sheet: Sheet, dice: random.Random) -> Planted | None:
        # 0 is no rare value of the others
        wanted = ("FC", "NEE", "LE", "H") if code == "0" else CODED
        names = [name for name in wanted if sheet.column_of(name)]
        variable = dice.choice(names)
        holder, column = sheet.column_of(variable) or (sheet, sheet.fields[0])
        touched = np.random.default_rng(dice.randrange(2**32)).random(len(holder.starts)) < dice.uniform(0.02, 0.2)
        holder.cells[column.name] = [
            code if hit else cell for hit, cell in zip(touched, holder.cells[column.name], strict=True)
        ]
        sheet.site.present[variable] = sheet.site.present[variable] & ~touched
        return Planted(words_of(sheet, variable))

    return plant


for _code in (
    *("-6999", "-999.99", "-999", "9999", "-99999", "-9999.9", "-7777", "9.96921e+36", "1e20", "-99.9", "-888.8"),
    *("NaN", "NA", "#N/A", "NULL", "null", "-", "--", "inf", "#DIV/0!", "-9999.000", "n/a", "", "-9.999e+03", "0"),
):
    _plant("missing code", repr(_code), _missing_code(_code))


def _flags(make: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Plant:  # type: ignore[type-arg]
    def plant(sheet: Sheet, dice: random.Random) -> Planted | None:
        found = sheet.column_of("FC_SSITC_TEST")
        if found is None:
            return None
        holder, column = found
        noise = np.random.default_rng(dice.randrange(2**32))
        values = make(np.where(sheet.site.present["FC"], sheet.site.flag, np.nan), noise)
        holder.set_values(column, values)
        return Planted(words_of(sheet, "FC_SSITC_TEST"))

    return plant


_plant("flags", "1 to 9", _flags(lambda flag, noise: flag * 3 + noise.integers(1, 4, flag.size)))
_plant("flags", "1 to 5", _flags(lambda flag, noise: np.where(flag < 2, flag * 2 + noise.integers(1, 3, flag.size), 5)))
_plant("flags", "none at all", _flags(lambda flag, noise: np.full(flag.size, np.nan)))
_plant("flags", "missing in a tenth", _flags(lambda flag, noise: np.where(noise.random(flag.size) < 0.1, np.nan, flag)))
_plant("flags", "2 everywhere", _flags(lambda flag, noise: np.full(flag.size, 2.0)))


def _filled(sheet: Sheet, _dice: random.Random) -> Planted | None:
    variable = "NEE" if sheet.column_of("NEE") else "FC"
    holder, column = sheet.column_of(variable) or (sheet, sheet.fields[0])
    if sheet.maker == "FLUXNET FULLSET":
        return None
    middle = np.mean(sheet.site.true[variable])
    values = np.where(sheet.site.present[variable], sheet.site.true[variable], middle)
    # filled, not all by one value
    steps = np.arange(values.size)
    values = np.where(sheet.site.present[variable], values, middle + np.sin(steps * 0.7) * 3)
    holder.set_values(column, values)
    flag = sheet.column_of("FC_SSITC_TEST")
    if flag is not None:
        flag[0].set_values(flag[1], np.zeros(values.size))
        sheet.site.flag[:] = 0
    return Planted(words_of(sheet, variable, "NEE"))


_plant("exchange", "filled already", _filled)


def _stuck(sheet: Sheet, dice: random.Random) -> Planted | None:
    names = [name for name in ("FC", "NEE", "LE", "H", "USTAR", "TA") if sheet.column_of(name)]
    variable = dice.choice(names)
    holder, column = sheet.column_of(variable) or (sheet, sheet.fields[0])
    if sheet.maker == "FLUXNET FULLSET":
        return None
    per_day = 1440 // sheet.site.minutes
    first = dice.randrange(per_day, len(sheet.starts) - 4 * per_day)
    values = sheet.site.given(variable)
    values[first : first + 3 * per_day] = sheet.site.true[variable][first]
    holder.set_values(column, values * column.factor + column.shift)
    flag = sheet.column_of("FC_SSITC_TEST")
    if flag is not None and variable in ("FC", "LE", "H"):
        sheet.site.flag[first : first + 3 * per_day] = 0
        for name in ("FC", "LE", "H"):
            one = sheet.column_of(f"{name}_SSITC_TEST")
            if one is not None:
                one[0].set_values(one[1], np.where(np.isfinite(values) | (name != variable), sheet.site.flag, np.nan))
    return Planted(words_of(sheet, variable))


_plant("exchange", "a sensor stands still", _stuck)


def _night(offset: float | None) -> Plant:
    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        holder, column = sheet.column_of("SW_IN") or (sheet, sheet.fields[0])
        if sheet.maker == "FLUXNET FULLSET":
            return None
        light = sheet.site.true["SW_IN"]
        if (light <= 0).sum() < 100:
            return None
        holder.set_values(column, np.where(light <= 0, np.nan, light) if offset is None else light + offset)
        if offset is None:
            sheet.site.present["SW_IN"] = light > 0
        return Planted(words_of(sheet, "SW_IN"))

    return plant


_plant("radiation", "missing at night", _night(None))
for _offset in (-13.0, 12.0, 20.0, 60.0):
    _plant("radiation", f"offset of {_offset:g}", _night(_offset))


def _absent(variable: str) -> Plant:
    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        found = sheet.column_of(variable)
        if found is None or sheet.maker == "FLUXNET FULLSET":
            return None
        holder, column = found
        holder.fields.remove(column)
        del holder.cells[column.name]
        return Planted((variable,))

    return plant


for _name in ("SW_IN", "TA", "VPD", "RH", "USTAR", "NEE"):
    _plant("absent", _name, _absent(_name))


def _also(name: str) -> Plant:
    """Plant an NEE of the site's team, filled and with another storage, beside FC."""

    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        if sheet.maker not in ("FLUXNET", "AmeriFlux BASE", "ICOS ETC L2"):
            return None
        column = Field(name, "")
        sheet.fields.append(column)
        sheet.set_values(column, sheet.site.true["FC"] * 1.1)
        return Planted((name,))

    return plant


for _name in ("NEE_PI", "NEE_PI_F", "NEE", "NEE_1_1_1", "FC_F", "FC_PI_F_1_1_1"):
    _plant("rival", f"{_name} beside FC", _also(_name))
