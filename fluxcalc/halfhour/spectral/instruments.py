"""How fast and how large the sensors are, by model; a model is known by how its name begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from core.station import Analyzer


class Sensor(NamedTuple):
    """Size and speed of a sensor.

    Attributes
    ----------
    path : float
        Length over which it averages. [m]
    tau : float
        Time constant of its first-order response, with an allowance for what makes a station slower. [s]
    width : float
        The horizontal part of a sonic's path, or the diameter of an analyser's beam or cell. [m]
    signal_tau : float or None
        Time constant of the signal alone; None where it is not known apart from ``tau``. [s]
    """

    path: float
    tau: float
    width: float = 0.0
    signal_tau: float | None = None


SONICS: Mapping[str, Sensor] = {
    "csat3": Sensor(0.115, 1 / 60, 0.058),
    "hs-": Sensor(0.125, 1 / 50, 0.0625),
    "r3": Sensor(0.125, 1 / 50, 0.0625),
}
ANALYZERS: Mapping[str, Sensor] = {
    "li-7200": Sensor(0.127, 0.1, 0.0127, 0.005),
    "li-7500": Sensor(0.127, 0.1, 0.0095, 0.016),
    "li-7700": Sensor(0.47, 0.1),
}
DEFAULT_SONIC = Sensor(0.125, 1 / 50, 0.0625)
DEFAULT_ANALYZER = Sensor(0.127, 0.1, 0.0095, 0.016)


def find_sensor(model: str, table: Mapping[str, Sensor]) -> Sensor | None:
    """Return the sensor whose name the model begins with, whatever its case; None if there is none."""
    return next((sensor for name, sensor in table.items() if model.lower().startswith(name)), None)


def analyzer_sensor(analyzer: Analyzer | None) -> tuple[Sensor, bool]:
    """Return size and speed of an analyser, and whether they are those of an ordinary one for want of better.

    What the station says of its path and time constant goes before what is known of the model.
    """
    known = find_sensor(analyzer.model, ANALYZERS) if analyzer else None
    sensor = known or DEFAULT_ANALYZER
    if analyzer is None:
        return sensor, True
    if analyzer.path_length is not None:
        sensor = sensor._replace(path=analyzer.path_length)
    if analyzer.time_constant is not None:
        sensor = sensor._replace(tau=analyzer.time_constant, signal_tau=analyzer.time_constant)
    return sensor, known is None and (analyzer.path_length is None or analyzer.time_constant is None)
