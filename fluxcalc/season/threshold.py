"""Step of a season that finds thresholds of u*: of every record, and those of the versions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.season.record import MANY, Limits, Methods, Season
from fluxcalc.season.ustar.change_point import change_points, seasons_by_count
from fluxcalc.season.ustar.moving_point import (
    NIGHT_RADIATION,
    ONEFLUX,
    QUANTILES,
    REDDYPROC,
    Scenarios,
    bootstrap,
    select_night,
)
from fluxcalc.season.ustar.season_labels import QUARTERS, continuous_seasons, season_years
from fluxcalc.season.ustar.versions import PERCENTILES, pool_percentiles

LEAST_SHARE = 0.4
"""Share of the samples that must have a threshold."""
LEAST_CUT = 3
"""Years with which thresholds of all years are others than those of neighbours."""
REMEDY = "--ustar NUMBER gives the threshold of other years; --ustar none says that none is wanted"


@dataclass(frozen=True, slots=True)
class _Found:
    """Thresholds by one method, with the seasons that it has, and their years."""

    scenarios: Scenarios
    labels: NDArray[np.int64]
    years: dict[int, int]

    def of_records(self, *, annual: bool) -> FloatArray:
        return self.scenarios.estimate.of_records(self.labels, self.years, annual=annual)


def find_threshold(season: Season, methods: Methods) -> Season:
    """Find the threshold of u* of every record, and of every version."""
    if methods.ustar == "none":
        return season.noting("NEE is not filtered by u*")
    n = len(season.starts)
    if not season.has("USTAR"):
        return season.without("USTAR_THRESHOLD", "there is no USTAR; NEE is not filtered by u*")
    if isinstance(methods.ustar, float):
        fixed = np.full(n, methods.ustar)
        return replace(season, thresholds={"fixed": methods.ustar}).with_results(USTAR_THRESHOLD=fixed)
    found = _find(season, methods)
    estimates = [one.scenarios.estimate for one in found]
    if not any(np.isfinite(estimate.overall) for estimate in estimates):
        return season.without("USTAR_THRESHOLD", f"{_without_night(season)}; NEE is not filtered by u*: {REMEDY}")
    samples = {
        year: np.array([sample.year[year] for one in found for sample in one.scenarios.samples])
        for year in estimates[0].year
    }
    numbers: dict[str, float] = {}
    if len(found) == 1:
        own = estimates[0].season
        numbers |= {f"season {key}": value for key, value in own.items() if np.isfinite(value)}
        season = season.noting(*_without_own(season, [key for key in own if np.isnan(own[key])], found[0].labels))
        numbers |= {f"year {key}": value for key, value in estimates[0].year.items()}
        used = found[0].of_records(annual=methods.ustar != "seasonal")
    else:
        middle = {year: values[[-1]] for year, values in pool_percentiles(samples).items()}
        numbers |= {f"year {year}": float(value[0]) for year, value in middle.items()}
        used = _limits(middle, found[0]).of_records(0)
    season = season.with_results(USTAR_THRESHOLD=used)
    if methods.uncertainty == "none":
        return replace(season, thresholds=numbers)
    if any(np.isfinite(values).mean() < LEAST_SHARE for values in samples.values()):
        season = season.without("NEE_SCENARIOS", "less than 40 % of the samples of u* have a threshold")
        return replace(season, thresholds=numbers)
    if methods.percentiles != MANY:
        table = {year: np.nanquantile(values, QUANTILES) for year, values in samples.items()}
        numbers |= {
            f"year {year} {100 * level:g} %": value
            for year, values in table.items()
            for level, value in zip(QUANTILES, values.tolist(), strict=True)
        }
        return replace(season, thresholds=numbers, limits={"U": _limits(table, found[0])})
    limits = {}
    kinds = ("VUT", "CUT") if len(samples) >= LEAST_CUT else ("VUT",)
    if "CUT" not in kinds:
        season = season.noting(f"CUT is left out: with less than {LEAST_CUT} years it is VUT")
    for kind in kinds:
        table = pool_percentiles(samples, constant=kind == "CUT")
        limits[kind] = _limits(table, found[0])
        numbers |= {
            f"{kind} {year} {percent:g} %": value
            for year, values in list(table.items())[: 1 if kind == "CUT" else None]
            for percent, value in zip((*PERCENTILES, 50.0), values.tolist(), strict=True)
        }
    return replace(season, thresholds=numbers, limits=limits)


def _without_night(season: Season) -> str:
    """Say why there is no threshold."""
    if not season.has("SW_IN"):
        return "no threshold: there is no SW_IN, which tells the night"
    if (season.results["SW_IN_POT"] > 0).all():
        return f"no threshold: the sun does not set from {season.starts[0]:%Y-%m-%d} to {season.starts[-1]:%Y-%m-%d}"
    night = np.isfinite(_night_of(season)).sum()
    return f"no threshold in {night} complete records of the night (NEE, TA and u* with SW_IN below 10 W m-2)"


def _without_own(season: Season, keys: list[int], labels: NDArray[np.int64]) -> list[str]:
    """Say which seasons have no threshold of their own."""
    if not keys:
        return []
    night = np.isfinite(_night_of(season))
    counts = ", ".join(f"{key} ({int(night[labels == key].sum())})" for key in keys)
    return [
        "seasons without a threshold of their own, with their complete records of the night, too few or without a "
        f"plateau: {counts}; the year's holds there"
    ]


def _night_of(season: Season) -> FloatArray:
    """Return NEE of the night's records that miss nothing, NaN elsewhere."""
    nee = season.measured("NEE")
    complete = np.isfinite(season.measured("TA")) & np.isfinite(season.measured("USTAR"))
    return np.where(complete & (season.measured("SW_IN") < NIGHT_RADIATION), nee, np.nan)


def _find(season: Season, methods: Methods) -> list[_Found]:
    """Estimate thresholds by the methods that are asked for; without uncertainty of the records as they are alone."""
    nee, temperature, ustar, radiation = (season.measured(name) for name in ("NEE", "TA", "USTAR", "SW_IN"))
    samples = methods.samples if methods.uncertainty != "none" else 1
    found = []
    if methods.ustar != "change_point":
        reddyproc = methods.ustar in ("seasonal", "annual")
        labels = continuous_seasons(season.starts) if reddyproc else continuous_seasons(season.starts, QUARTERS)
        years = season_years(season.starts, labels)
        night = select_night(nee, temperature, ustar, radiation, labels, years)
        rules = REDDYPROC if reddyproc else ONEFLUX
        found.append(_Found(bootstrap(night, samples, seed=methods.seed, rules=rules), labels, years))
    if methods.ustar in ("change_point", "pooled"):
        labels = seasons_by_count(season.starts, np.isfinite(_night_of(season)))
        years = {key: key // 1000 for key in np.unique(labels).tolist()}
        night = select_night(nee, temperature, ustar, radiation, labels, years)
        found.append(_Found(change_points(night, samples, seed=methods.seed), labels, years))
    return found


def _limits(table: dict[int, FloatArray], found: _Found) -> Limits:
    places = {year: place for place, year in enumerate(table)}
    labels, each = np.unique(found.labels, return_inverse=True)
    of_label = np.array([places[found.years[label]] for label in labels.tolist()], dtype=np.int64)
    return Limits(np.array(list(table.values())).T, of_label[each])
