"""Scales of quality flags of fluxes, and how they come to 0 good, 1 usable, 2 bad."""

from __future__ import annotations

import numpy as np

from core.records import FloatArray

BAD_FLAG = 2.0
"""Largest flag of Mauder & Foken."""
FLAG_SCALES = {"ssitc": (), "foken": (3.0, 6.0), "goeckede": (2.0, 4.0)}
"""Scale -> last class that is good, and last that is usable: 1 to 9 (Foken), 1 to 5 (Goeckede)."""


def map_flags(flags: FloatArray, scale: str) -> FloatArray:
    """Bring flags to 0 good, 1 usable, 2 bad; NaN is missing and stays so, ``ssitc`` stays as it is.

    References
    ----------
    Foken et al. (2004), Handbook of Micrometeorology, ch. 9; Goeckede et al. (2006), doi:10.1007/s10546-005-6435-3
    """
    if scale not in FLAG_SCALES:
        raise ValueError(f"flags: expected one of {', '.join(FLAG_SCALES)}, got {scale!r}")
    if not FLAG_SCALES[scale]:
        return flags
    mapped: FloatArray = np.where(np.isnan(flags), np.nan, np.searchsorted(FLAG_SCALES[scale], flags).astype(float))
    return mapped
