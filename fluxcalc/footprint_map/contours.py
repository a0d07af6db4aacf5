"""Lines of equal value on a regular grid, as polygons."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from contourpy import FillType, contour_generator

from core.records import FloatArray

Point = tuple[float, float]
Ring = list[Point]
Polygon = list[Ring]
"""Outer ring counterclockwise, then holes clockwise; each ring ends where it begins."""


def trace_polygons(x: FloatArray, y: FloatArray, values: FloatArray, level: float) -> list[Polygon]:
    """Return where values are above a level; outside the grid they count as zero.

    Parameters
    ----------
    x, y : ndarray, float64
        Places of columns and rows, evenly spaced and rising; two at least.
    values : ndarray, shape (len(y), len(x)), float64
        No NaN.
    level : float
        Positive.

    Returns
    -------
    list of Polygon
        In the units of x and y, linear between the places; none if nothing is above.
    """
    x = np.concatenate([[2 * x[0] - x[1]], x, [2 * x[-1] - x[-2]]])
    y = np.concatenate([[2 * y[0] - y[1]], y, [2 * y[-1] - y[-2]]])
    generator = contour_generator(x, y, np.pad(values, 1), name="serial", fill_type=FillType.OuterOffset)
    polygons = zip(*generator.filled(level, np.inf), strict=True)
    return [[_ring(points[first:last]) for first, last in pairwise(offsets)] for points, offsets in polygons]


def signed_area(ring: Ring) -> float:
    """Return the area within a ring, negative if it runs clockwise."""
    return 0.5 * sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))


def polygon_area(polygons: list[Polygon]) -> float:
    """Return the area of polygons without their holes."""
    return sum(signed_area(ring) for polygon in polygons for ring in polygon)


def _ring(points: FloatArray) -> Ring:
    return [(float(x), float(y)) for x, y in points]
