"""Transfer functions: the part of a fluctuation's amplitude that gets through, by frequency.

Each is 1 where nothing is lost. The response of a covariance is the product over its two members.
"""

from __future__ import annotations

import math

import numpy as np

from core.constants import R_DRY
from core.records import FloatArray

TURBULENT_REYNOLDS_NUMBER = 2300.0
"""Reynolds number from which the flow in a tube is turbulent."""

DIFFUSIVITY = {
    "co2": 0.1381e-4,
    "h2o": 0.2178e-4,
    "ch4": 0.1952e-4,
    "n2o": 0.1436e-4,
    "co": 0.1807e-4,
    "o3": 0.1444e-4,
    "nh3": 0.1978e-4,
    "no": 0.1802e-4,
    "no2": 0.1361e-4,
    "so2": 0.1089e-4,
}
"""Molecular diffusivity in air at 0 deg C and 101.325 kPa. [m2 s-1]

Massman (1998), doi:10.1016/S1352-2310(97)00391-9
"""

DEFAULT_DIFFUSIVITY = DIFFUSIVITY["co2"]
"""Of a gas that is not in that table. [m2 s-1]"""


def pass_block_average(frequency: FloatArray, averaging: float) -> FloatArray:
    """Return what taking the mean of the interval away leaves.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        [Hz]
    averaging : float
        Length of the interval. [s]

    References
    ----------
    Moncrieff et al. (2004), doi:10.1007/1-4020-2265-4_2
    """
    return 1.0 - np.sinc(frequency * averaging) ** 2


def pass_line_removed(frequency: FloatArray, length: float) -> FloatArray:
    """Return what taking a straight line of least squares away leaves.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        Positive. [Hz]
    length : float
        Of the stretch through which the line goes. [s]

    References
    ----------
    Rannik & Vesala (1999), doi:10.1023/A:1001840416858; Moncrieff et al. (2004), doi:10.1007/1-4020-2265-4_2
    """
    x = np.pi * frequency * length
    sinc = np.sinc(frequency * length)
    response: FloatArray = np.maximum(0.0, 1.0 - sinc**2 - 3.0 * ((sinc - np.cos(x)) / x) ** 2)
    return response


def pass_mean_removed(frequency: FloatArray, tau: float, dt: float) -> FloatArray:
    """Return what taking a running mean away leaves.

    The newest sample is part of the mean that is taken from it: even the fastest fluctuations lose exp(-dt/tau).

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        [Hz]
    tau : float
        Time constant of the mean. [s]
    dt : float
        Time between samples. [s]

    References
    ----------
    Rannik & Vesala (1999), doi:10.1023/A:1001840416858; Moncrieff et al. (2004), doi:10.1007/1-4020-2265-4_2
    """
    x = (2.0 * np.pi * tau * frequency) ** 2
    return math.exp(-dt / tau) * x / (1.0 + x)


def pass_first_order(frequency: FloatArray, tau: float) -> FloatArray:
    """Return the response of a first-order sensor with a time constant in s.

    References
    ----------
    Moncrieff et al. (1997), doi:10.1016/S0022-1694(96)03194-0
    """
    return 1.0 / np.sqrt(1.0 + (2.0 * np.pi * tau * frequency) ** 2)


def pass_sonic_path(n: FloatArray) -> FloatArray:
    """Return what averaging vertical wind along the sonic's path leaves.

    Parameters
    ----------
    n : ndarray, shape (n,)
        Frequency f p/U with the length p of the path, positive. [1]

    References
    ----------
    Moncrieff et al. (1997), doi:10.1016/S0022-1694(96)03194-0
    """
    x = 2.0 * np.pi * n
    lost = -np.expm1(-x)  # 1 - exp(-x)
    return 4.0 / x * (1.0 + (1.0 - lost) / 2.0 - 1.5 * lost / x)


def pass_line(n: FloatArray) -> FloatArray:
    """Return what averaging a scalar along the path of an analyser leaves; ``n`` as for the sonic.

    References
    ----------
    Moncrieff et al. (1997), doi:10.1016/S0022-1694(96)03194-0
    """
    x = 2.0 * np.pi * n
    lost = -np.expm1(-x)
    return np.sqrt((4.0 - lost - 4.0 * lost / x) / x)


def pass_separation(n: FloatArray) -> FloatArray:
    """Return what two sensors apart see together.

    Parameters
    ----------
    n : ndarray, shape (n,)
        Frequency f s/U with the distance s of the sensors. [1]

    References
    ----------
    Moncrieff et al. (1997), doi:10.1016/S0022-1694(96)03194-0
    """
    return np.exp(-9.9 * n**1.5)


def pass_tube(
    frequency: FloatArray, gas: str, length: float, diameter: float, flow: float, temperature: float, pressure: float
) -> FloatArray:
    """Return what mixing along a tube leaves of a gas; walls are taken as clean.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        [Hz]
    gas : str
        ``co2``, ``h2o``...; matters in laminar flow only.
    length, diameter : float
        [m]
    flow : float
        [m3 s-1]
    temperature, pressure : float
        Of the air; NaN gives NaN. [K], [Pa]

    References
    ----------
    Lenschow & Raupach (1991), doi:10.1029/91JD01437, for turbulent flow; Taylor (1953), doi:10.1098/rspa.1953.0139, for
    laminar flow; Sutherland's law for the viscosity
    """
    loss = tube_loss(gas, length, diameter, flow, temperature, pressure)
    response: FloatArray = np.exp(-loss * frequency**2)
    return response


def tube_loss(gas: str, length: float, diameter: float, flow: float, temperature: float, pressure: float) -> float:
    """Return by how much a tube's response falls, -ln(response)/f^2; arguments as for ``pass_tube``. [s2]"""
    radius = diameter / 2.0
    speed = flow / (math.pi * radius**2)
    dynamic = 1.458e-6 * math.pow(temperature, 1.5) / (temperature + 110.4)  # [Pa s]
    viscosity = dynamic * R_DRY * temperature / pressure  # [m2 s-1]
    reynolds = speed * diameter / viscosity
    if reynolds < TURBULENT_REYNOLDS_NUMBER:
        diffusivity = (
            DIFFUSIVITY.get(gas, DEFAULT_DIFFUSIVITY) * (101.325e3 / pressure) * math.pow(temperature / 273.15, 1.81)
        )
        loss = math.pow(math.pi * radius, 2) / (12.0 * diffusivity)  # [s]
    else:
        loss = 80.0 * math.pow(reynolds, -0.125) * radius / speed  # [s]
    return loss * length / speed
