"""The curve of Thoning: polynomial, harmonics, and what a filter lets through of the residuals; trend and growth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray

YEAR_D = 365.0
"""A year of the curve. [d]"""
YEAR_NS = 86_400 * NS * YEAR_D
SHORT_D, LONG_D = 80.0, 667.0
"""Cut-offs of the smooth curve and of the trend. [d]"""
POLYNOMIAL, HARMONICS = 3, 4
SHARPNESS = 6
MIN_POINTS = 24


@dataclass(frozen=True)
class ThoningCurve:
    """A series in parts, at the times of a regular grid.

    Attributes
    ----------
    time : ndarray, shape (g,)
        Days since the first value. [d]
    coefficients : ndarray, shape (3 + 8,)
        Of 1, t, t2 and sin, cos of each harmonic; t in years of 365 d since the first value.
    function, smooth, trend : ndarray, shape (g,)
        The fitted function; it with residuals that pass the short cut-off; its polynomial with what passes the long.
    residual_sd, smooth_sd : float
        Sd of the values about the function, and about the smooth curve.
    """

    time: FloatArray
    coefficients: FloatArray
    function: FloatArray
    smooth: FloatArray
    trend: FloatArray
    residual_sd: float
    smooth_sd: float

    def at(self, days: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return smooth curve and trend at days since the first value, interpolated."""
        return np.interp(days, self.time, self.smooth), np.interp(days, self.time, self.trend)

    @property
    def season(self) -> FloatArray:
        """Smooth curve minus trend, shape (g,)."""
        return self.smooth - self.trend

    def growth(self, start: float) -> float:
        """Return by how much the trend grows in the year that starts at a day; NaN if it is not covered."""
        if start < self.time[0] or start + YEAR_D > self.time[-1]:
            return float("nan")
        first, last = np.interp([start, start + YEAR_D], self.time, self.trend)
        return float(last - first)

    def amplitude(self, start: float) -> float:
        """Return peak to trough of the season in the year that starts at a day; NaN if it is not covered."""
        inside = (self.time >= start) & (self.time < start + YEAR_D)
        covered = start >= self.time[0] and start + YEAR_D <= self.time[-1]
        return float(np.ptp(self.season[inside])) if covered else float("nan")


def fit_thoning(days: FloatArray, values: FloatArray, *, step: float = 1.0) -> ThoningCurve:
    """Fit a function to a series and filter what is left of it.

    Three polynomial terms and four harmonics of a year by least squares. The residuals, interpolated to a grid, less a
    line fitted to what lies within a quarter of the long cut-off of both ends, are padded with zeros to a power of two;
    their spectrum is multiplied by 2^-((f/fc)^6), once with each cut-off. The trend is the polynomial and what the long
    cut-off lets through.

    Parameters
    ----------
    days : ndarray, shape (n,)
        Times, strictly ascending. [d]
    values : ndarray, shape (n,)
        NaN is missing and left out.
    step : float
        Of the grid. [d]

    Raises
    ------
    ValueError
        There are fewer than 24 values.

    References
    ----------
    Thoning et al. (1989), doi:10.1029/JD094iD06p08549; NOAA GML, ccgvu
    """
    present = np.isfinite(values)
    if present.sum() < MIN_POINTS:
        raise ValueError(f"a Thoning curve needs at least {MIN_POINTS} values, got {int(present.sum())}")
    own, series = days[present], values[present]
    start = own[0]
    own = own - start
    design = design_matrix(own)
    # a polynomial of years and harmonics of order one: well enough conditioned for decades
    coefficients = np.asarray(np.linalg.lstsq(design, series, rcond=None)[0], np.float64)
    residuals = series - design @ coefficients
    grid = np.arange(0.0, own[-1] + 0.5 * step, step)
    left = np.interp(grid, own, residuals)
    line = _end_line(grid, left, LONG_D / 4)
    short, long = (low_pass(left - line, step, cutoff) + line for cutoff in (SHORT_D, LONG_D))
    on_grid = design_matrix(grid)
    function = on_grid @ coefficients
    trend = on_grid[:, :POLYNOMIAL] @ coefficients[:POLYNOMIAL] + long
    smooth = function + short
    about_smooth = series - np.interp(own, grid, smooth)
    sds = (float(np.std(residuals, ddof=1)), float(np.std(about_smooth, ddof=1)))
    return ThoningCurve(grid, coefficients, function, smooth, trend, *sds)


def design_matrix(days: FloatArray) -> FloatArray:
    """Return the terms of the function at each time, shape (n, 3 + 8)."""
    years = days / YEAR_D
    powers = [years**power for power in range(POLYNOMIAL)]
    angles = [2 * np.pi * k * years for k in range(1, HARMONICS + 1)]
    return np.stack([*powers, *(term(angle) for angle in angles for term in (np.sin, np.cos))], axis=1)


def low_pass(values: FloatArray, step: float, cutoff: float) -> FloatArray:
    """Let through what is slower than a cut-off: half of a wave of that period passes.

    Parameters
    ----------
    values : ndarray, shape (n,)
        On a regular grid, no NaN.
    step, cutoff : float
        Of the grid, and the period of which half passes. [d]
    """
    size = 1 << int(np.ceil(np.log2(max(len(values), 2))))
    padded = np.zeros(size)
    padded[: len(values)] = values
    result: FloatArray = np.fft.irfft(np.fft.rfft(padded) * response(np.fft.rfftfreq(size, step), cutoff), size)[
        : len(values)
    ]
    return result


def response(frequency: NDArray[np.floating[Any]], cutoff: float) -> FloatArray:
    """Return what share of a wave passes: 2^-((f/fc)^6), frequency in d-1, cut-off as a period in d."""
    return np.asarray(2.0 ** -((frequency * cutoff) ** SHARPNESS), np.float64)


def _end_line(grid: FloatArray, values: FloatArray, width: float) -> FloatArray:
    """Return the least-squares line through the values within a width of both ends."""
    ends = (grid <= grid[0] + width) | (grid >= grid[-1] - width)
    slope, offset = np.polyfit(grid[ends], values[ends], 1)
    line: FloatArray = slope * grid + offset
    return line
