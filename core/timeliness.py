"""Is a stream on time? Judged by what its station file promises, for the API, the pages and the dashboard alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from core.station import Stream

Status = Literal["ok", "late", "silent", "none"]

MAX_BLOCK_SECONDS = 60.0
"""A block of samples holds 1-60 s: so long may two messages be apart. [s]"""
LATE_STEPS, SILENT_STEPS = 2.0, 10.0
"""Expected steps without a message after which a stream is late, and after which it is silent."""


def expected_seconds(stream: Stream) -> float:
    """Return the longest time between two messages that the station file allows. [s]"""
    return MAX_BLOCK_SECONDS if stream.kind == "block" else stream.dt_ns / 1e9


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
    if age <= LATE_STEPS * expected:
        return "ok"
    return "late" if age <= SILENT_STEPS * expected else "silent"


def worst(states: Iterable[Status]) -> Status:
    """Return the state that needs care most; a stream that never sent counts only when all never did."""
    found = set(states)
    order: tuple[Status, ...] = ("silent", "late", "ok")
    return next((state for state in order if state in found), "none")
