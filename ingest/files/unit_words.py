"""Units as makers of tables write them: ``[W+1m-2]``, ``umolm-2s-1``, ``W/m2``, ``degC``."""

from __future__ import annotations

import re

from core.variables import UNITS

OTHER_WORDS = {
    "degc": "deg C", "celsius": "deg C", "degreec": "deg C", "degreesc": "deg C", "c": "deg C", "oc": "deg C",
    "k": "K", "degk": "K", "kelvin": "K", "mbar": "hPa", "hpa": "hPa", "kpa": "kPa", "pa": "Pa", "#": "1", "-": "1",
    "percent": "%", "pct": "%", "ppm": "umol mol-1", "ppb": "nmol mol-1", "degree": "deg", "degrees": "deg",
    "degfromnorth": "deg", "m+3m-3": "fraction", "m3m-3": "fraction", "m3/m3": "fraction", "adimensional": "1",
    "mm+1hour-1": "mm h-1", "mmh-1": "mm h-1", "mmhour-1": "mm h-1", "mm/h": "mm h-1",
    "nounit": "1", "dimensionless": "1",
    "mgm-2s-1": "mg m-2 s-1", "mgco2m-2s-1": "mg m-2 s-1", "mg/m2/s": "mg m-2 s-1", "mgco2/m2/s": "mg m-2 s-1",
}  # fmt: skip
"""Words beside the units' own spelling, in small letters and without blanks."""
NOTHING_SAID = frozenset({"", "-", "--", "n/a", "na", "none", "#", "1", "unitless"})
"""Words of columns that have no unit, or of which none is stated."""
_SUBSTANCE = re.compile(r"(?<=mol)(co2|h2o|ch4)|(?<=[munp]g)(co2|h2o|ch4)", re.IGNORECASE)


def read_unit(words: str) -> str | None:
    """Return the unit that words name; None where they are not known, empty where they say nothing.

    Returns
    -------
    str or None
        A key of ``core.variables.UNITS``, or ``mm h-1`` or ``mg m-2 s-1``, which are none of ours.
    """
    # a micro sign in a wrong encoding stands before mol or g
    text = re.sub(r"[^\x00-\x7f\u00b0]+(?=mol|g)", "u", words.strip().strip("[]()").strip()).replace("\u00b0", "deg")
    if text.lower() in NOTHING_SAID:
        return ""
    spelled = _spelled(text)
    return OTHER_WORDS.get(spelled.lower()) or _own(spelled) or _own(_SUBSTANCE.sub("", spelled))


def _spelled(text: str) -> str:
    return re.sub(r"[\s^_*\u00b7]|(?<=[a-z])\+(?=[2-9])", "", re.sub(r"(?<=mol)_[ad](?![a-z])", "", text))


def _own(text: str) -> str | None:
    parts = _parts(text)
    return next((unit for unit in UNITS if _parts(unit) == parts), None)


def _parts(unit: str) -> str:
    """Write a unit without blanks, in the order of its parts: ``umol+1s-1m-2`` and ``umol m-2 s-1`` are the same."""
    text = re.sub(r"/(mol|kg|m|s|K)(\d?)", lambda m: f" {m[1]}-{m[2] or 1}", unit.replace("+1", " "))
    parts = re.findall(r"[A-Za-z%]+?(?=m-\d|s-\d|kg|mol-\d|K-\d|[^A-Za-z%]|$)-?\d?|-", text)
    return "".join(sorted(parts))
