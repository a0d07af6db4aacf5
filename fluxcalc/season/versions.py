"""Steps of a season that make its versions, one for each threshold of u*: exchange, respiration and uptake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.progress import Progress, part_of
from core.records import FloatArray
from fluxcalc.season.aggregates import MOLAR_CARBON, SIZES
from fluxcalc.season.filtering import before_threshold, below_threshold
from fluxcalc.season.gapfill.gaps import UNFILLED
from fluxcalc.season.gapfill.mds import fill_mds
from fluxcalc.season.partition.daytime_record import DayPartition
from fluxcalc.season.partition.nighttime import NightPartition
from fluxcalc.season.partitioning import day_parts, day_weights, night_parts
from fluxcalc.season.record import DRIVERS, LEARNED_FILL, SHOWN_PERCENTILES, Season, SeasonMethods
from fluxcalc.season.uncertainties import random_of
from fluxcalc.season.uncertainty.day_sums import day_errors, five_to_95, sum_days
from fluxcalc.season.uncertainty.random import joint_uncertainty
from fluxcalc.season.ustar.estimates import QUANTILES
from fluxcalc.season.ustar.versions import Versions, fill_versions, most_alike

FEW_VERSION_NAMES = tuple(f"U{100 * level:02.0f}" for level in QUANTILES)
Parts = Callable[[Season, FloatArray, FloatArray], NightPartition | DayPartition]
"""A season, its NEE as kept and filled -> respiration, uptake, and why there is none."""


def make_versions(season: Season, methods: SeasonMethods, progress: Progress) -> Season:
    """Filter and fill NEE with each threshold; their percentiles, the reference, and its uncertainty."""
    if "NEE_F" not in season.results:
        return season
    if methods.fill == LEARNED_FILL and season.version_thresholds:
        season = season.noting("NEE: versions by thresholds of u* are filled by mds_reddyproc")
    for number, kind in enumerate(season.version_thresholds):
        season = _make_kind(season, methods, kind, part_of(progress, number, len(season.version_thresholds)))
    return season.noting(*_about_bands(season, methods))


def _about_bands(season: Season, methods: SeasonMethods) -> list[str]:
    """Say where the sum of NEE_F lies if it has other thresholds than its versions, or is not among them."""
    notes = []
    each = MOLAR_CARBON * season.minutes * 60
    value = float(season.results["NEE_F"].sum()) * each
    for kind in season.version_thresholds:
        low, high = five_to_95(season.versions[f"NEE_{kind}"].sums.sum(axis=1) * each)
        outside = value < low or value > high
        if methods.ustar == "seasonal" and kind != "U":
            why = "it has thresholds of u* by season, they have thresholds by year, as with --ustar annual it has, too"
        elif methods.fill == LEARNED_FILL:
            why = f"its gaps are filled by {LEARNED_FILL}, theirs by mds_reddyproc"
        else:
            why = "its thresholds of u* are of the records as they are, theirs of resampled ones"
        if outside or (np.isfinite(value) and methods.ustar == "seasonal" and kind != "U"):
            where = "not among" if outside else "among"
            band = f"{low:.1f} to {high:.1f} (5 to 95 %)"
            notes.append(f"NEE_F, of the sum {value:.1f} gC m-2, is {where} its versions {kind}, of {band}: {why}")
    return notes


def _make_kind(season: Season, methods: SeasonMethods, kind: str, progress: Progress) -> Season:
    """Add the versions of one kind; they are many, and gone before those of the next kind come."""
    kept = _kept(season, methods, kind)
    versions = fill_versions(
        before_threshold(season),
        [season.measured(name) for name in DRIVERS],
        lambda row: np.isnan(kept(row)),
        len(season.version_thresholds[kind].table),
        per_day=season.per_day,
        dialect=methods.dialect,
        progress=progress,
    )
    season = _with_versions(season, "NEE", kind, versions)
    if kind == "U":
        return season
    stem, spread = f"NEE_{kind}", versions.half_spread()
    days = season.versions[stem]
    errors = {}
    for row in _uncertain_rows(season, stem):
        random = random_of(season, methods, "NEE", kept(row), versions.value[row])
        errors[row] = day_errors(random, days.first)
        for name in [name for name, shown in (("REF", versions.reference), ("USTAR50", -1)) if shown == row]:
            joint = joint_uncertainty(random, spread)
            season = season.with_results(**{f"{stem}_{name}_RANDUNC": random, f"{stem}_{name}_JOINTUNC": joint})
    return replace(season, versions={**season.versions, stem: replace(days, errors=errors)})


def _uncertain_rows(season: Season, stem: str) -> list[int]:
    """Return the versions that are shown with their uncertainty: the median one, and each size's reference."""
    days = season.versions[stem]
    sizes = [days.published(stem, size, season.starts, season.per_day).reference for size in SIZES]
    return [-1, *sorted({days.reference, *sizes})]


def partition_versions_by_night(season: Season, methods: SeasonMethods, progress: Progress) -> Season:
    """Partition each version by the night's exchange."""
    if "RECO_NT" not in season.results:
        return season
    return _partition(season, methods, "NT", night_parts, progress)


def partition_versions_by_day(season: Season, methods: SeasonMethods, progress: Progress) -> Season:
    """Partition each version by the day's light response."""
    if "RECO_DT" not in season.results:
        return season
    return _partition(season, methods, "DT", partial(day_parts, sd=day_weights(season, methods)), progress)


def _partition(season: Season, methods: SeasonMethods, method: str, parts: Parts, progress: Progress) -> Season:
    for number, kind in enumerate(season.version_thresholds):
        own = part_of(progress, number, len(season.version_thresholds))
        season = _partition_kind(season, methods, method, parts, kind, own)
    return season


def _partition_kind(
    season: Season, methods: SeasonMethods, method: str, parts: Parts, kind: str, progress: Progress
) -> Season:
    """Add the parts of one kind's versions."""
    kept = _kept(season, methods, kind)
    drivers = [season.measured(name) for name in DRIVERS]
    count = len(season.version_thresholds[kind].table)
    # float32: there are many
    reco, gpp = np.empty((2, count, len(season.starts)), dtype=np.float32)
    reasons = []
    for row in range(count):
        nee = kept(row)
        filled = fill_mds(nee, *drivers, per_day=season.per_day, dialect=methods.dialect, every_record=False)
        found = parts(season, nee, filled.value)
        reco[row], gpp[row] = found.reco, found.gpp
        reasons += [found.reason] if found.reason else []
        progress(f"partition versions {method}", row + 1, count)
    if reasons:
        why = f"{len(reasons)} of {count} versions cannot be partitioned: {reasons[0]}"
        return season.without(f"RECO_{method}_{kind}", why)
    unjudged = np.broadcast_to(np.int8(0), reco.shape)
    for name, values in (("RECO", reco), ("GPP", gpp)):
        versions = Versions(values, unjudged, most_alike(values[:-1]))
        season = _with_versions(season, f"{name}_{method}", kind, versions, judged=False)
    return season


def _kept(season: Season, methods: SeasonMethods, kind: str) -> Callable[[int], FloatArray]:
    """Return what tells the NEE that a version keeps."""
    whole, thresholds = before_threshold(season), season.version_thresholds[kind]
    return lambda row: np.where(below_threshold(season, methods, thresholds.of_records(row)), np.nan, whole)


def shown_of(versions: Versions, stem: str, *, judged: bool) -> dict[str, NDArray[Any]]:
    """Return what is published of forty-one versions, of half-hours or of longer periods.

    Parameters
    ----------
    versions : Versions
    stem : str
        Begin of the names: ``NEE_VUT``.
    judged : bool
        Whether their quality is known: then with it, the mean, and its standard error.
    """
    values, quality = versions.percentiles(SHOWN_PERCENTILES)
    rows = {
        "REF": (versions.value[versions.reference], versions.qc[versions.reference]),
        "USTAR50": (versions.value[-1], versions.qc[-1]),
        **{f"{p:02d}": (values[i], quality[i]) for i, p in enumerate(SHOWN_PERCENTILES)},
    }
    shown = {f"{stem}_{name}": value for name, (value, _) in rows.items()}
    if judged:
        shown |= {f"{stem}_{name}_QC": np.where(qc == UNFILLED, np.nan, qc) for name, (_, qc) in rows.items()}
        shown[f"{stem}_MEAN"], shown[f"{stem}_SE"] = versions.mean()
    return shown


def _with_versions(season: Season, name: str, kind: str, versions: Versions, *, judged: bool = True) -> Season:
    """Add what is shown of versions, and their sums of days."""
    if kind == "U":
        shown = {f"{name}_{key}": versions.value[i] for i, key in enumerate(FEW_VERSION_NAMES)}
    else:
        shown = shown_of(versions, f"{name}_{kind}", judged=judged)
    days = sum_days(versions, season.starts, season.per_day)
    season = replace(season, versions={**season.versions, f"{name}_{kind}": days})
    return season.with_results(**{key: values.astype(np.float32) for key, values in shown.items()})
