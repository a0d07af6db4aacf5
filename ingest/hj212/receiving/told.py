"""What comes and is not used: counted, and told in the log when it first comes and then once an hour."""

from __future__ import annotations

import logging
import time
from collections import Counter

MAX_KINDS = 2000
"""Most kinds that are told apart; what is more is counted together."""
TELL_SECONDS = 3600.0
"""How often the counts are logged. [s]"""

log = logging.getLogger(__name__)


class Unused:
    """Counts what is not used, by what it is."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._due = time.monotonic() + TELL_SECONDS

    def add(self, what: str, remedy: str) -> None:
        """Count something; the first of its kind is logged with what to do about it."""
        if what not in self.counts:
            if len(self.counts) >= MAX_KINDS:
                what = "other kinds"
            if what not in self.counts:
                log.warning("%s: %s (further ones are counted)", what, remedy)
        self.counts[what] += 1

    def tell(self, *, now: bool = False) -> None:
        """Log what came since the last time, once an hour or now."""
        if not now and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + TELL_SECONDS
        for what, count in self.counts.items():
            if count > self._told[what]:
                log.warning("%s: %d times, %d since the start", what, count - self._told[what], count)
        self._told = self.counts.copy()
