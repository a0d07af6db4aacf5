"""The footprint of a half-hour along the wind: from how far upwind the flux comes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from core.constants import KARMAN
from core.station import Station
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.state import FLUX_SHARES, Footprint

OFFSET_SHARE = 0.01
FETCH_COLUMNS = ("FETCH_MAX", "FETCH_70", "FETCH_90")

KLJUN_C, KLJUN_D, KLJUN_B = 4.277, 1.685, 3.418
KLJUN_OFFSET = 0.302
KLJUN_LEVELS = (0.601999, 0.911995, 1.183992, 1.501988, 2.053984)
"""L_R of ``FLUX_SHARES``, as the field tabulates them: within 0.4 % of the integral of the published function."""

NEUTRAL_HSIEH = 0.04
"""zu/L up to which the air counts as neutral."""


class Surroundings(NamedTuple):
    """What the models along the wind need.

    Attributes
    ----------
    height : float
        Of the sensor above the displacement height, z - d. [m]
    roughness : float
        Roughness length. [m]
    ustar, wind_speed, w_sigma : float
        Friction velocity, mean wind, standard deviation of vertical wind. [m s-1]
    stability : float
        (z - d)/L. [1]
    """

    height: float
    roughness: float
    ustar: float
    wind_speed: float
    w_sigma: float
    stability: float


def estimate_footprint(half: HalfHour, station: Station) -> HalfHour:
    """Estimate the footprint by the station's method, and publish ``footprint_*`` in metres."""
    return FOOTPRINT[flux_of(station).methods.footprint](half, station)


def kljun_or_else(half: HalfHour, station: Station) -> HalfHour:
    """Take Kljun (2004), outside its validity Kormann & Meixner (2001)."""
    return _apply_model(
        half, station, lambda air: kljun_2004(air) if outside_kljun(air) is None else kormann_meixner_2001(air)
    )


def kormann_meixner(half: HalfHour, station: Station) -> HalfHour:
    """Take Kormann & Meixner (2001)."""
    return _apply_model(half, station, kormann_meixner_2001)


def hsieh(half: HalfHour, station: Station) -> HalfHour:
    """Take Hsieh et al. (2000), for a sensor above the roughness length."""
    air = surroundings_of(half, station)
    if air.height <= air.roughness:
        why = f"hsieh_2000 needs a sensor above the roughness length {air.roughness:g} m, it is at {air.height:g} m"
        return replace(half, reasons={**half.reasons, **dict.fromkeys(FETCH_COLUMNS, why)})
    return _apply_model(half, station, hsieh_2000)


def no_footprint(half: HalfHour, _: Station) -> HalfHour:
    """Leave the footprint out."""
    return replace(half, reasons={**half.reasons, **dict.fromkeys(FETCH_COLUMNS, "the station's methods ask for none")})


def surroundings_of(half: HalfHour, station: Station) -> Surroundings:
    """Collect what the models need from a half-hour with final fluxes; NaN where something is missing.

    Raises
    ------
    ValueError
        The station has no ``[sonic]`` or no ``[site]``.
    """
    height = station.measurement_height
    return Surroundings(
        height=height,
        roughness=station.site.roughness if station.site else math.nan,
        ustar=half.fluxes.ustar,
        wind_speed=half.wind_speed,
        w_sigma=math.sqrt(half.covariance("ww")),
        stability=half.stability,
    )


def outside_kljun(air: Surroundings) -> str | None:
    """Return why the parameterisation of Kljun (2004) does not hold, None where it does (their section 5)."""
    if air.ustar < 0.2:
        return "friction velocity below 0.2 m s-1"
    if not -200 <= air.stability <= 1:
        return "stability outside -200 to 1"
    return "sensor less than 1 m above the displacement height" if air.height < 1 else None


def kljun_2004(air: Surroundings) -> Footprint:
    """Scale the footprint of a Lagrangian model by sd(w)/u*, height and roughness.

    References
    ----------
    Kljun et al. (2004), eqs 13-17, doi:10.1023/B:BOUN.0000030653.71031.96
    """
    scale = air.height * math.pow(air.w_sigma / air.ustar, -0.8) * (KLJUN_B - math.log(air.roughness))
    return Footprint(
        model=0,
        peak=(KLJUN_C - KLJUN_D) * scale,
        offset=(KLJUN_OFFSET * KLJUN_C - KLJUN_D) * scale,
        shares=tuple((level * KLJUN_C - KLJUN_D) * scale for level in KLJUN_LEVELS),
    )


def kormann_meixner_2001(air: Surroundings) -> Footprint:
    """Solve the advection-diffusion equation for power laws that touch the profiles of wind and diffusivity.

    The exponents are those of the profiles at the sensor (the paper's analytical way), so that roughness is not needed:
    the measured wind stands for it. The share of the flux that arises within x is the incomplete gamma function
    Q(mu, xi/x).

    References
    ----------
    Kormann & Meixner (2001), eqs 18-21, 31-36, doi:10.1023/A:1018991015119
    """
    z_over_l = air.stability
    if z_over_l > 0:
        shear = gradient = 1.0 + 5.0 * z_over_l
        diffusivity_exponent = 1.0 / gradient
    else:
        shear = math.pow(1.0 - 16.0 * z_over_l, -0.25)
        gradient = shear**2
        diffusivity_exponent = (1.0 - 24.0 * z_over_l) / (1.0 - 16.0 * z_over_l)
    wind_exponent = air.ustar * shear / (KARMAN * air.wind_speed)
    shape = 2.0 + wind_exponent - diffusivity_exponent
    mu = (1.0 + wind_exponent) / shape
    xi = air.wind_speed * air.height * gradient / (shape**2 * KARMAN * air.ustar)
    # a tenth of the start of a process, and not every half-hour comes here
    from scipy.special import gammainccinv

    offset, *shares = (float(xi / gammainccinv(mu, share)) for share in (OFFSET_SHARE, *FLUX_SHARES))
    return Footprint(model=1, peak=xi / (1.0 + mu), offset=offset, shares=tuple(shares))


def hsieh_2000(air: Surroundings) -> Footprint:
    """Scale a Lagrangian model's results by height, roughness and stability; the share within x is exp(-length/x).

    References
    ----------
    Hsieh et al. (2000), eqs 13-19, doi:10.1016/S0309-1708(99)00042-1
    """
    ratio = air.height / air.roughness
    scale = air.height * (math.log(ratio) - 1.0 + 1.0 / ratio)
    obukhov = math.inf if air.stability == 0 else air.height / air.stability
    if abs(scale / obukhov) < NEUTRAL_HSIEH:
        length = 0.97 * scale
    elif obukhov < 0:
        length = 0.28 * math.pow(scale, 0.59) * math.pow(-obukhov, 0.41)
    else:
        length = 2.44 * math.pow(scale, 1.33) * math.pow(obukhov, -0.33)
    length /= KARMAN**2
    offset, *shares = (-length / math.log(share) for share in (OFFSET_SHARE, *FLUX_SHARES))
    return Footprint(model=2, peak=length / 2.0, offset=offset, shares=tuple(shares))


def _apply_model(half: HalfHour, station: Station, model: Callable[[Surroundings], Footprint]) -> HalfHour:
    air = surroundings_of(half, station)
    if not (all(map(math.isfinite, air)) and air.ustar > 0 and air.wind_speed > 0 and air.w_sigma > 0):
        return half
    found = model(air)
    return replace(half, footprint=found, diagnostics=half.diagnostics_with(**found.published()))


FOOTPRINT = choices(
    "footprint",
    {
        "kljun_2004": kljun_or_else,
        "kormann_meixner_2001": kormann_meixner,
        "hsieh_2000": hsieh,
        "none": no_footprint,
    },
)
