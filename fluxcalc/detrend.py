"""What is taken for the mean state, so that the rest is turbulence."""

from __future__ import annotations

from collections.abc import Mapping

from core.station import Station
from fluxcalc.interval import HalfHour, Step, flux_of


def detrend(half: HalfHour, station: Station) -> HalfHour:
    """Remove the slow part of each series by the station's method."""
    return DETRENDING[flux_of(station).methods.detrend](half, station)


def block_average(half: HalfHour, _: Station) -> HalfHour:
    """Leave the series as they are: covariances take the mean of the whole interval away."""
    return half


DETRENDING: Mapping[str, Step] = {"block": block_average}
