"""What the steps of a half-hour hand on: one frozen record that each step copies with more in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from core.constants import M_H2O
from core.records import FloatArray, Samples
from core.station import Flux, Station
from fluxcalc.halfhour.fits import NOTHING_FITTED, Fits

GasKind = Literal["density", "fraction", "ratio"]
GASES = ("co2", "h2o")
"""The gases that every half-hour asks for; a station may measure more of them."""


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
    """

    air_temperature: float = math.nan
    pressure: float = math.nan
    relative_humidity: float = math.nan
    levels: Mapping[str, Levels] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Air:
    """Mean state of the air; NaN where water vapour would be needed and is not known.

    Attributes
    ----------
    temperature, sonic_temperature : float
        Air temperature (from the sonic if there is no thermometer) and sonic temperature. [K]
    pressure : float
        [Pa]
    molar_volume, dry_molar_volume : float
        Of moist air, and per mole of dry air. [m3 mol-1]
    vapour_pressure, saturation_pressure : float
        [Pa]
    vapour_density, dry_density, density : float
        Mass densities of water vapour, dry air and moist air. [kg m-3]
    specific_humidity, relative_humidity : float
        [1]
    heat_capacity : float
        rho cp of moist air. [J m-3 K-1]
    vaporisation : float
        Latent heat of vaporisation. [J kg-1]
    """

    temperature: float
    sonic_temperature: float
    pressure: float
    molar_volume: float
    dry_molar_volume: float
    vapour_pressure: float
    saturation_pressure: float
    vapour_density: float
    dry_density: float
    density: float
    specific_humidity: float
    relative_humidity: float
    heat_capacity: float
    vaporisation: float

    @property
    def water(self) -> float:
        """Mole fraction of water vapour; 0 where it is not known and dry air stands in. [1]"""
        return self.vapour_density / M_H2O * self.molar_volume


@dataclass(frozen=True, slots=True)
class Fluxes:
    """Vertical fluxes, positive upward; NaN where they cannot be said.

    Attributes
    ----------
    ustar : float
        Friction velocity. [m s-1]
    h : float
        Sensible heat. [W m-2]
    gases : mapping of str to float
        Water vapour, CO2 and what else is measured. [mol m-2 s-1]
    """

    ustar: float = math.nan
    h: float = math.nan
    gases: Mapping[str, float] = field(default_factory=dict)

    def of(self, gas: str) -> float:
        """Return the flux of a gas, NaN where there is none. [mol m-2 s-1]"""
        return self.gases.get(gas, math.nan)

    @property
    def h2o(self) -> float:
        """Flux of water vapour. [mol m-2 s-1]"""
        return self.of("h2o")


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
    temperature, pressure : float
        Mean air temperature (moist sonic temperature if there is no thermometer) and pressure. [K], [Pa]
    thermometer : bool
        Whether ``temperature`` is the air's own.
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
    stability : float
        (z - d)/L of the final fluxes. [1]
    diagnostics : mapping of str to float
        Intermediate values for the record.
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
    gases: tuple[str, ...] = GASES
    series: Mapping[str, FloatArray] = field(default_factory=dict)
    kinds: Mapping[str, GasKind] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    temperature: float = math.nan
    pressure: float = math.nan
    thermometer: bool = False
    air: Air | None = None
    covariances: Mapping[str, float] = field(default_factory=dict)
    stationarity: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    raw_fluxes: Fluxes = Fluxes()
    fluxes: Fluxes = Fluxes()
    stability: float = math.nan
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    flags: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Samples that the interval should have."""
        return round((self.end - self.start).total_seconds() / self.dt)

    def has(self, *names: str) -> bool:
        """Tell whether all these series can be used."""
        return all(name in self.series for name in names)

    def covariance(self, name: str) -> float:
        """Return a covariance, NaN if a series it needs cannot be used."""
        return self.covariances.get(name, math.nan)

    def noting(self, **diagnostics: float) -> HalfHour:
        """Return a copy with more diagnostics."""
        return replace(self, diagnostics={**self.diagnostics, **diagnostics})

    def without(self, absent: Mapping[str, str]) -> HalfHour:
        """Return a copy in which some series are set aside, each with its reason."""
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
