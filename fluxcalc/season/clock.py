"""Whether the clock of a season agrees with the sun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from core.records import FloatArray

CLOCK_DAYS = 30
"""Days of which the brightest records of each time of day are compared with the sun."""
CLOCK_LEAST_MEASURED = 0.6
"""Share of the records of such a window that must be measured. [1]"""
MIN_CLOCK_LIGHT = 15.0
"""Height of the sun above the atmosphere, and range of radiation within the day, that tell a clock. [W m-2]"""
BRIGHTEST_DAYS = 0.25
"""Share of the days that are compared with the sun, at each time of day."""
CLEARLY_BETTER = 0.6
"""Share of what the right time leaves unexplained that another one may leave."""
CLOCK_REACH = 13
"""How far a clock may be off to be found. [h]"""


def find_clock_shift(radiation: FloatArray, potential: FloatArray, per_day: int) -> tuple[tuple[int, int, int], ...]:
    """Find where measured radiation comes early or late.

    In each window of 30 days the brightest days of each time of day, which clouds hardly touch, are compared with the
    potential radiation, each day in shares of its highest sun; the shift with the highest correlation is the clock's,
    to a record.

    Parameters
    ----------
    radiation, potential : ndarray, shape (n,), float64
        Measured and potential radiation; NaN is missing. [W m-2]
    per_day : int
        Records a day.

    Returns
    -------
    tuple of (first, end, shift)
        Records [first, end) whose radiation comes ``shift`` records late (negative: early); windows with equal shifts
        are joined, those without one are not told. Nothing where the sun does not rise or set.
    """
    windows = _clock_windows(radiation, potential, per_day)
    return _joined((first, end, shift) for first, end, shift in windows if shift)


def find_unseen_clock(radiation: FloatArray, potential: FloatArray, per_day: int) -> tuple[tuple[int, int], ...]:
    """Find records [first, end) whose clock cannot be told by the sun, of the arguments of ``find_clock_shift``.

    There the sun does not rise or set, hardly rises, or too little of radiation was measured.
    """
    windows = _clock_windows(radiation, potential, per_day)
    return tuple(
        (first, end) for first, end, _ in _joined((one, end, 0) for one, end, shift in windows if shift is None)
    )


def _clock_windows(radiation: FloatArray, potential: FloatArray, per_day: int) -> Iterator[tuple[int, int, int | None]]:
    size = CLOCK_DAYS * per_day
    for first in range(0, max(1, radiation.size - size // 2), size):
        end = radiation.size if first + size + size // 2 > radiation.size else first + size
        yield first, end, _shift(radiation[first:end], potential[first:end], per_day)


def _joined(windows: Iterable[tuple[int, int, int]]) -> tuple[tuple[int, int, int], ...]:
    found: list[tuple[int, int, int]] = []
    for first, end, shift in windows:
        if found and found[-1][1] == first and found[-1][2] == shift:
            found[-1] = (found[-1][0], end, shift)
        else:
            found.append((first, end, shift))
    return tuple(found)


def _shift(radiation: FloatArray, potential: FloatArray, per_day: int) -> int | None:
    """Return by how many records radiation comes late; None where that cannot be told."""
    days = radiation.size // per_day
    measured = radiation[: days * per_day].reshape(days, per_day)
    sun = potential[: days * per_day].reshape(days, per_day)
    risen = sun.max(axis=1, initial=0.0) >= MIN_CLOCK_LIGHT
    measured, sun = measured[risen], sun[risen]
    days = len(sun)
    if days < CLOCK_DAYS // 3 or np.isfinite(measured).mean() < CLOCK_LEAST_MEASURED or not (sun <= 0).any():
        return None
    highest = sun.max(axis=1, keepdims=True)
    # the brightest days of each time of day: one alone may be an error, all of them have clouds in the afternoon
    count = max(3, int(days * BRIGHTEST_DAYS))
    known = np.where(np.isfinite(measured), measured, -np.inf)
    brightest = np.sort(known / highest, axis=0)[-count:].mean(axis=0)
    expected = (sun / highest).mean(axis=0)
    if not np.isfinite(brightest).all() or np.ptp(np.max(known, axis=0)) < MIN_CLOCK_LIGHT:
        return None
    reach = CLOCK_REACH * per_day // 24
    shifts = np.arange(-reach, reach + 1)
    like = np.array([np.corrcoef(brightest, np.roll(expected, shift))[0, 1] for shift in shifts])
    # another shift must explain the day clearly better than none
    best = int(np.argmax(like))
    return int(shifts[best]) if 1 - like[best] < CLEARLY_BETTER * (1 - like[reach]) else 0
