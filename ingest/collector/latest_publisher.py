"""The newest values of each stream, repeated retained for displays that only speak MQTT."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from core.records import Reading, SampleBlock
from core.store import BlockArrays, StreamRow
from ingest.encoding import encode_reading
from ingest.mqtt.topics import latest_topic

SHORTEST_SECONDS = 1.0
"""Shortest time between two messages of a stream. [s]"""

NEVER = (0.0, 0)
Publish = Callable[[str, bytes], object]


class Newest:
    """Publishes the newest values, as a reading of all channels, right after their commit.

    Parameters
    ----------
    topic_root : str
        First levels of every topic.
    publish : callable
        Publishes a retained message at QoS 0.
    layout : callable
        Says what is stored under the store's key of a stream's layout.
    per_second : int
        Most messages a second over all streams, 0 for none. Where more streams send than that, each has its turn less
        often.
    """

    def __init__(
        self, topic_root: str, publish: Publish, layout: Callable[[int], StreamRow | None], per_second: int
    ) -> None:
        self._root = topic_root
        self._publish = publish
        self._layout = layout
        self._rate = per_second
        self._pause = SHORTEST_SECONDS
        self._told: dict[tuple[str, str], tuple[float, int]] = {}  # when it is due again, time of its values [ns]
        self._due = np.zeros(0)  # the same by the store's key of a stream's layout
        self._left = 0.0  # messages that may be published now
        self._at = time.monotonic()

    def after(self, records: Sequence[SampleBlock | Reading], arrays: Sequence[BlockArrays]) -> None:
        """Publish what is due of what was committed just now."""
        now = time.monotonic()
        self._left = min(self._rate, self._left + self._rate * (now - self._at))
        self._at = now
        if self._left < 1:
            return
        self._pause = max(SHORTEST_SECONDS, len(self._told) / self._rate)
        for record in records:
            self._offer(record, now)
        for blocks in arrays:
            self._offer_blocks(blocks, now)

    def _offer_blocks(self, blocks: BlockArrays, now: float) -> None:
        highest = int(blocks.stream.max(initial=-1))
        if highest >= len(self._due):
            self._due = np.concatenate([self._due, np.zeros(highest + 1)])
        # which streams are due is looked up in an array: most of many are not
        for i in np.flatnonzero(self._due[blocks.stream] <= now).tolist():
            if self._left < 1:
                return
            row = self._layout(int(blocks.stream[i]))
            if row is None:
                continue
            time_ns = int(blocks.start_ns[i] + blocks.dt_ns[i] * (blocks.samples.shape[2] - 1))
            if self._is_due((row.station, row.name), time_ns, now):
                values = dict(zip(row.channels, blocks.samples[i, :, -1].tolist(), strict=True))
                self._tell(Reading(row.station, row.name, time_ns, values), now)
            self._due[blocks.stream[i]] = self._told.get((row.station, row.name), NEVER)[0]

    def _offer(self, record: SampleBlock | Reading, now: float) -> None:
        reading = _last(record) if isinstance(record, SampleBlock) else record
        if self._is_due((record.station, record.stream), reading.time_ns, now):
            self._tell(reading, now)

    def _is_due(self, stream: tuple[str, str], time_ns: int, now: float) -> bool:
        due, told_ns = self._told.get(stream, NEVER)
        return now >= due and time_ns > told_ns and self._left >= 1  # late data are not the newest

    def _tell(self, reading: Reading, now: float) -> None:
        self._told[reading.station, reading.stream] = now + self._pause, reading.time_ns
        self._publish(latest_topic(reading.station, reading.stream, self._root), encode_reading(reading))
        self._left -= 1


def _last(block: SampleBlock) -> Reading:
    time_ns = block.start_ns + block.dt_ns * (block.samples.shape[1] - 1)
    values = dict(zip(block.channels, block.samples[:, -1].tolist(), strict=True))
    return Reading(block.station, block.stream, time_ns, values)
