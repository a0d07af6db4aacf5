"""Change points of the night's exchange over u*: where a line ends that rises from the left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxcalc.kernels.compile import kernel

FloatArray = NDArray[np.float64]

OUTLIER_LIMIT = 4.0
"""Bins farther from a straight line than this many standard deviations are left out."""
MIN_POINTS = 10
"""Bins that a change point needs."""
MARGIN, MIN_MARGIN = 0.05, 3
"""Share of the bins, and bins, at either end where no change point can be found."""
FIELDS = 7
"""Change point, F, bins, slope before, slope after, standard errors of the slope before and of its change."""


@kernel
def quantile(ascending: FloatArray, share: float) -> float:
    """Return a quantile by Hazen's rule (type 5): the k-th of n values is that of (k - 1/2)/n."""
    place = min(max(ascending.size * share - 0.5, 0.0), ascending.size - 1.0)
    below = int(place)
    if below == ascending.size - 1:
        return float(ascending[below])
    return float(ascending[below] + (place - below) * (ascending[below + 1] - ascending[below]))


@kernel
def mean_bins(x: FloatArray, y: FloatArray, per_bin: int) -> FloatArray:
    """Return the means of bins between quantiles of x; a value on a border counts in both bins.

    Parameters
    ----------
    x, y : ndarray, shape (m,), float64
        None missing, in any order.
    per_bin : int
        Values that a bin has about, and at least.

    Returns
    -------
    ndarray, shape (2, bins), float64
        Of x, ascending, and of y.
    """
    order = np.argsort(x, kind="mergesort")
    x, y = x[order], y[order]
    bins = x.size // per_bin
    means = np.empty((2, bins))
    found = 0
    for b in range(bins):
        first = np.searchsorted(x, quantile(x, b / bins), "left")
        end = np.searchsorted(x, quantile(x, (b + 1) / bins), "right")
        if end - first >= per_bin:
            means[0, found], means[1, found] = x[first:end].mean(), y[first:end].mean()
            found += 1
    return means[:, :found]


@kernel
def without_outliers(x: FloatArray, y: FloatArray) -> FloatArray:
    """Leave out the points that are far off the straight line through all; rows x and y."""
    dx, dy = x - x.mean(), y - y.mean()
    power = (dx * dx).sum()
    off = dy - (dx * dy).sum() / power * dx if power > 0 else dy
    spread = np.sqrt((off * off).sum() / (x.size - 1))
    near = np.abs(off) <= OUTLIER_LIMIT * spread
    return np.vstack((x[near], y[near]))


@kernel
def change_point(x: FloatArray, y: FloatArray, slope_after: bool) -> FloatArray:
    """Find where a second line best begins.

    Every point is tried; the one with the largest F against one line less is the change point: against a
    constant where the second line is level, against one straight line where it has a slope of its own.

    Parameters
    ----------
    x, y : ndarray, shape (n,), float64
        x ascending, none missing.
    slope_after : bool
        Whether the second line may slope.

    Returns
    -------
    ndarray, shape (FIELDS,), float64
        All NaN with too few points; all but their number with a change point too near an end, or where x or y does
        not vary.

    References
    ----------
    Barr et al. (2013), doi:10.1016/j.agrformet.2012.09.023
    """
    fit = np.full(FIELDS, np.nan)
    if x.size < MIN_POINTS:
        return fit
    kept = without_outliers(x, y)
    x, y = kept[0], kept[1]
    n = x.size
    if n < MIN_POINTS:
        return fit
    fit[2] = n
    dx, dy = x - x.mean(), y - y.mean()
    whole = (dx * dx).sum()
    if not (whole > 0 and (dy * dy).sum() > 0):
        return fit
    slope = (dx * dy).sum() / whole
    rest = dy - slope * dx if slope_after else dy
    reduced = (rest * rest).sum()
    freedom = n - 3 if slope_after else n - 2
    best, at = -1.0, -1
    for i in range(1, n - 1):
        column = np.maximum(x - x[i], 0.0) if slope_after else np.minimum(x, x[i])
        column = column - column.mean()
        if slope_after:
            column = column - (column * dx).sum() / whole * dx
        power = (column * column).sum()
        if power <= 1e-12 * whole:
            continue
        explained = (column * rest).sum() ** 2 / power
        left = max(reduced - explained, 1e-15 * reduced)
        score = explained / (left / freedom)
        if score > best:
            best, at = score, i
    margin = max(int(MARGIN * n), MIN_MARGIN)
    if at + 1 <= margin or at + 1 >= n - margin:
        return fit
    fit[0], fit[1] = x[at], best
    left = reduced / (1 + best / freedom) / freedom
    if slope_after:
        bend = np.maximum(x - x[at], 0.0)
        bend = bend - bend.mean()
        across = (bend * dx).sum()
        own = (bend * bend).sum()
        determinant = whole * own - across * across
        first, second = (dx * dy).sum(), (bend * dy).sum()
        fit[3] = (own * first - across * second) / determinant
        fit[4] = fit[3] + (whole * second - across * first) / determinant
        fit[5], fit[6] = np.sqrt(left * own / determinant), np.sqrt(left * whole / determinant)
    else:
        ramp = np.minimum(x, x[at])
        ramp = ramp - ramp.mean()
        power = (ramp * ramp).sum()
        fit[3], fit[4] = (ramp * dy).sum() / power, 0.0
        fit[5], fit[6] = np.sqrt(left / power), 0.0
    return fit


@kernel
def season_change_points(
    t: FloatArray, ustar: FloatArray, flux: FloatArray, classes: int, most: int, per_bin: int, slope_after: bool
) -> FloatArray:
    """Fit a change point in each temperature class of a season.

    Parameters
    ----------
    t, ustar, flux : ndarray, shape (n,), float64
        Night records, none missing, in any order. [deg C], [m s-1], [any]
    classes, most : int
        Temperature classes between quantiles (a record on a border counts in both); rows of the result.
    per_bin : int
        Records in a bin of u*.
    slope_after : bool
        As above.

    Returns
    -------
    ndarray, shape (most, FIELDS), float64
    """
    fits = np.full((most, FIELDS), np.nan)
    order = np.argsort(t, kind="mergesort")
    t, ustar, flux = t[order], ustar[order], flux[order]
    for k in range(classes):
        first = np.searchsorted(t, quantile(t, k / classes), "left")
        end = np.searchsorted(t, quantile(t, (k + 1) / classes), "right")
        means = mean_bins(ustar[first:end], flux[first:end], per_bin)
        fits[k] = change_point(means[0], means[1], slope_after)
    return fits
