"""Commits messages of devices as the collector does, and looks at readings whose time was taken already."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import groupby

import numpy as np

from core.clock import NS, from_ns, to_ns
from core.errors import PayloadError, StoreError, UnknownStation
from core.records import Reading, Reject, SampleBlock
from core.store import BlockArrays, Committed, Store
from ingest.collector.acknowledgements import Acknowledgements
from ingest.collector.conform import conform
from ingest.collector.stamp_limits import StampLimits
from ingest.collector.stations import KnownStations
from ingest.collector.writer import Counts, Records, Writer
from ingest.mqtt.wire import Message
from ingest.payloads import decode

MICROSECOND = timedelta(microseconds=1)
GROUP_NS = 86_400 * NS
"""Repeated readings are compared with what is stored a day at a time. [ns]"""
ANY_TIME = StampLimits(ahead_ns=1 << 62)


class DeviceWriter:
    """Writes frames of devices: each is committed, kept as a reject, or is there already with the same values.

    Parameters
    ----------
    store : Store
        Where readings go.
    topic_root : str
        First levels of our own topics.
    stop : threading.Event
        Ends the waiting for a store that is away.
    limits : StampLimits
        How far stamps may be from when they came.
    acknowledgements : Acknowledgements, optional
        Counts what came, so that gaps are found.
    """

    def __init__(
        self,
        store: Store,
        topic_root: str,
        stop: threading.Event,
        limits: StampLimits,
        acknowledgements: Acknowledgements | None = None,
    ) -> None:
        self._store = store
        self._acknowledgements = acknowledgements
        self._writer = Writer(store, topic_root, stop, self._after_commit, limits)
        self._repeated: list[Reading] = []
        self.stations = KnownStations(store, topic_root)

    @property
    def counts(self) -> Counts:
        """What was done since the start."""
        return self._writer.counts

    def write(self, messages: Sequence[Message]) -> int:
        """Commit messages; return how many readings are stored with other values: their messages are kept as rejects.

        Raises
        ------
        Stopped
            It was asked to stop while the store was away: nothing may be acknowledged.
        StoreError
            The messages are committed, but the store went away before repeated ones were compared.
        """
        self._repeated.clear()
        self._writer.write(messages)
        if not self._repeated:
            return 0
        contested = self._find_contested()
        rejects = [reject for reading in contested for reject in self._rejects(reading, messages)]
        if rejects:
            self._store.messages.commit([], [], rejects)
        return len(contested)

    def refresh(self) -> None:
        """Look for new stations and files; in silence where the store is away."""
        self._writer.topics()
        with suppress(StoreError):
            self.stations.refresh()

    def _after_commit(self, records: Records, arrays: Sequence[BlockArrays], done: Committed) -> None:
        self._repeated += [one for one in done.repeated if isinstance(one, Reading)]
        if self._acknowledgements is not None:
            self._acknowledgements.add_commit(records, arrays, done)

    def _find_contested(self) -> list[Reading]:
        """Return the repeated readings that are stored with other values."""
        contested = []
        for (station, stream), some in _grouped(self._repeated):
            first, last = from_ns(some[0].time_ns), from_ns(some[-1].time_ns)
            found = self._store.readings.read(station, stream, first, last + MICROSECOND)
            stored = {to_ns(row["time"]) // 1000: row for row in found.iter_rows(named=True)}
            for one in some:
                there = stored.get(one.time_ns // 1000)
                if there is not None and _differs(one, there):  # else a person deleted it
                    contested.append(one)
        return contested

    def _rejects(self, reading: Reading, messages: Sequence[Message]) -> list[Reject]:
        """Return the messages that the reading was in, with what is wrong."""
        reason = (
            f"stream {reading.stream!r} has a reading of {from_ns(reading.time_ns):%Y-%m-%dT%H:%M:%SZ} with other "
            "values, and readings never change: if these are right, delete that one (`fluxtower reading delete`) and "
            "replay this; if codes of one time come in several messages, give each message a stream of its own"
        )
        return [
            Reject(message.topic, message.payload, reason, reading.station)
            for message in messages
            if any(_is_same(reading, one) for one in self._read(message))
        ]

    def _read(self, message: Message) -> list[SampleBlock | Reading]:
        try:
            return read_message(self.stations, message, 0, ANY_TIME)
        except (PayloadError, UnknownStation):
            return []


def _grouped(readings: Sequence[Reading]) -> Iterator[tuple[tuple[str, str], list[Reading]]]:
    """Give readings by station and stream, in the order of time, none of a group far from the first."""
    ordered = sorted(readings, key=lambda one: (one.station, one.stream, one.time_ns))
    for key, some in groupby(ordered, key=lambda one: (one.station, one.stream, one.time_ns // GROUP_NS)):
        yield key[:2], list(some)


def _differs(reading: Reading, there: Mapping[str, float]) -> bool:
    ours = np.array(list(reading.values.values()), np.float32)
    theirs = np.array([there[name] for name in reading.values], np.float32)
    return not np.array_equal(ours, theirs, equal_nan=True)


def read_message(
    stations: KnownStations, message: Message, came_ns: int, limits: StampLimits
) -> list[SampleBlock | Reading]:
    """Return the readings of a device's message as they would be stored.

    Raises
    ------
    PayloadError, UnknownStation
        It cannot be read, or placed.
    """
    source = stations.sources.resolve(message.topic)
    station = stations.station(source.station)
    records = decode(source, message.payload, came_ns)
    return [conform(one, station, came_ns, limits) for one in records if isinstance(one, Reading)]


def _is_same(reading: Reading, other: SampleBlock | Reading) -> bool:
    if not isinstance(other, Reading) or (other.stream, other.time_ns) != (reading.stream, reading.time_ns):
        return False
    return list(map(str, other.values.values())) == list(map(str, reading.values.values()))
