"""Contours on a grid: what is above lies inside, with holes, and areas are right."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fluxcalc.footprint_map.contours import polygon_area, signed_area, trace_polygons
from tests.naive import is_inside

AXIS = np.linspace(-10, 10, 81)
RADIUS = np.hypot(*np.meshgrid(AXIS, AXIS))


def test_a_cone_has_circles():
    (polygon,) = trace_polygons(AXIS, AXIS, 10 - RADIUS, 4.0)
    assert len(polygon) == 1
    assert polygon[0][0] == polygon[0][-1]
    assert polygon_area([polygon]) == pytest.approx(math.pi * 36, rel=1e-3)
    assert max(abs(math.hypot(x, y) - 6.0) for x, y in polygon[0]) < 0.02


def test_a_ring_has_a_hole():
    values = np.exp(-((RADIUS - 6.0) ** 2))
    (polygon,) = trace_polygons(AXIS, AXIS, values, math.exp(-1.0))
    outer, hole = polygon
    assert signed_area(outer) > 0 > signed_area(hole)
    assert polygon_area([polygon]) == pytest.approx(math.pi * (49 - 25), rel=0.01)


def test_two_hills_are_two_polygons_and_an_island_lies_in_its_lake():
    east, north = np.meshgrid(AXIS, AXIS)
    hills = np.exp(-((east - 5) ** 2) - north**2) + np.exp(-((east + 5) ** 2) - north**2)
    assert len(trace_polygons(AXIS, AXIS, hills, 0.5)) == 2
    island = np.exp(-((RADIUS - 7.0) ** 2)) + np.exp(-(RADIUS**2))
    assert sorted(len(polygon) for polygon in trace_polygons(AXIS, AXIS, island, 0.5)) == [1, 2]


def test_what_reaches_the_edge_of_the_grid_is_closed_there():
    (polygon,) = trace_polygons(np.arange(3.0), np.arange(2.0), np.ones((2, 3)), 0.5)
    # halfway to the places beyond the grid, corners cut
    assert polygon_area([polygon]) == pytest.approx(3 * 2 - 4 * 0.125)


def test_nothing_above_is_nothing():
    assert trace_polygons(AXIS, AXIS, np.zeros_like(RADIUS), 0.5) == []


@given(hnp.arrays(np.float64, (6, 7), elements=st.floats(0, 1, width=16)), st.floats(0.05, 0.95))
def test_exactly_what_is_above_lies_inside(values, level):
    x, y = np.arange(7.0), np.arange(6.0)
    polygons = trace_polygons(x, y, values, level)
    for row, column in np.ndindex(values.shape):
        if abs(values[row, column] - level) < 1e-6:
            continue  # on the line
        # a little off the grid's lines, on which rings have their corners
        point = (x[column] + 1e-9, y[row] + 1e-9)
        rings = sum(is_inside(point, ring) for polygon in polygons for ring in polygon)
        assert rings % 2 == (values[row, column] > level)
    assert all(signed_area(polygon[0]) > 0 for polygon in polygons)
    assert all(signed_area(hole) < 0 for polygon in polygons for hole in polygon[1:])
