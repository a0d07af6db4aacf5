"""Model cospectra: how the exchange of a well-behaved surface layer is spread over frequencies.

Only shapes matter, for a correction is a ratio of integrals.
"""

from __future__ import annotations

import numpy as np

from core.records import FloatArray


def momentum_cospectrum(n: FloatArray, stability: float) -> FloatArray:
    """Return the shape of the cospectrum of the two winds.

    Parameters
    ----------
    n : ndarray, shape (n,)
        Frequency f (z - d)/U. [1]
    stability : float
        (z - d)/L; neutral air, and air of which it is not known (NaN), counts as unstable. [1]

    Returns
    -------
    ndarray, shape (n,)
        Density per frequency, not multiplied by it; not normalised.

    References
    ----------
    Moncrieff et al. (1997), doi:10.1016/S0022-1694(96)03194-0; after Kaimal et al. (1972)
    """
    if stability > 0:
        return _stable(n, 0.124 * (1.0 + 7.9 * stability) ** 0.75)
    low, high = 20.78 / (1.0 + 31.0 * n) ** 1.575, 12.66 / (1.0 + 9.6 * n) ** 2.4
    return np.where(n < 0.24, low, high)


def scalar_cospectrum(n: FloatArray, stability: float) -> FloatArray:
    """Return the shape of the cospectrum of vertical wind and temperature or a gas; as ``momentum_cospectrum``."""
    if stability > 0:
        return _stable(n, 0.284 * (1.0 + 6.4 * stability) ** 0.75)
    low, high = 12.92 / (1.0 + 26.7 * n) ** 1.375, 4.378 / (1.0 + 3.8 * n) ** 2.4
    return np.where(n < 0.54, low, high)


def _stable(n: FloatArray, a: float) -> FloatArray:
    shape: FloatArray = 1.0 / (a + 2.34 * a**-1.1 * n**2.1)
    return shape
