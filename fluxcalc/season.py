"""The season, as the list of its steps: from half-hours to filled, filtered, partitioned exchange with uncertainty.

A step is ``(Season, Methods) -> Season``: no mutation, no I/O. A step that fails leaves its results out and a reason;
the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.constants import ZERO_CELSIUS
from core.records import FloatArray
from core.variables import VARIABLES
from fluxcalc.aggregates import MOLAR_CARBON
from fluxcalc.air import saturation_pressure
from fluxcalc.daytime import partition_by_day
from fluxcalc.energy_balance import evapotranspiration
from fluxcalc.gapfill import DIALECTS, UNFILLED, Filled, fill_driver, fill_mds
from fluxcalc.grid import Grid, find_clock_shift
from fluxcalc.nighttime import partition_by_night
from fluxcalc.seasons import QUARTERS, continuous_seasons, season_years
from fluxcalc.spikes import USUAL, find_spikes
from fluxcalc.sun import potential_radiation
from fluxcalc.uncertainty import random_uncertainty, sum_uncertainty
from fluxcalc.ustar import (
    KEPT,
    NIGHT_RADIATION,
    ONEFLUX,
    QUANTILES,
    REDDYPROC,
    bootstrap,
    flag_low_turbulence,
    moving_point,
    select_night,
)

FLUXES = ("NEE", "LE", "H", "FCH4")
DRIVERS = ("SW_IN", "TA", "VPD")
OTHER_DRIVERS = ("TS", "RH", "PA", "WS")
"""Filled as drivers are, where they are measured; nothing needs them."""
WORST_FLAG = 1
"""Mauder & Foken: 2 is not to be used."""
USED, FLAGGED, IMPLAUSIBLE, SPIKE, LOW_TURBULENCE = 0, 1, 2, 3, 4
"""Why a record of a flux is not used."""
USTAR = ("seasonal", "annual", "oneflux", "none")
SMOOTH = np.concatenate((np.arange(1.25, 50, 2.5), [50.0], np.arange(51.25, 100, 2.5))) / 100
"""ONEFlux' percentiles of thresholds, and the median."""
SHOWN_PERCENTILES = (5, 16, 25, 50, 75, 84, 95)
NORMAL = {3: 2 * 1.6449, 41: 2 * 0.9945}
"""Standard deviations between the percentiles that make the uncertainty of u*: 5 and 95, or 16 and 84."""


@dataclass(frozen=True, slots=True)
class Methods:
    """What is done to a season.

    Attributes
    ----------
    ustar : str or float
        One of ``USTAR``, or a threshold. [m s-1]
    filter_day : bool
        Whether the threshold holds by day, too.
    spikes : float or None
        Strictness of the spike test, 4 to 7; None leaves it out.
    fill : str
        Dialect of MDS.
    partition : tuple of str
        ``nt``, ``dt``.
    uncertainty : bool
        Random uncertainty, and scenarios of u*.
    percentiles : int
        Scenarios: 3, or 41.
    samples : int
        Bootstrap samples of the thresholds.
    seed : int
        Of the samples.
    """

    ustar: str | float = "seasonal"
    filter_day: bool = False
    spikes: float | None = USUAL
    fill: str = "mds_reddyproc"
    partition: tuple[str, ...] = ("nt", "dt")
    uncertainty: bool = True
    percentiles: int = 3
    samples: int = 100
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Season:
    """A season on its way through the steps.

    Attributes
    ----------
    starts : pl.Series of datetime, length n
        Local standard time, regular.
    minutes : int
        Length of an interval.
    latitude, longitude, utc_offset : float
        [deg], [deg], [h]
    variables : mapping of str to ndarray, shape (n,)
        As measured, FLUXNET names and units; NaN is missing.
    flags : mapping of str to ndarray of int, shape (n,)
        Flux -> why a record is not used.
    results : mapping of str to ndarray, shape (n,)
        What the steps made, FLUXNET names and units; NaN where there is nothing.
    scenarios : ndarray, shape (k, n)
        Filled NEE of each threshold of ``levels``.
    levels : tuple of float
        Quantiles of the thresholds that make the scenarios. [1]
    limits : ndarray, shape (k, n)
        These thresholds. [m s-1]
    thresholds : mapping of str to float
        Thresholds of u* by season, year and scenario; E0. [m s-1], [K]
    reasons : mapping of str to str
        Result -> why there is none.
    notes, problems : tuple of str
        What was done and what one should know; what is wrong with the input.
    """

    starts: pl.Series
    minutes: int
    latitude: float
    longitude: float
    utc_offset: float
    variables: Mapping[str, FloatArray]
    flags: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    results: Mapping[str, FloatArray] = field(default_factory=dict)
    scenarios: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    levels: tuple[float, ...] = ()
    limits: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    thresholds: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def per_day(self) -> int:
        """Records a day."""
        return 1440 // self.minutes

    def measured(self, name: str) -> FloatArray:
        """Return a variable as it may be used: NaN where it is missing or rejected."""
        values = self.variables.get(name)
        if values is None:
            return np.full(len(self.starts), np.nan)
        return np.where(self.flags[name] == USED, values, np.nan) if name in self.flags else values

    def has(self, name: str) -> bool:
        """Tell whether a variable has a record that may be used."""
        return name in self.variables and bool(np.isfinite(self.measured(name)).any())

    def with_results(self, **results: FloatArray) -> Season:
        """Add results."""
        return replace(self, results={**self.results, **results})

    def without(self, name: str, why: str) -> Season:
        """Say why there is no result."""
        return replace(self, reasons={**self.reasons, name: why})

    def noting(self, *notes: str) -> Season:
        """Add notes."""
        return replace(self, notes=(*self.notes, *notes))

    def rejecting(self, name: str, records: NDArray[np.bool_], code: int, why: str) -> Season:
        """Take records of a flux out of use."""
        before = self.flags.get(name, np.full(len(self.starts), USED))
        new = records & (before == USED) & np.isfinite(self.variables[name])
        if not new.any():
            return replace(self, flags={**self.flags, name: before})
        flagged = replace(self, flags={**self.flags, name: np.where(new, code, before)})
        return flagged.noting(f"{name}: {int(new.sum())} records rejected: {why}")


Step = Callable[[Season, Methods], Season]


def process_season(
    grid: Grid, latitude: float, longitude: float, utc_offset: float, methods: Methods = Methods(),
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Season:  # fmt: skip
    """Take a season through its steps.

    Parameters
    ----------
    grid : Grid
        Half-hours with ``NEE`` or ``FC`` (and ``SC``), ``LE``, ``H``, ``FCH4``, their ``_SSITC_TEST``, ``USTAR``,
        ``SW_IN``, ``TA``, ``VPD``; each may be missing.
    latitude, longitude : float
        [deg]
    utc_offset : float
        Local standard time minus UTC. [h]
    methods : Methods
    progress : callable
        Is told the step, its number, and how many there are.

    Raises
    ------
    ValueError
        A method is not known.
    """
    _check_methods(methods)
    season = Season(
        grid.starts, grid.minutes, latitude, longitude, utc_offset, dict(grid.variables), problems=grid.problems
    )
    for number, (result, step) in enumerate(SEASON_STEPS):
        progress(step.__name__.replace("_", " "), number, len(SEASON_STEPS))
        try:
            season = step(season, methods)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            season = season.without(result, f"{step.__name__} failed: {error}")
    progress("done", len(SEASON_STEPS), len(SEASON_STEPS))
    return season


def check_clock(season: Season, _: Methods) -> Season:
    """Compare measured with potential radiation; a shift is told, never applied."""
    middles = season.starts.dt.offset_by(f"{season.minutes * 30}s")
    above = potential_radiation(middles, season.latitude, season.longitude, season.utc_offset)
    season = season.with_results(SW_IN_POT=above)
    found = find_clock_shift(season.measured("SW_IN"), above, season.per_day)
    problems = [
        f"{season.starts[first]:%Y-%m-%d} to {season.starts[end - 1]:%Y-%m-%d}: SW_IN is {abs(shift) * season.minutes} "
        f"minutes {'late' if shift > 0 else 'early'} against the sun: check utc_offset, summer time, and whether "
        "stamps are of the start or the end; nothing was shifted"
        for first, end, shift in found
    ]
    return replace(season, problems=(*season.problems, *problems))


def complete_variables(season: Season, _: Methods) -> Season:
    """Add storage to the flux of CO2 where there is no NEE yet; the vapour pressure deficit from the humidity."""
    variables = dict(season.variables)
    notes = []
    if not season.has("NEE") and "FC" in variables:
        storage = variables.get("SC")
        if storage is None or not np.isfinite(storage).any():
            variables["NEE"] = variables["FC"]
            notes.append("NEE is FC: no storage below the sensor (SC) was measured")
        else:
            known = np.isfinite(storage)
            variables["NEE"] = variables["FC"] + np.where(known, storage, 0.0)
            alone = int((np.isfinite(variables["FC"]) & ~known).sum())
            notes.append(f"NEE is FC plus storage (SC); {alone} records without SC are FC alone")
        if "FC_SSITC_TEST" in variables:
            variables["NEE_SSITC_TEST"] = variables["FC_SSITC_TEST"]
    if not season.has("VPD") and {"RH", "TA"} <= variables.keys():
        saturated = saturation_pressure(variables["TA"] + ZERO_CELSIUS) / 100
        variables["VPD"] = saturated * (1 - np.minimum(variables["RH"], 100.0) / 100)
        notes.append("VPD is worked out of RH and TA")
    season = replace(season, variables=variables).noting(*notes)
    for name in ("NEE", *DRIVERS, "USTAR"):
        if not season.has(name):
            season = replace(season, problems=(*season.problems, f"{name}: no record: {WITHOUT[name]}"))
    return season


WITHOUT = {
    "NEE": "add FC or NEE; it is neither filled nor partitioned",
    "SW_IN": "add it; without it there is neither a threshold of u* nor night, and gaps are filled by the time of day",
    "TA": "add it; without it there is neither a threshold of u* nor respiration, and fewer gaps are filled well",
    "VPD": "add it, or RH; without it gaps are filled under like radiation alone",
    "USTAR": "add it; without it the nights with little turbulence stay in",
}
"""What is not possible without a variable."""


def reject_flagged(season: Season, _: Methods) -> Season:
    """Take out what is flagged bad, or not judged, and what cannot be."""
    for name in (*FLUXES, *DRIVERS, *OTHER_DRIVERS, "USTAR"):
        if name not in season.variables:
            continue
        values = season.variables[name]
        flag = season.variables.get(f"{name}_SSITC_TEST")
        if flag is not None:
            season = season.rejecting(name, ~(flag <= WORST_FLAG), FLAGGED, "quality flag 2, or none")
        limits = VARIABLES[name]
        outside = (values < limits.low) | (values > limits.high)
        season = season.rejecting(
            name, outside, IMPLAUSIBLE, f"outside {limits.low:g} to {limits.high:g} {limits.unit}"
        )
    return season


def reject_spikes(season: Season, methods: Methods) -> Season:
    """Take out fluxes that lie apart from their neighbours."""
    if methods.spikes is None:
        return season
    night = _dark(season)
    for name in FLUXES:
        if season.has(name):
            spikes = find_spikes(season.measured(name), night, z=methods.spikes, per_day=season.per_day)
            season = season.rejecting(name, spikes, SPIKE, f"spikes (z = {methods.spikes:g})")
    return season


def find_threshold(season: Season, methods: Methods) -> Season:
    """Find the threshold of u* of every record."""
    if methods.ustar == "none":
        return season.noting("NEE is not filtered by u*")
    n = len(season.starts)
    if isinstance(methods.ustar, float):
        fixed = np.full(n, methods.ustar)
        return replace(season, thresholds={"fixed": methods.ustar}).with_results(USTAR_THRESHOLD=fixed)
    oneflux = methods.ustar == "oneflux"
    labels = continuous_seasons(season.starts, QUARTERS) if oneflux else continuous_seasons(season.starts)
    years = season_years(season.starts, labels)
    nee, temperature, ustar, radiation = (season.measured(name) for name in ("NEE", "TA", "USTAR", "SW_IN"))
    night = select_night(nee, temperature, ustar, radiation, labels, years)
    rules = ONEFLUX if oneflux else REDDYPROC
    sampled = methods.uncertainty and night.flux.size > 0
    scenarios = bootstrap(night, methods.samples, seed=methods.seed, rules=rules) if sampled else None
    found = scenarios.estimate if scenarios else moving_point(night, rules)
    if not np.isfinite(found.overall):
        why = f"no threshold in {night.flux.size} complete records of the night; NEE is not filtered by u*"
        return season.without("USTAR_THRESHOLD", why)
    numbers = {f"season {key}": value for key, value in found.season.items()}
    numbers |= {f"year {key}": value for key, value in found.year.items()}
    results = {"USTAR_THRESHOLD": found.of_records(labels, years, annual=methods.ustar != "seasonal")}
    levels: tuple[float, ...] = ()
    limits = np.zeros((0, n))
    if scenarios is not None:
        levels = tuple(SMOOTH.tolist()) if methods.percentiles == 41 else QUANTILES
        by_year = {
            year: scenarios.quantiles(lambda one, key=year: one.year[key], levels)  # type: ignore[misc]
            for year in found.year
        }
        numbers |= {
            f"year {year} {100 * level:g} %": value
            for year, values in by_year.items()
            for level, value in zip(levels, values.tolist(), strict=True)
        }
        of_record = np.array([years[label] for label in labels.tolist()])
        limits = np.empty((len(levels), n))
        for i in range(len(levels)):
            limits[i] = [by_year[year][i] for year in of_record.tolist()]
        if not all(np.isfinite(values).all() for values in by_year.values()):
            levels, limits = (), limits[:0]
            season = season.without("NEE_SCENARIOS", "less than 40 % of the samples of u* have a threshold")
    return replace(season, thresholds=numbers, levels=levels, limits=limits).with_results(**results)


def reject_low_turbulence(season: Season, methods: Methods) -> Season:
    """Take out the night's exchange below the threshold."""
    threshold = season.results.get("USTAR_THRESHOLD")
    if threshold is None or "NEE" not in season.variables:
        return season
    low = _low(season, methods, threshold)
    return season.rejecting("NEE", low, LOW_TURBULENCE, "u* below the threshold, or missing")


def fill_meteorology(season: Season, _: Methods) -> Season:
    """Fill the drivers."""
    radiation = season.measured("SW_IN")
    for name in (*DRIVERS, *OTHER_DRIVERS):
        if season.has(name):
            filled = fill_driver(season.measured(name), None if name == "SW_IN" else radiation, per_day=season.per_day)
            season = season.with_results(**_filled(name, filled))
    return season


def fill_fluxes(season: Season, methods: Methods) -> Season:
    """Fill NEE, LE, H and the flux of CH4."""
    drivers = [season.measured(name) for name in DRIVERS]
    for name in FLUXES:
        if not season.has(name):
            why = "no record" if name not in season.variables else "no record of usable quality"
            season = season.without(f"{name}_F", why) if name == "NEE" or name in season.variables else season
            continue
        filled = fill_mds(season.measured(name), *drivers, per_day=season.per_day, dialect=DIALECTS[methods.fill])
        season = season.with_results(**_filled(name, filled), **{f"{name}_F_SD": filled.sd})
        lost = int((filled.qc == UNFILLED).sum())
        if name == "NEE":
            season = season.with_results(
                NEE_F_N=filled.count.astype(float),
                NEE_F_METHOD=filled.method.astype(float),
                NEE_F_WINDOW=filled.window.astype(float),
                NEE_F_ALL=filled.looked_up,
            )
        if lost:
            season = season.without(f"{name}_F of {lost} records", "too long a gap, or nothing like it was measured")
    return season


def add_evapotranspiration(season: Season, _: Methods) -> Season:
    """Work evapotranspiration out of the latent heat flux."""
    if "LE_F" not in season.results:
        return season
    temperature = season.results.get("TA_F", np.full(len(season.starts), 15.0))
    return season.with_results(ET=evapotranspiration(season.results["LE_F"], temperature) * season.minutes * 60)


def partition_night(season: Season, methods: Methods) -> Season:
    """Estimate respiration from the night's exchange."""
    if "nt" not in methods.partition:
        return season
    for name in ("NEE_F", "TA_F"):
        if name not in season.results:
            return season.without("RECO_NT", f"there is no {name}")
    night = (season.measured("SW_IN") <= NIGHT_RADIATION) & (season.results["SW_IN_POT"] <= 0)
    parts = partition_by_night(
        season.measured("NEE"),
        season.measured("TA"),
        night,
        nee_filled=season.results["NEE_F"],
        temperature_filled=season.results["TA_F"],
        per_day=season.per_day,
    )
    if parts.reason:
        return season.without("RECO_NT", parts.reason)
    season = replace(season, thresholds={**season.thresholds, "E0": parts.e0})
    return season.with_results(RECO_NT=parts.reco, GPP_NT=parts.gpp)


def partition_day(season: Season, methods: Methods) -> Season:
    """Estimate respiration and uptake from the day's light response."""
    if "dt" not in methods.partition:
        return season
    for name in ("NEE_F", "SW_IN_F", "TA_F"):
        if name not in season.results:
            return season.without("RECO_DT", f"there is no {name}")
    nothing = np.full(len(season.starts), np.nan)
    parts = partition_by_day(
        season.measured("NEE"),
        season.results["NEE_F_SD"],
        season.results["SW_IN_F"],
        season.results["TA_F"],
        season.results.get("VPD_F", nothing),
        season.results["SW_IN_POT"],
        per_day=season.per_day,
    )
    if parts.reason:
        return season.without("RECO_DT", parts.reason)
    return season.with_results(RECO_DT=parts.reco, GPP_DT=parts.gpp, RECO_DT_SD=parts.reco_sd, GPP_DT_SD=parts.gpp_sd)


def estimate_uncertainty(season: Season, methods: Methods) -> Season:
    """Estimate the random uncertainty of every half-hour."""
    if not methods.uncertainty or "NEE_F" not in season.results:
        return season
    drivers = [season.measured(name) for name in DRIVERS]
    found = random_uncertainty(season.measured("NEE"), season.results["NEE_F"], *drivers, per_day=season.per_day)
    return season.with_results(NEE_RANDUNC=found.sd)


def run_scenarios(season: Season, methods: Methods) -> Season:
    """Filter and fill NEE anew with each threshold of the scenarios."""
    if not season.levels or "NEE_F" not in season.results:
        return season
    drivers = [season.measured(name) for name in DRIVERS]
    # as before the filter
    flags = season.flags["NEE"]
    whole = np.where((flags == USED) | (flags == LOW_TURBULENCE), season.variables["NEE"], np.nan)
    filled = np.empty((len(season.levels), whole.size))
    for i, limit in enumerate(season.limits):
        kept = np.where(_low(season, methods, limit), np.nan, whole)
        filled[i] = fill_mds(
            kept, *drivers, per_day=season.per_day, dialect=DIALECTS[methods.fill], every_record=False
        ).value
    season = replace(season, scenarios=filled)
    if len(season.levels) == len(QUANTILES):
        return season.with_results(**{f"NEE_U{100 * level:02.0f}": filled[i] for i, level in enumerate(season.levels)})
    shown = np.percentile(filled, SHOWN_PERCENTILES, axis=0)
    return season.with_results(**{f"NEE_VUT_{p:02d}": shown[i] for i, p in enumerate(SHOWN_PERCENTILES)})


SEASON_STEPS: tuple[tuple[str, Step], ...] = (
    ("SW_IN_POT", check_clock),
    ("NEE", complete_variables),
    ("NEE", reject_flagged),
    ("NEE", reject_spikes),
    ("USTAR_THRESHOLD", find_threshold),
    ("NEE", reject_low_turbulence),
    ("TA_F", fill_meteorology),
    ("NEE_F", fill_fluxes),
    ("ET", add_evapotranspiration),
    ("RECO_NT", partition_night),
    ("RECO_DT", partition_day),
    ("NEE_RANDUNC", estimate_uncertainty),
    ("NEE_SCENARIOS", run_scenarios),
)
"""What a step's failure leaves without a result, and the step."""


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over all records, with its uncertainty.

    Attributes
    ----------
    value : float
        NaN if a record is missing. [gC m-2], of ET [mm]
    random, ustar, joint : float
        One standard deviation each; NaN where it is not known.
    """

    value: float
    random: float = np.nan
    ustar: float = np.nan
    joint: float = np.nan


def sum_season(season: Season) -> dict[str, Total]:
    """Sum NEE, RECO, GPP [gC m-2] and ET [mm] over the season.

    Random errors of records are correlated as the residuals of what is looked up are; the joint uncertainty adds that
    of the threshold of u* in squares.

    References
    ----------
    Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3
    """
    each = season.minutes * 60 * MOLAR_CARBON
    sums = {
        name: Total(float(season.results[name].sum()) * (1.0 if name == "ET" else each))
        for name in ("NEE_F", "RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT", "ET")
        if name in season.results
    }
    if "NEE_RANDUNC" in season.results:
        residuals = season.measured("NEE") - season.results["NEE_F_ALL"]
        random = sum_uncertainty(season.results["NEE_RANDUNC"], residuals)[0] * each
        ustar = np.nan
        if season.scenarios.size:
            totals = season.scenarios.sum(axis=1) * each
            few = len(season.levels) == len(QUANTILES)
            low, high = np.percentile(totals, (0, 100) if few else (16, 84))
            ustar = float(high - low) / NORMAL[len(season.levels)]
        joint = float(np.hypot(random, ustar)) if np.isfinite(ustar) else random
        sums["NEE_F"] = replace(sums["NEE_F"], random=random, ustar=ustar, joint=joint)
    return sums


def _check_methods(methods: Methods) -> None:
    if not isinstance(methods.ustar, float) and methods.ustar not in USTAR:
        raise ValueError(f"ustar: expected {', '.join(USTAR)} or a number, got {methods.ustar!r}")
    if methods.fill not in DIALECTS:
        raise ValueError(f"fill: expected one of {', '.join(DIALECTS)}, got {methods.fill!r}")
    if not set(methods.partition) <= {"nt", "dt"}:
        raise ValueError(f"partition: expected nt, dt, got {', '.join(methods.partition)}")
    if methods.percentiles not in NORMAL:
        raise ValueError(f"percentiles: expected 3 or 41, got {methods.percentiles}")


def _dark(season: Season) -> NDArray[np.bool_]:
    """Tell the night by measured radiation, and by the sun where it is missing."""
    radiation = season.measured("SW_IN")
    dark: NDArray[np.bool_] = radiation < NIGHT_RADIATION
    unknown = np.isnan(radiation)
    dark[unknown] = season.results["SW_IN_POT"][unknown] <= 0
    return dark


def _low(season: Season, methods: Methods, threshold: FloatArray) -> NDArray[np.bool_]:
    flags = flag_low_turbulence(
        season.measured("USTAR"), threshold, season.measured("SW_IN"), day_too=methods.filter_day
    )
    low: NDArray[np.bool_] = flags != KEPT
    return low


def _filled(name: str, filled: Filled) -> dict[str, FloatArray]:
    quality = np.where(filled.qc == UNFILLED, np.nan, filled.qc)
    return {f"{name}_F": filled.value, f"{name}_F_QC": quality}
