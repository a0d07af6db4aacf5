"""The newest values of each stream, repeated retained for displays that only speak MQTT."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from core.records import Reading, SampleBlock
from ingest.encoding import encode_reading
from ingest.topics import latest_topic

SHORTEST_SECONDS = 1.0
"""Shortest time between two messages of a stream. [s]"""

Publish = Callable[[str, bytes], object]


class Newest:
    """Publishes the newest values, as a reading of all channels, right after their commit.

    Parameters
    ----------
    topic_root : str
        First levels of every topic.
    publish : callable
        Publishes a retained message at QoS 0.
    per_second : int
        Most messages a second over all streams, 0 for none. Where more streams send than that, each has its turn less
        often.
    """

    def __init__(self, topic_root: str, publish: Publish, per_second: int) -> None:
        self._root = topic_root
        self._publish = publish
        self._rate = per_second
        self._told: dict[tuple[str, str], tuple[float, int]] = {}  # when it is due again, time of its values [ns]
        self._left = 0.0  # messages that may be published now
        self._at = time.monotonic()

    def after(self, records: Iterable[SampleBlock | Reading]) -> None:
        """Publish what is due of records that were committed just now."""
        now = time.monotonic()
        self._left = min(self._rate, self._left + self._rate * (now - self._at))
        self._at = now
        if self._left < 1:
            return
        pause = max(SHORTEST_SECONDS, len(self._told) / self._rate)
        for record in records:
            key = record.station, record.stream
            due, told_ns = self._told.get(key, (0.0, 0))
            if now < due:
                continue
            reading = _last(record) if isinstance(record, SampleBlock) else record
            if reading.time_ns <= told_ns:  # late data: what is shown is newer
                continue
            self._told[key] = now + pause, reading.time_ns
            self._publish(latest_topic(*key, self._root), encode_reading(reading))
            self._left -= 1
            if self._left < 1:
                return


def _last(block: SampleBlock) -> Reading:
    time_ns = block.start_ns + block.dt_ns * (block.samples.shape[1] - 1)
    values = dict(zip(block.channels, block.samples[:, -1].tolist(), strict=True))
    return Reading(block.station, block.stream, time_ns, values)
