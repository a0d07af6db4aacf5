"""What the steps of a season hand on: one frozen record, which each step copies with more in it, and the methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.scenarios import PERCENTILES
from fluxcalc.spikes import USUAL

FLUXES = ("NEE", "LE", "H", "FCH4")
DRIVERS = ("SW_IN", "TA", "VPD")
OTHER_DRIVERS = ("TS", "RH", "PA", "WS")
"""Filled as drivers are, where they are measured; nothing needs them."""
WORST_FLAG = 1
"""Mauder & Foken: 2 is not to be used."""
USED, FLAGGED, IMPLAUSIBLE, SPIKE, LOW_TURBULENCE = 0, 1, 2, 3, 4
"""Why a record of a flux is not used."""
USTAR = ("seasonal", "annual", "oneflux", "none")
SMOOTH = np.array(sorted((*PERCENTILES, 50.0))) / 100
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


USUAL_METHODS = Methods()


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
