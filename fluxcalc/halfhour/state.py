"""What a step of the half-hour works out for the steps after it: the types of the fields of ``HalfHour``.

Where such a thing is published as diagnostics of the record, ``published`` gives their names, and ``read`` reads them
back from a record: each name is spelled in one place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from core.constants import M_H2O
from core.records import FluxRecord

FLUX_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of the flux for which a footprint along the wind says the distance. [1]"""


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


NO_FLUXES = Fluxes()


@dataclass(frozen=True, slots=True)
class InstrumentReport:
    """What an instrument says about its own samples.

    Attributes
    ----------
    bad : int or None
        Samples that it calls bad; None where its words cannot be judged.
    faults : mapping of str to int
        What is wrong -> samples with it; only faults that there were.
    signal, agc : float or None
        Mean signal strength and automatic gain; None where it does not report them. [1]
    """

    bad: int | None = None
    faults: Mapping[str, int] = field(default_factory=dict)
    signal: float | None = None
    agc: float | None = None

    def published(self, name: str) -> dict[str, float]:
        """Return the diagnostics of an instrument by its name, ``sonic``, ``irga_1``..."""
        means = {f"{name}_signal": self.signal, f"{name}_agc": self.agc}
        known = {key: mean for key, mean in means.items() if mean is not None}
        counts = {f"{name}_{fault}": float(count) for fault, count in self.faults.items()}
        return known | counts | ({} if self.bad is None else {f"bad_{name}": float(self.bad)})


@dataclass(frozen=True, slots=True)
class SonicWind:
    """Mean wind in the sonic's own axes, made right-handed; NaN where there is none.

    Attributes
    ----------
    valid : int
        Samples with all three components.
    u, v, w : float
        [m s-1]
    largest : float
        Largest speed of a sample. [m s-1]
    direction : float
        Where the wind comes from, clockwise from true north; NaN in calm air. [deg]
    """

    valid: int = 0
    u: float = math.nan
    v: float = math.nan
    w: float = math.nan
    largest: float = math.nan
    direction: float = math.nan

    @property
    def speed(self) -> float:
        """Length of the mean vector. [m s-1]"""
        return math.hypot(self.u, self.v, self.w)

    def published(self) -> dict[str, float]:
        """Return the diagnostics."""
        return {
            "valid_wind": float(self.valid),
            "sonic_u": self.u,
            "sonic_v": self.v,
            "sonic_w": self.w,
            "largest_wind": self.largest,
            "wind_direction_deg": self.direction,
        }

    @staticmethod
    def read(record: FluxRecord) -> SonicWind:
        """Read the wind back from a record; NaN where it has none."""
        stored = record.diagnostics
        names = ("sonic_u", "sonic_v", "sonic_w", "largest_wind", "wind_direction_deg")
        return SonicWind(int(stored.get("valid_wind", 0)), *(stored.get(name, math.nan) for name in names))


NO_WIND = SonicWind()


class RandomError(NamedTuple):
    """Random error of a flux before spectral and density corrections.

    Attributes
    ----------
    deviation : float
        Standard deviation, in the SI unit of the flux.
    time_scale : float
        Integral time scale of its covariance. [s]
    """

    deviation: float
    time_scale: float

    def published(self, flux: str) -> dict[str, float]:
        """Return the diagnostics of a flux: ``tau``, ``h``, ``le``, ``fc``, ``fch4``..."""
        return {f"random_error_{flux}": self.deviation, f"integral_scale_{flux}_s": self.time_scale}

    @staticmethod
    def read(record: FluxRecord, flux: str) -> RandomError:
        """Read the error of a flux back from a record; NaN where it has none."""
        stored = record.diagnostics
        return RandomError(
            stored.get(f"random_error_{flux}", math.nan), stored.get(f"integral_scale_{flux}_s", math.nan)
        )


def flux_name(gas: str) -> str:
    """Return what the flux of a gas is called among the diagnostics: ``le``, ``fc``, ``fch4``..."""
    return {"h2o": "le", "co2": "fc"}.get(gas, f"f{gas}")


UNKNOWN_ERROR = RandomError(math.nan, math.nan)


class LineMultipliers(NamedTuple):
    """What the widening of an analyser's line does to a density.

    As multipliers of the whole flux (kappa itself), of the term of vapour, and of the term of heat. [1]
    """

    a: float
    b: float
    c: float

    def published(self, gas: str) -> dict[str, float]:
        """Return the diagnostics of a gas."""
        return {f"line_{name}_{gas}": value for name, value in self._asdict().items()}


NO_BROADENING = LineMultipliers(1.0, 1.0, 1.0)


WindComponent = Literal["u", "w"]
"""What is tested for developed turbulence."""


class IntegralDeviations(NamedTuple):
    """How far sd(u)/u* and sd(w)/u* are from developed turbulence; NaN: not testable. [%]"""

    u: float = math.nan
    w: float = math.nan

    def largest(self, components: tuple[WindComponent, ...]) -> float:
        """Return the largest deviation of some components; NaN if one cannot be tested. [%]"""
        deviations = {"u": self.u, "w": self.w}
        return max((deviations[name] for name in components), key=lambda value: (math.isnan(value), value))

    def published(self) -> dict[str, float]:
        """Return the diagnostics."""
        return {f"integral_{name}": value for name, value in self._asdict().items()}


NOT_TESTABLE = IntegralDeviations()


class Footprint(NamedTuple):
    """Distances upwind of a footprint along the wind; a negative one lies downwind. [m]

    Attributes
    ----------
    model : int
        Which model says so: 0 Kljun 2004, 1 Kormann & Meixner 2001, 2 Hsieh 2000.
    peak : float
        Where a source counts most.
    offset : float
        Within which 1 % of the flux arises.
    shares : tuple of float
        Within which 10, 30, 50, 70, 90 % of the flux arise.
    """

    model: int
    peak: float
    offset: float
    shares: tuple[float, ...]

    def within(self, share: float) -> float:
        """Return the distance within which one of ``FLUX_SHARES`` arises. [m]"""
        return self.shares[FLUX_SHARES.index(share)]

    def published(self) -> dict[str, float]:
        """Return the diagnostics."""
        shares = {f"footprint_{100 * share:.0f}": x for share, x in zip(FLUX_SHARES, self.shares, strict=True)}
        return {
            "footprint_model": float(self.model),
            "footprint_peak": self.peak,
            "footprint_offset": self.offset,
            **shares,
        }
