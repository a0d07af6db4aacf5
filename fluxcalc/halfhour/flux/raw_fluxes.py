"""Fluxes as they come from the covariances, and the stability that belongs to fluxes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from core.constants import GRAVITY, KARMAN, M_H2O
from core.records import FluxRecord
from core.station import Station
from fluxcalc.halfhour.interval import HalfHour
from fluxcalc.halfhour.quality.stationarity import friction_velocity
from fluxcalc.halfhour.state import Air, Fluxes


def compute_raw_fluxes(half: HalfHour, station: Station) -> HalfHour:
    """Turn covariances into fluxes without any correction, and publish them as ``raw_*``.

    A molar density gives the covariance itself; a ratio to dry air the covariance over the volume of a mole of dry air.
    """
    ustar = friction_velocity(half.covariance("uw"), half.covariance("vw"))
    air = half.air
    if air is None:
        return replace(
            half, raw_fluxes=Fluxes(ustar=ustar), diagnostics=half.diagnostics_with(**_published({"ustar": ustar}))
        )
    gases = {
        gas: half.covariance(f"w_{gas}") / (air.dry_molar_volume if half.kinds.get(gas) == "ratio" else 1.0)
        for gas in half.gases
    }
    heat = air.heat_capacity * half.covariance("w_ts")
    raw = Fluxes(ustar, heat, gases)
    # before any correction the temperature is the one that was measured: without a thermometer the sonic's
    length = obukhov_length(replace(air, temperature=half.temperature), ustar, heat)
    stability = _over(station.measurement_height, length)
    values = {
        "tau": -air.density * ustar**2,
        "ustar": ustar,
        "h": heat,
        "le": raw.h2o * M_H2O * air.vaporisation,
        "obukhov_length": length,
        "stability": stability,
        **gases,
    }
    return replace(
        half, raw_fluxes=raw, raw_stability=stability, diagnostics=half.diagnostics_with(**_published(values))
    )


def read_raw_flux(record: FluxRecord, name: str) -> float:
    """Return an uncorrected flux that a record publishes: ``h``, ``le`` [W m-2], a gas [mol m-2 s-1]; NaN if none."""
    return record.diagnostics.get(_key(name), math.nan)


def judge_stability(half: HalfHour, station: Station) -> HalfHour:
    """Work out (z - d)/L from the final fluxes; NaN in air without momentum flux."""
    if half.air is None:
        return half
    length = obukhov_length(half.air, half.fluxes.ustar, half.fluxes.h)
    stability = _over(station.measurement_height, length)
    published = half.diagnostics_with(obukhov_length=length, stability=stability)
    return replace(half, stability=stability, obukhov_length=length, diagnostics=published)


def obukhov_length(air: Air, ustar: float, heat: float) -> float:
    """Return the Obukhov length, negative in unstable air.

    Parameters
    ----------
    air : Air
        Temperature (made potential with the pressure) and heat capacity.
    ustar : float
        [m s-1]
    heat : float
        Sensible heat flux. [W m-2]

    Returns
    -------
    float
        [m]; infinite without heat flux.
    """
    kinematic = heat / air.heat_capacity
    if kinematic == 0:
        return math.inf
    potential = air.temperature * math.pow(1e5 / air.pressure, 0.286)
    return -potential * ustar**3 / (KARMAN * GRAVITY * kinematic)


def _published(values: Mapping[str, float]) -> dict[str, float]:
    return {_key(name): value for name, value in values.items()}


def _key(name: str) -> str:
    return f"raw_{name}"


def _over(height: float, length: float) -> float:
    return math.nan if length == 0 else height / length
