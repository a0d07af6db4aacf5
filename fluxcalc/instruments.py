"""How fast and how large the sensors are, by model; a model is known by how its name begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Sensor(NamedTuple):
    """Size and speed of a sensor.

    Attributes
    ----------
    path : float
        Length over which it averages. [m]
    tau : float
        Time constant of its first-order response. [s]
    """

    path: float
    tau: float


SONICS: Mapping[str, Sensor] = {
    "csat3": Sensor(0.115, 1 / 60),
    "hs-": Sensor(0.125, 1 / 50),
    "r3": Sensor(0.125, 1 / 50),
}
ANALYZERS: Mapping[str, Sensor] = {
    "li-7200": Sensor(0.127, 0.1),
    "li-7500": Sensor(0.127, 0.1),
}
DEFAULT_SONIC = Sensor(0.125, 1 / 50)
DEFAULT_ANALYZER = Sensor(0.127, 0.1)


def find_sensor(model: str, table: Mapping[str, Sensor]) -> Sensor | None:
    """Return the sensor whose name the model begins with, whatever its case; None if there is none."""
    return next((sensor for name, sensor in table.items() if model.lower().startswith(name)), None)
