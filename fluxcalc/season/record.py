"""What the steps of a season hand on: one frozen record, which each step copies with more in it, and the methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.progress import Progress
from core.records import FloatArray
from fluxcalc.season.energy_balance import Closure
from fluxcalc.season.gapfill.mds import DIALECTS, REDDYPROC, Dialect
from fluxcalc.season.partition.nighttime import MIN_TEMPERATURE_RANGE
from fluxcalc.season.spikes import USUAL_Z
from fluxcalc.season.uncertainty.day_sums import DaySums
from fluxcalc.season.uncertainty.gaps import SumUncertainty
from fluxcalc.season.ustar.published import UstarThreshold

FLUXES = ("NEE", "LE", "H", "FCH4")
DRIVERS = ("SW_IN", "TA", "VPD")
BALANCE = ("NETRAD", "G")
OTHER_DRIVERS = ("TS", "RH", "PA", "WS")
"""Filled as drivers are, where they are measured; nothing needs them."""
WORST_FLAG = 1
"""Mauder & Foken: 2 is not to be used."""
USED, FLAGGED, IMPLAUSIBLE, SPIKE, LOW_TURBULENCE = 0, 1, 2, 3, 4
"""Why a record of a flux is not used."""
USTAR_METHODS = ("seasonal", "annual", "oneflux", "change_point", "pooled", "none")
LEARNED_FILL = "learned_lightgbm"
FILLS = (*DIALECTS, LEARNED_FILL)
UNCERTAINTY_METHODS = ("intended", "oneflux", "paired_days", "none")
FEW_VERSIONS, MANY_VERSIONS = 3, 41
"""Versions by thresholds of u*: REddyProc's, of each year's own samples, or ONEFlux', pooled."""
SW_IN_OF_PPFD = 0.52
"""As in ONEFlux: W m-2 of shortwave radiation for 1 umol m-2 s-1 of photons, half of it being photosynthetic."""
SHOWN_PERCENTILES = (5, 16, 25, 50, 75, 84, 95)


@dataclass(frozen=True, slots=True)
class SeasonMethods:
    """What is done to a season.

    Attributes
    ----------
    ustar : str or float
        One of ``USTAR_METHODS``, or a threshold: the moving point test of REddyProc by season or year, of ONEFlux,
        Barr's change points, or the last two together. [m s-1]
    filter_day : bool
        Whether the threshold holds by day, too.
    spikes : float or None
        Strictness of the spike test, 4 to 7; None leaves it out.
    fill : str
        One of ``FILLS``: a dialect of MDS, or ``fill_by_learning``.
    partition : tuple of str
        ``nt``, ``dt``.
    uncertainty : str
        One of ``UNCERTAINTY_METHODS``: how the random one is estimated (``random_uncertainty`` with its ``neighbours``,
        or ``paired_day_uncertainty``); ``none`` leaves out every uncertainty, and the versions by thresholds of u*.
    percentiles : int
        Versions: 3 or 41.
    samples : int
        Bootstrap samples of the thresholds.
    seed : int
        Of the samples, and of learning.
    flags : str
        One of ``FLAG_SCALES``: what quality flags go up to.
    ppfd_factor : float
        SW_IN [W m-2] of PPFD_IN [umol m-2 s-1], where no SW_IN was measured; 0 leaves it out.
    e0 : float or None
        Sensitivity of respiration to temperature for the night-time method; None estimates it. [K]
    temperature_range : float
        Range of temperature that a window of the night-time method needs. [K]
    """

    ustar: str | float = "seasonal"
    filter_day: bool = False
    spikes: float | None = USUAL_Z
    fill: str = "mds_reddyproc"
    partition: tuple[str, ...] = ("nt", "dt")
    uncertainty: str = "intended"
    percentiles: int = FEW_VERSIONS
    samples: int = 100
    seed: int = 0
    flags: str = "ssitc"
    ppfd_factor: float = SW_IN_OF_PPFD
    e0: float | None = None
    temperature_range: float = MIN_TEMPERATURE_RANGE

    @property
    def dialect(self) -> Dialect:
        """Dialect of MDS; where fluxes are filled by learning it fills what learning would take too long for."""
        return DIALECTS.get(self.fill, REDDYPROC)


USUAL_METHODS = SeasonMethods()


@dataclass(frozen=True, slots=True)
class VersionThresholds:
    """Thresholds of u* of the versions of a season, a row each.

    Attributes
    ----------
    table : ndarray, shape (k, y), float64
        Of each version and year, or season. [m s-1]
    place : ndarray of int, shape (n,)
        Column of each record's year or season.
    """

    table: FloatArray
    place: NDArray[np.int64]

    def of_records(self, version: int) -> FloatArray:
        """Return the threshold of each record. [m s-1]"""
        thresholds: FloatArray = self.table[version][self.place]
        return thresholds


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
        What the steps made, FLUXNET names and units; NaN where there is nothing. Versions are float32.
    version_thresholds : mapping of str to VersionThresholds
        ``U`` of three versions, ``VUT`` and ``CUT`` of forty-one.
    versions : mapping of str to DaySums
        What was made of them: ``NEE_VUT``, ``RECO_NT_VUT``...
    parts : mapping of str to SumUncertainty
        Flux -> what the uncertainty of its sum consists of, without that of u*. [as the flux, times records]
    closure : Closure or None
        Of the energy balance.
    skill : mapping of str to mapping of str to float
        Flux filled by learning, and "all", "day" or "night" -> ``n``, ``rmse``, ``bias``, ``r2`` of left-out values.
    thresholds : tuple of UstarThreshold
        By season, by year, and of the versions.
    e0 : float or None
        Sensitivity of respiration to temperature by the night-time method. [K]
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
    flags: Mapping[str, NDArray[np.int8]] = field(default_factory=dict)
    results: Mapping[str, FloatArray] = field(default_factory=dict)
    version_thresholds: Mapping[str, VersionThresholds] = field(default_factory=dict)
    versions: Mapping[str, DaySums] = field(default_factory=dict)
    parts: Mapping[str, SumUncertainty] = field(default_factory=dict)
    closure: Closure | None = None
    skill: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    thresholds: tuple[UstarThreshold, ...] = ()
    e0: float | None = None
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

    def with_results(self, **results: NDArray[Any]) -> Season:
        """Add results."""
        return replace(self, results={**self.results, **results})

    def with_variables(self, **variables: FloatArray) -> Season:
        """Add variables that were made of measured ones."""
        return replace(self, variables={**self.variables, **variables})

    def with_problem(self, problem: str) -> Season:
        """Say what is wrong with the input."""
        return replace(self, problems=(*self.problems, problem))

    def with_thresholds(self, thresholds: Iterable[UstarThreshold]) -> Season:
        """Add thresholds of u* to those that are published."""
        return replace(self, thresholds=(*self.thresholds, *thresholds))

    def without(self, name: str, why: str) -> Season:
        """Say why there is no result."""
        return replace(self, reasons={**self.reasons, name: why})

    def noting(self, *notes: str) -> Season:
        """Add notes."""
        return replace(self, notes=(*self.notes, *notes))

    def rejecting(self, name: str, records: NDArray[np.bool_], code: int, why: str) -> Season:
        """Take records of a flux out of use."""
        before = self.flags.get(name, np.full(len(self.starts), USED, dtype=np.int8))
        new = records & (before == USED) & np.isfinite(self.variables[name])
        if not new.any():
            return replace(self, flags={**self.flags, name: before})
        flagged = replace(self, flags={**self.flags, name: np.where(new, np.int8(code), before)})
        return flagged.noting(f"{name}: {int(new.sum())} records rejected: {why}")


Step = Callable[[Season, SeasonMethods, Progress], Season]
"""Takes the season as the steps before it left it, what is asked for, and whom to tell how far it is."""
