"""Waiting for what another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(done: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so; an assertion fails if it is not in time. [s]"""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
