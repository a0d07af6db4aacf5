"""By how much a site is above the background: at equal times, afternoons apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray
from qc.codes import GOOD
from qc.mole_fraction.series import Means, Times

HOUR_NS = 3600 * NS
AFTERNOON = (12.0, 16.0)
"""Hours of local standard time when the air is mixed best."""


@dataclass(frozen=True)
class Enhancement:
    """Site minus background at the hours that both have; ``afternoon`` marks those between 12 and 16 h local time."""

    time_ns: Times
    difference: FloatArray
    u: FloatArray
    afternoon: NDArray[np.bool_]


def enhancement(
    site: Means, background: Means, utc_offset: float, *, intake: str, background_intake: str
) -> Enhancement:
    """Subtract the background's hours from the site's, hour by hour; only good ones.

    Parameters
    ----------
    site, background : Means
        Hours of one gas, on one scale.
    utc_offset : float
        Local standard time of the site minus UTC. [h]
    intake, background_intake : str
        Which intake of each.

    Returns
    -------
    Enhancement
        Its u is sqrt(u_site2 + u_background2): what both have in common, as tanks of one laboratory, is not taken off.

    Raises
    ------
    ValueError
        The two are not of one gas, step and scale.
    """
    for name in ("gas", "scale", "step_s"):
        if getattr(site, name) != getattr(background, name):
            raise ValueError(
                f"{name}: {getattr(site, name)} of the site, {getattr(background, name)} of the background"
            )
    one, other = _of_intake(site, intake), _of_intake(background, background_intake)
    time, i, j = np.intersect1d(one.time_ns, other.time_ns, assume_unique=True, return_indices=True)
    local = (time / HOUR_NS + utc_offset) % 24
    afternoon = (local >= AFTERNOON[0]) & (local < AFTERNOON[1])
    return Enhancement(time, one.value[i] - other.value[j], np.hypot(one.u[i], other.u[j]), afternoon)


def _of_intake(means: Means, intake: str) -> Means:
    return means.chosen((means.intake == means.intakes.index(intake)) & (means.flag == GOOD))
