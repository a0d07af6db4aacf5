"""Out of the store: readings of a destination's streams become messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from core.clock import NS, from_ns, to_ns
from core.records import FloatArray
from core.station import Station
from core.store import JudgedReadings, Store
from core.variables import convert
from ingest.hj212.config import Destination, SentStream, SentValue
from ingest.hj212.sending.averages import Content, StreamReadings, make_contents
from qc.code_table import cause_of
from qc.codes import MISSING

HOUR_NS = 3600 * NS
MAX_HOURS = 24
"""Hours that are read at once."""


def contents_of(
    store: Store, station: Station, to: Destination, sent: SentStream, start_ns: int, end_ns: int, now_ns: int
) -> Iterator[Content]:
    """Give what is to be sent of a stream's readings in [start, end), widened to whole hours of UTC.

    Raises
    ------
    StoreError
        The store is away.
    """
    stream = station.streams[sent.name]
    first = start_ns // HOUR_NS * HOUR_NS
    while first < end_ns:
        after = first + MAX_HOURS * HOUR_NS
        last = min(after, -(-end_ns // HOUR_NS) * HOUR_NS)
        readings = read_stream(store, station.id, sent, from_ns(first), from_ns(last))
        if len(readings.times_ns):
            yield from make_contents(readings, stream, sent, to, first, now_ns)
        first = after


def read_stream(store: Store, station: str, sent: SentStream, start: datetime, end: datetime) -> StreamReadings:
    """Read what is sent of a stream in [start, end), in the units that are sent; a layout is read in its own units.

    Raises
    ------
    StoreError
        The store is away.
    """
    parts = store.readings.read_judged(station, sent.name, start, end)
    times = [to_ns(time) for part in parts for time in part.times]
    order = np.argsort(np.array(times, np.int64), kind="stable")
    values: dict[str, FloatArray] = {}
    flags: dict[str, NDArray[np.int16]] = {}
    causes: dict[tuple[str, int], str] = {}
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    for value in sent.values:
        columns = [_column(part, value) for part in parts]
        values[value.channel] = np.concatenate([one for one, _ in columns] or [np.empty(0)])[order]
        flags[value.channel] = np.concatenate([one for _, one in columns] or [np.empty(0, np.int16)])[order]
        reasons = (one.get(value.channel, ()) for part in parts for one in part.reasons)
        causes |= {(value.channel, int(place[i])): cause for i, one in enumerate(reasons) if (cause := cause_of(one))}
    return StreamReadings(np.array(times, np.int64)[order], values, flags, causes)


def _column(part: JudgedReadings, value: SentValue) -> tuple[FloatArray, NDArray[np.int16]]:
    """Return values and flags of a channel; one that the layout has not, or in no such unit, is missing."""
    if value.channel not in part.stream.channels:
        return np.full(len(part.times), np.nan), np.full(len(part.times), MISSING, np.int16)
    i = part.stream.channels.index(value.channel)
    variable, unit = part.stream.variables[i], part.stream.units[i]
    zero, one = (convert(x, variable, unit, value.unit) for x in (0.0, 1.0))
    given = part.values[:, i]
    flags = np.array([0 if some is None else some[i] for some in part.flags], np.int16)
    return given if unit == value.unit else given * (one - zero) + zero, flags
