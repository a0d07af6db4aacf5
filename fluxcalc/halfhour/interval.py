"""The state of a half-hour between its steps: one frozen dataclass that each step copies with more in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from core.constants import R_UNIVERSAL
from core.records import FloatArray, Samples
from core.station import Flux, Station
from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits
from fluxcalc.halfhour.lag.gas_lag import GasLag
from fluxcalc.halfhour.state import (
    NO_FLUXES,
    NO_WIND,
    NOT_TESTABLE,
    Air,
    Fluxes,
    Footprint,
    InstrumentReport,
    IntegralDeviations,
    LineMultipliers,
    RandomError,
    SonicWind,
)

GasKind = Literal["density", "fraction", "ratio"]
STANDARD_GASES = ("co2", "h2o")
"""The gases that every half-hour asks for; a station may measure more of them."""

WIND_COMPONENTS = ("u", "v", "w")


@dataclass(frozen=True, slots=True)
class Levels:
    """A variable at several heights at the beginning and the end of an interval; NaN is missing.

    Attributes
    ----------
    heights : tuple of float
        Above ground. [m]
    before, after : tuple of float
        One for each height. [mol mol-1] or [K]
    """

    heights: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


NO_LEVELS = Levels((), (), ())


@dataclass(frozen=True, slots=True)
class Meteorology:
    """Means of slow sensors over the interval; NaN where there is none.

    Attributes
    ----------
    air_temperature : float
        [K]
    pressure : float
        [Pa]
    relative_humidity : float
        [1]
    levels : mapping of str to Levels
        ``CO2``, ``H2O``, ``TA`` as far as the station has a profile of them.
    published : mapping of str to float
        What the half-hour publishes of its weather: FLUXNET name -> mean, of ``P`` the sum, in FLUXNET's unit. Empty
        where no slow sensor was asked.
    """

    air_temperature: float = math.nan
    pressure: float = math.nan
    relative_humidity: float = math.nan
    levels: Mapping[str, Levels] = field(default_factory=dict)
    published: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HalfHour:
    """An averaging interval on its way through the steps.

    Attributes
    ----------
    start, end : datetime
        UTC.
    samples : Samples
        As stored: the sender's channels and units.
    meteorology : Meteorology
        Means of slow sensors.
    fits : Fits
        What was fitted over a longer period.
    dt : float
        Time between samples. [s]
    gases : tuple of str
        ``co2``, ``h2o`` and the station's others, whether they can be used or not.
    series : mapping of str to ndarray, shape (n,), float64
        ``u v w`` [m s-1], ``ts ta t_cell`` [K], ``pa pa_cell`` [Pa], gases [mol m-3 or mol mol-1]; those that
        can be used. A second closed path has ``t_cell_2`` and ``pa_cell_2``.
    kinds : mapping of str to str
        What each gas series is: molar density, fraction of moist air, or ratio to dry air.
    absent : mapping of str to str
        Series that cannot be used -> why, in words.
    instruments : mapping of str to InstrumentReport
        ``sonic``, ``irga_1``... -> what it says of its samples; those that say nothing are not in it.
    spikes : mapping of str to int
        Series -> spikes that were found in it; empty where nothing is despiked.
    sonic_wind : SonicWind
        Mean wind in the sonic's axes.
    wind_speed : float
        Of the mean wind after rotation. [m s-1]
    lags : mapping of str to GasLag
        Gas -> by how much it was shifted.
    temperature, pressure : float
        Mean air temperature (moist sonic temperature if there is no thermometer) and pressure. [K], [Pa]
    thermometer : bool
        Whether ``temperature`` is the air's own.
    gas_means : mapping of str to float
        Mean of each gas, in the unit of its series; NaN if it cannot be used. [mol m-3 or mol mol-1]
    air : Air or None
        Mean state, once known.
    covariances : mapping of str to float
        ``uw``, ``w_ts``, ``w_co2``..., variances ``uu``, ``ts_ts``...; SI.
    stationarity : mapping of str to float
        Difference between the covariance and the mean of its parts, for ``ustar, w_ts, w_h2o, w_co2``... [%]
    factors : mapping of str to float
        Spectral correction factors of ``tau, h`` and the gases. [1]
    raw_fluxes, fluxes : Fluxes
        Before and after the spectral and density corrections.
    random_errors : mapping of str to RandomError
        Of ``tau, h, le, fc``, ``fch4``...; empty where the method says none.
    line_multipliers : mapping of str to LineMultipliers
        Gas -> correction of its analyser's line; only those that have one.
    raw_stability, stability : float
        (z - d)/L of the uncorrected and of the final fluxes. [1]
    obukhov_length : float
        L of the final fluxes. [m]
    integral_deviations : IntegralDeviations
        Of the test of developed turbulence.
    footprint : Footprint or None
        Along the wind; None where it cannot be said.
    diagnostics : mapping of str to float
        What the record publishes of all this and more, by name. Steps add to it and never read it: what one step needs
        of another is a field.
    flags : mapping of str to int
        Quality of ``TAU, H, LE, FC``, ``FCH4``...: 0, 1, 2.
    reasons : mapping of str to str
        FLUXNET name -> why it is flagged or missing, in words.
    """

    start: datetime
    end: datetime
    samples: Samples
    meteorology: Meteorology
    fits: Fits = NOTHING_FITTED
    dt: float = math.nan
    gases: tuple[str, ...] = STANDARD_GASES
    series: Mapping[str, FloatArray] = field(default_factory=dict)
    kinds: Mapping[str, GasKind] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    instruments: Mapping[str, InstrumentReport] = field(default_factory=dict)
    spikes: Mapping[str, int] = field(default_factory=dict)
    sonic_wind: SonicWind = NO_WIND
    wind_speed: float = math.nan
    lags: Mapping[str, GasLag] = field(default_factory=dict)
    temperature: float = math.nan
    pressure: float = math.nan
    thermometer: bool = False
    gas_means: Mapping[str, float] = field(default_factory=dict)
    air: Air | None = None
    covariances: Mapping[str, float] = field(default_factory=dict)
    stationarity: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    raw_fluxes: Fluxes = NO_FLUXES
    fluxes: Fluxes = NO_FLUXES
    random_errors: Mapping[str, RandomError] = field(default_factory=dict)
    line_multipliers: Mapping[str, LineMultipliers] = field(default_factory=dict)
    raw_stability: float = math.nan
    stability: float = math.nan
    obukhov_length: float = math.nan
    integral_deviations: IntegralDeviations = NOT_TESTABLE
    footprint: Footprint | None = None
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    flags: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Samples that the interval should have."""
        return round((self.end - self.start).total_seconds() / self.dt)

    def has(self, *names: str) -> bool:
        """Return whether all these series can be used."""
        return all(name in self.series for name in names)

    def covariance(self, name: str) -> float:
        """Return a covariance, NaN if a series it needs cannot be used."""
        return self.covariances.get(name, math.nan)

    @property
    def molar_volume(self) -> float:
        """Volume of a mole of air of the mean temperature and pressure; NaN before these are known. [m3 mol-1]"""
        return R_UNIVERSAL * self.temperature / self.pressure

    def gas_mean(self, gas: str) -> float:
        """Return the mean of a gas, NaN if it cannot be used. [mol m-3 or mol mol-1]"""
        return self.gas_means.get(gas, math.nan)

    def with_diagnostics(self, **diagnostics: float) -> HalfHour:
        """Return a copy that publishes more diagnostics."""
        return replace(self, diagnostics=self.diagnostics_with(**diagnostics))

    def diagnostics_with(self, **diagnostics: float) -> Mapping[str, float]:
        """Return what is published with more of it: for a ``replace`` that changes other fields, too."""
        return {**self.diagnostics, **diagnostics}

    def without(self, absent: Mapping[str, str]) -> HalfHour:
        """Return a copy in which some series are set aside, each with its reason."""
        if not absent:
            return self
        kept = {name: values for name, values in self.series.items() if name not in absent}
        return replace(self, series=kept, absent={**self.absent, **absent})


Step = Callable[[HalfHour, Station], HalfHour]


def flux_of(station: Station) -> Flux:
    """Return the station's ``[flux]``.

    Raises
    ------
    ValueError
        It has none.
    """
    if station.flux is None:
        raise ValueError(f"station {station.id} has no [flux]: nothing says how half-hours are made")
    return station.flux
