"""Steps of a season that complete its radiation: of photons, and by night."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.record import USED, Season, SeasonMethods

MISSING_NIGHTS = 0.5
"""Larger share of the records of the night without SW_IN means that it is logged by day only."""
NIGHT_OFFSET = 10.0
"""SW_IN while the sun is down, from which on it has an offset: night is what lies below. [W m-2]"""
MIN_NIGHT_RECORDS = 48
"""Records of the night that tell."""


def radiation_of_photons(season: Season, methods: SeasonMethods, _progress: Progress) -> Season:
    """Make SW_IN of PPFD_IN where no SW_IN was measured at all."""
    if season.has("SW_IN") or not season.has("PPFD_IN") or not methods.ppfd_factor:
        return season
    made = methods.ppfd_factor * season.measured("PPFD_IN")
    return _with_radiation(season, made).noting(
        f"SW_IN is PPFD_IN times {methods.ppfd_factor:g}: there is no SW_IN (--ppfd-factor gives another, 0 none)"
    )


def radiation_of_night(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Take the night by the sun where radiation is logged by day only, or has an offset."""
    radiation = season.measured("SW_IN")
    dark = season.results["SW_IN_POT"] <= 0
    known = np.isfinite(radiation)
    if dark.sum() < MIN_NIGHT_RECORDS or not known.any():
        return season
    missing = dark & ~known
    if missing.sum() > MISSING_NIGHTS * dark.sum() and known[~dark].mean() > known[dark].mean():
        season = season.noting(
            f"SW_IN is missing at night: {int(missing.sum())} records while the sun is down are taken as 0"
        )
        return _with_radiation(season, np.where(missing, 0.0, radiation))
    at_night = radiation[dark & known]
    # a wrong clock brings light into the night; that is told on its own
    if at_night.size < MIN_NIGHT_RECORDS or any("against the sun" in problem for problem in season.problems):
        return season
    offset = float(np.median(at_night))
    if abs(offset) < NIGHT_OFFSET:
        return season
    season = season.with_problem(
        f"SW_IN is {offset:.3g} W m-2 while the sun is down: correct its offset; the night is taken by the sun, where "
        "it is 0"
    )
    return _with_radiation(season, np.where(dark & known, 0.0, radiation))


def _with_radiation(season: Season, radiation: FloatArray) -> Season:
    flags = {**season.flags, "SW_IN": np.full(len(season.starts), USED, dtype=np.int8)}
    return replace(season, flags=flags).with_variables(SW_IN=radiation)
