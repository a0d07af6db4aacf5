"""How samples stand to the regular grid of their stream, where that is neither on it nor always near the same place.

A sample goes to the nearest place. Samples that come regularly but half a step beside the places would go left or right
of the border as their stamps jitter, so that one place gets two and the next none: they are all moved alike instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.clock import NS
from core.records import FloatArray
from ingest.files.records import Int64Array

MINUTE_NS = 60 * NS
BLOCK = 1024
"""Samples for which one phase holds."""
NEAR_SHARE = 0.35
"""Samples that all stand this near to their places need no phase. [steps]"""
MIN_PHASE = -0.25
"""A phase begins between this and one step more, so that a sample amid a place belongs to that place. [steps]"""
MIN_FOLLOWED_PHASE, MAX_FOLLOWED_PHASE = -0.75, 1.0
"""A clock that drifts takes the phase so far; then a place stays empty, or has two samples. [steps]"""
MIN_CONCENTRATION = 0.5
"""Mean resultant length below which samples have no common phase."""
MIN_CHANGE = 0.1
"""A phase that has changed less is kept. [steps]"""


class PhaseFollower:
    """Follows how one stretch of samples stands to the grid.

    Parameters
    ----------
    dt_ns : int
        Step of the grid, which has a place at each whole minute. [ns]
    """

    def __init__(self, dt_ns: int) -> None:
        self._dt_ns = dt_ns
        self._phase = 0.0

    def follow(self, starts: Int64Array) -> Iterator[tuple[int, int]]:
        """Yield (number of the first sample, what to take off its stamp and those behind it [ns]) for the next samples.

        Parameters
        ----------
        starts : ndarray, shape (n,), int64
            In their order. [ns since 1970]
        """
        for first in range(0, len(starts), BLOCK):
            # intervals are whole minutes, a step may be no whole part of a second
            beside = (starts[first : first + BLOCK] % MINUTE_NS) / self._dt_ns
            beside -= np.round(beside)
            self._turn(beside)
            yield first, round(self._phase * self._dt_ns)

    def _turn(self, beside: FloatArray) -> None:
        if not self._phase and np.abs(beside).max() <= NEAR_SHARE:
            return
        resultant = np.exp(2j * np.pi * beside).mean()
        if abs(resultant) < MIN_CONCENTRATION:
            return
        phase = float(np.angle(resultant)) / (2 * np.pi)
        if not self._phase:
            phase += phase < MIN_PHASE
        else:
            phase += round(self._phase - phase)
            phase -= phase > MAX_FOLLOWED_PHASE
            phase += phase < MIN_FOLLOWED_PHASE
        if abs(phase - self._phase) >= MIN_CHANGE:
            self._phase = phase
