"""Time lag between the wind and a gas: separation of the sensors, or travel through a tube."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.station import Analyzer, Station
from fluxcalc.interval import GASES, HalfHour, Step, flux_of
from fluxcalc.kernels.lag import lagged_covariances, shift

CELL_VOLUME = 16.0e-6  # sampling cell of a closed-path analyser [m3]


def align_gases(half: HalfHour, station: Station) -> HalfHour:
    """Shift each gas to the wind by the station's method and note ``lag_<gas>_s``; positive: the gas came later."""
    return LAGS[flux_of(station).methods.lag](half, station)


def keep_lags(half: HalfHour, _: Station) -> HalfHour:
    """Leave the gases where they are."""
    return half.noting(**{f"lag_{gas}_s": 0.0 for gas in GASES if half.has(gas)})


def maximise_covariance(half: HalfHour, station: Station) -> HalfHour:
    """Shift each gas by the lag at which it covaries most with vertical wind.

    A maximum at either end of the window is no maximum: the nominal lag is taken, and ``lag_<gas>_nominal`` is 1.
    """
    for gas in GASES:
        analyzer = station.analyzer_of(gas.upper())
        if not half.has("w", gas):
            continue
        nominal, earliest, latest = (round(lag / half.dt) for lag in lag_window(gas, analyzer))
        limit = half.n - 1
        first, last = max(earliest, -limit), min(latest, limit)
        strength = np.abs(lagged_covariances(half.series["w"], half.series[gas], first, last))
        best = nominal if np.isnan(strength).all() else first + int(np.nanargmax(strength))
        at_edge = best in (first, last)
        lag = nominal if at_edge else best
        half = replace(half, series={**half.series, gas: shift(half.series[gas], lag)})
        half = half.noting(**{f"lag_{gas}_s": lag * half.dt, f"lag_{gas}_nominal": float(at_edge)})
    return half


def lag_window(gas: str, analyzer: Analyzer | None) -> tuple[float, float, float]:
    """Return the nominal, earliest and latest lag of a gas.

    Parameters
    ----------
    gas : str
        ``co2`` or ``h2o``: water sticks to tube walls, so its window is longer.
    analyzer : Analyzer or None
        Gives separation (open path) or tube and flow (closed path); none is an open path in the sonic's centre.

    Returns
    -------
    nominal, earliest, latest : float
        [s]
    """
    if analyzer is None or analyzer.path == "open":
        separation = (
            0.0
            if analyzer is None
            else math.hypot(analyzer.northward_separation, analyzer.eastward_separation, analyzer.vertical_separation)
        )
        reach = 2.0 * separation + 0.3
        return 0.0, -reach, reach
    if analyzer.tube_length is None or analyzer.tube_diameter is None or analyzer.flow_rate is None:
        raise ValueError(f"analyser {analyzer.model}: closed path without tube_length, tube_diameter and flow_rate")
    tube = math.pi * (analyzer.tube_diameter / 2) ** 2 * analyzer.tube_length
    nominal = (tube + CELL_VOLUME) / (analyzer.flow_rate * 1e-3 / 60)
    return nominal, max(0.0, nominal - 2.0), (11.0 if gas == "h2o" else 3.0) * nominal + 0.3


LAGS: Mapping[str, Step] = {"none": keep_lags, "covariance_maximum": maximise_covariance}
