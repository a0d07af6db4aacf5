"""What the columns of a season's tables are: units, and words."""

from __future__ import annotations

from core.variables import VARIABLES, season_unit
from fluxcalc.season.aggregates import unit_of

PART_WORDS = {
    "F": "gap-filled", "QC": "quality of the filled value: 0 measured, 1 good, 2 medium, 3 poor",
    "SD": "standard deviation of the values looked up, or of the error of a learned one",
    "N": "number of the values looked up",
    "METHOD": "how it was filled: 1 all drivers, 2 radiation alone, 3 mean diurnal course, 4 learned",
    "WINDOW": "window of the values looked up, in days", "ALL": "value looked up or learned for every record",
    "LOWER": "lower end of the 90 % interval", "UPPER": "upper end of the 90 % interval",
    "NT": "by the night-time method", "DT": "by the day-time method", "RANDUNC": "random uncertainty, one sd",
    "JOINTUNC": "joint uncertainty, one sd", "GAPUNC": "error of the filled value, one sd",
    "CORR": "corrected to close the energy balance", "25": "25 % percentile", "75": "75 % percentile",
    "REF": "the version most like all others", "USTAR50": "median threshold of u*", "MEAN": "mean of forty versions",
    "SE": "standard error over forty versions", "VUT": "thresholds of u* by year", "CUT": "thresholds of all years",
}  # fmt: skip
BASE_WORDS = {
    "USTAR": "friction velocity", "SW": "shortwave radiation", "NEE": "net ecosystem exchange of CO2",
}  # fmt: skip


def unit(name: str, size: str = "HH") -> str:
    """Return the unit of a column."""
    own = season_unit(name)
    return own if size == "HH" else unit_of(name, size) or own


def describe(name: str) -> str:
    """Return what a column is, in words."""
    base, *parts = name.split("_")
    if name in VARIABLES:
        return VARIABLES[name].en
    if name == "SW_IN_POT":
        return "radiation above the atmosphere on a horizontal plane"
    if name == "USTAR_THRESHOLD":
        return "threshold of the friction velocity"
    stem = "SW_IN" if name.startswith("SW_IN") else base
    text = BASE_WORDS.get(stem) or (VARIABLES[stem].en if stem in VARIABLES else stem)
    if parts and parts[-1][0] == "U" and parts[-1][1:].isdigit():
        return f"{text}, filled, threshold of u* at its {parts[-1][1:]} % quantile"
    if {"VUT", "CUT"} & {*parts}:
        percents = [f"{part} % percentile of forty versions" for part in parts if part.isdigit()]
        parts = [part for part in parts if not part.isdigit()]
        return ", ".join([text, *(PART_WORDS[part] for part in parts if part in PART_WORDS), *percents])
    return ", ".join([text, *(PART_WORDS[part] for part in parts if part in PART_WORDS)])
