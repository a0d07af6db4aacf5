"""Uncertainty of half-hours and of their sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from fluxcalc.kernels.uncertainty import spread_of_like_fluxes, spread_of_like_records

IntArray = NDArray[np.int64]

LIKE_DAYS, LEAST_LIKE = 7, 6
"""Half-width of the window of like conditions, and how many records it must have."""
LIKE_FLUX_DAYS, LIKE_FLUX_SHARE, LIKE_FLUX_FLOOR = 14, 0.2, 2.0
"""Half-width of the window of like fluxes, and what is alike. [d], [1], [umol m-2 s-1]"""
NEIGHBOUR_RECORDS = {"intended": (-2, 2), "oneflux": (-1, 3)}
"""Records about the same time of day: an hour to either side, and what that program takes."""
LIKE_CONDITIONS, LIKE_FLUXES, NO_SPREAD = 1, 2, 0


@dataclass(frozen=True, slots=True)
class RandomUncertainty:
    """Random uncertainty of half-hours.

    Attributes
    ----------
    sd : ndarray, shape (n,), float64
        One standard deviation; NaN where there is none. [as the flux]
    method, count : ndarray of int, shape (n,)
        1 spread under like conditions, 2 median of such spreads of like fluxes, 0 none; from how many records.
    """

    sd: FloatArray
    method: IntArray
    count: IntArray


def random_uncertainty(
    measured: FloatArray,
    filled: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    deficit: FloatArray,
    *,
    neighbours: str = "intended",
    per_day: int = 48,
    alike: float = LIKE_FLUX_FLOOR,
) -> RandomUncertainty:
    """Estimate the random uncertainty of every half-hour.

    A measured record's is the standard deviation of what was measured within a week at the same time of day under like
    conditions, itself included; another one's, and a filled one's, the median of these within two weeks over
    records with about the same flux.

    Parameters
    ----------
    measured, filled : ndarray, shape (n,), float64
        Fluxes without and with gaps filled; NaN is missing. [any]
    radiation, temperature, deficit : ndarray, shape (n,), float64
        Measured drivers. [W m-2], [deg C], [hPa]
    neighbours : str
        ``intended`` takes an hour to either side, ``oneflux`` half an hour before to one and a half after, as that
        program does.
    per_day : int
        Records a day.
    alike : float
        Fluxes that differ by less are alike, however small they are: 2 umol m-2 s-1 of CO2, 10 W m-2. [as the flux]

    References
    ----------
    Hollinger & Richardson (2005), doi:10.1093/treephys/25.7.873; Pastorello et al. (2020),
    doi:10.1038/s41597-020-0534-3
    """
    half_hours = per_day / 48
    first, last = (round(offset * half_hours) for offset in NEIGHBOUR_RECORDS[neighbours])
    sd, count = spread_of_like_records(
        measured, radiation, temperature, deficit, LIKE_DAYS, first, last, LEAST_LIKE, per_day
    )
    # the program's window of two weeks ends a record early
    reach = LIKE_FLUX_DAYS * per_day
    median, others = spread_of_like_fluxes(filled, sd, LIKE_FLUX_SHARE, alike, reach, reach - 1)
    method = np.where(count > 0, LIKE_CONDITIONS, np.where(others > 0, LIKE_FLUXES, NO_SPREAD))
    return RandomUncertainty(np.where(count > 0, sd, median), method, count + others)


def sum_uncertainty(sd: FloatArray, residuals: FloatArray | None = None) -> tuple[float, float]:
    """Return the standard deviation of a sum, and the number of independent records in it.

    Parameters
    ----------
    sd : ndarray, shape (n,), float64
        Of each record; NaN counts as none.
    residuals : ndarray, shape (n,), float64, optional
        Measured minus looked-up values in the order of time, NaN where there is none: their autocorrelation says how
        many records are worth one. Without them records are independent.

    Returns
    -------
    sd : float
        Of the sum of all records.
    effective : float
        n / (1 + 2 sum (1 - k/n) rho_k) over the lags before the autocorrelation first is negative; at most n.

    References
    ----------
    Zieba & Ramza (2011), doi:10.2478/v10178-011-0052-x: effective number of observations
    """
    some = sd[np.isfinite(sd)]
    n = some.size
    if n == 0:
        return np.nan, 0.0
    effective = float(n)
    if residuals is not None:
        rho = autocorrelation(residuals)
        lags = np.arange(1, rho.size + 1)
        effective = n / (1 + 2 * float(((1 - lags / max(n, rho.size + 1)) * rho).sum()))
    return float(np.sqrt((some**2).sum() * n / effective)), effective


def autocorrelation(x: FloatArray) -> FloatArray:
    """Return the autocorrelation at lags 1, 2, ... up to the last before it first is negative; pairs without gaps."""
    deviation = x - np.nanmean(x) if np.isfinite(x).any() else x
    variance = float(np.nanmean(deviation**2)) if np.isfinite(x).any() else 0.0
    found: list[float] = []
    while variance > 0 and len(found) < x.size // 4:
        lag = len(found) + 1
        products = deviation[:-lag] * deviation[lag:]
        present = np.isfinite(products)
        rho = float(products[present].mean()) / variance if present.any() else -1.0
        if rho < 0:
            break
        found.append(rho)
    return np.array(found)


def joint_uncertainty(*parts: FloatArray) -> FloatArray:
    """Return the standard deviation of independent parts together: random, of u*, of gap filling.

    Parameters
    ----------
    *parts : ndarray of one shape, float64
        One standard deviation each; NaN in one is NaN in all. [any]

    References
    ----------
    Pastorello et al. (2020), doi:10.1038/s41597-020-0534-3
    """
    total: FloatArray = np.sqrt(np.sum(np.square(parts), axis=0))
    return total


PAIR_RADIATION, PAIR_TEMPERATURE, PAIR_WIND = 35.0, 3.0, 1.0
"""What differs by less on two days is alike (75 umol m-2 s-1 of light are about 35 W m-2). [W m-2], [K], [m s-1]"""
PAIRS_A_BIN = 50


@dataclass(frozen=True, slots=True)
class PairedDays:
    """Random uncertainty by differences between two days.

    Attributes
    ----------
    sd : ndarray, shape (n,), float64
        One standard deviation of each record; NaN where the flux is missing, or all with too few pairs. [as the flux]
    offset, uptake, release : float
        ``sd = offset + uptake * |flux|`` where the flux is negative, with ``release`` where it is not.
    pairs : int
    """

    sd: FloatArray
    offset: float
    uptake: float
    release: float
    pairs: int


def paired_day_uncertainty(
    measured: FloatArray,
    filled: FloatArray,
    radiation: FloatArray,
    temperature: FloatArray,
    wind: FloatArray | None = None,
    *,
    per_day: int = 48,
) -> PairedDays:
    """Estimate random uncertainty from pairs of records a day apart under like conditions.

    The difference of a pair is noise of both. Pairs are sorted by their mean flux, uptake and release apart; the
    spread in bins of fifty pairs grows with the flux along a line. As the flux that sorts a pair is noisy itself, the
    line is too flat where noise is as large as the flux.

    Parameters
    ----------
    measured, filled : ndarray, shape (n,), float64
        Fluxes without and with gaps filled; NaN is missing. [any]
    radiation, temperature, wind : ndarray, shape (n,), float64
        Measured; ``wind`` is not compared without one. [W m-2], [deg C], [m s-1]
    per_day : int
        Records a day.

    References
    ----------
    Hollinger & Richardson (2005), doi:10.1093/treephys/25.7.873
    """
    conditions = [(radiation, PAIR_RADIATION), (temperature, PAIR_TEMPERATURE)]
    if wind is not None:
        conditions.append((wind, PAIR_WIND))
    first, second = measured[:-per_day], measured[per_day:]
    alike = np.isfinite(first) & np.isfinite(second)
    for values, limit in conditions:
        alike &= np.abs(values[per_day:] - values[:-per_day]) < limit
    size, difference = (first[alike] + second[alike]) / 2, (second - first)[alike]
    rows: list[tuple[float, float, float, float]] = []
    for below in (True, False):
        side = np.flatnonzero((size < 0) == below)
        side = side[np.argsort(np.abs(size[side]), kind="stable")]
        for some in np.array_split(side, max(side.size // PAIRS_A_BIN, 1)):
            if some.size >= PAIRS_A_BIN:
                flux, own = float(np.abs(size[some]).mean()), difference[some]
                spread = float(own.std(ddof=1)) / np.sqrt(2)  # a difference has the noise of two
                rows.append((1.0, flux * below, flux * (not below), spread))
    if not rows:
        nan = float("nan")
        return PairedDays(np.full(measured.size, nan), nan, nan, nan, int(alike.sum()))
    table = np.array(rows)
    # the least-squares solution of smallest norm: a side without pairs does not grow
    offset, uptake, release = (float(value) for value in np.linalg.lstsq(table[:, :3], table[:, 3])[0])
    smallest = float(table[:, 3].min())  # a line must not go below what was seen
    sd = np.maximum(offset + np.where(filled < 0, uptake, release) * np.abs(filled), smallest)
    return PairedDays(np.where(np.isfinite(filled), sd, np.nan), offset, uptake, release, int(alike.sum()))
