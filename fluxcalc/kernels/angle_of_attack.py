"""The response of a Gill WindMaster to the angle at which the wind meets it, and its inverse."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

# of the angle in degrees, its first to its fifth power
SINE = (1.67354200080193e-2, 4.85252964763967e-4, 4.16728613218081e-6, -2.69824417931343e-8, -3.19818998552857e-10)
SINE_TURN = (
    3.82901759130896e-3,
    3.92584527104954e-4,
    1.20670183305798e-5,
    1.44129103378194e-7,
    5.92731123831391e-10,
)
COSINE = (1.28143810766839e-3, 1.60799801968464e-5, -4.95504975706944e-6, -1.58051314507891e-7, -1.20804470033571e-9)
COSINE_TURN = (
    9.18428193641156e-4,
    3.94248403622007e-4,
    2.03402753902096e-5,
    3.85646200219364e-7,
    2.2715401644872e-9,
)

STEEPEST_ANGLE = 70.0  # beyond it the cosine response stays [deg]
ANGLE_TOLERANCE = 1e-9  # angles that differ by less are the same [deg]
MAX_ITERATIONS = 100


@kernel
def polynomial(x: float, coefficients: tuple[float, float, float, float, float]) -> float:
    """Return c1 x + c2 x^2 + ... + c5 x^5."""
    a, b, c, d, e = coefficients
    return x * (a + x * (b + x * (c + x * (d + x * e))))


@kernel
def angle_response(angle: float, direction: float) -> tuple[float, float]:
    """Return measured over true vertical and horizontal wind.

    Parameters
    ----------
    angle : float
        At which the wind meets the sonic, positive upward. [deg]
    direction : float
        Where it comes from, 180 - atan2(v, u). [deg]

    References
    ----------
    Nakai & Shimoyama (2012), eqs 10-16, doi:10.1016/j.agrformet.2012.04.013
    """
    turn = np.sin(3.0 * np.radians(direction))
    if angle > 0:  # from below as from above on the opposite side
        angle, turn = -angle, -turn
    sine = 1.0 + polynomial(angle, SINE) - turn * polynomial(angle, SINE_TURN)
    angle = max(angle, -STEEPEST_ANGLE)
    cosine = 1.0 + polynomial(angle, COSINE) + turn * polynomial(angle, COSINE_TURN)
    return sine, cosine


@kernel
def correct_angles(u: FloatArray, v: FloatArray, w: FloatArray) -> None:
    """Turn measured into true wind, in place, by the angle that makes the one of the other; NaN where there is none.

    Parameters
    ----------
    u, v, w : ndarray, shape (n,)
        In the sonic's axes. [m s-1]

    References
    ----------
    Nakai et al. (2006), eqs 3-6 and appendix A, doi:10.1016/j.agrformet.2006.01.005
    """
    for i in range(u.size):
        speed = np.hypot(u[i], v[i])
        if not speed > 0.0:
            if speed == 0.0 and w[i] != 0.0:
                w[i] /= angle_response(90.0 if w[i] > 0 else -90.0, 180.0)[0]
            continue
        if np.isnan(w[i]):
            continue
        direction = 180.0 - np.degrees(np.arctan2(v[i], u[i]))
        angle = np.degrees(np.arctan2(w[i], speed))
        converged = False
        for _ in range(MAX_ITERATIONS):  # Steffensen's method
            sine, cosine = angle_response(angle, direction)
            first = np.degrees(np.arctan(w[i] / speed * cosine / sine))
            sine, cosine = angle_response(first, direction)
            second = np.degrees(np.arctan(w[i] / speed * cosine / sine))
            bend = second - 2.0 * first + angle
            if abs(second - first) < ANGLE_TOLERANCE:
                angle, converged = second, True
                break
            angle = second if bend == 0.0 else angle - (first - angle) ** 2 / bend
        if converged:
            sine, cosine = angle_response(angle, direction)
            u[i] /= cosine
            v[i] /= cosine
            w[i] /= sine
        else:
            u[i] = v[i] = w[i] = np.nan
