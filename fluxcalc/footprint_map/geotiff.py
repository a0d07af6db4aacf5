"""A map around a station as a GeoTIFF, in metres on a projection of its own that is centred on the tower."""

from __future__ import annotations

import io

import numpy as np
import tifffile

from core.records import FloatArray
from core.station import Identity

PIXEL_SCALE, TIE_POINT, KEY_DIRECTORY, KEY_NUMBERS, KEY_TEXTS = 33550, 33922, 34735, 34736, 34737
"""Tags."""
IN_DIRECTORY = 0
"""Place of a key's value: in the directory itself."""


def to_geotiff(east: FloatArray, north: FloatArray, values: FloatArray, place: Identity, what: str) -> bytes:
    """Return a grid around a tower as a GeoTIFF of 32-bit floats.

    The projection is the transverse Mercator of WGS 84 with its origin at the tower and the scale 1: east and north of
    the tower in metres, true to 1e-6 within ten kilometres.

    Parameters
    ----------
    east, north : ndarray, shape (n,), (m,), float64
        Centres of the cells from the tower, evenly spaced and rising. [m]
    values : ndarray, shape (m, n), float64
        In the order of north and east.
    place : Identity
        Where the tower stands.
    what : str
        What the values are; becomes the image's description.

    References
    ----------
    OGC GeoTIFF Standard 1.1 (19-008r4), sections 7 and 8
    """
    across, along = float(east[1] - east[0]), float(north[1] - north[0])
    corner = (0.0, 0.0, 0.0, float(east[0]) - across / 2, float(north[-1]) + along / 2, 0.0)
    directory, numbers, texts = _keys(place)
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        np.ascontiguousarray(values[::-1], dtype=np.float32),
        photometric="minisblack",
        compression="zlib",
        description=what,
        metadata=None,
        extratags=[
            (PIXEL_SCALE, "d", 3, (across, along, 0.0), True),
            (TIE_POINT, "d", 6, corner, True),
            (KEY_DIRECTORY, "H", len(directory), directory, True),
            (KEY_NUMBERS, "d", len(numbers), numbers, True),
            (KEY_TEXTS, "s", 0, texts, True),
        ],
    )
    return stream.getvalue()


def _keys(place: Identity) -> tuple[tuple[int, ...], tuple[float, ...], str]:
    """Return the key directory, and the numbers and texts that it points to."""
    name = f"Transverse Mercator around {place.id}|"
    numbers = (place.longitude, place.latitude, 0.0, 0.0, 1.0)
    own = 32767  # no registered system: the keys that follow define it
    keys = [
        (1024, IN_DIRECTORY, 1, 1),  # model: projected
        (1025, IN_DIRECTORY, 1, 1),  # raster: a pixel is an area
        (1026, KEY_TEXTS, len(name), 0),  # citation
        (2048, IN_DIRECTORY, 1, 4326),  # geodetic system: WGS 84
        (2054, IN_DIRECTORY, 1, 9102),  # angles: degrees
        (3072, IN_DIRECTORY, 1, own),  # projected system
        (3074, IN_DIRECTORY, 1, own),  # projection
        (3075, IN_DIRECTORY, 1, 1),  # method: transverse Mercator
        (3076, IN_DIRECTORY, 1, 9001),  # lengths: metres
        (3080, KEY_NUMBERS, 1, 0),  # longitude of the origin
        (3081, KEY_NUMBERS, 1, 1),  # latitude of the origin
        (3082, KEY_NUMBERS, 1, 2),  # false easting
        (3083, KEY_NUMBERS, 1, 3),  # false northing
        (3092, KEY_NUMBERS, 1, 4),  # scale at the origin
    ]
    directory = (1, 1, 0, len(keys), *(number for key in keys for number in key))
    return directory, numbers, name
