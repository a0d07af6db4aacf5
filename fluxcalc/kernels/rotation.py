"""Turning the wind from the sonic's axes into the mean streamline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]


@kernel
def mean_wind(u: FloatArray, v: FloatArray, w: FloatArray) -> tuple[int, float, float, float, float]:
    """Means and largest speed over the samples whose three components are all there.

    Parameters
    ----------
    u, v, w : ndarray, shape (n,), float64
        Wind; NaN is missing. [m s-1]

    Returns
    -------
    count : int
        Complete triplets.
    u, v, w : float
        Means; NaN without a triplet. [m s-1]
    largest : float
        Largest length of the vector; NaN without a triplet. [m s-1]
    """
    count = 0
    sum_u = 0.0
    sum_v = 0.0
    sum_w = 0.0
    largest = 0.0
    for i in range(u.size):
        square = u[i] * u[i] + v[i] * v[i] + w[i] * w[i]
        if not np.isnan(square):
            count += 1
            sum_u += u[i]
            sum_v += v[i]
            sum_w += w[i]
            largest = max(largest, square)
    if count == 0:
        return 0, np.nan, np.nan, np.nan, np.nan
    return count, sum_u / count, sum_v / count, sum_w / count, np.sqrt(largest)


@kernel
def rotate(
    u: FloatArray, v: FloatArray, w: FloatArray, yaw: float, pitch: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Turn the wind about the vertical by yaw, then about the new lateral axis by pitch.

    Parameters
    ----------
    u, v, w : ndarray, shape (n,), float64
        Wind in the sonic's axes; a sample missing in one is missing in all of the result. [m s-1]
    yaw, pitch : float
        Angles. [rad]

    Returns
    -------
    u, v, w : ndarray, shape (n,)
        Rotated wind. [m s-1]

    References
    ----------
    Wilczak et al. (2001), eqs 22-29, doi:10.1023/A:1018966204465
    """
    n = u.size
    along = np.empty(n)
    across = np.empty(n)
    upward = np.empty(n)
    cos_yaw, sin_yaw = np.cos(yaw), np.sin(yaw)
    cos_pitch, sin_pitch = np.cos(pitch), np.sin(pitch)
    for i in range(n):
        level = u[i] * cos_yaw + v[i] * sin_yaw
        along[i] = level * cos_pitch + w[i] * sin_pitch
        # adding 0 * (the third component) carries its gap over and changes nothing else
        across[i] = v[i] * cos_yaw - u[i] * sin_yaw + 0.0 * w[i]
        upward[i] = w[i] * cos_pitch - level * sin_pitch
    return along, across, upward


@kernel
def transform(
    u: FloatArray, v: FloatArray, w: FloatArray, matrix: FloatArray, bias: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Express the wind in other axes, and take a bias from its new vertical component.

    Parameters
    ----------
    u, v, w : ndarray, shape (n,), float64
        Wind; a sample missing in one is missing in all of the result. [m s-1]
    matrix : ndarray, shape (3, 3), float64
        Its rows are the new axes in the old frame. [1]
    bias : float
        Taken from the new ``w``. [m s-1]

    Returns
    -------
    u, v, w : ndarray, shape (n,)
        matrix (u, v, w), less (0, 0, bias). [m s-1]
    """
    n = u.size
    first = np.empty(n)
    second = np.empty(n)
    third = np.empty(n)
    for i in range(n):
        a, b, c = u[i], v[i], w[i]
        # a zero coefficient times a gap is a gap, too
        first[i] = matrix[0, 0] * a + matrix[0, 1] * b + matrix[0, 2] * c
        second[i] = matrix[1, 0] * a + matrix[1, 1] * b + matrix[1, 2] * c
        third[i] = matrix[2, 0] * a + matrix[2, 1] * b + matrix[2, 2] * c - bias
    return first, second, third
