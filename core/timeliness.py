"""Is a stream on time, and as declared? Judged by its station file, for API, pages, dashboard and command alike."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal

from core.station import Station, Stream

Status = Literal["ok", "late", "silent", "none"]

MAX_BLOCK_SECONDS = 60.0
"""A block of samples holds 1-60 s: so long may two messages be apart. [s]"""
LATE_STEPS, SILENT_STEPS = 2.0, 10.0
"""Expected steps without a message after which a stream is late, and after which it is silent."""
RATE_TOLERANCE = 1.25
"""How many times longer or shorter than declared the usual step between readings may be."""
MIN_STEPS = 5
"""Steps between readings from which a rate is judged: an outage or two mean nothing."""
AHEAD_SECONDS = 10.0
"""A clock that is farther ahead is told. [s]"""
BEHIND_SECONDS = 3600.0
"""Data that come later than this after their time, beside two expected steps, are told. [s]"""


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


def faults_of(
    station: Station, times: Mapping[str, Sequence[datetime]], delays: Mapping[str, float | None]
) -> dict[str, list[str]]:
    """Return what is not as the station file says, by stream; streams that are as they should be are left out.

    Parameters
    ----------
    station : Station
    times : mapping of str to sequence of datetime
        The newest times of each stream of readings, in any order.
    delays : mapping of str to float or None
        The smallest time lately from the end of a stream's data to their arrival. [s]
    """
    found = {}
    for stream in station.stream:
        faults = (_fault_of_rate(stream, times.get(stream.name, ())), _fault_of_clock(stream, delays.get(stream.name)))
        if any(faults):
            found[stream.name] = [fault for fault in faults if fault]
    return found


def fault_of_channel(channel: str, last: datetime | None) -> str:
    """Say of a channel without values when it last had one; None is longer ago than was looked back, or never."""
    since = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "for days"
    return f"{channel} has had no value {since}, though messages come: see to the sensor and its wire"


def _fault_of_rate(stream: Stream, times: Sequence[datetime]) -> str:
    steps = [(after - before).total_seconds() for before, after in pairwise(sorted(times))]
    if stream.kind != "reading" or len(steps) < MIN_STEPS:
        return ""
    step, declared = statistics.median(steps), stream.dt_ns / 1e9
    if declared / RATE_TOLERANCE <= step <= declared * RATE_TOLERANCE:
        return ""
    return (
        f"one value every {step:g} s, the station file says {declared:g} s: correct `interval` there, or the sender's "
        "program"
    )


def _fault_of_clock(stream: Stream, delay: float | None) -> str:
    if delay is None:
        return ""
    if delay < -AHEAD_SECONDS:
        return f"its clock is {-delay:.0f} s ahead of this machine's: set it before its messages are refused"
    if delay > BEHIND_SECONDS + 2 * expected_seconds(stream):
        late = f"{delay / 3600:.1f} h" if delay < 172_800 else f"{delay / 86_400:.0f} days"
        return (
            f"its data come {late} after they were measured: a backlog, a clock that is behind, or local time "
            "sent as UTC"
        )
    return ""
