"""Columns of a table that is text: encodings and separators, line numbers, missing codes, numbers and stamps."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from core.errors import PayloadError
from core.variables import VARIABLES
from ingest.files.header import decode_text

USUAL_MARKS = frozenset({"", "na", "nan", "-9999"})
"""What every maker writes for a missing value: it is not told."""
MISSING_WORDS = frozenset(
    {
        *("null", "none", "n/a", "#n/a", "nil", "-", "--", ".", "nd", "missing", "inf", "-inf", "+inf", "infinity"),
        *("#div/0!", "#value!", "#num!", "#ref!", "#name?", "#n/d", "-nan", "1.#inf", "-1.#ind", "1.#qnan"),
    }
)
"""Words that also stand for one; they are told."""
MISSING_CODE = re.compile(r"-?(?:[6-9]9{2,}|([6-9])\1{2,}|99)(?:\.9+|\.0)?")
"""How a number that stands for a missing value looks: -6999, -999.99, 9999, -7777, -99.9."""
MAX_NUMBER = 1e15
"""Fill values of netCDF, 9.97e36, and the like are larger."""
MIN_CODE_RECORDS = 5
"""Records with a code that is plausible by itself, before it is taken for a missing value."""
UTF16 = (b"\xff\xfe", b"\xfe\xff")
DECIMAL_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$|^[+-]?\d+$"


def decode(content: bytes, file: str) -> tuple[str, tuple[str, ...]]:
    """Return the text of a file, and what was assumed of its encoding.

    UTF-8 with or without a byte order mark, UTF-16 with one, else Windows-1252, in which Excel saves.

    Raises
    ------
    PayloadError
        It is no text.
    """
    try:
        if content[:2] in UTF16:
            return content.decode("utf-16"), ()
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        if b"\0" in content or content[:2] in UTF16:
            raise PayloadError(f"{file}: this is no text table: {error}") from None
    return decode_text(content), (f"{file} is not UTF-8: it was read as Windows-1252, in which Excel saves",)


@dataclass(slots=True)
class TextTable:
    """A table as text, of which columns are read one after the other.

    Attributes
    ----------
    file : str
        Its name, for messages.
    names : tuple of str
        Of all columns.
    lines : pl.Series of int
        Line of the file in which each row stands.
    cells : pl.DataFrame
        The columns that may be used, as text.
    notes, problems : list of str
        What was assumed while reading; what is wrong.
    """

    file: str
    names: tuple[str, ...]
    lines: pl.Series
    cells: pl.DataFrame
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def number(self, name: str) -> pl.Series:
        """Return a column as numbers; null is missing.

        Raises
        ------
        PayloadError
            A word is no number, and none that stands for a missing value.
        """
        text = self.cells[name].str.strip_chars()
        values = text.cast(pl.Float64, strict=False)
        if text.str.contains(",", literal=True).any() and text.drop_nulls().str.contains(DECIMAL_COMMA).mean() == 1.0:
            values = text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
            self._note("numbers have a decimal comma")
        words = text.is_not_null() & values.is_null()
        lower = text.str.to_lowercase()
        bad = words & ~lower.is_in([*USUAL_MARKS, *MISSING_WORDS])
        if bad.any():
            row = bad.arg_max() or 0
            raise PayloadError(
                f"{self.file}: line {self.lines[row]}: {name}: expected a number, got {text[row]!a}: correct it, or "
                "write -9999 where there is none"
            )
        told = text.filter(words & lower.is_in(list(MISSING_WORDS))).unique().sort()
        for word in told.to_list():
            self._note(f"{name}: {word!a} in {int((text == word).sum())} records is taken as missing")
        values = values.fill_nan(None)
        # -9999 counts however it is written; an infinite value is none
        return values.set((values == -9999.0) | values.is_infinite(), None)

    def measured(self, name: str, variable: str, factor: float = 1.0, shift: float = 0.0) -> pl.Series:
        """Return a variable in its FLUXNET unit, without the codes that stand for missing values.

        Parameters
        ----------
        name : str
            The column.
        variable : str
            What it holds.
        factor, shift : float
            Bring the column to the variable's unit.
        """
        values = self.number(name)
        codes = missing_codes(values, variable, factor, shift)
        for code in codes:
            count = int((values == code).sum())
            self._note(f"{name}: {code:g} in {count} records is taken as missing")
        if codes:
            values = values.set(values.is_in(codes), None)
        return values if (factor, shift) == (1.0, 0.0) else values * factor + shift

    def stamps(self, texts: pl.Series, name: str, patterns: Sequence[str]) -> pl.Series:
        """Return a column of stamps as times; 24:00 is the next day's 00:00.

        Raises
        ------
        PayloadError
            One cannot be read.
        """
        text = texts.str.strip_chars()
        last = text.str.contains(r"\D24:?00(:00)?$|^\d{8}2400$").fill_null(value=False)
        plain = text.str.replace(r"24(:?00(:00)?)$", "00$1")
        text_of_day = pl.select(pl.when(last).then(plain).otherwise(text)).to_series()
        times = pl.Series(name, [None] * len(text), dtype=pl.Datetime("us"))
        for pattern in patterns:
            times = times.fill_null(text_of_day.str.to_datetime(pattern, time_unit="us", strict=False))
        if times.null_count():
            row = times.is_null().arg_max() or 0
            raise PayloadError(
                f"{self.file}: line {self.lines[row]}: {name}: expected a time like {patterns[0]}, got {texts[row]!a}"
                f"{_why_no_time(texts[row])}"
            )
        return pl.select(pl.when(last).then(times + timedelta(days=1)).otherwise(times)).to_series()

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _why_no_time(text: str | None) -> str:
    if text is None or not text.strip():
        return ": the stamp is missing"
    if re.search(r"\d[eE]\+\d", text):
        return ": a spreadsheet has rounded the stamps: fetch the file anew, and do not save it there"
    if re.match(r"\d{1,2}[/.]\d{1,2}[/.]\d{2,4}", text.strip()):
        return ": a spreadsheet has turned the date: fetch the file anew, or write it as year-month-day"
    return ""


def missing_codes(values: pl.Series, variable: str, factor: float = 1.0, shift: float = 0.0) -> list[float]:
    """Find numbers that stand for missing values.

    A number like -6999 is one where it lies outside the variable's plausible limits; within, where it comes again and
    again and lies farther from all other values than these from each other.

    Parameters
    ----------
    values : pl.Series of float
        In the column's unit.
    variable : str
        What it holds.
    factor, shift : float
        Bring the column to the variable's unit.
    """
    limits = VARIABLES[variable]
    large = values.filter(values.abs() >= 99).unique().to_list()
    alike = [value for value in large if abs(value) >= MAX_NUMBER or MISSING_CODE.fullmatch(repr(value))]
    found = []
    for code in alike:
        if not limits.low <= code * factor + shift <= limits.high:
            if code != 99 or variable not in ("RH",):
                found.append(code)
            continue
        others = values.filter(~values.is_in(alike)).drop_nulls()
        if others.len() < MIN_CODE_RECORDS or int((values == code).sum()) < MIN_CODE_RECORDS:
            continue
        low, high = float(others.min()), float(others.max())  # type: ignore[arg-type]
        if max(low - code, code - high) > high - low:
            found.append(code)
    return sorted(found)


def separator_of(lines: Sequence[str]) -> str:
    """Return what stands between the fields of a table's first lines; a blank where they are in columns of blanks."""
    line = max(lines[:2], key=lambda text: max(map(text.count, "\t;,")), default="")
    most = max("\t;,", key=line.count)
    return most if most in line else " "


def split_fields(line: str, separator: str) -> list[str]:
    """Return the fields of a line, without blanks around them."""
    if separator == " ":
        return line.split()
    return [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]


def read_text_table(
    lines: Sequence[str], names: Sequence[str], used: Collection[str], separator: str, first: int, file: str
) -> TextTable:
    """Read the columns that may be used as text; each line that is not blank must have all fields.

    Parameters
    ----------
    lines : sequence of str
        Of the table, from its first row.
    names, used : collection of str
        Of all columns, and of those that are read.
    separator : str
        As of ``separator_of``.
    first : int
        Number of the first line in the file.
    file : str
        Its name, for messages.

    Raises
    ------
    PayloadError
        There is no row, one has too many or too few fields, or two columns that are used have one name.
    """
    twice = next((name for name in names if name in used and names.count(name) > 1), None)
    if twice is not None:
        raise PayloadError(f"{file}: line {first - 1}: two columns are called {twice!a}: rename one")
    content, numbers = io.BytesIO(), []
    blank = re.compile(rf"[\s{re.escape(separator)}]*")
    for number, line in enumerate(lines, start=first):
        if blank.fullmatch(line):
            continue
        if separator == " ":
            whole = line.split()
            fields, text = len(whole), "\t".join(whole)
        else:
            fields = line.count(separator) + 1 if '"' not in line else len(split_fields(line, separator))
            text = line
        if fields != len(names):
            raise PayloadError(
                f"{file}: line {number}: expected {len(names)} fields as the header has, got {fields}: the line is "
                "cut or damaged: fetch the file anew, or remove the line"
            )
        numbers.append(number)
        content.write(text.encode() + b"\n")
    if not numbers:
        raise PayloadError(f"{file}: line {first}: no half-hour after the header")
    places = [place for place, name in enumerate(names) if name in used]
    cells = pl.read_csv(
        content.getvalue(),
        separator="\t" if separator == " " else separator,
        has_header=False,
        columns=places,
        infer_schema=False,
        null_values=[""],
    )
    cells.columns = [names[place] for place in places]
    return TextTable(file, tuple(names), pl.Series("line", numbers, dtype=pl.Int64), cells)
