"""Which hours are those of background air: NOAA's selection, wind and time of day, REBS, or a regional rule."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.extensions import Choices, Unfit
from core.records import FloatArray
from core.station import Station
from core.station.mole_fraction import BackgroundSelection
from qc.mole_fraction.series import Times
from qc.mole_fraction.spikes import asymmetric_regression

HOUR_NS = 3600 * NS
GROUP = "fluxtower.background"
"""Entry points of other packages: regional rules."""
KEPT, EXCLUDED, VARIABLE, STEP, ALONE = range(5)
"""What becomes of an hour: kept; wind, time of day or no value; too variable; a step beside it; no neighbour kept."""
MIN_CLEAN = 3
"""So many clean hours on one side show that a step was the other hour's."""
REBS_DELTA_H = 24.0
"""Local regressions are made this far apart: an hourly year takes 0.02 s in place of 37 s. [h]"""


@dataclass(frozen=True)
class HourlyAir:
    """Hours of one intake, oldest first, with the weather there.

    Attributes
    ----------
    time_ns : ndarray, shape (n,), int64
        Starts, strictly ascending. [ns since 1970 UTC]
    value, sd : ndarray, shape (n,)
        Good hours of the gas; NaN is missing.
    wind, direction : ndarray, shape (n,)
        Wind speed [m s-1] and where it comes from [deg]; NaN is not known and is not excluded.
    utc_offset : float
        Local standard time minus UTC. [h]
    """

    time_ns: Times
    value: FloatArray
    sd: FloatArray
    wind: FloatArray
    direction: FloatArray
    utc_offset: float = 0.0


@dataclass(frozen=True)
class Background:
    """What was selected: the ``state`` of each hour, of which ``KEPT`` is background; a baseline if there is one."""

    state: NDArray[np.int8]
    baseline: FloatArray = field(default_factory=lambda: np.empty(0))

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether each hour is background."""
        kept: NDArray[np.bool_] = self.state == KEPT
        return kept


Rule = Callable[[HourlyAir, BackgroundSelection], Background]


def by_conditions(air: HourlyAir, how: BackgroundSelection) -> Background:
    """Keep hours with wind from the clean sector, strong enough, at the hours of the day that are wanted."""
    local = (air.time_ns / HOUR_NS + air.utc_offset) % 24
    wanted = _in_circle(local, how.local_from, how.local_to, 24.0)
    fitting = wanted & ~(air.wind < how.min_wind)
    if how.wind_from is not None and how.wind_to is not None:
        fitting &= _in_circle(air.direction, how.wind_from, how.wind_to, 360.0) | ~np.isfinite(air.direction)
    state = np.where(fitting & np.isfinite(air.value), KEPT, EXCLUDED).astype(np.int8)
    return Background(state)


def by_noaa(air: HourlyAir, how: BackgroundSelection) -> Background:
    """Select as NOAA does at its observatories, after wind and time of day.

    1. An hour with a standard deviation of ``max_sd`` or more is rejected.
    2. Of two hours that follow each other, k hours apart, both are flagged if they differ by over k ``max_step``.
    3. An hour without a kept one within ``alone`` hours is rejected.
    4. A flagged hour is restored where three clean hours lie next to it on one side: the step is another's.

    References
    ----------
    Thoning et al. (1989), doi:10.1029/JD094iD06p08549; NOAA GML's CO2 selection
    """
    state = by_conditions(air, how).state
    state[(state == KEPT) & ~(air.sd < how.max_sd)] = VARIABLE
    hour = air.time_ns // HOUR_NS
    steady = np.flatnonzero(state == KEPT)
    apart = np.diff(hour[steady])
    stepped = np.abs(np.diff(air.value[steady])) > how.max_step * apart
    state[steady[:-1][stepped]] = STEP
    state[steady[1:][stepped]] = STEP
    flagged = np.flatnonzero(state == STEP)
    kept = np.flatnonzero(state == KEPT)
    if len(kept):
        distance = np.diff(hour[kept])
        nearest = np.minimum(np.append(distance, 1 << 40), np.insert(distance, 0, 1 << 40))
        state[kept[nearest > how.alone]] = ALONE
    clean = set(hour[state == KEPT].tolist())
    for i in flagged:
        sides = ([int(hour[i]) + sign * k for k in range(1, MIN_CLEAN + 1)] for sign in (-1, 1))
        if any(clean.issuperset(side) for side in sides):
            state[i] = KEPT
    return Background(state)


def by_rebs(air: HourlyAir, how: BackgroundSelection) -> Background:
    """Keep hours that are not above a robust baseline by more than ``rebs_b`` times the scatter below it.

    A comparison, never the only selection where plants grow: at Longfengshan it kept 58.9 % of the hours against
    30.7 %, and differed by 4.2 ppm in summer.

    References
    ----------
    Ruckstuhl et al. (2012), doi:10.5194/amt-5-2613-2012
    """
    state = by_conditions(air, how).state
    use = np.flatnonzero(state == KEPT)
    baseline = np.full(len(air.value), np.nan)
    if len(use) > 2:
        x = (air.time_ns[use] - air.time_ns[use[0]]) / HOUR_NS
        points = max(3, round(how.rebs_days * 24 * len(use) / max(float(x[-1]) + 1, 1.0)))
        baseline[use] = asymmetric_regression(x, air.value[use], points, delta=REBS_DELTA_H, scale=how.rebs_b)
        excess = air.value[use] - baseline[use]
        below = excess[excess < 0]
        scatter = float(np.sqrt(np.mean(below**2))) if below.size else 0.0
        state[use[excess > how.rebs_b * scatter]] = VARIABLE
    return Background(state, baseline)


def _accept(found: object, package: str) -> Rule:
    """Return another package's rule.

    Raises
    ------
    Unfit
        It is no function of hours and a selection.
    """
    if not callable(found):
        raise Unfit("a function (HourlyAir, BackgroundSelection) -> Background", found)
    try:
        inspect.signature(found).bind(None, None)
    except TypeError:
        raise Unfit("a function (HourlyAir, BackgroundSelection) -> Background", found) from None
    rule: Rule = found
    return rule


BACKGROUND: Choices[Rule] = Choices({"noaa": by_noaa, "conditions": by_conditions, "rebs": by_rebs}, GROUP, _accept)
"""What ``[mole_fraction.background] method`` may be."""


def check_background(station: Station, file: str) -> None:
    """Check that the rule which a station file names is there.

    Raises
    ------
    ConfigError
        It is unknown, or its package is broken.
    """
    if station.mole_fraction is not None:
        BACKGROUND.check(station.mole_fraction.background.method, file, "mole_fraction.background.method")


def select_background(air: HourlyAir, how: BackgroundSelection) -> Background:
    """Select the hours of background air by the method that the station file names."""
    return BACKGROUND[how.method](air, how)


def _in_circle(values: FloatArray, start: float, end: float, whole: float) -> NDArray[np.bool_]:
    """Tell which values lie between two points of a circle; all do if these are a whole turn apart."""
    if end - start >= whole:
        return np.ones(len(values), bool)
    inside: NDArray[np.bool_] = (
        (values >= start) & (values < end) if start <= end else (values >= start) | (values < end)
    )
    return inside
