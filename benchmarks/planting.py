"""What it takes to plant a mistake in a table of `made_up_tables`."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.made_up_tables import Sheet


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
"""Changes a sheet; None where it has not got what the mistake needs."""
Mistakes = dict[str, dict[str, Plant]]
"""Kind -> name -> mistake."""


def as_text(lines: list[str], end: str = "\n", encoding: str = "utf-8") -> bytes:
    """Return lines as a file."""
    return (end.join(lines) + end).encode(encoding)


def words_of(sheet: Sheet, *variables: str) -> tuple[str, ...]:
    """Return names by which variables may be told: their own, of their columns, and NEE for FC of which it is made."""
    columns = [found[1].name for found in map(sheet.column_of, variables) if found]
    return (*variables, *columns, *(("NEE",) if "FC" in variables else ()))
