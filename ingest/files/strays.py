"""Records whose stamps are not those of their places, where bytes of a stamp were damaged: arrays of times only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

MAX_TOGETHER = 3
"""Most strays, one behind the other, that are looked for."""
MIN_ROOM, MAX_ROOM = 0.75, 2.5
"""Room that those around strays leave, as a share of what they need; records beside them may have been lost."""
MIN_EDGE = 0.75
"""A first or last record that stands less far from its neighbour is where it should be. [steps]"""


def fits(room: Int64Array | int, due: Int64Array | int) -> NDArray[np.bool_]:
    """Tell whether the time between two records is what those that stand between them need. [ns]"""
    return (np.asarray(room) >= MIN_ROOM * due) & (np.asarray(room) <= MAX_ROOM * due)


def find_strays(times: Int64Array, places: Int64Array, tolerance: float) -> NDArray[np.bool_]:
    """Tell which records, or frames, are not of the time of those around them, which follow each other.

    Where a clock is set, what is behind does not follow what is before, and where blocks were swapped it leaves no room
    for what stands between; so both are no strays.

    Parameters
    ----------
    times : ndarray, shape (n,), int64
        In the order of the file. [ns]
    places : ndarray, shape (n,), int64
        Times as they would be without gaps, up to a constant. [ns]
    tolerance : float
        By how much a record may stand beside its place. [ns]
    """
    astray = np.zeros(len(times), bool)
    # those around must themselves follow another one, or every second of some strays would make strays of those between
    linked = np.abs(np.diff(times) - np.diff(places)) <= tolerance
    linked = np.concatenate([[False], linked, [False]])
    for width in range(1, MAX_TOGETHER + 1):
        count = len(times) - width - 1
        if count < 1:
            break
        before, after = times[:count], times[width + 1 :]
        hits = fits(after - before, places[width + 1 :] - places[:count])
        hits &= linked[:count] | linked[width + 2 :]
        for k in range(1, width + 1):
            time = times[k : k + count]
            # of several, each of the room's times may be the right one
            lead, trail = (places[1:-1] - places[:-2], places[2:] - places[1:-1]) if width == 1 else (0, 0)
            hits &= (time - before < lead - tolerance) | (after - time < trail - tolerance)
        for k in range(1, width + 1):
            astray[k : k + count] |= hits
    return astray


def find_lone_ends(gaps: Int64Array, near: int) -> tuple[tuple[bool, bool], int]:
    """Tell whether the first and the last record stand further from their neighbour than any others do.

    Parameters
    ----------
    gaps : ndarray, shape (n,), int64
        By how much the time between a record and the next one is more, or less, than it should be; at least three. [ns]
    near : int
        Less is no matter. [ns]

    Returns
    -------
    lone : tuple of bool
        The first, the last.
    widest : int
        The largest gap between others. [ns]
    """
    beside = np.abs(gaps)
    widest = int(beside[1:-1].max())
    most = max(widest, near)
    return (bool(beside[0] > most), bool(beside[-1] > most)), widest
