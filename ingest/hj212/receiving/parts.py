"""Messages that come in several frames: their parts are put together, if the others come soon."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.hj212.codec.segment import IS_PART, Segment

MAX_BYTES = 1 << 18
"""Most bytes of parts that wait for others, of one connection. [bytes]"""
WAIT_SECONDS = 2.0
"""How long a part waits for the others: a sender may wait for the receipt of one before it sends the next. [s]"""


@dataclass(slots=True)
class Whole:
    """Frames that are one message, and what they say."""

    frames: list[bytes] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)

    @property
    def payload(self) -> bytes:
        """The frames as one message."""
        return b"".join(frame + b"\r\n" for frame in self.frames)


@dataclass(slots=True)
class _Waiting:
    since: float
    parts: dict[int, tuple[bytes, Segment]] = field(default_factory=dict)


class Parts:
    """The parts of one connection's messages that wait for others."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str, str], _Waiting] = {}
        self._bytes = 0

    def add(self, frame: bytes, segment: Segment, now: float) -> list[Whole]:
        """Take a frame; return the messages that are whole now, and what has waited too long. [s]"""
        number, count = segment.part
        if not segment.flag & IS_PART or count < 2 or not 1 <= number <= count or not segment.qn:
            return [Whole([frame], [segment])]
        key = (segment.mn, segment.cn, segment.qn)
        waiting = self._waiting.setdefault(key, _Waiting(now))
        if number in waiting.parts:  # sent again: its sender has waited for a receipt long enough
            self._bytes -= len(waiting.parts[number][0])
        waiting.parts[number] = (frame, segment)
        self._bytes += len(frame)
        if len(waiting.parts) == count:
            return [self._take(key)]
        return self.take_all() if self._bytes > MAX_BYTES else []

    def due(self) -> float | None:
        """Return when the oldest part has waited long enough, None if none waits. [s]"""
        return min((one.since + WAIT_SECONDS for one in self._waiting.values()), default=None)

    def take_due(self, now: float) -> list[Whole]:
        """Return the parts that have waited long enough, as messages."""
        return [self._take(key) for key, one in list(self._waiting.items()) if one.since + WAIT_SECONDS <= now]

    def take_all(self) -> list[Whole]:
        """Return every part that waits, as messages."""
        return [self._take(key) for key in list(self._waiting)]

    def _take(self, key: tuple[str, str, str]) -> Whole:
        parts = self._waiting.pop(key).parts
        self._bytes -= sum(len(frame) for frame, _ in parts.values())
        ordered = [parts[number] for number in sorted(parts)]
        return Whole([frame for frame, _ in ordered], [segment for _, segment in ordered])
