"""Time lag between the wind and a gas: separation of the sensors, or travel through a tube."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from core.records import FloatArray
from core.station import Analyzer, LagLimits, Station
from fluxcalc.halfhour.air import choose_sensors, describe_air
from fluxcalc.halfhour.choices import choices
from fluxcalc.halfhour.fits import LagWindow
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.lag.gas_lag import GasLag, LagSearch
from fluxcalc.kernels.lag import lagged_covariances, shift


def align_gases(half: HalfHour, station: Station) -> HalfHour:
    """Shift each gas to the wind by the station's method and publish ``lag_<gas>_s``; positive: the gas came later."""
    return LAGS[flux_of(station).methods.lag](half, station)


def keep_lags(half: HalfHour, _: Station) -> HalfHour:
    """Leave the gases where they are."""
    for gas in half.gases:
        if half.has(gas):
            half = _with_lag(half, gas, half.series[gas], GasLag(0.0))
    return half


def shift_by_nominal(half: HalfHour, station: Station) -> HalfHour:
    """Shift each gas by its nominal lag: the station's, else the one that geometry gives."""
    for gas in half.gases:
        if half.has(gas):
            half = _shifted(half, gas, round(lag_window(gas, station).nominal / half.dt))
    return half


def maximise_covariance(half: HalfHour, station: Station, *, default: bool) -> HalfHour:
    """Shift each gas by the lag at which it covaries most with vertical wind, within its window.

    A maximum at either end of the window may be no maximum, which ``lag_<gas>_at_edge`` says. The lag of a true maximum
    is ``lag_<gas>_maximum_s``, else NaN.

    Parameters
    ----------
    half : HalfHour
        With rotated wind.
    station : Station
        Gives the windows.
    default : bool
        Whether the nominal lag is taken in place of a maximum at the window's end; ``lag_<gas>_nominal`` is then 1.
    """
    for gas in half.gases:
        if half.has("w", gas):
            window = lag_window(gas, station)
            found = _find(half, gas, window)
            lag, nominal = _choose(found, window, half.dt, default=default)
            search = LagSearch(found.at_edge, nominal, _true_maximum(found, half.dt))
            half = _shifted(half, gas, lag, search)
    return half


def maximise_in_fitted_window(half: HalfHour, station: Station) -> HalfHour:
    """Shift as ``maximise_covariance`` with the nominal lag as default, in windows fitted to the station's own lags.

    The window of a gas may depend on relative humidity. A gas without a fit has the window of its geometry.
    Publishes ``lag_<gas>_fitted``: whether there was a fit. ``lag_<gas>_maximum_s`` is still sought in the window of
    the geometry: a fit made of lags out of fitted windows would only ever narrow them.

    References
    ----------
    Fratini et al. (2012), doi:10.1016/j.agrformet.2012.03.010
    """
    air = describe_air(choose_sensors(half, station), station).air
    humidity = math.nan if air is None else air.relative_humidity
    for gas in half.gases:
        if not half.has("w", gas):
            continue
        free, fitted = lag_window(gas, station), fitted_window(half.fits.lags.get(gas, ()), humidity)
        maximum = _true_maximum(_find(half, gas, free), half.dt)
        window = fitted or free
        found = _find(half, gas, window)
        lag, nominal = _choose(found, window, half.dt, default=True)
        half = _shifted(half, gas, lag, LagSearch(found.at_edge, nominal, maximum, fitted is not None))
    return half


def fitted_window(windows: tuple[LagWindow, ...], humidity: float) -> LagWindow | None:
    """Return the window for a relative humidity [1] out of windows in rising order; None if none can be chosen.

    Air above the last class belongs to it. A single window serves even where humidity is not known.
    """
    if len(windows) == 1:
        return windows[0]
    if not windows or math.isnan(humidity):
        return None
    return next((window for window in windows if humidity < window.humidity[1]), windows[-1])


def lag_window(gas: str, station: Station) -> LagWindow:
    """Return the nominal, earliest and latest lag of a gas: the station's own words, the rest from geometry.

    Where the station names a nominal lag alone, the window moves with it; where it names a window alone, the nominal
    lag is the one in it that is nearest to the geometry's.
    """
    geometry = geometric_window(gas, station.analyzer_of(gas.upper()))
    said = flux_of(station).options.lag_windows
    mine = next((limits for name, limits in said.items() if name.lower() == gas), LagLimits())
    nominal = geometry.nominal if mine.nominal is None else mine.nominal
    if mine.earliest is None or mine.latest is None:
        moved = nominal - geometry.nominal
        return LagWindow(nominal, geometry.earliest + moved, geometry.latest + moved)
    return LagWindow(min(max(nominal, mine.earliest), mine.latest), mine.earliest, mine.latest)


def geometric_window(gas: str, analyzer: Analyzer | None) -> LagWindow:
    """Return the nominal, earliest and latest lag of a gas as geometry gives them.

    Parameters
    ----------
    gas : str
        Water (``h2o``) sticks to tube walls, so its window is longer.
    analyzer : Analyzer or None
        Gives separation (open path) or tube and flow (closed path); none is an open path in the sonic's centre.
    """
    if analyzer is None or analyzer.path == "open":
        separation = (
            0.0
            if analyzer is None
            else math.hypot(analyzer.northward_separation, analyzer.eastward_separation, analyzer.vertical_separation)
        )
        reach = 2.0 * separation + 0.3
        return LagWindow(0.0, -reach, reach)
    if analyzer.tube_length is None or analyzer.tube_diameter is None or analyzer.flow_rate is None:
        raise ValueError(f"analyser {analyzer.model}: closed path without tube_length, tube_diameter and flow_rate")
    tube = math.pi * (analyzer.tube_diameter / 2) ** 2 * analyzer.tube_length
    nominal = (tube + analyzer.cell_volume * 1e-3) / (analyzer.flow_rate * 1e-3 / 60)
    return LagWindow(nominal, max(0.0, nominal - 2.0), (11.0 if gas == "h2o" else 3.0) * nominal + 0.3)


class _Found(NamedTuple):
    """Lag of the largest |covariance| in a window, None if there is none; whether it lies at the window's end."""

    lag: int | None
    at_edge: bool


def _find(half: HalfHour, gas: str, window: LagWindow) -> _Found:
    limit = half.n - 1
    first, last = max(round(window.earliest / half.dt), -limit), min(round(window.latest / half.dt), limit)
    if first > last:
        return _Found(None, at_edge=False)
    strength = np.abs(lagged_covariances(half.series["w"], half.series[gas], first, last))
    if np.isnan(strength).all():
        return _Found(None, at_edge=False)
    best = first + int(np.nanargmax(strength))
    return _Found(best, at_edge=best in (first, last))


def _choose(found: _Found, window: LagWindow, dt: float, *, default: bool) -> tuple[int, bool]:
    """Return the lag to shift by [samples], and whether it is the nominal one for want of a maximum."""
    if found.lag is None or (default and found.at_edge):
        return round(window.nominal / dt), True
    return found.lag, False


def _true_maximum(found: _Found, dt: float) -> float:
    return math.nan if found.lag is None or found.at_edge else found.lag * dt


def _shifted(half: HalfHour, gas: str, lag: int, search: LagSearch | None = None) -> HalfHour:
    return _with_lag(half, gas, shift(half.series[gas], lag), GasLag(lag * half.dt, search))


def _with_lag(half: HalfHour, gas: str, series: FloatArray, lag: GasLag) -> HalfHour:
    return replace(
        half,
        series={**half.series, gas: series},
        lags={**half.lags, gas: lag},
        diagnostics=half.diagnostics_with(**lag.published(gas)),
    )


LAGS = choices(
    "lag",
    {
        "none": keep_lags,
        "constant": shift_by_nominal,
        "covariance_maximum": partial(maximise_covariance, default=True),
        "covariance_maximum_only": partial(maximise_covariance, default=False),
        "optimised": maximise_in_fitted_window,
    },
)
