"""The newest values of each stream, repeated retained for displays that only speak MQTT."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from core.records import Float32Array, Reading, SampleBlock
from core.store import BlockArrays, StreamRow
from ingest.encoding import encode_reading
from ingest.mqtt.topics import latest_topic

MIN_INTERVAL_SECONDS = 1.0
"""Shortest time between two messages of a stream. [s]"""

NEVER_PUBLISHED = (0.0, 0)
Publish = Callable[[str, bytes], object]


class LatestPublisher:
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
        self._publish_message = publish
        self._layout = layout
        self._rate = per_second
        self._interval = MIN_INTERVAL_SECONDS
        self._published: dict[tuple[str, str], tuple[float, int]] = {}  # when it is due again, time of its values [ns]
        self._due = np.zeros(0)  # the same by the store's key of a stream's layout
        self._allowance = 0.0  # messages that may be published now
        self._allowed_at = time.monotonic()

    def publish_due(self, records: Sequence[SampleBlock | Reading], arrays: Sequence[BlockArrays]) -> None:
        """Publish what is due of what was committed just now."""
        now = time.monotonic()
        self._allowance = min(self._rate, self._allowance + self._rate * (now - self._allowed_at))
        self._allowed_at = now
        if self._allowance < 1:
            return
        self._interval = max(MIN_INTERVAL_SECONDS, len(self._published) / self._rate)
        for record in records:
            reading = _last_reading(record) if isinstance(record, SampleBlock) else record
            if self._is_due((record.station, record.stream), reading.time_ns, now) and _has_value(reading):
                self._publish(reading, now)
        for blocks in arrays:
            self._publish_blocks(blocks, now)

    def _publish_blocks(self, blocks: BlockArrays, now: float) -> None:
        highest = int(blocks.stream.max(initial=-1))
        if highest >= len(self._due):
            self._due = np.concatenate([self._due, np.zeros(highest + 1)])
        # which streams are due is looked up in an array: most of many are not
        for i in np.flatnonzero(self._due[blocks.stream] <= now).tolist():
            if self._allowance < 1:
                return
            row = self._layout(int(blocks.stream[i]))
            if row is None:
                continue
            reading = _newest_reading(
                row.station, row.name, row.channels, int(blocks.start_ns[i]), int(blocks.dt_ns[i]), blocks.samples[i]
            )
            if self._is_due((row.station, row.name), reading.time_ns, now) and _has_value(reading):
                self._publish(reading, now)
            self._due[blocks.stream[i]] = self._published.get((row.station, row.name), NEVER_PUBLISHED)[0]

    def _is_due(self, stream: tuple[str, str], time_ns: int, now: float) -> bool:
        due, published_ns = self._published.get(stream, NEVER_PUBLISHED)
        return now >= due and time_ns > published_ns and self._allowance >= 1  # late data are not the newest

    def _publish(self, reading: Reading, now: float) -> None:
        self._published[reading.station, reading.stream] = now + self._interval, reading.time_ns
        self._publish_message(latest_topic(reading.station, reading.stream, self._root), encode_reading(reading))
        self._allowance -= 1


def _last_reading(block: SampleBlock) -> Reading:
    return _newest_reading(block.station, block.stream, block.channels, block.start_ns, block.dt_ns, block.samples)


def _newest_reading(
    station: str, stream: str, channels: Sequence[str], start_ns: int, dt_ns: int, samples: Float32Array
) -> Reading:
    """Return the last sample of a block that has a value, as a reading."""
    at = samples.shape[1] - 1
    while at > 0 and not np.isfinite(samples[:, at]).any():
        at -= 1
    return Reading(station, stream, start_ns + dt_ns * at, dict(zip(channels, samples[:, at].tolist(), strict=True)))


def _has_value(reading: Reading) -> bool:
    """Say whether there is a value: a message without any is not what a display should show as the newest."""
    return any(map(math.isfinite, reading.values.values()))
