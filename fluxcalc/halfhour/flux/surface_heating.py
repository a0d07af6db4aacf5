"""Heat that an open-path analyser itself adds to the air in its path."""

from __future__ import annotations

import math
from typing import NamedTuple

from core.constants import ZERO_CELSIUS

MIN_WIND = 0.1
"""Wind below which the layers of air around the instrument grow no thicker. [m s-1]"""

SPAR_SHARE = 0.15
"""Part of the heat of the spars that reaches the path. [1]"""


class Surfaces(NamedTuple):
    """One number for each surface that warms the path."""

    bottom: float
    top: float
    spar: float


DAYTIME_SURFACES = ((0.944, 2.57), (1.005, 0.24), (1.01, 0.36))
NIGHTTIME_SURFACES = ((0.883, 2.17), (1.008, -0.41), (1.01, -0.17))
"""Slope and offset of the temperatures of bottom, top and spar over that of the air. [1], [deg C]"""


def instrument_heat(temperature: float, wind: float, *, daytime: bool) -> float:
    """Return the sensible heat that the surfaces of an LI-7500 add in its path.

    Their temperatures follow that of the air linearly; each is a plate, a sphere or a cylinder in a laminar layer.

    Parameters
    ----------
    temperature : float
        Air temperature. [K]
    wind : float
        [m s-1]
    daytime : bool
        Which of the two sets of temperatures holds.

    Returns
    -------
    float
        Negative where the surfaces are colder than the air. [W m-2]

    References
    ----------
    Burba et al. (2008), Table 1 (method 4), eqs 3-8 and Table 3, doi:10.1111/j.1365-2486.2008.01606.x
    """
    celsius = temperature - ZERO_CELSIUS
    lines = DAYTIME_SURFACES if daytime else NIGHTTIME_SURFACES
    warmer = Surfaces(*(slope * celsius + offset - celsius for slope, offset in lines))
    conductivity = 0.000067 * celsius + 0.024343  # of air [W m-1 K-1]
    wind = max(wind, MIN_WIND)
    # thickness of the layers, radii of the sphere and of the cylinder [m]
    layer = Surfaces(
        bottom=0.004 * math.sqrt(0.065 / wind) + 0.004,
        top=0.0028 * math.sqrt(0.045 / wind) + 0.00025 / wind + 0.0045,
        spar=0.0058 * math.sqrt(0.005 / wind),
    )
    sphere, cylinder = 0.0225, 0.0025
    return conductivity * (
        warmer.bottom / layer.bottom
        + warmer.top * (sphere + layer.top) / (sphere * layer.top)
        + SPAR_SHARE * warmer.spar / (cylinder * math.log((cylinder + layer.spar) / cylinder))
    )
