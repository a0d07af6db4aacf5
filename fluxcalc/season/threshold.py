"""Step of a season that finds thresholds of u*: of every record, and those of the versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.record import MANY_VERSIONS, Season, SeasonMethods, VersionThresholds
from fluxcalc.season.ustar.change_point import change_points, seasons_by_count
from fluxcalc.season.ustar.estimates import QUANTILES, BootstrappedThresholds, select_night
from fluxcalc.season.ustar.low_turbulence import NIGHT_RADIATION
from fluxcalc.season.ustar.moving_point import ONEFLUX, REDDYPROC, bootstrap
from fluxcalc.season.ustar.published import ThresholdKind, UstarThreshold
from fluxcalc.season.ustar.season_labels import QUARTERS, continuous_seasons, season_years, split_label
from fluxcalc.season.ustar.versions import PERCENTILES, pool_percentiles

MIN_SHARE_OF_SAMPLES = 0.4
"""Share of the samples that must have a threshold."""
MIN_YEARS_OF_CUT = 3
"""Years with which thresholds of all years are others than those of neighbours."""
REMEDY = "--ustar NUMBER gives the threshold of other years; --ustar none says that none is wanted"
Samples = Mapping[int, FloatArray]
"""Year -> thresholds of its bootstraps, of all methods. [m s-1]"""


@dataclass(frozen=True, slots=True)
class _Found:
    """Thresholds by one method, with the seasons that it has, and their years."""

    thresholds: BootstrappedThresholds
    labels: NDArray[np.int64]
    years: dict[int, int]

    def of_records(self, *, annual: bool) -> FloatArray:
        return self.thresholds.estimate.of_records(self.labels, self.years, annual=annual)

    def of_versions(self, table: Samples) -> VersionThresholds:
        """Return the thresholds of versions, given those of each year."""
        return self._of_periods(table, self.years)

    def of_seasons(self, levels: Sequence[float]) -> tuple[Samples, VersionThresholds]:
        """Return quantiles of the samples' thresholds of each season, its year's if it has none, and of versions."""
        own = self.thresholds.estimate.season
        table = {
            key: np.nanquantile(
                [s.used[key] if np.isfinite(own[key]) else s.year[year] for s in self.thresholds.samples], levels
            )
            for key, year in self.years.items()
        }
        return table, self._of_periods(table, {key: key for key in table})

    def _of_periods(self, table: Samples, period_of: Mapping[int, int]) -> VersionThresholds:
        places = {period: place for place, period in enumerate(table)}
        labels, each = np.unique(self.labels, return_inverse=True)
        of_label = np.array([places[period_of[label]] for label in labels.tolist()], dtype=np.int64)
        return VersionThresholds(np.array(list(table.values())).T, of_label[each])


def find_threshold(season: Season, methods: SeasonMethods, _progress: Progress) -> Season:
    """Find the threshold of u* of every record, and of every version."""
    if methods.ustar == "none":
        return season.noting("NEE is not filtered by u*")
    if not season.has("USTAR"):
        return season.without("USTAR_THRESHOLD", "there is no USTAR; NEE is not filtered by u*")
    if isinstance(methods.ustar, float):
        season = season.with_thresholds([UstarThreshold(kind="fixed", value=methods.ustar)])
        return season.with_results(USTAR_THRESHOLD=np.full(len(season.starts), methods.ustar))
    found = _find(season, methods)
    if not any(np.isfinite(one.thresholds.estimate.overall) for one in found):
        return season.without("USTAR_THRESHOLD", f"{_without_night(season)}; NEE is not filtered by u*: {REMEDY}")
    samples = {
        year: np.array([sample.year[year] for one in found for sample in one.thresholds.samples])
        for year in found[0].thresholds.estimate.year
    }
    season = _with_pooled(season, found, samples) if len(found) > 1 else _with_estimates(season, methods, found[0])
    return season if methods.uncertainty == "none" else _with_versions(season, methods, found[0], samples)


def _with_estimates(season: Season, methods: SeasonMethods, found: _Found) -> Season:
    """Add the thresholds of one method: of seasons, of years, and of every record."""
    estimate = found.thresholds.estimate
    season = season.noting(*_without_own(season, [key for key, own in estimate.season.items() if np.isnan(own)], found))
    of_seasons = [
        UstarThreshold(kind="season", value=value, year=year, season=number)
        for key, value in estimate.season.items()
        for year, number in [split_label(key)]
        if np.isfinite(value)
    ]
    season = season.with_thresholds(of_seasons).with_thresholds(_of_years("year", estimate.year))
    return season.with_results(USTAR_THRESHOLD=found.of_records(annual=methods.ustar != "seasonal"))


def _with_pooled(season: Season, found: list[_Found], samples: Samples) -> Season:
    """Add the thresholds of pooled methods: the medians of years, and of every record."""
    middle = {year: values[[-1]] for year, values in pool_percentiles(samples).items()}
    season = season.with_thresholds(_of_years("year", {year: float(value[0]) for year, value in middle.items()}))
    return season.with_results(USTAR_THRESHOLD=found[0].of_versions(middle).of_records(0))


def _with_versions(season: Season, methods: SeasonMethods, found: _Found, samples: Samples) -> Season:
    """Add the thresholds of the versions."""
    if any(np.isfinite(values).mean() < MIN_SHARE_OF_SAMPLES for values in samples.values()):
        return season.without("NEE_SCENARIOS", "less than 40 % of the samples of u* have a threshold")
    if methods.percentiles != MANY_VERSIONS:
        return _with_few_versions(season, methods, found, samples)
    kinds: tuple[ThresholdKind, ...] = ("VUT", "CUT") if len(samples) >= MIN_YEARS_OF_CUT else ("VUT",)
    if "CUT" not in kinds:
        season = season.noting(f"CUT is left out: with less than {MIN_YEARS_OF_CUT} years it is VUT")
    of_versions: dict[str, VersionThresholds] = {}
    for kind in kinds:
        table = pool_percentiles(samples, constant=kind == "CUT")
        of_versions[kind] = found.of_versions(table)
        # all years have the same of CUT: it is published once
        published: list[tuple[int | None, FloatArray]] = [*table.items()]
        for holds, values in [(None, published[0][1])] if kind == "CUT" else published:
            season = season.with_thresholds(_of_percentiles(kind, (holds, None), (*PERCENTILES, 50.0), values))
    return replace(season, version_thresholds=of_versions)


def _with_few_versions(season: Season, methods: SeasonMethods, found: _Found, samples: Samples) -> Season:
    """Add the thresholds of three versions, by season or by year as those of the exchange itself."""
    percents = [100 * level for level in QUANTILES]
    table = {year: np.nanquantile(values, QUANTILES) for year, values in samples.items()}
    thresholds = found.of_versions(table)
    if methods.ustar == "seasonal":
        of_seasons, thresholds = found.of_seasons(QUANTILES)
        without = [key for key, own in found.thresholds.estimate.season.items() if np.isnan(own)]
        for key, values in of_seasons.items():
            if key not in without:
                season = season.with_thresholds(_of_percentiles("season", split_label(key), percents, values))
        table = {year: values for year, values in table.items() if year in {found.years[key] for key in without}}
    for year, values in table.items():
        season = season.with_thresholds(_of_percentiles("year", (year, None), percents, values))
    return replace(season, version_thresholds={"U": thresholds})


def _of_years(kind: ThresholdKind, values: Mapping[int, float]) -> list[UstarThreshold]:
    return [UstarThreshold(kind=kind, value=value, year=year) for year, value in values.items() if np.isfinite(value)]


def _of_percentiles(
    kind: ThresholdKind, holds: tuple[int | None, int | None], percentiles: Sequence[float], values: FloatArray
) -> list[UstarThreshold]:
    """Return the thresholds of a year and season, None for all."""
    year, number = holds
    return [
        UstarThreshold(kind=kind, value=value, year=year, season=number, percentile=percentile)
        for percentile, value in zip(percentiles, values.tolist(), strict=True)
        if np.isfinite(value)
    ]


def _without_night(season: Season) -> str:
    """Say why there is no threshold."""
    if not season.has("SW_IN"):
        return "no threshold: there is no SW_IN, which tells the night"
    if (season.results["SW_IN_POT"] > 0).all():
        return f"no threshold: the sun does not set from {season.starts[0]:%Y-%m-%d} to {season.starts[-1]:%Y-%m-%d}"
    night = np.isfinite(_night_of(season)).sum()
    return f"no threshold in {night} complete records of the night (NEE, TA and u* with SW_IN below 10 W m-2)"


def _without_own(season: Season, keys: list[int], found: _Found) -> list[str]:
    """Say which seasons have no threshold of their own."""
    if not keys:
        return []
    night = np.isfinite(_night_of(season))
    counts = ", ".join(f"{key} ({int(night[found.labels == key].sum())})" for key in keys)
    return [
        "seasons without a threshold of their own, with their complete records of the night, too few or without a "
        f"plateau: {counts}; the year's holds there"
    ]


def _night_of(season: Season) -> FloatArray:
    """Return NEE of the night's records that miss nothing, NaN elsewhere."""
    nee = season.measured("NEE")
    complete = np.isfinite(season.measured("TA")) & np.isfinite(season.measured("USTAR"))
    return np.where(complete & (season.measured("SW_IN") < NIGHT_RADIATION), nee, np.nan)


def _find(season: Season, methods: SeasonMethods) -> list[_Found]:
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
        years = {key: split_label(key)[0] for key in np.unique(labels).tolist()}
        night = select_night(nee, temperature, ustar, radiation, labels, years)
        found.append(_Found(change_points(night, samples, seed=methods.seed), labels, years))
    return found
