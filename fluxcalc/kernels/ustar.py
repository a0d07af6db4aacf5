"""Moving point test for the friction velocity above which the night's exchange no longer depends on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

USTAR_BINS = 20
"""Bins of u* in a class."""
PLATEAU_BINS = 10
"""Bins whose mean the test compares with."""


@kernel
def temperature_classes(t: FloatArray, classes: int, tolerance: float) -> IntArray:
    """Cut ascending temperatures into classes of about equal size; equal ones stay together.

    Parameters
    ----------
    t : ndarray, shape (n,), float64
        Ascending. [deg C]
    classes : int
        How many.
    tolerance : float
        Temperatures that differ by no more are equal. [K]

    Returns
    -------
    ndarray, shape (classes + 1,), int64
        Where each class begins, and n.
    """
    edges = np.zeros(classes + 1, np.int64)
    edges[classes] = t.size
    size = t.size // classes
    for k in range(1, classes):
        at = max(k * size, 1)
        while at < t.size and t[at] - t[at - 1] <= tolerance:
            at += 1
        edges[k] = min(at, t.size)
    return edges


@kernel
def correlation(x: FloatArray, y: FloatArray) -> float:
    """Return Pearson's correlation; NaN where one does not vary."""
    dx, dy = x - x.mean(), y - y.mean()
    power = (dx * dx).sum() * (dy * dy).sum()
    return (dx * dy).sum() / np.sqrt(power) if power > 0 else np.nan


@kernel
def growing_bins(ustar: FloatArray) -> tuple[IntArray, int]:
    """Cut ascending u* into bins that grow over equal values; the bin after a grown one begins anew.

    The last one takes the rest; if it has less than nine tenths of a bin it joins the one before.

    Returns
    -------
    edges : ndarray, shape (USTAR_BINS + 1,), int64
        Where each bin begins, and the end.
    bins : int
        How many there are.
    """
    edges = np.zeros(USTAR_BINS + 1, np.int64)
    n = ustar.size
    size = n // USTAR_BINS
    bins, at = 0, 0
    while at < n and bins < USTAR_BINS:
        end = at + size
        if bins == USTAR_BINS - 1 or end >= n:
            end = n
        while end < n and ustar[end] - ustar[end - 1] <= 1e-14:
            end += 1
        bins += 1
        edges[bins] = at = end
    if bins > 1 and edges[bins] - edges[bins - 1] < 0.9 * size:
        bins -= 1
        edges[bins] = n
    return edges, bins


@kernel
def fixed_bins(ustar: FloatArray) -> tuple[IntArray, int]:
    """Cut ascending u* at fixed multiples; an edge moves on over equal values, and the next bin shrinks, to none even.

    Returns
    -------
    edges : ndarray, shape (USTAR_BINS + 1,), int64
        Where each bin begins, and the end.
    bins : int
        ``USTAR_BINS``.
    """
    edges = np.zeros(USTAR_BINS + 1, np.int64)
    n = ustar.size
    size = n // USTAR_BINS
    for bin in range(1, USTAR_BINS):
        end = max(bin * size, edges[bin - 1])
        while 0 < end < n and ustar[end] == ustar[end - 1]:
            end += 1
        edges[bin] = end
    edges[USTAR_BINS] = n
    return edges, USTAR_BINS


@kernel
def bin_means(x: FloatArray, edges: IntArray, bins: int) -> FloatArray:
    """Return the mean of each bin; 0 where a bin is empty."""
    means = np.zeros(bins)
    for b in range(bins):
        if edges[b + 1] > edges[b]:
            means[b] = x[edges[b] : edges[b + 1]].mean()
    return means


@kernel
def reaches_plateau(flux: FloatArray, b: int, factor: float) -> bool:
    """Whether a bin's flux is at least ``factor`` of the mean of the bins after it."""
    reached: bool = flux[b] >= factor * flux[b + 1 : b + 1 + PLATEAU_BINS].mean()
    return reached


@kernel
def class_threshold(t: FloatArray, ustar: FloatArray, flux: FloatArray, growing: bool, factor: float) -> float:
    """Return the threshold of one temperature class; NaN where there is none.

    The first bin whose flux, and whose next bin's flux, reach the mean flux of the up to ten bins after them.

    Parameters
    ----------
    t, ustar, flux : ndarray, shape (m,), float64
        Of the class, in any order. [deg C], [m s-1], [any]
    growing : bool
        Bins that grow over ties, three bins left at the end (as REddyProc); else fixed bins, two left (as ONEFlux).
        Classes that begin at a mean u* above 0.2 have no threshold.
    factor : float
        How much of the plateau must be reached. [1]
    """
    related = abs(correlation(ustar, t))
    # as REddyProc leaves a half out and ONEFlux does not
    if np.isnan(related) or related > 0.5 or (growing and related == 0.5):
        return np.nan
    order = np.argsort(ustar, kind="mergesort")
    ascending = ustar[order]
    edges, bins = growing_bins(ascending) if growing else fixed_bins(ascending)
    speeds, fluxes = bin_means(ascending, edges, bins), bin_means(flux[order], edges, bins)
    if speeds[0] > 0.2:
        return np.nan
    for b in range(bins - 3 if growing else bins - 2):
        if reaches_plateau(fluxes, b, factor) and reaches_plateau(fluxes, b + 1, factor):
            return float(speeds[b])
    return np.nan


@kernel
def season_thresholds(
    t: FloatArray, ustar: FloatArray, flux: FloatArray, classes: int, growing: bool, factor: float
) -> FloatArray:
    """Return the threshold of each temperature class of a season; NaN where a class has none.

    Parameters
    ----------
    t, ustar, flux : ndarray, shape (n,), float64
        Night records, none missing, in any order. [deg C], [m s-1], [any]
    classes, growing, factor
        As above.

    Returns
    -------
    ndarray, shape (classes,), float64
        [m s-1]
    """
    order = np.argsort(t, kind="mergesort")
    t, ustar, flux = t[order], ustar[order], flux[order]
    edges = temperature_classes(t, classes, 1e-8 if growing else 0.0)
    thresholds = np.full(classes, np.nan)
    for k in range(classes):
        some = slice(edges[k], edges[k + 1])
        if edges[k + 1] - edges[k] >= USTAR_BINS:
            thresholds[k] = class_threshold(t[some], ustar[some], flux[some], growing, factor)
    return thresholds
