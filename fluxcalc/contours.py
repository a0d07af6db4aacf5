"""Lines of equal value on a regular grid, as polygons (marching squares)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from core.records import FloatArray

Point = tuple[float, float]
Ring = list[Point]
Polygon = list[Ring]
"""Outer ring counterclockwise, then holes clockwise; each ring ends where it begins."""

BOTTOM, RIGHT, TOP, LEFT = range(4)
SEGMENTS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((BOTTOM, LEFT),),
    2: ((RIGHT, BOTTOM),),
    3: ((RIGHT, LEFT),),
    4: ((TOP, RIGHT),),
    5: ((BOTTOM, LEFT), (TOP, RIGHT)),
    6: ((TOP, BOTTOM),),
    7: ((TOP, LEFT),),
    8: ((LEFT, TOP),),
    9: ((BOTTOM, TOP),),
    10: ((RIGHT, BOTTOM), (LEFT, TOP)),
    11: ((RIGHT, TOP),),
    12: ((LEFT, RIGHT),),
    13: ((BOTTOM, RIGHT),),
    14: ((LEFT, BOTTOM),),
}
"""Corners inside (1 bottom left, 2 bottom right, 4 top right, 8 top left) -> edges that lines enter and leave by.

What is inside lies to the left. Where two opposite corners are inside, they are kept apart.
"""


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
    values = np.pad(values, 1)
    above = (values > level).astype(np.int64)
    corners = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    following: dict[Edge, Edge] = {}
    for row, column in np.argwhere((corners > 0) & (corners < 15)).tolist():
        for enter, leave in SEGMENTS[int(corners[row, column])]:
            following[_edge(row, column, enter)] = _edge(row, column, leave)
    rings = []
    while following:
        start, edge = following.popitem()
        ring = [start]
        while edge != start:
            ring.append(edge)
            edge = following.pop(edge)
        points = [_crossing(each, x, y, values, level) for each in ring]
        rings.append([*points, points[0]])
    return _with_holes(rings)


def signed_area(ring: Ring) -> float:
    """Return the area within a ring, negative if it runs clockwise."""
    return 0.5 * sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))


def polygon_area(polygons: list[Polygon]) -> float:
    """Return the area of polygons without their holes."""
    return sum(signed_area(ring) for polygon in polygons for ring in polygon)


def is_inside(point: Point, ring: Ring) -> bool:
    """Tell whether a point lies within a ring."""
    px, py = point
    crossed = (
        (y0 > py) != (y1 > py) and px < x0 + (py - y0) / (y1 - y0) * (x1 - x0) for (x0, y0), (x1, y1) in pairwise(ring)
    )
    return sum(crossed) % 2 == 1


Edge = tuple[int, int, bool]
"""Row and column of an edge's first corner; whether it runs up."""


def _edge(row: int, column: int, side: int) -> Edge:
    return {
        BOTTOM: (row, column, False),
        RIGHT: (row, column + 1, True),
        TOP: (row + 1, column, False),
        LEFT: (row, column, True),
    }[side]


def _crossing(edge: Edge, x: FloatArray, y: FloatArray, values: FloatArray, level: float) -> Point:
    row, column, up = edge
    first, second = values[row, column], values[row + up, column + (not up)]
    part = (level - first) / (second - first)
    if up:
        return float(x[column]), float(y[row] + part * (y[row + 1] - y[row]))
    return float(x[column] + part * (x[column + 1] - x[column])), float(y[row])


def _with_holes(rings: list[Ring]) -> list[Polygon]:
    outer = sorted((ring for ring in rings if signed_area(ring) > 0), key=signed_area)
    polygons = [[ring] for ring in outer]
    for hole in (ring for ring in rings if signed_area(ring) < 0):
        # of the outer rings around it the smallest; a ring without area has neither inside nor holes
        home = next((polygon for polygon in polygons if is_inside(hole[0], polygon[0])), None)
        if home is not None:
            home.append(hole)
    return polygons
