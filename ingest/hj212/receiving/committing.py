"""Commits messages of devices as the collector does."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress

from core.errors import StoreError
from core.records import Reading, SampleBlock
from core.store import BlockArrays, Committed, Store
from ingest.collector.acknowledgements import Acknowledgements
from ingest.collector.conform import conform
from ingest.collector.stamp_limits import StampLimits
from ingest.collector.stations import KnownStations
from ingest.collector.writer import Counts, Records, Writer
from ingest.mqtt.wire import Message
from ingest.payloads import decode


class DeviceWriter:
    """Writes frames of devices: each is committed, or kept as a reject.

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
        self._acknowledgements = acknowledgements
        self._writer = Writer(store, topic_root, stop, self._after_commit, limits)
        self._contested = 0
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
        """
        self._contested = 0
        self._writer.write(messages)
        return self._contested

    def refresh(self) -> None:
        """Look for new stations and files; in silence where the store is away."""
        self._writer.topics()
        with suppress(StoreError):
            self.stations.refresh()

    def _after_commit(self, records: Records, arrays: Sequence[BlockArrays], done: Committed) -> None:
        # one that adds a channel and contradicts another is stored as well as kept
        repeated = set(map(id, done.repeated))
        self._contested += sum(id(reading) in repeated for reading, _ in done.contested)
        if self._acknowledgements is not None:
            self._acknowledgements.add_commit(records, arrays, done)


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
