"""In which order a stream's blocks are sent, and when again. No broker, no clock and no disk here."""

from __future__ import annotations

import heapq
from collections import deque

from ingest.collector.watermark import Watermark

WINDOW = 300
"""Most blocks that were sent within a wait and are not committed, for old ones to be sent."""
MAX_TRACKED = 10_000
"""Most blocks that the lane remembers as sent and not committed."""
MAX_LIVE = 20
"""Most blocks that count as live; older ones belong to the backlog."""
LONGEST_WAIT = 3600.0
"""Longest time until a block is sent again. [s]"""


class Lane:
    """What to send of one stream: live blocks newest first, then what must be sent again, then the backlog.

    The backlog goes oldest first: a full spool would lose the oldest blocks, and half-hours get complete in order.

    Only a watermark ends it for a block. Where none comes, the window shrinks to one block a wait, so that a broker
    whose collector is away is not filled with copies; live blocks go on, each once.

    Parameters
    ----------
    resend_seconds : float
        How long to wait for a block's watermark; doubled each time, an hour at most. [s]
    """

    def __init__(self, resend_seconds: float) -> None:
        self._wait = resend_seconds
        self._live: deque[int] = deque(maxlen=MAX_LIVE)
        self._passed = -1
        self._tries: dict[int, int] = {}  # sent and not committed
        self._recent: dict[int, float] = {}  # those of them sent less than a wait ago, in the order sent
        self._due: list[tuple[float, int]] = []  # the others, by when they are sent again
        self._heard: float | None = None

    def add_live(self, seq: int) -> None:
        """Take note of a block of fresh samples."""
        self._live.append(seq)

    def next_live(self) -> int | None:
        """Take the newest live block that was not sent; None without one."""
        while self._live:
            seq = self._live.pop()
            if seq not in self._tries:
                return seq
        return None

    def next_again(self, now: float) -> int | None:
        """Take a block that has waited long enough for its watermark; None without one, or if the window is full."""
        self._expire(now)
        while self._due and self._due[0][0] <= now and len(self._recent) < self._window(now):
            _, seq = heapq.heappop(self._due)
            if seq in self._tries and seq not in self._recent:
                return seq
        return None

    def backlog_after(self, now: float) -> int | None:
        """Return the number above which the backlog goes on; None if the window is full."""
        self._expire(now)
        is_full = len(self._recent) >= self._window(now) or len(self._tries) >= MAX_TRACKED
        return None if is_full else self._passed

    def pass_by(self, seq: int) -> bool:
        """Take a block of the backlog; return whether it is still to be sent."""
        self._passed = seq
        return seq not in self._tries

    def sent(self, seq: int, now: float) -> None:
        """Take note that a block was sent."""
        self._heard = now if self._heard is None else self._heard
        if seq in self._tries or len(self._tries) < MAX_TRACKED:
            self._tries[seq] = self._tries.get(seq, 0) + 1
            self._recent.pop(seq, None)
            self._recent[seq] = now

    def forget(self, seq: int) -> None:
        """Take note that a block is no longer there."""
        self._tries.pop(seq, None)
        self._recent.pop(seq, None)

    def cover(self, mark: Watermark, now: float) -> None:
        """Forget what is committed."""
        covered = [seq for seq in self._tries if mark.covers(seq)]
        for seq in covered:
            self.forget(seq)
        if covered:
            self._heard = now

    def _window(self, now: float) -> int:
        """Halve the window with every two waits of silence."""
        silence = 0.0 if self._heard is None else now - self._heard
        return max(1, WINDOW >> min(30, int(silence / (2 * self._wait))))

    def _expire(self, now: float) -> None:
        while self._recent:
            seq, when = next(iter(self._recent.items()))
            if now - when < self._wait:
                return
            del self._recent[seq]
            wait = min(self._wait * 2.0 ** (self._tries[seq] - 1), max(self._wait, LONGEST_WAIT))
            heapq.heappush(self._due, (when + wait, seq))
