"""In which order a stream's blocks are sent, and when again. No broker, no clock and no disk here."""

from __future__ import annotations

import heapq
from collections import deque

from ingest.collector.watermark import Watermark

MAX_UNCOMMITTED = 300
"""With so many blocks sent within a wait and not committed, no old one is sent."""
MAX_TRACKED = 10_000
"""Most blocks that are remembered as sent and not committed."""
MAX_LIVE = 20
"""Most blocks that count as live; older ones belong to the backlog."""
MAX_WAIT_SECONDS = 3600.0
"""Longest time until a block is sent again. [s]"""


class SendOrder:
    """What to send of one stream: live blocks newest first, then what must be sent again, then the backlog.

    The backlog goes oldest first: a full spool would lose the oldest blocks, and half-hours get complete in order.

    A block is sent until a watermark covers it. Where none comes, fewer may be uncommitted, at last one, so that
    a broker whose collector is away is not filled with copies; live blocks go on, each once.

    Parameters
    ----------
    resend_seconds : float
        How long to wait for a block's watermark; doubled each time, an hour at most. [s]
    """

    def __init__(self, resend_seconds: float) -> None:
        self._wait = resend_seconds
        self._live: deque[int] = deque(maxlen=MAX_LIVE)
        self._backlog_position = -1
        self._tries: dict[int, int] = {}  # sent and not committed
        self._recent: dict[int, float] = {}  # those of them sent less than a wait ago, in the order sent
        self._due: list[tuple[float, int]] = []  # the others, by when they are sent again
        self._progressed_at: float | None = None

    def add_live(self, seq: int) -> None:
        """Add a block of fresh samples."""
        self._live.append(seq)

    def next_live(self) -> int | None:
        """Take the newest live block that was not sent; None without one."""
        while self._live:
            seq = self._live.pop()
            if seq not in self._tries:
                return seq
        return None

    def next_again(self, now: float) -> int | None:
        """Take a block whose watermark is overdue; None if there is none, or too many are not committed."""
        self._expire(now)
        while self._due and self._due[0][0] <= now and len(self._recent) < self._max_uncommitted(now):
            _, seq = heapq.heappop(self._due)
            if seq in self._tries and seq not in self._recent:
                return seq
        return None

    def backlog_after(self, now: float) -> int | None:
        """Return the number above which the backlog goes on; None if too many are not committed."""
        self._expire(now)
        is_full = len(self._recent) >= self._max_uncommitted(now) or len(self._tries) >= MAX_TRACKED
        return None if is_full else self._backlog_position

    def take_backlog(self, seq: int) -> bool:
        """Take the next block of the backlog; return whether it is still to be sent."""
        self._backlog_position = seq
        return seq not in self._tries

    def add_sent(self, seq: int, now: float) -> None:
        """Remember that a block was sent."""
        self._progressed_at = now if self._progressed_at is None else self._progressed_at
        if seq in self._tries or len(self._tries) < MAX_TRACKED:
            self._tries[seq] = self._tries.get(seq, 0) + 1
            self._recent.pop(seq, None)
            self._recent[seq] = now

    def forget(self, seq: int) -> None:
        """Forget a block that is no longer there."""
        self._tries.pop(seq, None)
        self._recent.pop(seq, None)

    def apply_watermark(self, watermark: Watermark, now: float) -> None:
        """Forget what is committed."""
        covered = [seq for seq in self._tries if watermark.covers(seq)]
        for seq in covered:
            self.forget(seq)
        if covered:
            self._progressed_at = now

    def _max_uncommitted(self, now: float) -> int:
        """Return how many may be uncommitted: half as many after every two waits of silence."""
        silence = 0.0 if self._progressed_at is None else now - self._progressed_at
        return max(1, MAX_UNCOMMITTED >> min(30, int(silence / (2 * self._wait))))

    def _expire(self, now: float) -> None:
        while self._recent:
            seq, when = next(iter(self._recent.items()))
            if now - when < self._wait:
                return
            del self._recent[seq]
            wait = min(self._wait * 2.0 ** (self._tries[seq] - 1), max(self._wait, MAX_WAIT_SECONDS))
            heapq.heappush(self._due, (when + wait, seq))
