"""The GeoTIFF, read back by a reader of its own: values where they belong, and keys as the standard numbers them.

GDAL 3.9 and PROJ 9 (rasterio 1.4.4) read the same bytes as a transverse Mercator around the tower; places that they
give are in ``test_places``.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from fluxcalc.footprint_map.climatology import Turbulence, map_footprint, to_tiff
from fluxcalc.footprint_map.geotiff import to_geotiff
from tests.fluxcalc.reference import station
from tests.naive import read_tiff

FINSE = station("finse")


def keys_of(tags: dict) -> dict[int, float | str]:
    """Keys of the directory by number, with the values that they point to."""
    version, revision, minor, count, *numbers = (int(number) for number in tags[34735])
    assert (version, revision, minor, count) == (1, 1, 0, len(numbers) // 4)
    found = {}
    for i in range(0, len(numbers), 4):
        key, where, many, value = numbers[i : i + 4]
        if where == 0:
            found[key] = value
        elif where == 34736:
            assert many == 1
            found[key] = tags[34736][value]
        else:
            found[key] = tags[34737][value : value + many]
    assert list(found) == sorted(found)
    return found


def test_every_cell_stands_at_its_place():
    east, north = (np.arange(-3, 5) + 0.5) * 10.0, (np.arange(-2, 3) + 0.5) * 20.0
    values = 1000.0 * north[:, None] + east[None, :]
    tags, rows = read_tiff(to_geotiff(east, north, values, FINSE.station, "test"))
    _column, _row, _, left, top, _ = tags[33922]
    across, along, _ = tags[33550]
    assert (_column, _row, left, top, across, along) == (0, 0, -30.0, 60.0, 10.0, 20.0)
    assert (len(rows), len(rows[0])) == (5, 8)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            # the middle of a pixel, downward from the upper left corner
            assert value == 1000.0 * (top - (i + 0.5) * along) + left + (j + 0.5) * across


def test_the_keys_say_a_transverse_mercator_around_the_tower():
    east = np.array([-5.0, 5.0])
    tags, _ = read_tiff(to_geotiff(east, east, np.zeros((2, 2)), FINSE.station, "test"))
    assert tags[270] == "test"
    assert keys_of(tags) == {
        1024: 1,
        1025: 1,
        1026: "Transverse Mercator around finse|",
        2048: 4326,
        2054: 9102,
        3072: 32767,
        3074: 32767,
        3075: 1,
        3076: 9001,
        3080: 7.5277,
        3081: 60.5937,
        3082: 0.0,
        3083: 0.0,
        3092: 1.0,
    }


def test_a_footprint_lies_upwind_in_the_file():
    wind = Turbulence(0.3, 3.0, 0.7, -50.0, 225.0)
    footprint = map_footprint([wind], FINSE, reach=300, cell=5)
    tags, rows = read_tiff(to_tiff(footprint, FINSE))
    grid = np.array(rows)
    assert grid.sum() == pytest.approx(footprint.weights.sum(), rel=1e-6)
    i, j = np.unravel_index(grid.argmax(), grid.shape)
    _, _, _, left, top, _ = tags[33922]
    east, north = left + (j + 0.5) * 5, top - (i + 0.5) * 5
    assert math.degrees(math.atan2(east, north)) % 360 == pytest.approx(225.0, abs=3.0)
    assert "finse" in tags[270]


def test_too_many_cells_are_refused():
    with pytest.raises(ValueError, match="3000 cells each way, 2000 at most"):
        map_footprint([Turbulence(0.3, 3.0, 0.7, -50.0, 225.0)], FINSE, reach=300, cell=0.1)
