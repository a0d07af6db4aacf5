"""Steps of a season that fill its gaps: of the drivers, and of the fluxes by looking up or by learning."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.gapfill.gaps import UNFILLED
from fluxcalc.season.gapfill.mds import Filled, fill_driver, fill_mds
from fluxcalc.season.record import DRIVERS, FLUXES, LEARNED_FILL, OTHER_DRIVERS, Season, SeasonMethods

LEARNED_FROM = {
    "SW_IN": "radiation", "TA": "temperature", "VPD": "deficit", "RH": "humidity", "TS": "soil_temperature",
    "SWC": "soil_water",
}  # fmt: skip
"""What fluxes are learned from, where it is measured."""


def fill_meteorology(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Fill the drivers."""
    radiation = season.measured("SW_IN")
    for name in (*DRIVERS, *OTHER_DRIVERS):
        if season.has(name):
            filled = fill_driver(season.measured(name), None if name == "SW_IN" else radiation, per_day=season.per_day)
            season = season.with_results(**_filled(name, filled))
    return season


def fill_fluxes(season: Season, methods: SeasonMethods, progress: Progress) -> Season:
    """Fill NEE, LE, H and the flux of CH4."""
    fill = _learn if methods.fill == LEARNED_FILL else _look_up
    for number, name in enumerate(FLUXES, start=1):
        if season.has(name):
            season = fill(season, methods, name)
        elif name == "NEE" or name in season.variables:
            why = "no record" if name not in season.variables else "no record of usable quality"
            season = season.without(f"{name}_F", why)
        progress(f"fill {name}", number, len(FLUXES))
    return season


def _look_up(season: Season, methods: SeasonMethods, name: str) -> Season:
    drivers = [season.measured(driver) for driver in DRIVERS]
    filled = fill_mds(season.measured(name), *drivers, per_day=season.per_day, dialect=methods.dialect)
    season = season.with_results(**_filled(name, filled), **{f"{name}_F_SD": _known(filled.sd)})
    if name == "NEE":
        season = season.with_results(
            NEE_F_N=filled.count.astype(float),
            NEE_F_METHOD=filled.method.astype(float),
            NEE_F_WINDOW=filled.window.astype(float),
            NEE_F_ALL=filled.looked_up,
        )
    lost = int((filled.qc == UNFILLED).sum())
    if lost:
        season = season.without(f"{name}_F of {lost} records", "too long a gap, or nothing like it was measured")
    return season


def _learn(season: Season, methods: SeasonMethods, name: str) -> Season:
    # LightGBM takes a while to load, and few ask for it
    from fluxcalc.season.gapfill.machine_learning import fill_by_learning

    found = fill_by_learning(
        season.measured(name),
        {ours: season.measured(driver) for driver, ours in LEARNED_FROM.items() if season.has(driver)},
        season.starts.dt.offset_by(f"{30 * season.minutes}s"),
        season.results["SW_IN_POT"],
        per_day=season.per_day,
        seed=methods.seed,
    )
    if found.reason:
        return season.without(f"{name}_F", found.reason)
    season = season.with_results(
        **{
            f"{name}_F": found.value,
            f"{name}_F_QC": _quality(found.qc),
            f"{name}_F_SD": found.sd,
            f"{name}_F_LOWER": found.lower,
            f"{name}_F_UPPER": found.upper,
            f"{name}_F_ALL": found.looked_up,
        }
    )
    if name == "NEE":
        season = season.with_results(NEE_F_METHOD=found.method.astype(float))
    skill = {f"{name} {part}": asdict(skill) for part, skill in found.skill.items()}
    season = replace(season, skill={**season.skill, **skill})
    whole = found.skill["all"]
    season = season.noting(
        f"{name}: filled by {LEARNED_FILL}; {whole.n} left-out values are predicted with a root mean square error of"
        f" {whole.rmse:.4g}, a mean error of {whole.bias:.2g}, R2 {whole.r2:.2f}"
    )
    if found.unfilled_long:
        season = season.without(f"{name}_F of {found.unfilled_long} records", "too long a gap")
    return season


def _known(sd: FloatArray) -> FloatArray:
    """Return standard deviations without those of equal values, which tell nothing."""
    return np.where(sd > 0, sd, np.nan)


def _filled(name: str, filled: Filled) -> dict[str, FloatArray]:
    return {f"{name}_F": filled.value, f"{name}_F_QC": _quality(filled.qc)}


def _quality(qc: NDArray[np.int64]) -> FloatArray:
    return np.where(qc == UNFILLED, np.nan, qc)
