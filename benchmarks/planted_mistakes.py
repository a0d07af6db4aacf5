"""Mistakes that people and programs make with half-hourly tables, to be planted in those of `made_up_tables`."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from benchmarks.made_up_tables import Sheet, heading, write_lines

MG_OF_UMOL = 0.0440095
"""1 umol of CO2. [mg]"""
STAMP_WORDS = ("TIMESTAMP", "against the sun", "stamps", "date, time", "Year, DoY", "intervals of")
"""One of them is in what is told of wrong stamps."""


@dataclass
class Planted:
    """What was planted.

    Attributes
    ----------
    words : tuple of str
        One of them must be in what is told: variable, column, line.
        Empty where nothing but the text differs: then only a problem counts.
    mangle : callable
        Lines of the table -> its bytes.
    """

    words: tuple[str, ...] = ()
    mangle: Callable[[list[str]], bytes] | None = None


Plant = Callable[[Sheet, random.Random], Planted | None]
MISTAKES: dict[str, dict[str, Plant]] = {}
"""Kind -> mistakes; each returns None where the table has not got what it needs."""


def as_text(lines: list[str], end: str = "\n", encoding: str = "utf-8") -> bytes:
    """Return lines as a file."""
    return (end.join(lines) + end).encode(encoding)


def _plant(kind: str, name: str, plant: Plant) -> None:
    MISTAKES.setdefault(kind, {})[name] = plant


def _words(sheet: Sheet, *variables: str) -> tuple[str, ...]:
    columns = [found[1].name for found in map(sheet.column_of, variables) if found]
    return (*variables, *columns)


def _all_rows(variable: str, factor: float, shift: float = 0.0, own: str = "", *also: str) -> Plant:
    """Plant another unit: FLUXNET unit times factor plus shift, in columns whose own unit is ``own`` (any if empty)."""

    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        found = sheet.column_of(variable)
        if found is None or (found[1].unit != own if own else (found[1].factor, found[1].shift) != (1, 0)):
            return None
        holder, column = found
        holder.set_values(column, sheet.site.given(variable) * factor + shift)
        return Planted((*_words(sheet, variable), *(("NEE",) if variable == "FC" else ()), *also))

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
        return Planted((*_words(sheet, variable), *(("NEE",) if variable == "FC" else ())))

    return plant


for _name, _variable, _factor, _shift in (
    ("TA in K", "TA", 1, 273.15), ("TA in deg F", "TA", 1.8, 32), ("RH a fraction", "RH", 0.01, 0),
    ("VPD in kPa", "VPD", 0.1, 0), ("FC in mg CO2 m-2 s-1", "FC", MG_OF_UMOL, 0), ("SW_IN is PPFD", "SW_IN", 2.02, 0),
    ("SW_IN in kW m-2", "SW_IN", 0.001, 0), ("FC turned", "FC", -1, 0), ("G turned", "G", -1, 0),
):  # fmt: skip
    _plant("unit of a half", _name, _from_the_middle_on(_variable, _factor, _shift))
for _variable in ("G", "NETRAD", "FC", "NEE", "H", "LE"):
    _plant("sign", f"{_variable} turned", _all_rows(_variable, -1))


CODED = ("FC", "NEE", "LE", "H", "USTAR", "SW_IN", "TA", "VPD", "RH", "SC")
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
        return Planted(_words(sheet, variable))

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
        return Planted(_words(sheet, "FC_SSITC_TEST"))

    return plant


_plant("flags", "1 to 9", _flags(lambda flag, noise: flag * 3 + noise.integers(1, 4, flag.size)))
_plant("flags", "1 to 5", _flags(lambda flag, noise: np.where(flag < 2, flag * 2 + noise.integers(1, 3, flag.size), 5)))
_plant("flags", "none at all", _flags(lambda flag, noise: np.full(flag.size, np.nan)))
_plant("flags", "missing in a tenth", _flags(lambda flag, noise: np.where(noise.random(flag.size) < 0.1, np.nan, flag)))
_plant("flags", "2 everywhere", _flags(lambda flag, noise: np.full(flag.size, 2.0)))


def _fluxnet_stamps(sheet: Sheet) -> bool:
    return sheet.maker not in ("EddyPro", "EddyPro biomet", "REddyProc")


def _stamps(
    change: Callable[[Sheet, random.Random], None], *, both: bool = True, words: tuple[str, ...] = STAMP_WORDS
) -> Plant:
    def plant(sheet: Sheet, dice: random.Random) -> Planted | None:
        if not both and not _fluxnet_stamps(sheet):
            return None
        change(sheet, dice)
        if sheet.second is not None:
            sheet.second.starts, sheet.second.ends = sheet.starts, sheet.ends
        return Planted(words)

    return plant


def _swap(sheet: Sheet, _dice: random.Random) -> None:
    sheet.starts, sheet.ends = sheet.ends, sheet.starts


def _same(sheet: Sheet, dice: random.Random) -> None:
    if dice.random() < 0.5:
        sheet.starts = sheet.ends
    else:
        sheet.ends = sheet.starts


def _shifted(minutes: Callable[[Sheet, random.Random], float]) -> Callable[[Sheet, random.Random], None]:
    def change(sheet: Sheet, dice: random.Random) -> None:
        late = timedelta(minutes=minutes(sheet, dice))
        sheet.starts = [start + late for start in sheet.starts]
        sheet.ends = [end + late for end in sheet.ends]

    return change


def _summer_time(sheet: Sheet, _dice: random.Random) -> None:
    half = len(sheet.starts) // 2
    hour = timedelta(hours=1)
    sheet.starts = [start + hour * (i >= half) for i, start in enumerate(sheet.starts)]
    sheet.ends = [end + hour * (i >= half) for i, end in enumerate(sheet.ends)]


def _other_year(sheet: Sheet, dice: random.Random) -> None:
    row = dice.randrange(50, len(sheet.starts) - 50)
    years = timedelta(days=dice.choice((-3652, -365, 365, 3652)))
    sheet.starts = [start + years * (i == row) for i, start in enumerate(sheet.starts)]
    sheet.ends = [end + years * (i == row) for i, end in enumerate(sheet.ends)]


_plant(
    "stamps",
    "an hour late from the middle on",
    _stamps(_summer_time, words=("intervals are missing", "against the sun")),
)
_plant("stamps", "another year in one row", _stamps(_other_year, words=("intervals are missing",)))
_plant("stamps", "START and END swapped", _stamps(_swap, both=False))
_plant("stamps", "START and END the same", _stamps(_same, both=False))
_plant("stamps", "of the middle", _stamps(_shifted(lambda sheet, _: sheet.site.minutes / 2)))
_plant("stamps", "a step late", _stamps(_shifted(lambda sheet, _: sheet.site.minutes)))
_plant("stamps", "a step early", _stamps(_shifted(lambda sheet, _: -sheet.site.minutes)))
_plant("stamps", "an hour off", _stamps(_shifted(lambda _, dice: dice.choice((-60, 60)))))
_plant("stamps", "hours off, as of UTC", _stamps(_shifted(lambda _, dice: dice.choice((-8, -6, -3, -2, 2, 5, 8)) * 60)))
_plant("stamps", "12 minutes off", _stamps(_shifted(lambda _, dice: dice.choice((-12, 7)))))


def _rows(
    change: Callable[[list[str], int, random.Random], list[str]], told: Callable[[int, str], tuple[str, ...]]
) -> Plant:
    """Plant a mistake in one row of the table; ``told``: its line and its text -> words of which one must be told."""

    def plant(sheet: Sheet, dice: random.Random) -> Planted | None:
        above = heading(sheet)
        row = above + dice.randrange(50, len(sheet.starts) - 50)
        where = [""]
        lines = write_lines(sheet)
        words = told(row + 1, lines[row])

        def mangle(lines: list[str]) -> bytes:
            where[0] = lines[row]
            return as_text(change(lines, row, random.Random(row)))

        return Planted(words, mangle)

    return plant


def _line(*offsets: int) -> Callable[[int, str], tuple[str, ...]]:
    return lambda line, _text: tuple(f"line {line + offset}:" for offset in offsets)


def _last_cell(change: Callable[[str], str]) -> Callable[[list[str], int, random.Random], list[str]]:
    """Change the fifth cell of a row: a number of every maker."""

    def mangle(lines: list[str], row: int, _dice: random.Random) -> list[str]:
        separator = "\t" if "\t" in lines[row] else ","
        cells = lines[row].split(separator)
        cells[4] = change(cells[4])
        return [*lines[:row], separator.join(cells), *lines[row + 1 :]]

    return mangle


_plant("damaged line", "cut", _rows(lambda x, i, _: [*x[:i], x[i][: len(x[i]) // 2], *x[i + 1 :]], _line(0)))
_plant("damaged line", "two in one", _rows(lambda x, i, _: [*x[:i], x[i] + x[i + 1], *x[i + 2 :]], _line(0)))
_plant(
    "damaged line",
    "a field too many",
    _rows(lambda x, i, _: [*x[:i], x[i] + ("\t1" if "\t" in x[i] else ",1"), *x[i + 1 :]], _line(0)),
)
_plant("damaged line", "a letter in a number", _rows(_last_cell(lambda cell: f"{cell}x"), _line(0)))
_plant("damaged line", "two points in a number", _rows(_last_cell(lambda cell: f"1.2.{cell[-1:]}"), _line(0)))
_plant("damaged line", "a NUL", _rows(_last_cell(lambda cell: f"{cell}\0"), _line(0)))
_plant(
    "damaged line",
    "the header again",
    _rows(
        lambda x, i, _: [*x[:i], next(line for line in x if not line.startswith(("#", "file_info"))), *x[i:]], _line(0)
    ),
)
_plant("damaged line", "a row twice", _rows(lambda x, i, _: [*x[:i], x[i], *x[i:]], _line(1)))
_plant("damaged line", "a row missing", _rows(lambda x, i, _: [*x[:i], *x[i + 1 :]], _line(0)))
_plant("damaged line", "two rows exchanged", _rows(lambda x, i, _: [*x[:i], x[i + 1], x[i], *x[i + 2 :]], _line(1)))


def _renamed(variable: str, name: str) -> Plant:
    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        found = sheet.column_of(variable)
        if found is None or found[0] is not sheet or sheet.maker == "FLUXNET FULLSET":
            return None
        _, column = found
        sheet.cells[name] = sheet.cells.pop(column.name)
        column.name = name
        return Planted((variable, name))

    return plant


for _variable, _name in (
    ("TA", "Tair_f"), ("TA", "AirTemp"), ("TA", "TA_2_1_1"), ("SW_IN", "Rg_Avg"), ("SW_IN", "SW_IN_1_2_1"),
    ("SW_IN", "sw_in"), ("VPD", "vpd_mean"), ("RH", "rH_1"), ("RH", "RelHum"), ("USTAR", "u_star"),
    ("USTAR", "Ustar_2"), ("FC", "FCO2"), ("FC", "co2_flux_gf"), ("FC", "FC_1_2_1"), ("NEE", "NEE_f"),
):  # fmt: skip
    _plant("name", f"{_variable} is called {_name}", _renamed(_variable, _name))


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
    return Planted(_words(sheet, variable, "NEE"))


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
    return Planted((*_words(sheet, variable), *(("NEE",) if variable == "FC" else ())))


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
        return Planted(_words(sheet, "SW_IN"))

    return plant


_plant("radiation", "missing at night", _night(None))
for _offset in (-13.0, 12.0, 20.0, 60.0):
    _plant("radiation", f"offset of {_offset:g}", _night(_offset))


def _text(change: Callable[[list[str]], bytes | None]) -> Plant:
    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        if change(write_lines(sheet)) is None:
            return None
        return Planted((), lambda lines: change(lines) or b"")

    return plant


def _separated(by: str, comma: str = ".") -> Callable[[list[str]], bytes | None]:
    def change(lines: list[str]) -> bytes | None:
        if any(line.startswith(("#", "file_info")) for line in lines[:2]):
            return None
        old = "\t" if "\t" in lines[0] else ","
        if by == " " and any(f"{old}{old}" in line or line.startswith(old) for line in lines):
            return None
        return as_text(
            [
                line.replace(".", comma).replace(old, by) if i > 1 else line.replace(old, by)
                for i, line in enumerate(lines)
            ]
        )

    return change


for _name, _change in {
    "UTF-8 with a byte order mark": lambda lines: as_text(lines, encoding="utf-8-sig"),
    "UTF-16": lambda lines: as_text(lines, encoding="utf-16"),
    "Windows-1252": lambda lines: as_text(lines, encoding="cp1252"),
    "lines end by CR LF": lambda lines: as_text(lines, "\r\n"),
    "lines end by CR": lambda lines: as_text(lines, "\r"),
    "semicolons": _separated(";"), "tabs": _separated("\t"), "blanks": _separated(" "),
    "semicolons and decimal commas": _separated(";", ","),
    "a blank line": lambda lines: as_text([*lines[:40], "", *lines[40:]]),
    "no line end after the last": lambda lines: as_text(lines).rstrip(),
    "blank lines at the end": lambda lines: as_text([*lines, "", "", ""]),
    "blanks around the cells": lambda lines: as_text(lines[:3] + [x.replace(",", " , ") for x in lines[3:]]),
}.items():  # fmt: skip
    _plant("text", _name, _text(_change))
