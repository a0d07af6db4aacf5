"""Which columns of a table under FLUXNET names may hold what was measured, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.variables import VARIABLES

FLUX_NAMES = ("NEE", "FC", "LE", "H", "FCH4")
"""What was filled is no measurement of these: without a quality column nothing of it is taken."""
FILTERED = ("NEE_VUT_REF", "NEE_CUT_REF", "NEE_VUT_USTAR50", "NEE_CUT_USTAR50")
"""Filled NEE of ONEFlux, which is filtered by u* already."""
_MEASURED = ("", "_1_1_1", "_PI", "_PI_1_1_1", "_1", "_SINGLE")
"""Ends of names of measured values, the likeliest first; other positions follow."""
_FILLED = ("_F", "_F_MDS", "_F_MDS_1", "_F_1_1_1", "_PI_F", "_PI_F_1_1_1")
_POSITION = re.compile(r"(_PI)?(?:_(\d+)_(\d+)_(\d+|A)|_(\d+)|_A)(_N)?")
_BY_LENGTH = sorted(VARIABLES, key=len, reverse=True)
_USUAL_RANKS = 5
"""Ranks below are those that every table of the kind has."""
_UNLIKELY_RANK = 100


@dataclass(frozen=True, slots=True)
class MeasuredColumn:
    """Where a variable's measured values may stand.

    Attributes
    ----------
    column : str
        The file's column.
    quality : str
        Column that is 0 where ``column`` was measured; empty where it holds nothing else.
    rank : int
        How likely it is what is wanted: 0 is the variable's own name.
    note : str
        What is to be told if it is taken.
    """

    column: str
    quality: str = ""
    rank: int = 0
    note: str = ""


def split_name(name: str) -> tuple[str, str]:
    """Return the variable that a column's name begins with, in any case, and the rest; empty without one."""
    upper = name.strip().upper()
    base = next((known for known in _BY_LENGTH if upper == known or upper.startswith(f"{known}_")), "")
    return base, upper[len(base) :] if base else upper


def find_columns(names: Iterable[str]) -> tuple[dict[str, list[MeasuredColumn]], tuple[str, ...]]:
    """Find the columns of each variable: as measured, first at its first position; then what a filled one measured.

    Returns
    -------
    found : dict of str to list of MeasuredColumn
        FLUXNET variable -> where it may stand, the likeliest first.
    notes : tuple of str
        What cannot be taken, and why.
    """
    whole = list(names)
    upper = {name.upper(): name for name in reversed(whole)}
    found: dict[str, list[MeasuredColumn]] = {}
    notes = []
    for name in whole:
        base, rest = split_name(name)
        one = _filtered(name, upper) or _measured(name, base, rest) or _filled(name, base, rest, upper)
        if isinstance(one, str):
            notes.append(("NEE" if name.upper() in FILTERED else base, one))
        elif one is not None:
            found.setdefault("NEE" if one.column.upper() in FILTERED else base, []).append(one)
    for columns in found.values():
        columns.sort(key=lambda one: one.rank)
    told = tuple(note for base, note in notes if base not in found and (base != "NEE" or "FC" not in found))
    return {variable: found[variable] for variable in VARIABLES if variable in found}, told


def _measured(name: str, base: str, rest: str) -> MeasuredColumn | None:
    if not base:
        return None
    if rest in _MEASURED:
        rank = _MEASURED.index(rest)
        odd = rank >= _USUAL_RANKS or name != name.upper()
        return MeasuredColumn(name, "", rank, f"{base} is {name}" if odd else "")
    if rest == "_EP":
        return MeasuredColumn(
            name, "", 4 * _UNLIKELY_RANK**3, f"{base} is {name}, EddyPro's own: no sensor's was given"
        )
    match = _POSITION.fullmatch(rest)
    if match is None:
        return None
    # the highest level first, then the first place, then the mean of replicates
    across, level, replicate = (int(part) if part and part != "A" else 0 for part in match.group(2, 3, 4))
    level = level or int(match[5] or 0)
    rank = (
        _USUAL_RANKS
        + 1
        + (level * _UNLIKELY_RANK + across) * _UNLIKELY_RANK
        + replicate
        + (_UNLIKELY_RANK**3 if match[1] else 0)
    )
    return MeasuredColumn(name, "", rank, f"{base} is {name}")


def _filled(name: str, base: str, rest: str, upper: dict[str, str]) -> MeasuredColumn | str | None:
    if not base or rest not in _FILLED or base.endswith("_TEST"):
        return None
    rank = 5 * _UNLIKELY_RANK**3 + _FILLED.index(rest)
    quality = upper.get(f"{name.upper()}_QC")
    if quality:
        return MeasuredColumn(name, quality, rank, f"{base} is {name} where {quality} is 0, as measured")
    if base in FLUX_NAMES:
        return f"{name} is not taken: without {name}_QC nothing tells what of it was measured"
    return MeasuredColumn(name, "", rank, f"{base} is {name}: without {name}_QC all of it is taken as measured")


def _filtered(name: str, upper: dict[str, str]) -> MeasuredColumn | str | None:
    if name.upper() not in FILTERED:
        return None
    quality = upper.get(f"{name.upper()}_QC")
    if not quality:
        return f"{name} is not taken: without {name}_QC nothing tells what of it was measured"
    note = f"NEE is {name} where {quality} is 0, as measured"
    note += "; its maker has filtered it by u*: --ustar none leaves it so"
    return MeasuredColumn(name, quality, 6 * _UNLIKELY_RANK**3 + FILTERED.index(name.upper()), note)
