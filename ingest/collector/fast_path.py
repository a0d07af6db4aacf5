"""The fast lane of blocks: many messages of known topics and structures become arrays, without an object for each.

What does not fit goes the slow way of ``ingest.collector.writer``, which says what is wrong with it; both give the same
(tests/ingest/collector/test_fast_path.py).
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
from ingest.collector.conform import FUTURE_NS, conform
from ingest.collector.stations import Directory
from ingest.mqtt.wire import Message
from ingest.payloads.block_template import Blocks, Structure, Templates


class _Place(NamedTuple):
    """Where the blocks of one topic and structure are stored."""

    station: int
    stream: int
    order: tuple[int, ...] | None  # where each declared channel stands in the message, -1 nowhere; None = as declared


@dataclass(slots=True)
class _Lane:
    """A topic of blocks."""

    station: str
    stream: str
    places: dict[int, _Place | None] = field(default_factory=dict)


class Lanes:
    """Places blocks of known topics; not thread-safe.

    Parameters
    ----------
    directory : Directory
        The registered stations; when they change, everything is looked up again.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._version = -1
        self._templates = Templates()
        self._lanes: dict[str, _Lane | None] = {}

    def place(self, messages: Sequence[Message]) -> tuple[list[BlockArrays], list[Message]]:
        """Return the blocks that could be placed, and the messages that must go the slow way."""
        if self._version != self._directory.version:
            self._lanes.clear()
            self._version = self._directory.version
        lanes = [self._lanes.get(message.topic) or self._find(message.topic) for message in messages]
        which = [i for i, lane in enumerate(lanes) if lane is not None and messages[i].payload]
        decoded, others = self._templates.decode([messages[i].payload for i in which])
        slow = {*range(len(messages))}.difference(which)
        slow.update(which[other] for other in others)
        placed = []
        for blocks in decoded:
            of_order: dict[tuple[int, ...] | None, list[tuple[int, _Place]]] = defaultdict(list)
            ahead = blocks.start_ns + blocks.structure.dt_ns * blocks.samples.shape[2] - time.time_ns() > FUTURE_NS
            for i, (other, too_far) in enumerate(zip(blocks.places.tolist(), ahead.tolist(), strict=True)):
                lane = lanes[which[other]]
                assert lane is not None
                number = blocks.structure.number
                place = lane.places[number] if number in lane.places else self._fit(lane, blocks.structure)
                if place is None or too_far:
                    slow.add(which[other])
                else:
                    of_order[place.order].append((i, place))
            placed += [_arrays(blocks, order, some) for order, some in of_order.items()]
        return placed, [messages[i] for i in sorted(slow)]

    def _find(self, topic: str) -> _Lane | None:
        if topic in self._lanes:
            return None
        try:
            source = self._directory.sources.resolve(topic)
        except (PayloadError, UnknownStation):
            return None
        lane = _Lane(source.station, source.stream) if source.format == "block" else None
        self._lanes[topic] = lane
        return lane

    def _fit(self, lane: _Lane, structure: Structure) -> _Place | None:
        """Return where blocks of this structure go, None if the slow way must say why nowhere."""
        nothing = np.empty((len(structure.channels), 1), np.float32)
        block = SampleBlock(lane.station, lane.stream, 0, structure.dt_ns, structure.channels, nothing)
        try:
            station = self._directory.station(lane.station)
            conform(block, station, 0)
            declared = tuple(station.streams[lane.stream].channel_index)
            row = self._directory.layout(lane.station, lane.stream, declared)
        except (PayloadError, UnknownStation, StoreError):
            lane.places[structure.number] = None
            return None
        at = {name: i for i, name in enumerate(structure.channels)}
        order = None if structure.channels == declared else tuple(at.get(name, -1) for name in declared)
        place = lane.places[structure.number] = _Place(row.station_key, row.key, order)
        return place


def _arrays(blocks: Blocks, order: tuple[int, ...] | None, some: Sequence[tuple[int, _Place]]) -> BlockArrays:
    chosen = np.array([i for i, _ in some]) if len(some) < len(blocks.places) else slice(None)
    return BlockArrays(
        np.array([place.station for _, place in some], np.int32),
        np.array([place.stream for _, place in some], np.int32),
        blocks.start_ns[chosen],
        np.full(len(some), blocks.structure.dt_ns),
        blocks.seq[chosen],
        blocks.run[chosen],
        _ordered(blocks.samples[chosen], order),
    )


def _ordered(samples: Float32Array, order: tuple[int, ...] | None) -> Float32Array:
    if order is None:
        return samples
    ordered = samples[:, order]
    ordered[:, np.array(order) < 0] = np.nan
    return ordered
