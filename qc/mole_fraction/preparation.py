"""Raw samples: what the analyser looked at, and which samples cannot be used, before any number is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.errors import SeriesError
from core.station import Station
from core.station.mole_fraction import InstrumentRule, MoleFraction, in_ns, seconds
from qc.mole_fraction import kernels
from qc.mole_fraction.series import (
    DOUBTFUL,
    EVENT,
    FLUSH,
    LEFT_OUT,
    RULE,
    USED,
    VALVE,
    WARM_UP,
    Event,
    Marks,
    RawSeries,
    Times,
)

MINUTE_NS = 60 * NS
States = NDArray[np.int8]


@dataclass(frozen=True)
class Prepared:
    """Samples with what the analyser looked at.

    Attributes
    ----------
    entry : ndarray, shape (n,), int64
        Place of the port's entry in the station file; -1: none.
    starts, ends : ndarray, shape (segments,), int64
        First sample of each segment, and the one after its last: neither entry changed nor was there a gap.
    outage_ns : ndarray, int64
        Last sample before each outage. [ns]
    state, marks : ndarray, shape (n,)
        What becomes of a sample whatever the gas, and why.
    """

    time: Times
    entry: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    outage_ns: Times
    state: States
    marks: Marks


def require_ascending(time: Times, station: str) -> None:
    """Raise a ``SeriesError`` if times do not strictly ascend."""
    steps = np.diff(time)
    if not (steps > 0).all():
        i = int(np.argmin(steps > 0))
        raise SeriesError(
            f"{station}: sample {i + 1}",
            f"its time {int(time[i + 1])} ns is not after that of the sample before, {int(time[i])} ns",
            "sort the series by time and keep one sample a time",
        )


def prepare(raw: RawSeries, station: Station, part: MoleFraction, events: Sequence[Event]) -> Prepared:
    """Find segments of intakes and tanks, and leave out what was flushed, warming up or disturbed.

    Raises
    ------
    SeriesError
        Times do not ascend, or a channel is missing.
    """
    for _, name in part.channels:
        if name not in raw.channels:
            raise SeriesError(f"{station.id}: stream {part.stream}", f"no channel {name!r}", "give every channel of it")
    time = raw.time_ns
    require_ascending(time, station.id)
    entry = find_entries(part, time, raw.column(part.valve))
    step = np.diff(time, prepend=time[:1])
    boundary = step > seconds(part.timing.gap)
    boundary[1:] |= entry[1:] != entry[:-1]
    boundary[:1] = True
    starts = np.flatnonzero(boundary)
    ends = np.append(starts[1:], len(time))[: len(starts)]
    lengths = ends - starts
    since = time - np.repeat(time[starts], lengths)
    roles = np.array([port.role == "target" for port in part.port] + [False])
    after_target = np.zeros(len(starts), bool)
    after_target[1:] = roles[entry[starts[:-1]]]
    flush = np.where(after_target, seconds(part.timing.flush + part.timing.after_target), seconds(part.timing.flush))
    state, marks = np.full(len(time), USED, np.int8), np.zeros(len(time), np.uint32)
    _leave_out(state, marks, since < np.repeat(flush, lengths), FLUSH)
    restarts = np.flatnonzero(step > seconds(part.timing.outage))
    for restart in restarts:
        end = int(np.searchsorted(time, time[restart] + seconds(part.timing.warm_up)))
        _leave_out(state[restart:end], marks[restart:end], np.ones(end - restart, bool), WARM_UP)
    _leave_out(state, marks, entry < 0, VALVE)
    for event in events:
        low, high = np.searchsorted(time, (event.start_ns, event.end_ns))
        disturbed = np.array(
            [port.intake is not None and event.intake in ("", port.intake) for port in part.port] + [False]
        )
        if event.kind != "weekly_check":
            _leave_out(state[low:high], marks[low:high], disturbed[entry[low:high]], EVENT)
    return Prepared(time, entry, starts, ends, time[restarts - 1], state, marks)


def find_entries(part: MoleFraction, time: Times, valve: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each sample the place of the port's entry that holds; -1 where none does."""
    entry = np.full(len(time), -1, np.int64)
    by_start = sorted(range(len(part.port)), key=lambda i: part.port[i].since_ns)
    for i in by_start:
        port = part.port[i]
        end = in_ns(port.end)
        low, high = np.searchsorted(time, (port.since_ns, 2**62 if end is None else end))
        # an earlier entry of the port ends where a later one starts, also if that ends again
        same = [j for j in by_start if part.port[j].number == port.number]
        later = [part.port[j].since_ns for j in same if part.port[j].since_ns > port.since_ns]
        high = min(high, np.searchsorted(time, min(later))) if later else high
        entry[low:high][valve[low:high] == port.number] = i
    return entry


def apply_rules(
    part: MoleFraction, station: str, gas: str, raw: RawSeries, state: States, marks: Marks
) -> tuple[States, Marks]:
    """Flag samples by the rule table, for a gas.

    For each channel, basis and flag the first row decides that is about this gas, station, analyser and time. What is
    missing is not shown to be inside the limits, and is flagged, too.
    """
    state, marks = state.copy(), marks.copy()
    decided: dict[tuple[str, str, str], NDArray[np.bool_]] = {}
    for rule in part.rule:
        if not _is_about(rule, part, station, gas):
            continue
        low, high = np.searchsorted(raw.time_ns, (_since(rule), _until(rule)))
        key = (rule.channel, rule.basis, rule.flag)
        done = decided.setdefault(key, np.zeros(len(raw.time_ns), bool))
        open_to = ~done[low:high]
        values = raw.column(rule.channel)[low:high]
        if rule.basis == "sd":
            values = sd_of_minutes(raw.time_ns[low:high], values)
        inside = (values >= (-np.inf if rule.min is None else rule.min)) & (
            values <= (np.inf if rule.max is None else rule.max)
        )
        hit = open_to & ~inside
        code = LEFT_OUT if rule.flag == "bad" else DOUBTFUL
        state[low:high] = np.where(hit, np.maximum(state[low:high], np.int8(code)), state[low:high])
        marks[low:high][hit] |= np.uint32(RULE)
        done[low:high] = True
    return state, marks


def sd_of_minutes(time: Times, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each sample the sd of the values of its minute; 0 where there is one only, NaN where there is none."""
    minute = time // MINUTE_NS
    starts = np.flatnonzero(np.diff(minute, prepend=minute[:1] - 1))
    ends = np.append(starts[1:], len(time))
    _, sds, counts, _, _ = kernels.summarise(values, time, np.isfinite(values), starts, ends)
    return np.repeat(np.where(counts == 1, 0.0, sds), ends - starts)


def _is_about(rule: InstrumentRule, part: MoleFraction, station: str, gas: str) -> bool:
    wanted = ((rule.gas, gas), (rule.site, station), (rule.system, part.system))
    return all(said is None or said == actual for said, actual in wanted)


def _since(rule: InstrumentRule) -> int:
    since = in_ns(rule.start)
    return -(2**62) if since is None else since


def _until(rule: InstrumentRule) -> int:
    until = in_ns(rule.end)
    return 2**62 if until is None else until


def _leave_out(state: States, marks: Marks, which: NDArray[np.bool_], why: int) -> None:
    state[which] = LEFT_OUT
    marks[which] |= np.uint32(why)
