"""The fast path of blocks: many messages of known topics and structures become arrays, without an object for each.

What does not fit takes the slow path of ``ingest.collector.writer``, which says what is wrong with it; both give the
same (tests/ingest/collector/test_fast_path.py).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from core.errors import PayloadError, StoreError, UnknownStation
from core.records import Float32Array, SampleBlock
from core.store import BlockArrays
from ingest.collector.conform import DEFAULT_LIMITS, conform
from ingest.collector.stamp_limits import StampLimits
from ingest.collector.stations import KnownStations
from ingest.mqtt.wire import Message
from ingest.payloads.block_template import Blocks, Structure, Templates


class _Destination(NamedTuple):
    """Where the blocks of one topic and structure are stored."""

    station: int
    stream: int
    order: tuple[int, ...] | None  # where each declared channel stands in the message, -1 nowhere; None = as declared


@dataclass(slots=True)
class _BlockTopic:
    """A topic of blocks, with the destination of each structure that came on it."""

    station: str
    stream: str
    destinations: dict[int, _Destination | None] = field(default_factory=dict)


class FastPath:
    """Turns blocks of known topics into arrays for the store; not thread-safe.

    Parameters
    ----------
    stations : KnownStations
        When they change, everything is looked up again.
    limits : StampLimits
        A block out of them takes the slow path, which refuses it.
    """

    def __init__(self, stations: KnownStations, limits: StampLimits = DEFAULT_LIMITS) -> None:
        self._stations = stations
        self._limits = limits
        self._version = -1
        self._templates = Templates()
        self._topics: dict[str, _BlockTopic | None] = {}

    def to_arrays(self, messages: Sequence[Message]) -> tuple[list[BlockArrays], list[Message]]:
        """Return the blocks whose destination is clear, and the messages that must take the slow path."""
        if self._version != self._stations.version:
            self._topics.clear()
            self._version = self._stations.version
        topics = [self._topics.get(message.topic) or self._find_topic(message.topic) for message in messages]
        which = [i for i, topic in enumerate(topics) if topic is not None and messages[i].payload]
        decoded, others = self._templates.decode([messages[i].payload for i in which])
        slow = {*range(len(messages))}.difference(which)
        slow.update(which[other] for other in others)
        arrays = []
        for blocks in decoded:
            of_order: dict[tuple[int, ...] | None, list[tuple[int, _Destination]]] = defaultdict(list)
            end_ns = blocks.start_ns + blocks.structure.dt_ns * blocks.samples.shape[2]
            refused = self._limits.out_of_range(end_ns, time.time_ns())
            for i, (other, too_far) in enumerate(zip(blocks.places.tolist(), refused.tolist(), strict=True)):
                topic = topics[which[other]]
                assert topic is not None
                destination = self._destination(topic, blocks.structure)
                if destination is None or too_far:
                    slow.add(which[other])
                else:
                    of_order[destination.order].append((i, destination))
            arrays += [_block_arrays(blocks, order, some) for order, some in of_order.items()]
        return arrays, [messages[i] for i in sorted(slow)]

    def _find_topic(self, topic: str) -> _BlockTopic | None:
        if topic in self._topics:
            return None
        try:
            source = self._stations.sources.resolve(topic)
        except (PayloadError, UnknownStation):
            return None
        found = _BlockTopic(source.station, source.stream) if source.format == "block" else None
        self._topics[topic] = found
        return found

    def _destination(self, topic: _BlockTopic, structure: Structure) -> _Destination | None:
        """Return where blocks of this structure go, None if the slow path must say why nowhere."""
        if structure.number not in topic.destinations:
            topic.destinations[structure.number] = self._find_destination(topic, structure)
        return topic.destinations[structure.number]

    def _find_destination(self, topic: _BlockTopic, structure: Structure) -> _Destination | None:
        nothing = np.empty((len(structure.channels), 1), np.float32)
        block = SampleBlock(topic.station, topic.stream, 0, structure.dt_ns, structure.channels, nothing)
        try:
            station = self._stations.station(topic.station)
            conform(block, station, 0)  # not its time, which is another for each block
            stream = station.streams[topic.stream]
            if stream.scales is not None:
                return None
            declared = tuple(stream.channel_index)
            row = self._stations.layout(topic.station, topic.stream, declared)
        except (PayloadError, UnknownStation, StoreError):
            return None
        at = {name: i for i, name in enumerate(structure.channels)}
        order = None if structure.channels == declared else tuple(at.get(name, -1) for name in declared)
        return _Destination(row.station_key, row.key, order)


def _block_arrays(
    blocks: Blocks, order: tuple[int, ...] | None, some: Sequence[tuple[int, _Destination]]
) -> BlockArrays:
    chosen = np.array([i for i, _ in some]) if len(some) < len(blocks.places) else slice(None)
    return BlockArrays(
        np.array([destination.station for _, destination in some], np.int32),
        np.array([destination.stream for _, destination in some], np.int32),
        blocks.start_ns[chosen],
        np.full(len(some), blocks.structure.dt_ns),
        blocks.seq[chosen],
        blocks.run[chosen],
        _order_channels(blocks.samples[chosen], order),
    )


def _order_channels(samples: Float32Array, order: tuple[int, ...] | None) -> Float32Array:
    if order is None:
        return samples
    ordered = samples[:, order]
    ordered[:, np.array(order) < 0] = np.nan
    return ordered
