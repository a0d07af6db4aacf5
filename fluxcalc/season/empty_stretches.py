"""Last step of a season: every empty stretch of a result has a reason."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.progress import Progress
from fluxcalc.season.record import DRIVERS, FLUXES, Season, SeasonMethods

CAUSES = {
    "RECO_NT": ("NEE_F", "TA_F"), "GPP_NT": ("NEE_F", "TA_F"),
    "RECO_DT": ("NEE_F", "SW_IN_F", "TA_F", "VPD_F"), "GPP_DT": ("NEE_F", "SW_IN_F", "TA_F", "VPD_F"),
    "ET": ("LE_F", "TA_F"), "LE_CORR": ("LE_F", "EBC_CF_METHOD"), "H_CORR": ("H_F", "EBC_CF_METHOD"),
    **{f"{name}_{part}": (f"{name}_F",) for name in FLUXES for part in ("RANDUNC", "F_SD")}, "USTAR_THRESHOLD": (),
    "TA_F": (), "SW_IN_F": (), "VPD_F": (), **{f"{name}_F": () for name in FLUXES},
}  # fmt: skip
"""Results that are told, and what they are made of."""
ELSE = {
    "TA_F": "too long a gap", "SW_IN_F": "too long a gap", "VPD_F": "too long a gap",
    "USTAR_THRESHOLD": "no threshold holds there; NEE is not filtered by u*",
    **{f"{name}_RANDUNC": "too few measured records are alike within the window, or they are equal" for name in FLUXES},
    **{f"{name}_F_SD": "the values looked up are all equal, or there is one alone" for name in FLUXES},
    **{f"{name}_CORR": "too few half-hours of the whole balance are near" for name in ("LE", "H")},
    **{f"{name}_DT": "no light response could be fitted within reach" for name in ("RECO", "GPP")},
}  # fmt: skip
"""Why a result is empty where all that it is made of is there."""


def explain_empty(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Give a reason for each stretch of a result that is empty without one."""
    for name, parts in CAUSES.items():
        if name not in season.results:
            continue
        empty = np.isnan(season.results[name])
        if not empty.any() or _told(season, name, int(empty.sum())):
            continue
        key = name if empty.all() else f"{name} of {int(empty.sum())} records"
        season = season.without(key, _why(season, name, empty, parts))
    return _explain_gap_errors(season)


def _told(season: Season, name: str, count: int) -> bool:
    return name in season.reasons or f"{name} of {count} records" in season.reasons


def _why(season: Season, name: str, empty: NDArray[np.bool_], parts: tuple[str, ...]) -> str:
    causes = [
        f"{part} is missing in {count} of them"
        for part in parts
        if (count := int((np.isnan(season.results[part]) & empty).sum() if part in season.results else empty.sum()))
    ]
    if name.endswith("_RANDUNC") and empty.all() and not all(season.has(driver) for driver in DRIVERS):
        return f"without {', '.join(DRIVERS[:-1])} and {DRIVERS[-1]} no records are known to be alike"
    return " and ".join(causes) or ELSE.get(name, "what it is made of is missing there")


def _explain_gap_errors(season: Season) -> Season:
    """Say where the error of filled values is not known; measured ones have none."""
    for name in FLUXES:
        errors = season.results.get(f"{name}_GAPUNC")
        if errors is None or f"{name}_F" not in season.results:
            continue
        filled = np.isfinite(season.results[f"{name}_F"]) & ~np.isfinite(season.measured(name))
        count = int((filled & np.isnan(errors)).sum())
        if count:
            season = season.without(
                f"{name}_GAPUNC of {count} records", "too few values could be left out in gaps as long as theirs"
            )
    return season
