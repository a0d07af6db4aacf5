"""Is a stream on time? Judged by what its station file promises."""

from __future__ import annotations

from typing import Literal

from core.station import Stream

Status = Literal["ok", "late", "silent", "none"]

LONGEST_BLOCK = 60.0  # a block of samples holds 1-60 s [s]
LATE, SILENT = 2.0, 10.0  # expected steps without a message until a stream is late, silent


def expected_seconds(stream: Stream) -> float:
    """Return the longest time between two messages that the station file allows. [s]"""
    return stream.interval or LONGEST_BLOCK


def status(age: float | None, expected: float) -> Status:
    """Judge the age of the last message.

    Parameters
    ----------
    age : float or None
        Seconds since the last message came in; None is never. [s]
    expected : float
        Seconds between messages. [s]
    """
    if age is None:
        return "none"
    if age <= LATE * expected:
        return "ok"
    return "late" if age <= SILENT * expected else "silent"


def worst(states: list[Status]) -> Status:
    """Return the state that needs care most; a stream that never sent counts only when all never did."""
    order: tuple[Status, ...] = ("silent", "late", "ok")
    return next((state for state in order if state in states), "none")
