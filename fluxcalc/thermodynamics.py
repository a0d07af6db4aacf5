"""What holds of moist air whoever asks: half-hours, seasons."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from core.records import FloatArray

T = TypeVar("T", float, FloatArray)


def saturation_pressure(temperature: T) -> T:
    """Return the saturation vapour pressure over water [Pa] at a temperature, or at an ndarray of them [K]."""
    pressure: T = np.exp(77.345 + 0.0057 * temperature - 7235.0 / temperature) / temperature**8.2
    return pressure
