"""What day-time partitioning is asked for, and what it finds: rules, windows, and the two fluxes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray

BRIGHT = 2000.0
"""Radiation at which windows are compared by their uptake. [W m-2]"""
FITTED, PARTLY_FITTED, FAR, NO_WINDOW = 0, 1, 2, -1
"""What a record's parameters are worth."""


@dataclass(frozen=True, slots=True)
class DayRules:
    """How windows are fitted.

    Attributes
    ----------
    samples : int
        From how many samples of a window's records uncertainty comes; 0 takes the curvature at the optimum.
    smoothed : bool
        Whether sensitivities are widened to more days where they cannot be told, and smoothed over the year; else a
        window takes the one before.
    bounded : bool
        Whether no record counts as surer than the 30 % quantile of its window.
    placed_by_mean : bool
        Whether parameters hold at the mean time of their records; else in the middle of the window.
    """

    samples: int = 30
    smoothed: bool = True
    bounded: bool = True
    placed_by_mean: bool = True


REDDYPROC = DayRules()
"""Wutzler et al. (2018), doi:10.5194/bg-15-5015-2018, and its program's defaults."""
LASSLOP = DayRules(samples=0, smoothed=False, bounded=False, placed_by_mean=False)
"""As Lasslop et al. (2010) did it, in that program's words."""


@dataclass(frozen=True, slots=True)
class DayWindow:
    """The fit of one window.

    Attributes
    ----------
    centre : int
        Record in its middle.
    place : float
        Record where its parameters hold; NaN without a fit.
    e0, e0_sd : float
        Sensitivity of respiration. [K]
    r_night : float
        The night's respiration at 15 degC. [umol m-2 s-1]
    theta : ndarray, shape (4,)
        k [hPa-1], beta [umol m-2 s-1], alpha [umol J-1], Rref [umol m-2 s-1]; NaN without a fit.
    sd : ndarray, shape (4,)
        Their uncertainty; NaN where one was not fitted.
    covariance : ndarray, shape (5, 5)
        Of theta and E0; 0 where one was not fitted.
    reason : str
        Why there is no fit; empty if there is.
    """

    centre: int
    place: float
    e0: float
    e0_sd: float
    r_night: float
    theta: FloatArray
    sd: FloatArray
    covariance: FloatArray = field(repr=False)
    reason: str = ""

    @property
    def gpp_2000(self) -> float:
        """Uptake at 2000 W m-2 with open stomata; NaN without a fit. [umol m-2 s-1]"""
        _, beta, alpha, _ = self.theta
        light = alpha * BRIGHT
        return float(light * beta / (light + beta)) if light + beta != 0 else 0.0

    @property
    def gpp_2000_sd(self) -> float:
        """Uncertainty that those of beta and alpha give it; NaN without a fit. [umol m-2 s-1]"""
        _, beta, alpha, _ = self.theta
        both = alpha * BRIGHT + beta
        if both == 0:
            return 0.0
        slopes = np.array([(alpha * BRIGHT / both) ** 2, (beta / both) ** 2 * BRIGHT])
        return float(np.sqrt(max(slopes @ self.covariance[1:3, 1:3] @ slopes, 0.0))) if np.isfinite(both) else np.nan


@dataclass(frozen=True, slots=True)
class DayPartition:
    """Respiration and uptake.

    Attributes
    ----------
    reco, gpp : ndarray, shape (n,), float64
        Respiration, positive upward, and uptake, positive downward and never negative; NaN without their drivers.
        [umol m-2 s-1]
    reco_sd, gpp_sd : ndarray, shape (n,), float64
        Standard deviation that the parameters' uncertainty gives them. [umol m-2 s-1]
    quality : ndarray of int, shape (n,)
        What the window next to a record is worth: 0 all of its parameters were fitted; 1 not all (k where the air was
        never dry, or what came out of bounds); 2 it is more than two weeks away; -1 there is none.
    windows : tuple of DayWindow
        In the order of time.
    reason : str
        Why there is no result; empty if there is.
    """

    reco: FloatArray
    gpp: FloatArray
    reco_sd: FloatArray
    gpp_sd: FloatArray
    quality: NDArray[np.int64] = field(repr=False)
    windows: tuple[DayWindow, ...] = field(repr=False, default=())
    reason: str = ""
