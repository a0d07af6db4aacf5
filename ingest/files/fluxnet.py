"""Which columns of a FLUXNET table hold what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.variables import VARIABLES

FLUX_NAMES = ("NEE", "FC", "LE", "H", "FCH4")
"""What was filled is no measurement of these: without a quality column nothing of it is taken."""
_MEASURED = ("{}", "{}_1_1_1", "{}_PI", "{}_PI_1_1_1", "{}_1")
_FILLED = ("{}_F", "{}_F_MDS", "{}_F_MDS_1")
_FILTERED = ("NEE_VUT_REF", "NEE_CUT_REF")


@dataclass(frozen=True, slots=True)
class MeasuredColumn:
    """Where a variable's measured values stand.

    Attributes
    ----------
    column : str
        The file's column.
    quality : str
        Column that is 0 where ``column`` was measured; empty where it holds nothing else.
    """

    column: str
    quality: str = ""


def choose_columns(names: Sequence[str]) -> tuple[dict[str, MeasuredColumn], tuple[str, ...]]:
    """Choose the column of each variable: as measured, at its first position; else what a filled one measured.

    Returns
    -------
    chosen : dict of str to MeasuredColumn
        FLUXNET variable -> where it stands.
    notes : tuple of str
        What was taken from filled columns, what was assumed, what was not taken.
    """
    chosen: dict[str, MeasuredColumn] = {}
    notes = []
    there = set(names)
    for variable in VARIABLES:
        measured = next((name for form in _MEASURED if (name := form.format(variable)) in there), None)
        if measured is not None:
            chosen[variable] = MeasuredColumn(measured)
            continue
        forms = (*_FILLED, *(_FILTERED if variable == "NEE" else ()))
        filled = next((name for form in forms if (name := form.format(variable)) in there), None)
        if filled is None:
            continue
        quality = f"{filled}_QC"
        if quality in there:
            note = f"{variable} is {filled} where {quality} is 0, as measured"
            if filled in _FILTERED:
                note += "; its maker has filtered it by u*: --ustar none leaves it so"
            chosen[variable] = MeasuredColumn(filled, quality)
        elif variable in FLUX_NAMES:
            note = f"{filled} is not taken: without {quality} nothing tells what of it was measured"
        else:
            note = f"{variable} is {filled}: without {quality} all of it is taken as measured"
            chosen[variable] = MeasuredColumn(filled)
        notes.append(note)
    return chosen, tuple(notes)
