"""What is sent of readings: each by itself (2011), or minutes' and hours' averages (2051, 2061), with flags. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.clock import NS
from core.records import FloatArray
from core.station import Stream
from core.variables import base_name
from ingest.hj212.codec.segment import MINUTE, REAL_TIME
from ingest.hj212.config import Destination, SentStream, SentValue
from qc.code_table import from_ours
from qc.codes import MISSING, UNKNOWN

SCHEME = "hj212"
NORMAL, NOTHING_CAME = "N", from_ours(SCHEME, MISSING)
Group = dict[str, str]


@dataclass(frozen=True, slots=True)
class StreamReadings:
    """Readings of one stream in the order of time.

    Attributes
    ----------
    times_ns : ndarray, shape (n,), int64
        Starts of their intervals. [ns since 1970 UTC]
    values : mapping of str to ndarray, shape (n,), float64
        By channel, in the units that are sent; NaN is missing.
    flags : mapping of str to ndarray, shape (n,), int16
        By channel; 0 where no check has seen the reading.
    causes : mapping of (str, int) to str
        Channel and place of a reading -> the cause of its flag, where it is known.
    """

    times_ns: NDArray[np.int64]
    values: Mapping[str, FloatArray]
    flags: Mapping[str, NDArray[np.int16]]
    causes: Mapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class Content:
    """What one message says: its command, ``DataTime`` [ns since 1970 UTC] and the groups behind that."""

    cn: str
    time_ns: int
    groups: tuple[Group, ...]


def make_contents(
    readings: StreamReadings, stream: Stream, sent: SentStream, to: Destination, start_ns: int, now_ns: int
) -> Iterator[Content]:
    """Give what is to be sent of readings, command by command, in the order of time.

    Parameters
    ----------
    readings : StreamReadings
        Those of whole averaging intervals.
    stream : Stream
        As the station file declares it.
    sent : SentStream
        What of it is sent.
    to : Destination
        How long is waited for flags and for readings that have not come.
    start_ns : int
        START of the first averaging interval. [ns since 1970 UTC]
    now_ns : int
        Averages and readings that may still change at this time are left out. [ns since 1970 UTC]
    """
    letters = {value.channel: _letters(readings, value.channel) for value in sent.values}
    values = readings.values
    settle_ns, wait_ns = round(to.settle_seconds * NS), round(to.wait_seconds * NS)
    seen = np.all([readings.flags[value.channel] > 0 for value in sent.values], axis=0)
    for cn in sent.cn:
        if cn == REAL_TIME:
            for i, time_ns in enumerate(readings.times_ns.tolist()):
                if seen[i] or now_ns >= time_ns + settle_ns:
                    groups = [
                        _real_time(value, values[value.channel][i], letters[value.channel][i]) for value in sent.values
                    ]
                    yield from _content(cn, time_ns, groups)
            continue
        step_ns = (sent.minutes if cn == MINUTE else 60) * 60 * NS
        expected = max(1, round(step_ns / stream.dt_ns))
        place = (readings.times_ns - start_ns) // step_ns
        for number in np.unique(place[place >= 0]).tolist():
            own = np.flatnonzero(place == number)
            time_ns = start_ns + number * step_ns
            age_ns = now_ns - time_ns - step_ns
            if age_ns < 0 or (age_ns < settle_ns and not seen[own].all()) or (age_ns < wait_ns and len(own) < expected):
                continue
            groups = [
                _average(value, stream, values[value.channel][own], readings.flags[value.channel][own],
                         [letters[value.channel][i] for i in own], expected, to.least_share)
                for value in sent.values
            ]  # fmt: skip
            yield from _content(cn, time_ns, groups)


def _content(cn: str, time_ns: int, groups: Sequence[Group | None]) -> Iterator[Content]:
    there = tuple(group for group in groups if group)
    if there:
        yield Content(cn, time_ns, there)


def _letters(readings: StreamReadings, channel: str) -> list[str]:
    flags = readings.flags[channel].tolist()
    return [from_ours(SCHEME, flag or UNKNOWN, readings.causes.get((channel, i), "")) for i, flag in enumerate(flags)]


def _real_time(value: SentValue, number: float, letter: str) -> Group | None:
    if not np.isfinite(number):
        return None
    return {f"{value.code}-Rtd": _text(number, value), f"{value.code}-Flag": letter}


def _average(
    value: SentValue, stream: Stream, numbers: FloatArray, flags: NDArray[np.int16], letters: Sequence[str],
    expected: int, least_share: float,
) -> Group | None:  # fmt: skip
    """Average what is good or not judged; where that is too little, say by the letter what most of the rest is."""
    there = np.isfinite(numbers)
    usable = there & (flags <= UNKNOWN)
    if not there.any():
        return None
    letter = NORMAL
    if usable.sum() < least_share * expected:
        rest = Counter(letters[i] for i in np.flatnonzero(there & ~usable).tolist())
        rest[NOTHING_CAME] += max(0, expected - int(there.sum()))
        letter = rest.most_common(1)[0][0]
    chosen = numbers[usable] if usable.any() else numbers[there]
    variable = base_name(stream.channels[stream.channel_index[value.channel]].variable)
    if variable == "P":
        texts = {"Cou": _text(float(chosen.sum()), value)}
    elif variable == "WD":
        texts = {"Avg": _text(mean_direction(chosen, value.unit), value)}
    else:
        statistics = {"Min": chosen.min(), "Avg": chosen.mean(), "Max": chosen.max()}
        texts = {name: _text(float(number), value) for name, number in statistics.items()}
    return {f"{value.code}-{name}": text for name, text in {**texts, "Flag": letter}.items()}


def mean_direction(directions: FloatArray, unit: str) -> float:
    """Return the direction of the mean of unit vectors, in the unit given, from 0 to a full circle."""
    angles = np.radians(directions) if unit == "deg" else directions
    mean = float(np.arctan2(np.sin(angles).mean(), np.cos(angles).mean())) % (2 * np.pi)
    return float(np.degrees(mean)) if unit == "deg" else mean


def _text(number: float, value: SentValue) -> str:
    text = f"{number:.{value.digits}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text
