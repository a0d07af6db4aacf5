"""Text of half-hourly tables that is damaged, renamed or written otherwise."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from benchmarks.made_up_tables import Sheet, heading, write_lines
from benchmarks.planting import Mistakes, Plant, Planted, as_text

MISTAKES: Mistakes = {}
"""Kind -> mistakes."""


def _plant(kind: str, name: str, plant: Plant) -> None:
    MISTAKES.setdefault(kind, {})[name] = plant


def _rows(
    change: Callable[[list[str], int, random.Random], list[str]], told: Callable[[int, str], tuple[str, ...]]
) -> Plant:
    """Plant a mistake in one row of the table; ``told``: its line and its text -> words of which one must be told."""

    def plant(sheet: Sheet, dice: random.Random) -> Planted | None:
        above = heading(sheet)
        row = above + dice.randrange(50, len(sheet.starts) - 50)
        words = told(row + 1, write_lines(sheet)[row])
        return Planted(words, lambda lines: as_text(change(lines, row, random.Random(row))))

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


def _behind_blank_lines(lines: list[str], row: int, dice: random.Random) -> list[str]:
    damaged = _last_cell(lambda cell: f"{cell}x")(lines, row, dice)
    return [*damaged[: row - 9], "", "", *damaged[row - 9 :]]


_plant("damaged line", "a letter in a number behind blank lines", _rows(_behind_blank_lines, _line(2)))


def _unit_line(variable: str, word: str) -> Plant:
    """Plant another word in the line of units."""

    def plant(sheet: Sheet, _dice: random.Random) -> Planted | None:
        found = sheet.column_of(variable)
        if found is None or not found[1].unit or found[0] is not sheet:
            return None
        found[1].unit = f"[{word}]" if sheet.maker == "EddyPro" else word
        return Planted((variable, found[1].name))

    return plant


for _variable, _word in (
    ("TA", "degF"), ("VPD", "kPa"), ("FC", "mg+1s-1m-2"), ("NEE", "mgm-2s-1"), ("H", "furlong"), ("USTAR", "cm+1s-1"),
    ("SW_IN", "MJm-2"),
):  # fmt: skip
    _plant("line of units", f"{_variable} is in {_word}", _unit_line(_variable, _word))


def _without_units(lines: list[str]) -> bytes | None:
    at = next((i for i, line in enumerate(lines[:3]) if "[mm-dd]" in line or "yyyy-mm-dd" in line), None)
    at = 1 if at is None and lines[0].startswith("Year") else at
    return None if at is None else as_text([*lines[:at], *lines[at + 1 :]])


_plant("line of units", "is missing", _text(_without_units))


def _by_spreadsheet(lines: list[str]) -> bytes | None:
    """Write stamps of twelve digits with six, as spreadsheets save them."""
    first = next((i for i, line in enumerate(lines) if line.startswith("TIMESTAMP_START")), None)
    if first is None:
        return None
    rows = [line.split(",") for line in lines[first + 1 :]]
    rounded = [",".join([*(f"{float(stamp):.5E}" for stamp in row[:2]), *row[2:]]) for row in rows]
    return as_text([*lines[: first + 1], *rounded])


def _day_first(lines: list[str]) -> bytes | None:
    """Write dates as day/month/year, as spreadsheets save them."""
    dated = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
    if not any(dated.search(line) for line in lines[3:]):
        return None
    return as_text([dated.sub(r"\3/\2/\1", line) for line in lines])


_plant("text", "stamps as a spreadsheet rounds them", _text(_by_spreadsheet))
_plant("text", "dates as a spreadsheet writes them", _text(_day_first))
