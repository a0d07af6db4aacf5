"""The two-dimensional footprint of Kljun et al. (2015) on a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

A, B, C, D = 1.4524, -1.9914, 1.4622, 0.1359  # of the footprint along the wind
AC, BC, CC = 2.17, 1.66, 20.0  # of its width


@kernel
def footprint_on_grid(
    density: FloatArray, east: FloatArray, north: FloatArray, direction: float, length: float, width: float
) -> float:
    """Fill a grid with the footprint of one interval.

    Parameters
    ----------
    density : ndarray, shape (len(north), len(east)), float64
        Filled: share of the flux per area, without the constant that makes its integral 1. [m-2]
    east, north : ndarray, float64
        Places from the tower. [m]
    direction : float
        Where the wind comes from, clockwise from north. [rad]
    length : float
        Distance upwind that is 1 in the paper's x*. [m]
    width : float
        Crosswind standard deviation that is 1 in the paper's sigma_y*. [m]

    Returns
    -------
    float
        Sum over the grid. [m-2]

    References
    ----------
    Kljun et al. (2015), eqs 10, 14, 18, doi:10.5194/gmd-8-3695-2015
    """
    towards_east = np.sin(direction)
    towards_north = np.cos(direction)
    total = 0.0
    for row in range(north.size):
        for column in range(east.size):
            upwind = (east[column] * towards_east + north[row] * towards_north) / length
            density[row, column] = 0.0
            if upwind > D:
                across = north[row] * towards_east - east[column] * towards_north
                along = A * (upwind - D) ** B * np.exp(-C / (upwind - D)) / length
                sigma = width * AC * np.sqrt(BC * upwind * upwind / (1.0 + CC * upwind))
                found = along * np.exp(-0.5 * (across / sigma) ** 2) / (np.sqrt(2.0 * np.pi) * sigma)
                density[row, column] = found
                total += found
    return total
