"""Flag values outside their plausible limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import UnknownVariable
from core.records import FloatArray
from core.variables import convert, variable
from qc.codes import GOOD, MISSING, SUSPECT, UNKNOWN


def flag_limits(values: FloatArray, variables: Sequence[str], units: Sequence[str]) -> NDArray[np.int16]:
    """Flag every value against the plausible limits of its variable.

    Parameters
    ----------
    values : ndarray, shape (times, channels)
        Readings in the sender's units; NaN is missing.
    variables, units : sequence of str, length channels
        What each channel measures and its declared unit.

    Returns
    -------
    ndarray, shape (times, channels), int16
        1 good, 2 not judged, for its variable or unit is not known (any more: a station file was accepted with it), 3
        outside the limits of ``core.variables``, 9 missing.
    """
    flags = np.full(values.shape, GOOD, dtype=np.int16)
    for i, (name, unit) in enumerate(zip(variables, units, strict=True)):
        try:
            low, high = _limits(name, unit)
        except (UnknownVariable, ValueError):
            flags[:, i] = UNKNOWN
            continue
        flags[(values[:, i] < low) | (values[:, i] > high), i] = SUSPECT
    flags[~np.isfinite(values)] = MISSING
    return flags


def _limits(name: str, unit: str) -> tuple[float, float]:
    """Bring a variable's limits into a declared unit."""
    facts = variable(name)
    return convert(facts.low, name, facts.unit, unit), convert(facts.high, name, facts.unit, unit)
